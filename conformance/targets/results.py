"""
What a Python target returned, in the suite's own types; a wrong form is the target's failure.
"""

from __future__ import annotations

from datetime import datetime
from operator import index
from typing import Any, NoReturn

from conformance.targets import Meta, Metas, Names, TargetError

MALFORMED = "MalformedResult"
"""Class of the error for a result without the contract's form; a name that no target uses."""


def as_bytes(operation: str, value: Any) -> bytes:
    """Return any bytes-like as `bytes`, and `bytes` as they are."""
    if type(value) is bytes:
        return value
    try:
        return bytes(memoryview(value))
    except TypeError:
        _refuse(operation, "bytes", value)


def as_integer(operation: str, value: Any) -> int:
    """Return anything that counts as an integer."""
    try:
        return index(value)
    except TypeError:
        _refuse(operation, "an integer", value)


def as_text(operation: str, value: Any) -> str:
    """Return a text."""
    return value if isinstance(value, str) else _refuse(operation, "a text", value)


def as_names(operation: str, value: Any) -> Names:
    """Return any sequence of texts as a list."""
    names = _as_list(operation, value)
    if isinstance(value, str | bytes) or not all(isinstance(name, str) for name in names):
        _refuse(operation, "a list of texts", value)
    return names


def as_meta(operation: str, value: Any) -> Meta:
    """Return any object with path, size, etag and last_modified."""
    expected = "an object with path, size, etag and last_modified"
    try:
        path, size, etag, instant = value.path, index(value.size), value.etag, value.last_modified
    except (AttributeError, TypeError):
        _refuse(operation, expected, value)
    if not isinstance(path, str) or not isinstance(etag, str | None) or not isinstance(instant, datetime | None):
        _refuse(operation, expected, value)
    return Meta(path, size, etag, instant)


def as_optional_meta(operation: str, value: Any) -> Meta | None:
    """Return the same, or None."""
    return None if value is None else as_meta(operation, value)


def as_metas(operation: str, value: Any) -> Metas:
    """Return any sequence of such objects as a list."""
    return [as_meta(operation, item) for item in _as_list(operation, value)]


def _as_list(operation: str, value: Any) -> list[Any]:
    try:
        return list(value)
    except TypeError:
        _refuse(operation, "a list", value)


def _refuse(operation: str, expected: str, value: object) -> NoReturn:
    raise TargetError(MALFORMED, f"{operation} gave a {type(value).__name__}, not {expected}", operation=operation)
