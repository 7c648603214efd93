"""
Drawn batches fit their schema and reach the bounds of every type; the comparison knows NaN and float32.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from conformance.strategies.batches import (
    MOST_COLUMNS,
    MOST_ROWS,
    batches,
    column_values,
    is_same,
    is_same_batch,
    schemas,
    schemas_and_batches,
    type_words,
)
from conformance.targets.columns import INTEGERS, SCALARS, parse

Drawn = tuple[dict[str, str], dict[str, list[Any]]]


@given(schema=schemas())
def test_schemas_have_portable_names(schema: dict[str, str]) -> None:
    """One to four of them, and types in normal form."""
    assert 1 <= len(schema) <= MOST_COLUMNS
    for name, word in schema.items():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
        assert word == str(parse(word))


@given(drawn=schemas_and_batches())
def test_batches_fit_their_schema(drawn: Drawn) -> None:
    """In every column as many rows, each of the type."""
    schema, batch = drawn

    assert schema.keys() == batch.keys()
    (rows,) = {len(values) for values in batch.values()}
    assert 0 <= rows <= MOST_ROWS
    for name, values in batch.items():
        assert all(parse(schema[name]).holds(value) for value in values)


@given(drawn=schemas_and_batches())
def test_a_batch_is_the_same_as_itself(drawn: Drawn) -> None:
    """Whatever is in it."""
    schema, batch = drawn

    assert is_same_batch(schema, batch, {name: list(values) for name, values in batch.items()})


@pytest.mark.parametrize("form", [*SCALARS, "array(x)", "array(x, y)", *(f"list({scalar})" for scalar in SCALARS)])
def test_every_form_of_type_is_drawn(form: str) -> None:
    """Arrays of one and of two dimensions, of any number."""

    def is_of_form(word: str) -> bool:
        shape = len(parse(word).shape)
        return {"array(x)": shape == 1, "array(x, y)": shape == 2}.get(form, word == form)

    find(type_words(), is_of_form, settings=settings(max_examples=5000, database=None))


@pytest.mark.parametrize(
    ("word", "wanted"),
    [
        *((word, lambda value, low=low: value == low) for word, (low, _) in INTEGERS.items()),
        *((word, lambda value, high=high: value == high) for word, (_, high) in INTEGERS.items()),
        *((word, math.isnan) for word in ("float32", "float64")),
        *((word, lambda value: value == -math.inf) for word in ("float32", "float64")),
        ("text", lambda value: not value),
        ("text", lambda value: not value.isascii()),
        ("bytes", lambda value: not value),
        ("bytes", lambda value: 0xFF in value),
        ("list(int8)", lambda value: not value),
        ("list(float32)", lambda value: any(map(math.isnan, value))),
    ],
)
def test_values_reach_the_bounds(word: str, wanted: Callable[[Any], bool]) -> None:
    """The smallest and the largest integer, what is no number, what is empty, what is no ASCII."""
    find(column_values(word), wanted, settings=settings(max_examples=5000, database=None))


def test_the_smallest_is_the_plainest() -> None:
    """A failure that any dataset shows is reported with one column and no row."""
    assert find(schemas_and_batches(), lambda _: True) == ({"a": "int32"}, {"a": []})
    assert find(batches({"a": "int32"}, min_rows=1), lambda _: True) == {"a": [0]}


@pytest.mark.parametrize(
    ("expected", "observed", "word", "same"),
    [
        (math.nan, math.nan, "float64", True),
        ([math.nan, 1.0], [math.nan, 1.0], "float64", True),
        (math.nan, 0.0, "float64", False),
        (0.0, math.nan, "float64", False),
        (0.0, -0.0, "float64", True),
        (math.inf, -math.inf, "float64", False),
        (0.1, 0.10000000149011612, "float32", True),
        (0.1, 0.10000000149011612, "float64", False),
        (0.1, 0.10000000149011612, None, False),
        (0.1, 0.1, "float32", False),
        (1e300, math.inf, "float32", True),
        ([[0.1]], [[0.10000000149011612]], "array(float32, 1)", True),
        (1, 1.0, "int32", False),
        (1, True, "int32", False),
        ("a", b"a", "text", False),
        ([], None, "list(int8)", False),
        ([1], [1, 2], "int8", False),
        ([[1], []], [[1], []], "list(int8)", True),
        ([[1], [2]], [[1], [3]], "list(int8)", False),
        (None, None, None, True),
    ],
)
def test_what_is_the_same(expected: Any, observed: Any, word: str | None, same: bool) -> None:
    """Value and type; NaN is NaN, and a float32 is the nearest to what was given."""
    assert same is is_same(expected, observed, word=word)


@given(drawn=schemas_and_batches(), data=st.data())
def test_a_missing_row_or_column_is_seen(drawn: Drawn, data: st.DataObject) -> None:
    """As is a column too many."""
    schema, batch = drawn
    name = data.draw(st.sampled_from(sorted(batch)))

    assert not is_same_batch(schema, batch, {each: values for each, values in batch.items() if each != name})
    assert not is_same_batch(schema, batch, batch | {f"{name}_": []})
    assert not is_same_batch(schema, batch, batch | {name: [*batch[name], None]})
