"""
Columns: words for types, and which values go into them; messages are part of the product.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from deeplake_ref import columns
from deeplake_ref.dataset import Dataset
from deeplake_ref.datasets import create


@pytest.fixture
def opened(tmp_path: Path) -> Dataset:
    """A dataset with one column of each kind."""
    schema = {
        "n": "int8",
        "u": "uint64",
        "f": "float32",
        "d": "float64",
        "z": "bool",
        "t": "text",
        "b": "bytes",
        "e": "array(float32, 2)",
        "l": "list(int16)",
    }
    return create(f"file://{tmp_path}/ds", schema=schema)


GOOD: dict[str, list[Any]] = {
    "n": [1],
    "u": [2**64 - 1],
    "f": [1.5],
    "d": [2.5],
    "z": [True],
    "t": ["a"],
    "b": [b"x"],
    "e": [[1.0, 2.0]],
    "l": [[1, 2, 3]],
}


def test_words_have_a_normal_form() -> None:
    """Spaces in a shape mean nothing."""
    assert columns.checked({"a": "array(float32,2,3)", "b": "list(text)"}) == {
        "a": "array(float32, 2, 3)",
        "b": "list(text)",
    }
    assert columns.checked(None) == {}


@pytest.mark.parametrize("word", [*columns.SCALARS, "array(uint8, 2, 3)", "list(text)", "list(bool)"])
def test_words_and_arrow_types_are_the_same_thing(word: str) -> None:
    """There and back."""
    schema = columns.arrow_schema({"a": word})

    assert columns.checked(schema) == {"a": word}
    assert not schema.field("a").nullable


@pytest.mark.parametrize(
    "word", ["int", "Int64", "array(float32)", "array(float32, 0)", "list(float32, 3)", "list(list(int8))", "", 3, None]
)
def test_what_is_no_type_is_refused(word: Any) -> None:
    """The message names the column and lists the types."""
    with pytest.raises(ValueError, match=r"column 'a' has an unknown type .*; known: int8, .*list\(TYPE\)"):
        columns.checked({"a": word})


def test_arrays_beyond_arrow_are_refused() -> None:
    """Before anything is written."""
    with pytest.raises(ValueError, match="column 'a' has arrays of more than 2147483647 elements"):
        columns.checked({"a": "array(int8, 65536, 65536)"})


@pytest.mark.parametrize("schema", [["a"], "int8", {"": "int8"}, {3: "int8"}, {"\ud800": "int8"}])
def test_what_is_no_schema_is_refused(schema: Any) -> None:
    """Lists, texts, names that are none."""
    with pytest.raises(ValueError, match=r"a schema is a mapping|a column name is a text"):
        columns.checked(schema)


def test_arrow_types_that_datasets_do_not_have_are_refused() -> None:
    """Times, for one."""
    with pytest.raises(ValueError, match=r"column 'a' has a type that datasets do not have: date32"):
        columns.checked(pa.schema([("a", pa.date32())]))


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("n", [1.5], "append: column 'n' expects int8, found double"),
        ("n", [True], "append: column 'n' expects int8, found bool"),
        ("n", ["1"], "append: column 'n' expects int8, found string"),
        ("n", [300], "append: column 'n' expects int8, found something else: Integer value 300 not in range"),
        ("n", [None], "append: column 'n' expects int8, found a missing value"),
        ("n", 1, "append: column 'n' expects int8, found something else: a int is no column of values"),
        ("n", "1", "append: column 'n' expects int8, found something else: a str is no column of values"),
        ("u", [-1], "append: column 'u' expects uint64, found something else: Integer value -1 not in range"),
        ("u", [2**64], "append: column 'u' expects uint64, found something else: "),
        ("f", [1e300], "append: column 'f' expects float32, found a number that is too large"),
        ("d", [2**53 + 1], "append: column 'd' expects float64, found something else: Integer value"),
        ("f", [True], "append: column 'f' expects float32, found bool"),
        ("z", [1], "append: column 'z' expects bool, found int64"),
        ("t", [b"a"], "append: column 't' expects text, found binary"),
        ("t", ["\ud800"], "append: column 't' expects text, found something else: "),
        ("b", ["x"], "append: column 'b' expects bytes, found string"),
        ("e", [[1.0]], "append: column 'e' expects array(float32, 2), found something else: "),
        ("e", [1.0], "append: column 'e' expects array(float32, 2), found double"),
        ("l", [[1, None]], "append: column 'l' expects list(int16), found a missing value"),
        ("l", [[1], 2], "append: column 'l' expects list(int16), found something else: "),
        ("n", [1, 2], "append: column 'u' has another length, expected 2 rows as in 'n', found 1"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(opened: Dataset, column: str, values: Any, message: str) -> None:
    """And nothing of the batch is added."""
    with pytest.raises(ValueError, match="append: column") as caught:
        opened.append(GOOD | {column: values})

    assert str(caught.value).startswith(message)
    assert len(opened) == 0


def test_columns_that_do_not_match_are_refused(opened: Dataset) -> None:
    """Missing, unknown, and none at all."""
    with pytest.raises(ValueError, match="append: column 'n' is missing, expected int8, found no column"):
        opened.append({})
    with pytest.raises(ValueError, match="append: column 'q' is unknown, expected 'n', 'u'"):
        opened.append(GOOD | {"q": [1]})
    with pytest.raises(ValueError, match="append: expected a mapping of columns to values, found list"):
        opened.append([1])
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([1])], names=["n", "n"])
    with pytest.raises(ValueError, match="append: a column is there twice: n, n"):
        opened.append(twice)


def test_batches_may_be_arrow(opened: Dataset) -> None:
    """Tables, record batches and arrays, also of wider types if the values fit."""
    table = pa.table(GOOD | {"u": pa.array([3], pa.uint64())})
    opened.append(table)
    opened.append(table.to_batches()[0])
    opened.append(GOOD | {"t": pa.array(["a"], pa.large_string()), "n": pa.chunked_array([[1], []])})

    assert opened["n"][:].to_pylist() == [1, 1, 1]
    assert opened["t"][:].to_pylist() == ["a", "a", "a"]


@pytest.mark.parametrize("word", [*columns.SCALARS, "array(float32, 2)", "list(float32)", "list(text)"])
def test_no_rows_fit_into_every_column(word: str) -> None:
    """An empty list has no type of its own."""
    assert columns.table({"a": word}, {"a": []}).num_rows == 0


def test_lists_may_be_empty() -> None:
    """So that their elements have no type."""
    assert columns.table({"a": "list(float32)"}, {"a": [[], []]}).column(0).to_pylist() == [[], []]


def test_a_batch_does_not_change_with_the_callers_buffer(opened: Dataset) -> None:
    """Between append and commit, as a loop that fills one array again and again does."""
    buffer = bytearray(b"\x01")
    values = pa.Array.from_buffers(pa.int8(), 1, [None, pa.py_buffer(buffer)])
    opened.append(GOOD | {"n": values})
    buffer[0] = 9

    assert opened["n"][:].to_pylist() == [1]


@pytest.mark.parametrize(
    "schema",
    [
        pa.schema([("a", pa.int8()), ("a", pa.int8())]),
        pa.schema([("", pa.int8())]),
        pa.schema([("a", pa.list_(pa.int8(), 0))]),
    ],
    ids=["twice", "nameless", "empty-arrays"],
)
def test_arrow_schemas_are_held_to_the_same_rules(schema: pa.Schema) -> None:
    """What could not be opened again is not created."""
    with pytest.raises(ValueError, match="a column is there twice|a column name is|has an unknown type"):
        columns.checked(schema)


class Strided:
    """What numpy arrays look like to those who do not import numpy."""

    def __init__(self, values: list[float], shape: tuple[int, ...]) -> None:
        self.values, self.shape = values, shape

    def reshape(self, _size: int) -> list[float]:
        """Return the flat values."""
        return self.values


def test_arrays_of_several_dimensions_become_nested(opened: Dataset) -> None:
    """Without a list of lists in between."""
    opened.append(GOOD | {"e": Strided([1.0, 2.0], (1, 2))})

    assert opened["e"][0] == [1.0, 2.0]
