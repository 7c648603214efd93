"""
Type words: how the suite names the type of a column, the same in a schema, on the wire and in a failure.

    int8 int16 int32 int64   uint8 uint16 uint32 uint64   float32 float64   bool   text   bytes
    array(float32, 3)        three numbers in every row
    array(float32, 2, 3)     two lists of three
    list(int32)              any number of values in every row

A value is a plain Python value: int, float, bool, str, bytes, and lists of them for arrays and lists.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from difflib import get_close_matches

INTEGERS: dict[str, tuple[int, int]] = {
    **{f"int{bits}": (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": (0, (1 << bits) - 1) for bits in (8, 16, 32, 64)},
}
"""Words of the integers, with the smallest and the largest."""

FLOATS = ("float32", "float64")
NUMBERS = (*INTEGERS, *FLOATS)
SCALARS = (*NUMBERS, "bool", "text", "bytes")
"""Words of single values; each may also be the element of a list, and every one but text and bytes of an array."""

_FORM = re.compile(r"(?:(?P<of>array|list)\(\s*)?(?P<scalar>\w+)\s*(?P<sizes>(?:,\s*[0-9]+\s*)*)(?P<end>\))?")


@dataclass(frozen=True, slots=True)
class ColumnType:
    """A parsed type word; `str()` gives its normal form.

    Attributes:
        scalar: the word of the values, or of those inside an array or a list.
        shape: the sizes of an array, outermost first; empty for everything else.
        is_list: whether a row is a list of any length.
    """

    scalar: str
    shape: tuple[int, ...] = ()
    is_list: bool = False

    def __str__(self) -> str:
        if self.shape:
            return f"array({', '.join([self.scalar, *map(str, self.shape)])})"
        return f"list({self.scalar})" if self.is_list else self.scalar

    def holds(self, value: object) -> bool:
        """Whether a plain value can stand in a column of this type; a float32 is any float and is rounded."""
        if self.is_list:
            return isinstance(value, list) and all(_holds(self.scalar, item) for item in value)
        return _holds_shaped(self.scalar, self.shape, value)


def parse(word: str) -> ColumnType:
    """Return the type that a word names; raises `ValueError` with the nearest known word."""
    found = _FORM.fullmatch(word.strip())
    if found is None or bool(found["of"]) != bool(found["end"]) or bool(found["sizes"]) != (found["of"] == "array"):
        raise ValueError(f"not a type word such as int32, array(float32, 3) or list(int32): {word!r}")
    scalar = found["scalar"]
    if scalar not in SCALARS:
        near = get_close_matches(scalar, SCALARS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(SCALARS)}"
        raise ValueError(f"unknown type word {scalar!r}; {hint}")
    shape = tuple(int(size) for size in re.findall(r"[0-9]+", found["sizes"]))
    if shape and scalar in ("text", "bytes"):
        raise ValueError(f"an array holds numbers or bool: {word!r}")
    if 0 in shape:
        raise ValueError(f"a size in an array is at least 1: {word!r}")
    return ColumnType(scalar, shape, found["of"] == "list")


def normal_form(word: str) -> str:
    """Return a word in its normal form, and a word that is none of ours as it is."""
    try:
        return str(parse(word))
    except ValueError:
        return word


def as_float32(value: float) -> float:
    """Return the float32 nearest to a float; beyond the largest it is infinite."""
    try:
        rounded: float = struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
    return rounded


def _holds_shaped(scalar: str, shape: tuple[int, ...], value: object) -> bool:
    if not shape:
        return _holds(scalar, value)
    outer, *inner = shape
    return (
        isinstance(value, list)
        and len(value) == outer
        and all(_holds_shaped(scalar, tuple(inner), item) for item in value)
    )


def _holds(scalar: str, value: object) -> bool:
    if scalar in INTEGERS:
        lowest, highest = INTEGERS[scalar]
        return isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest
    kinds: dict[str, type] = {"bool": bool, "text": str, "bytes": bytes}
    return isinstance(value, kinds.get(scalar, float))
