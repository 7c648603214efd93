"""
How values travel in the target protocol: bytes as base64, instants as ISO 8601, errors as data.

Used by both ends, the stdio door and the worker; the JSON Schema of the messages is `conformance/protocol/schema.json`.
"""

from __future__ import annotations

import base64
import binascii
import json
from datetime import datetime
from typing import Any

from conformance.targets import HarnessError, Meta, TargetError, errors

VERSION = 1
"""Version of the protocol; `hello` carries it."""

TARGET_RAISED = -32000
NOT_CLAIMED = -32601
INVALID_PARAMS = -32602
INTERNAL = -32603
PARSE_ERROR = -32700

DETAILS = ("code", "effect", "provider", "operation", "source")
"""What an error carries as text, beside its class and its HTTP status."""


def line_of(message: dict[str, Any]) -> bytes:
    """Return a message as one line of ASCII; characters beyond it, also half surrogates, are escaped."""
    return json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"


def to_base64(value: Any) -> str:
    """Return any bytes-like as base64 text."""
    return base64.b64encode(value if type(value) is bytes else bytes(memoryview(value))).decode("ascii")


def from_base64(text: object) -> bytes:
    """Return the bytes of base64 text; raises `HarnessError`."""
    if not isinstance(text, str):
        raise HarnessError(f"bytes travel as base64 text, not as {_kind(text)}")
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        raise HarnessError(f"not base64: {text[:40]!r}") from None


def meta_to_wire(meta: Meta) -> dict[str, Any]:
    """Return a `Meta` as an object; the instant keeps whether it has an offset."""
    instant = None if meta.last_modified is None else meta.last_modified.isoformat()
    return {"path": meta.path, "size": meta.size, "etag": meta.etag, "last_modified": instant}


def meta_from_wire(value: object) -> Meta:
    """Return the `Meta` of an object with `path` and `size`, and maybe `etag` and `last_modified`."""
    if isinstance(value, dict):
        path, size, etag, instant = (value.get(name) for name in ("path", "size", "etag", "last_modified"))
        if isinstance(path, str) and type(size) is int and isinstance(etag, str | None):
            return Meta(path, size, etag, _instant(instant))
    raise HarnessError(f"an object's metadata are path, size, etag and last_modified: {str(value)[:120]}")


def metas_from_wire(value: object) -> list[Meta]:
    """Return the metadata in a list."""
    if not isinstance(value, list):
        raise HarnessError(f"a listing is a list, not {_kind(value)}")
    return [meta_from_wire(item) for item in value]


def error_to_wire(error: TargetError) -> dict[str, Any]:
    """Return what a target raised as a JSON-RPC error."""
    data: dict[str, Any] = {"class": error.class_name, "ancestors": sorted(error.ancestors)}
    for name in ("http_status", *DETAILS):
        if (value := getattr(error, name)) is not None:
            data[name] = value
    return {"code": TARGET_RAISED, "message": error.message, "data": data}


def error_from_wire(error: object) -> TargetError | None:
    """Return what a target raised, or None if the error is not about the target but about the conversation."""
    if not isinstance(error, dict) or not isinstance(data := error.get("data"), dict):
        return None
    name = data.get("class")
    if not isinstance(name, str) or not name:
        return None
    given, status = data.get("ancestors"), data.get("http_status")
    known = isinstance(given, list) and bool(given)
    texts = {detail: None if (value := data.get(detail)) is None else str(value) for detail in DETAILS}
    return TargetError(
        name,
        str(error.get("message") or ""),
        ancestors=errors.with_aliases([name, *map(str, given or ())]) if known else errors.ancestors_of(name),
        http_status=status if type(status) is int else None,
        leaked=(),
        **texts,
    )


def _instant(value: object) -> datetime | None:
    if value is None:
        return None
    try:
        if isinstance(value, str):
            return datetime.fromisoformat(value)
    except ValueError:
        pass
    raise HarnessError(f"last_modified is an instant in ISO 8601: {str(value)[:60]!r}")


def _kind(value: object) -> str:
    kinds = {
        dict: "an object",
        list: "a list",
        str: "a text",
        bool: "true or false",
        int: "a number",
        float: "a number",
    }
    return "null" if value is None else kinds.get(type(value), type(value).__name__)
