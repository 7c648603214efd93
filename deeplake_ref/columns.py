"""
Columns of a dataset: the words for their types, and values that become Arrow arrays or are refused.

    int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 bool text bytes
    array(float32, 3)      an array of fixed shape, such as an embedding; array(float32, 2, 3) has two dimensions
    list(int32)            a list of any length

These are the types of Arrow that Deep Lake also has. No column has missing values. A value that a column cannot hold
exactly is refused, but that `float32` rounds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from deeplake_ref.errors import StorageProviderMissingError

if TYPE_CHECKING:
    from collections.abc import Iterator

Schema = dict[str, str]
"""Type words by column name, in order."""

SCALARS = {
    "int8": "int8",
    "int16": "int16",
    "int32": "int32",
    "int64": "int64",
    "uint8": "uint8",
    "uint16": "uint16",
    "uint32": "uint32",
    "uint64": "uint64",
    "float32": "float32",
    "float64": "float64",
    "bool": "bool_",
    "text": "string",
    "bytes": "binary",
}
"""Words of plain types, and what Arrow calls them."""

LARGEST_ARRAY = 2**31 - 1
"""Elements of an array of fixed shape, as Arrow counts them."""

_NESTED = re.compile(r"(?P<kind>array|list)\((?P<item>[a-z0-9]+)(?P<shape>(?:, ?[1-9][0-9]{0,9})*)\)")


def arrow() -> Any:
    """Return pyarrow; raises `StorageProviderMissingError` with what installs it."""
    try:
        import pyarrow as pa
        import pyarrow.compute
        import pyarrow.parquet
    except ModuleNotFoundError:
        message = 'datasets need an extra: pip install "deeplake-conformance[datasets]"'
        raise StorageProviderMissingError(message, effect="none") from None
    assert pyarrow.compute  # noqa: S101 - callers use both through `pa`
    assert pyarrow.parquet  # noqa: S101
    return pa


def checked(schema: Any) -> Schema:
    """Return a schema in normal form, from a mapping of names to type words or from an Arrow schema.

    Raises:
        ValueError: a name or a word is none; the message names the column.
    """
    if schema is None:
        return {}
    if not isinstance(schema, Mapping) and hasattr(schema, "names") and hasattr(schema, "types"):
        if len(set(schema.names)) != len(schema.names):
            raise ValueError(f"a column is there twice: {', '.join(schema.names)}")
        schema = {name: word_of(name, kind) for name, kind in zip(schema.names, schema.types, strict=True)}
    if not isinstance(schema, Mapping):
        raise ValueError(f"a schema is a mapping of column names to type words: {type(schema).__name__}")
    found = {}
    for name, word in schema.items():
        if not isinstance(name, str) or not name or not _is_encodable(name):
            raise ValueError(f"a column name is a text that is not empty: {name!r}")
        item, shape, is_list = _parts(name, word)
        dimensions = "".join(f", {length}" for length in shape)
        found[name] = f"list({item})" if is_list else f"array({item}{dimensions})" if shape else item
    return found


def _is_encodable(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _parts(name: str, word: object) -> tuple[str, tuple[int, ...], bool]:
    """Return the plain type of a word, its shape, and whether it is a list."""
    if isinstance(word, str) and word in SCALARS:
        return word, (), False
    match = _NESTED.fullmatch(word) if isinstance(word, str) else None
    if match is None or match["item"] not in SCALARS or (match["kind"] == "list") is bool(match["shape"]):
        known = ", ".join([*SCALARS, "array(TYPE, LENGTH, ...)", "list(TYPE)"])
        raise ValueError(f"column {name!r} has an unknown type {word!r}; known: {known}")
    shape = tuple(int(length) for length in match["shape"].replace(" ", "").split(",") if length)
    elements = 1
    for length in shape:
        elements *= length
    if elements > LARGEST_ARRAY:
        raise ValueError(f"column {name!r} has arrays of more than {LARGEST_ARRAY} elements: {word!r}")
    return match["item"], shape, match["kind"] == "list"


def arrow_schema(schema: Schema) -> Any:
    """Return the Arrow schema of a schema in normal form."""
    pa = arrow()
    return pa.schema([pa.field(name, _arrow_type(name, word), nullable=False) for name, word in schema.items()])


def _arrow_type(name: str, word: str) -> Any:
    pa = arrow()
    item, shape, is_list = _parts(name, word)
    kind = getattr(pa, SCALARS[item])()
    for length in reversed(shape):
        kind = pa.list_(kind, length)
    return pa.list_(kind) if is_list else kind


def word_of(name: str, kind: Any) -> str:
    """Return the word of an Arrow type; raises `ValueError` if there is none."""
    pa = arrow()
    is_list, shape = False, []
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        is_list, kind = True, kind.value_type
    while not is_list and pa.types.is_fixed_size_list(kind):
        shape.append(kind.list_size)
        kind = kind.value_type
    for word, attribute in SCALARS.items():
        if kind in (getattr(pa, attribute)(), {"text": pa.large_string(), "bytes": pa.large_binary()}.get(word)):
            if is_list:
                return f"list({word})"
            return f"array({word}{''.join(f', {length}' for length in shape)})" if shape else word
    raise ValueError(f"column {name!r} has a type that datasets do not have: {kind}")


def table(schema: Schema, batch: Any) -> Any:
    """Return a batch as an Arrow table of exactly this schema.

    Args:
        schema: in normal form.
        batch: a mapping of column names to values (sequences, numpy or Arrow arrays), or an Arrow table.

    Raises:
        ValueError: a column is missing or unknown, columns have different lengths, or a value does not fit its column;
            the message names the column, what was expected and what was found.
    """
    pa = arrow()
    if isinstance(batch, pa.Table | pa.RecordBatch):
        names = batch.schema.names
        if len(set(names)) != len(names):
            raise ValueError(f"append: a column is there twice: {', '.join(names)}")
        batch = {name: batch.column(name) for name in names}
    if not isinstance(batch, Mapping):
        raise ValueError(f"append: expected a mapping of columns to values, found {type(batch).__name__}")
    for name in batch:
        if name not in schema:
            raise ValueError(f"append: column {name!r} is unknown, expected {_listed(schema)}, found {name!r}")
    target = arrow_schema(schema)
    arrays = []
    for name, word in schema.items():
        if name not in batch:
            raise ValueError(f"append: column {name!r} is missing, expected {word}, found {_listed(batch)}")
        arrays.append(_column(name, word, batch[name], target.field(name).type))
    for name, array in zip(schema, arrays, strict=True):
        if len(array) != len(arrays[0]):
            first = next(iter(schema))
            raise ValueError(
                f"append: column {name!r} has another length, expected {len(arrays[0])} rows as in {first!r}, "
                f"found {len(array)}"
            )
    made = pa.table(arrays, schema=target)
    # lists were copied into Arrow; the buffers of arrays are the caller's, who may change them before the commit
    return made if all(isinstance(values, list | tuple) for values in batch.values()) else _copied(made)


def _copied(table: Any) -> Any:
    pa = arrow()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return pa.ipc.open_stream(sink.getvalue()).read_all()


def _listed(names: Any) -> str:
    return ", ".join(repr(name) for name in names) or "no column"


def _column(name: str, word: str, values: Any, kind: Any) -> Any:
    pa = arrow()
    try:
        array = _as_array(values)
        if not _fits(array.type, kind):
            raise ValueError(f"append: column {name!r} expects {word}, found {array.type}")
        if _has_null(array):
            raise ValueError(f"append: column {name!r} expects {word}, found a missing value")
        if "float32" in word:
            return _rounded(array, kind)
        return array.cast(kind)
    except OverflowError:
        # what Arrow guesses for whole numbers ends at 2**63
        if all(type(value) is int for value in _leaves(values)):
            try:
                return pa.array(values, kind)
            except (pa.ArrowException, OverflowError) as error:
                raise _refused(name, word, error) from None
        raise ValueError(f"append: column {name!r} expects {word}, found a number that is too large") from None
    except (pa.ArrowException, TypeError, UnicodeEncodeError) as error:
        raise _refused(name, word, error) from None


def _rounded(array: Any, kind: Any) -> Any:
    """Cast to float32, which rounds; what would become infinite is refused."""
    pa = arrow()
    rounded = array.cast(kind, safe=False)
    flat, found = array, rounded
    while _is_list(flat.type):
        flat, found = flat.flatten(), found.flatten()
    if pa.types.is_floating(flat.type):
        was, became = pa.compute.is_inf(flat), pa.compute.is_inf(found)
        if pa.compute.any(pa.compute.not_equal(was, became)).as_py():
            raise OverflowError
    return rounded


def _refused(name: str, word: str, error: Exception) -> ValueError:
    return ValueError(f"append: column {name!r} expects {word}, found something else: {error}")


def _as_array(values: Any) -> Any:
    """Return values as an Arrow array of the type that they have by themselves."""
    pa = arrow()
    if isinstance(values, pa.ChunkedArray):
        return values.combine_chunks() if values.num_chunks != 1 else values.chunk(0)
    if isinstance(values, pa.Array):
        return values
    shape = getattr(values, "shape", ())
    if len(shape) > 1:
        # an array of several dimensions becomes nested arrays without a copy
        array = pa.array(values.reshape(-1))
        for length in reversed(shape[1:]):
            array = pa.FixedSizeListArray.from_arrays(array, length)
        return array
    if isinstance(values, str | bytes | Mapping) or not hasattr(values, "__len__"):
        raise TypeError(f"a {type(values).__name__} is no column of values")
    return pa.array(values)


def _fits(found: Any, wanted: Any) -> bool:
    """Whether values of one Arrow type may go into a column of another, if they fit one by one."""
    types = arrow().types
    if types.is_null(found):
        return True  # nothing is in it, or nulls, which are refused later
    if _is_list(wanted):
        return _is_list(found) and _fits(found.value_type, wanted.value_type)
    if types.is_integer(wanted):
        return bool(types.is_integer(found))
    if types.is_floating(wanted):
        return bool(types.is_integer(found) or types.is_floating(found))
    if types.is_boolean(wanted):
        return bool(types.is_boolean(found))
    if types.is_string(wanted):
        return bool(types.is_string(found) or types.is_large_string(found))
    return bool(types.is_binary(found) or types.is_large_binary(found) or types.is_fixed_size_binary(found))


def _is_list(kind: Any) -> bool:
    types = arrow().types
    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def _has_null(array: Any) -> bool:
    return bool(array.null_count) or (_is_list(array.type) and _has_null(array.flatten()))


def _leaves(values: Any) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list | tuple):
            yield from _leaves(value)
        else:
            yield value
