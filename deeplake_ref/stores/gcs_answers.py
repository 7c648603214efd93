"""
Reading what the Cloud Storage JSON API answers: fields of objects, pages of listings, headers of downloads, checksums.

An answer that lacks what the service always sends is not the service's ("malformed"): a proxy's page with status 200
must not pass for an empty listing or an object.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from deeplake_ref.errors import StoragePreconditionFailed
from deeplake_ref.sessions import MalformedAnswerError
from deeplake_ref.stores import ResourceMeta

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deeplake_ref.stores import Buffer

STEP = 256 * 1024
"""Bytes of one copy for a checksum, few enough to stay in the processor's cache."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing, with full names; `token` asks for the next one."""

    objects: list[ResourceMeta]
    prefixes: list[str]
    token: str | None


def meta(fields: Mapping[str, Any], *, path: str | None = None, size: int | None = None) -> ResourceMeta:
    """Return what the fields of an object tell.

    Args:
        fields: those of `OBJECT_FIELDS`.
        path: the name to give it, None for its full name.
        size: what the fields must say, if it is known.
    """
    try:
        name = fields["name"] if path is None else path
        updated = datetime.fromisoformat(fields["updated"]).astimezone(UTC)
        found = ResourceMeta(name, int(fields["size"]), fields["generation"], updated)
    except (LookupError, TypeError, ValueError):
        raise MalformedAnswerError from None
    if not isinstance(found.etag, str) or not isinstance(name, str) or size not in (None, found.size):
        raise MalformedAnswerError
    return found


def page(fields: Mapping[str, Any]) -> Page:
    """Return a page of a listing."""
    items, prefixes = fields.get("items", []), fields.get("prefixes", [])
    if not isinstance(items, list) or not isinstance(prefixes, list):
        raise MalformedAnswerError
    return Page([meta(item) for item in items], [str(prefix) for prefix in prefixes], fields.get("nextPageToken"))


def condition(etag: str) -> str:
    """Return an etag as `ifGenerationMatch` takes it; what is no generation never matches."""
    # zero would mean that there is no object; zeros in front would be read as if they were not there
    if not re.fullmatch("[1-9][0-9]*", etag):
        message = f"no object has the etag {etag!r}"
        raise StoragePreconditionFailed(message, provider="gcs", operation="set", effect="none")
    return etag


def generation(headers: Mapping[str, str]) -> str:
    """Return the generation that a download belongs to."""
    found = headers.get("X-Goog-Generation")
    if not found:
        raise MalformedAnswerError
    return found


def kept_crc32c(headers: Mapping[str, str]) -> str | None:
    """Return the checksum in `X-Goog-Hash: crc32c=...,md5=...`, which is that of the whole object in ranges too."""
    hashes = (each.strip().partition("=") for each in headers.get("X-Goog-Hash", "").split(","))
    return next((value for name, _, value in hashes if name == "crc32c"), None)


def crc32c(value: Buffer) -> str:
    """Return a checksum as the API writes it: base64 of the big-endian CRC32C."""
    import google_crc32c

    if isinstance(value, bytes):
        checksum: int = google_crc32c.value(value)
    else:
        checksum = 0
        view = memoryview(value)
        for at in range(0, len(view), STEP):
            # the library takes nothing but bytes
            checksum = google_crc32c.extend(checksum, bytes(view[at : at + STEP]))
    return base64.b64encode(checksum.to_bytes(4)).decode()
