"""
Type words are read strictly and have one normal form; values of a column survive the wire.
"""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.protocol import schema
from conformance.strategies.batches import schemas_and_batches
from conformance.targets import HarnessError
from conformance.targets.column_messages import batch_from_wire, batch_to_wire, column_from_wire, column_to_wire
from conformance.targets.columns import SCALARS, ColumnType, as_float32, normal_form, parse
from conformance.targets.messages import line_of


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        *((scalar, ColumnType(scalar)) for scalar in SCALARS),
        ("array(float32, 3)", ColumnType("float32", (3,))),
        ("array(float32, 2, 3)", ColumnType("float32", (2, 3))),
        ("array(bool, 1)", ColumnType("bool", (1,))),
        ("list(int32)", ColumnType("int32", is_list=True)),
        ("list(text)", ColumnType("text", is_list=True)),
    ],
)
def test_a_word_is_read_and_written(word: str, kind: ColumnType) -> None:
    """Both ways the same."""
    assert kind == parse(word)
    assert word == str(kind)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("int", "unknown type word 'int'; did you mean int8?"),
        ("float", "unknown type word 'float'; did you mean float64?"),
        ("decimal", f"unknown type word 'decimal'; known: {', '.join(SCALARS)}"),
        ("array(float32)", "not a type word such as int32, array(float32, 3) or list(int32): 'array(float32)'"),
        ("list(int32, 3)", "not a type word such as int32, array(float32, 3) or list(int32): 'list(int32, 3)'"),
        ("int32)", "not a type word such as int32, array(float32, 3) or list(int32): 'int32)'"),
        ("list(list(int8))", "not a type word such as int32, array(float32, 3) or list(int32): 'list(list(int8))'"),
        ("", "not a type word such as int32, array(float32, 3) or list(int32): ''"),
        ("array(text, 3)", "an array holds numbers or bool: 'array(text, 3)'"),
        ("array(int8, 0)", "a size in an array is at least 1: 'array(int8, 0)'"),
    ],
)
def test_a_wrong_word_is_named(word: str, message: str) -> None:
    """With the nearest known one, if one is near."""
    with pytest.raises(ValueError, match="type word|array") as caught:
        parse(word)

    assert message == str(caught.value)


def test_spaces_do_not_count() -> None:
    """And a word of somebody else stays as it is."""
    assert normal_form(" array( float32,2 ,3 ) ") == "array(float32, 2, 3)"
    assert normal_form("Embedding(3)") == "Embedding(3)"


@pytest.mark.parametrize(
    ("word", "inside", "outside"),
    [
        ("int8", [-128, 127], [128, -129, True, 1.0, "1", None, [1]]),
        ("uint64", [0, 2**64 - 1], [-1, 2**64]),
        ("float32", [0.1, math.nan, math.inf], [1, "nan", True]),
        ("bool", [True], [1, "true"]),
        ("text", [""], [b"", 1]),
        ("bytes", [b""], ["", 1]),
        ("array(int8, 2, 1)", [[[1], [2]]], [[1, 2], [[1]], [[1], [2], [3]], [[1], [300]], 7]),
        ("list(bool)", [[], [True]], [[1], True, [[True]]]),
    ],
)
def test_a_type_holds_its_values_only(word: str, inside: list[Any], outside: list[Any]) -> None:
    """Bounds included; True is no integer."""
    assert all(parse(word).holds(value) for value in inside)
    assert not any(parse(word).holds(value) for value in outside)


def test_a_float32_is_the_nearest() -> None:
    """What is too large for one is infinite."""
    assert as_float32(0.1) == 0.10000000149011612
    assert (as_float32(1e300), as_float32(-1e300)) == (math.inf, -math.inf)
    assert math.isnan(as_float32(math.nan))


@given(drawn=schemas_and_batches())
def test_batches_survive_the_wire(drawn: tuple[dict[str, str], dict[str, list[Any]]]) -> None:
    """As one line of ASCII that holds to the schema of the protocol, with the column's own word."""
    from jsonschema import Draft202012Validator

    words, batch = drawn
    wire = json.loads(line_of(batch_to_wire(batch, words)))

    assert repr(batch) == repr(batch_from_wire(wire))
    assert {name: column["type"] for name, column in wire.items()} == words
    assert all(Draft202012Validator({**schema(), "$ref": "#/$defs/column"}).is_valid(each) for each in wire.values())


ANYTHING = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(alphabet="abnif", max_size=4))


@given(values=st.lists(st.one_of(ANYTHING, st.lists(ANYTHING, max_size=3)), max_size=5))
def test_values_of_any_type_survive_or_are_refused(values: list[Any]) -> None:
    """Whatever a check puts into a column, it is never another value on the other side."""
    try:
        wire = column_to_wire(values, "int8")
    except HarnessError:
        return
    came = column_from_wire(json.loads(line_of(wire)))

    floats = wire["type"] in ("float64", "list(float64)")
    assert repr(_floating(values) if floats else values) == repr(_floating(came) if floats else came)


def _floating(value: Any) -> Any:
    """Integers among floats are floats on the other side."""
    if isinstance(value, list):
        return [_floating(item) for item in value]
    return float(value) if type(value) is int and abs(value) < 1 << 1023 else value


@pytest.mark.parametrize("values", [["a", b"b"], [math.nan, "nan"], [[b"a"], ["b"]]], ids=str)
def test_what_would_change_on_the_way_is_refused(values: list[Any]) -> None:
    """Texts beside bytes, or beside floats that are written as texts."""
    with pytest.raises(HarnessError, match="a check must not need it"):
        column_to_wire(values, "text")


@pytest.mark.parametrize("value", [object(), {"a": 1}, 1j], ids=lambda value: type(value).__name__)
def test_what_is_no_value_is_refused(value: object) -> None:
    """By its type."""
    with pytest.raises(HarnessError, match="is no value of a column"):
        column_to_wire([value], None)
