"""
Reading what Azure Blob Storage answers: headers of blobs, and the XML of listings.

An answer that lacks what the service always sends is not the service's ("malformed"): a proxy's page with status 200
must not pass for an empty listing or an object.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote
from xml.etree import ElementTree as ET

from deeplake_ref.errors import StoragePreconditionFailed
from deeplake_ref.sessions import MalformedAnswerError
from deeplake_ref.stores import ResourceMeta

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing, with full names; `marker` asks for the next one."""

    blobs: list[ResourceMeta]
    prefixes: list[str]
    marker: str | None


def etag(headers: Mapping[str, str]) -> str:
    """Return the etag without quotes, as listings write it."""
    value = headers.get("ETag", "").strip('"')
    if not value:
        raise MalformedAnswerError
    return value


def quoted(etag: str) -> str:
    """Return an etag as conditions take it; what cannot be one never matches."""
    bare = etag.strip('"')
    # `*` means any blob to the service, in quotes too where an emulator takes them off
    if bare == "*" or not re.fullmatch(r"[!#-~]+", bare):
        raise StoragePreconditionFailed(f"no blob has the etag {etag!r}", provider="az", operation="set", effect="none")
    return f'"{bare}"'


def meta(path: str, size: int | str | None, headers: Mapping[str, str]) -> ResourceMeta:
    """Return what an answer's headers tell of a blob."""
    if size is None:
        raise MalformedAnswerError
    return ResourceMeta(path, int(size), etag(headers), _time(headers.get("Last-Modified")))


def has_its_md5(body: bytes, headers: Mapping[str, str]) -> bool:
    """Whether a whole blob has the MD5 that the service keeps for it, if it keeps one."""
    kept = headers.get("x-ms-blob-content-md5")
    return not kept or base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode() == kept


def page(body: bytes) -> Page:
    """Return a page of a listing."""
    try:
        # expat bounds the expansion of entities
        root = ET.fromstring(body)  # noqa: S314
    except ET.ParseError:
        raise MalformedAnswerError from None
    entries = root.find("Blobs")
    if root.tag != "EnumerationResults" or entries is None:
        raise MalformedAnswerError
    blobs = [_blob(entry) for entry in entries.iterfind("Blob")]
    prefixes = [_name(entry) for entry in entries.iterfind("BlobPrefix")]
    return Page(blobs, prefixes, root.findtext("NextMarker") or None)


def _blob(entry: ET.Element) -> ResourceMeta:
    properties = {each.tag: each.text or "" for each in entry.iterfind("Properties/*")}
    # older versions call it Etag, ADLS accounts ETag
    properties["ETag"] = properties.get("ETag") or properties.get("Etag", "")
    return meta(_name(entry), properties.get("Content-Length"), properties)


def _name(entry: ET.Element) -> str:
    """Return a name; one that XML cannot hold comes percent-encoded, and says so."""
    name = entry.find("Name")
    if name is None or not name.text:
        raise MalformedAnswerError
    return unquote(name.text) if name.get("Encoded") == "true" else name.text


def _time(text: str | None) -> datetime | None:
    """Return an HTTP date, None if there is none."""
    if not text:
        return None
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except ValueError:
        raise MalformedAnswerError from None
