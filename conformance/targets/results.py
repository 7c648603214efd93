"""
What a Python target returned, in the suite's own types; a wrong form is the target's failure.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from operator import index
from typing import Any, NoReturn

from conformance.targets import Meta, Metas, Names, TargetError
from conformance.targets.columns import normal_form
from conformance.targets.datasets import Version
from conformance.targets.explaining import Explanation
from conformance.targets.explaining import as_explanation as explanation_of

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


def as_explanation(operation: str, value: Any) -> Explanation:
    """Return an explanation of credentials as plain data."""
    try:
        return explanation_of(value)
    except ValueError as error:
        # the value itself is not shown: it may hold a secret
        raise TargetError(MALFORMED, f"{operation} gave no explanation: {error}", ancestors=()) from None


def as_boolean(operation: str, value: Any) -> bool:
    """Return True or False."""
    return value if isinstance(value, bool) else _refuse(operation, "True or False", value)


def as_schema(operation: str, value: Any) -> dict[str, str]:
    """Return any mapping of texts to texts, with type words in their normal form."""
    expected = "a mapping of column names to type words"
    if not isinstance(value, Mapping):
        _refuse(operation, expected, value)
    schema = dict(value.items())
    for text in (*schema, *schema.values()):
        if not isinstance(text, str):
            _refuse(operation, f"{expected}, all of them texts", text)
    return {str(name): normal_form(str(word)) for name, word in schema.items()}


def as_version(operation: str, value: Any) -> str:
    """Return a version, a text or a number, as a text."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return _refuse(operation, "a version, which is a text or a number", value)


def as_versions(operation: str, value: Any) -> list[Version]:
    """Return any sequence of objects or mappings with `version` and `message`."""
    return [_as_commit(operation, item) for item in _as_sequence(operation, value)]


def _as_commit(operation: str, value: Any) -> Version:
    entry = (
        value if isinstance(value, Mapping) else {name: getattr(value, name, None) for name in ("version", "message")}
    )
    version, message = entry.get("version"), entry.get("message")
    if version is None or not isinstance(message, str | None):
        _refuse(operation, "a list of objects with version and message", value)
    return Version(as_version(operation, version), message)


def as_values(operation: str, value: Any) -> list[Any]:
    """Return a sequence, a numpy array or an Arrow array as a list of int, float, bool, str, bytes, None and lists."""
    return [_as_plain(operation, item) for item in _as_sequence(operation, _unpacked(value))]


def _as_plain(operation: str, value: Any) -> Any:
    if value is None or type(value) in (bool, int, float, str, bytes):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    unpacked = _unpacked(value)
    if isinstance(unpacked, list | tuple):
        return [_as_plain(operation, item) for item in unpacked]
    if unpacked is None or isinstance(unpacked, bool | int | float | str | bytes):
        return unpacked
    return _refuse(operation, "a column of plain values", value)


def _unpacked(value: Any) -> Any:
    """Return what an array or a scalar of numpy or Arrow holds, and everything else as it is."""
    # first the one that keeps the shape of Arrow's tensors, whose `to_pylist` is flat
    for name in ("to_numpy_ndarray", "to_pylist", "as_py", "tolist"):
        method: Any = getattr(value, name, None)
        if callable(method):
            return _unpacked(method())
    return value


def _as_sequence(operation: str, value: Any) -> list[Any]:
    if isinstance(value, str | bytes | bytearray | memoryview | Mapping) or not _is_iterable(value):
        _refuse(operation, "a list", value)
    return list(value)


def _is_iterable(value: Any) -> bool:
    return hasattr(type(value), "__iter__") or hasattr(type(value), "__getitem__")


def _as_list(operation: str, value: Any) -> list[Any]:
    try:
        return list(value)
    except TypeError:
        _refuse(operation, "a list", value)


def _refuse(operation: str, expected: str, value: object) -> NoReturn:
    raise TargetError(MALFORMED, f"{operation} gave a {type(value).__name__}, not {expected}", operation=operation)
