"""
Buffers of the caller and of the target: taken as what they hold, and never shared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.checking import budget, checks, in_process_only
from conformance.expectations import assert_equal
from conformance.places import Place


@checks("OBJ-12")
@in_process_only
@given(value=st.binary(min_size=1, max_size=200))
def test_a_stored_value_does_not_change_with_the_callers_buffer(place: Place, value: bytes) -> None:
    """A bytearray is changed after the write."""
    path = f"{place.fresh()}/object.k"
    buffer = bytearray(value)
    place.writer.set(path, buffer)
    buffer[:] = bytes(byte ^ 255 for byte in buffer)

    assert_equal(value, place.reader.get(path))


@checks("OBJ-13")
@in_process_only
@given(value=st.binary(min_size=1, max_size=200))
def test_a_stored_value_does_not_change_with_a_returned_buffer(place: Place, value: bytes) -> None:
    """What `get` returned is changed, where it can be."""
    path = f"{place.fresh()}/object.k"
    place.writer.set(path, bytearray(value))
    raw = place.reader.get_raw(path)  # type: ignore[attr-defined]
    view = memoryview(raw)
    if not view.readonly:
        view.cast("B")[:] = bytes(byte ^ 255 for byte in value)

    assert_equal(value, place.reader.get(path))


AS_BUFFERS: dict[str, Callable[[bytes], tuple[Any, bytes]]] = {
    "bytearray": lambda value: (bytearray(value), value),
    "memoryview": lambda value: (memoryview(value), value),
    "memoryview-of-bytearray": lambda value: (memoryview(bytearray(value)), value),
    "memoryview-slice": lambda value: (memoryview(value)[1:], value[1:]),
    "memoryview-strided": lambda value: (memoryview(value)[::2], value[::2]),
    "memoryview-reversed": lambda value: (memoryview(value)[::-1], value[::-1]),
    "memoryview-of-ints": lambda value: (memoryview(value * 4).cast("I"), value * 4),
}


@checks("OBJ-20")
@in_process_only
@pytest.mark.parametrize("case", AS_BUFFERS)
@budget(0.3)
@given(value=st.binary(max_size=100))
def test_bytes_like_content_is_accepted(place: Place, case: str, value: bytes) -> None:
    """The logical bytes are stored."""
    path = f"{place.fresh()}/object.k"
    content, expected = AS_BUFFERS[case](value)
    place.writer.set(path, content)

    assert_equal(expected, place.witness.get(path), "the witness")
