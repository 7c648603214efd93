"""
How the values of a column travel: an object with a type word and a list of JSON values.

    {"type": "int32", "values": [1, 2]}                    integers and booleans as they are
    {"type": "float64", "values": [0.5, "nan", "-inf"]}    what is no number in JSON as a text
    {"type": "bytes", "values": ["AP8="]}                  bytes as base64
    {"type": "list(text)", "values": [["a"], []]}          arrays and lists as nested lists

The word says how the values are written, so that values of a wrong type arrive as they are: it is the column's own word
if they fit it, else one that fits them. null is a missing value, in any column.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from conformance.targets import HarnessError
from conformance.targets.columns import FLOATS, parse
from conformance.targets.messages import from_base64, to_base64

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_TEXTS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}

_LARGEST = 1 << 1023
"""Integers below it have a float."""

_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    ((bytes, bytearray, memoryview), "bytes"),
    (float, "float64"),
    (str, "text"),
    (bool, "bool"),
    (int, "int64"),
)
"""Words for values of any type: first the ones that change on the wire, then, being an int in Python, bool before int."""


def column_to_wire(values: Sequence[Any], word: str | None) -> dict[str, Any]:
    """Return plain values for the wire; `word` is the type of the column, None if it is not known."""
    kept = list(values)
    fitting = word if word is not None and _fits(word, kept) else _word_of(kept)
    return {"type": fitting, "values": [_to_wire(value) for value in kept]}


def column_from_wire(column: object) -> list[Any]:
    """Return the plain values of a column on the wire; raises `HarnessError` if it does not hold to its word."""
    if not isinstance(column, dict) or not isinstance(values := column.get("values"), list):
        raise HarnessError("a column is an object with type and values")
    try:
        scalar = parse(str(column.get("type"))).scalar
    except ValueError as error:
        raise HarnessError(str(error)) from None
    return [_from_wire(scalar, value) for value in values]


def batch_to_wire(batch: Mapping[str, Sequence[Any]], schema: Mapping[str, str]) -> dict[str, Any]:
    """Return a batch for the wire, with the types of a schema; columns that it does not know are written as they are."""
    return {name: column_to_wire(values, schema.get(name)) for name, values in batch.items()}


def batch_from_wire(columns: object) -> dict[str, list[Any]]:
    """Return the values of all columns."""
    if not isinstance(columns, dict):
        raise HarnessError("the columns of a batch are an object")
    return {name: column_from_wire(column) for name, column in columns.items()}


def _fits(word: str, values: Sequence[Any]) -> bool:
    try:
        kind = parse(word)
    except ValueError:
        return False
    return all(value is None or kind.holds(value) for value in values)


def _word_of(values: Sequence[Any]) -> str:
    """Return the word by which values of any type are written."""
    leaves = list(_leaves(values))
    texts = {leaf for leaf in leaves if isinstance(leaf, str)}
    scalar = next((word for kind, word in _KINDS if any(isinstance(leaf, kind) for leaf in leaves)), "text")
    if (scalar == "bytes" and texts) or (scalar == "float64" and texts & set(_TEXTS)):
        raise HarnessError("a column that mixes texts with bytes or floats cannot travel: a check must not need it")
    return f"list({scalar})" if any(isinstance(value, list | tuple) for value in values) else scalar


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _to_wire(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_to_wire(item) for item in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return to_base64(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise HarnessError(f"a {type(value).__name__} is no value of a column")


def _from_wire(scalar: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_from_wire(scalar, item) for item in value]
    if scalar == "bytes" and isinstance(value, str):
        return from_base64(value)
    if scalar in FLOATS and isinstance(value, str):
        return _TEXTS.get(value, value)
    if scalar in FLOATS and type(value) is int and abs(value) < _LARGEST:
        return float(value)  # a language with one kind of number writes 1.0 as 1
    return value
