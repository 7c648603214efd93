"""
Schemas, batches of values that fit them, and whether a column came back as it was given.

Names of columns are portable: a letter, then letters, digits and underscores. The smallest schema is one column `a` of
int32, the smallest batch has no rows.
"""

from __future__ import annotations

import math
from typing import Any

from hypothesis import strategies as st

from conformance.targets.columns import INTEGERS, NUMBERS, SCALARS, ColumnType, as_float32, parse

LETTERS = "abcxyz"
MOST_COLUMNS = 4
MOST_ROWS = 8
LONGEST = 6
"""Characters of a text, bytes of a value, and elements of a list."""

Schema = dict[str, str]
Batch = dict[str, list[Any]]


def column_names() -> st.SearchStrategy[str]:
    """Names that every target can give a column."""
    first, rest = st.sampled_from(LETTERS), st.text(alphabet=LETTERS + "019_", max_size=4)
    return st.builds(lambda letter, more: letter + more, first, rest)


def type_words() -> st.SearchStrategy[str]:
    """Type words of every form: single values, arrays of numbers of one or two dimensions, lists."""
    scalars = ("int32", *(word for word in SCALARS if word != "int32"))
    shapes = st.lists(st.integers(1, 3), min_size=1, max_size=2).map(tuple)
    return st.one_of(
        st.sampled_from(scalars),
        st.builds(lambda scalar, shape: str(ColumnType(scalar, shape)), st.sampled_from(NUMBERS), shapes),
        st.sampled_from(scalars).map(lambda scalar: f"list({scalar})"),
    )


def schemas(*, max_columns: int = MOST_COLUMNS) -> st.SearchStrategy[Schema]:
    """Schemas of one to `max_columns` columns; names differ by more than the case of letters."""
    return st.dictionaries(column_names(), type_words(), min_size=1, max_size=max_columns)


def column_values(word: str) -> st.SearchStrategy[Any]:
    """Values for one row of a column of this type."""
    kind = parse(word)
    values = _scalars(kind.scalar)
    if kind.is_list:
        return st.lists(values, max_size=LONGEST)
    for size in reversed(kind.shape):
        values = st.lists(values, min_size=size, max_size=size)
    return values


def batches(schema: Schema, *, min_rows: int = 0, max_rows: int = MOST_ROWS) -> st.SearchStrategy[Batch]:
    """Batches for a schema, with the same number of rows in every column."""
    return st.integers(min_rows, max_rows).flatmap(lambda rows: _rows(schema, rows))


def schemas_and_batches(*, max_rows: int = MOST_ROWS) -> st.SearchStrategy[tuple[Schema, Batch]]:
    """Schemas, each with a batch for it."""
    return schemas().flatmap(lambda schema: st.tuples(st.just(schema), batches(schema, max_rows=max_rows)))


def is_same(expected: Any, observed: Any, *, word: str | None = None) -> bool:
    """Whether a value, or a list of them, came back: equal and of the same Python type.

    NaN is NaN, and a zero is a zero whatever its sign. In a column of float32, which `word` tells, what is expected is
    rounded first, so that a value between two of them may be given.
    """
    narrow = word is not None and parse(word).scalar == "float32"
    return _is_same(expected, observed, narrow=narrow)


def is_same_batch(schema: Schema, expected: Batch, observed: Batch) -> bool:
    """Whether all columns came back, and no other one."""
    return expected.keys() == observed.keys() and all(
        is_same(values, observed[name], word=schema[name]) for name, values in expected.items()
    )


def _is_same(expected: Any, observed: Any, *, narrow: bool) -> bool:
    if isinstance(expected, list) and isinstance(observed, list):
        pairs = zip(expected, observed, strict=False)
        return len(expected) == len(observed) and all(_is_same(*pair, narrow=narrow) for pair in pairs)
    if type(expected) is not type(observed):
        return False
    if isinstance(expected, float):
        wanted = as_float32(expected) if narrow else expected
        return wanted == observed or (math.isnan(wanted) and math.isnan(observed))
    return bool(expected == observed)


def _rows(schema: Schema, rows: int) -> st.SearchStrategy[Batch]:
    columns = {name: st.lists(column_values(word), min_size=rows, max_size=rows) for name, word in schema.items()}
    return st.fixed_dictionaries(columns)


def _scalars(scalar: str) -> st.SearchStrategy[Any]:
    if scalar in INTEGERS:
        lowest, highest = INTEGERS[scalar]
        return st.one_of(st.integers(lowest, highest), st.sampled_from((lowest, highest)))
    strategies: dict[str, st.SearchStrategy[Any]] = {
        "float32": st.floats(width=32),
        "float64": st.floats(),
        "bool": st.booleans(),
        # half a surrogate pair is no character of UTF-8, in which Arrow and Parquet keep texts
        "text": st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=LONGEST),
        "bytes": st.binary(max_size=LONGEST),
    }
    return strategies[scalar]
