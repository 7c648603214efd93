"""
Datasets of the miniature target: columns in a dictionary, and vices by the name of a column or of a URL's last part.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

_datasets: dict[str, Table] = {}


class DatasetExistsError(Exception):
    """There is one already."""


class LogNotexistsError(Exception):
    """What deeplake calls a dataset that is not there."""


class ColumnError(Exception):
    """A batch that does not fit."""


class Table:
    """What one dataset holds; also what it was last asked with, for tests of what arrives."""

    def __init__(self, schema: dict[str, str]) -> None:
        self.schema = schema
        self.columns: dict[str, list[Any]] = {name: [] for name in schema}
        self.commits: list[tuple[Any, str | None]] = []


class ArrowArray:
    """Shaped like an array of pyarrow."""

    def __init__(self, values: list[Any]) -> None:
        self._values = values

    def to_pylist(self) -> list[Any]:
        return list(self._values)


class ArrowTensors:
    """Shaped like an array of tensors of pyarrow, whose `to_pylist` is flat."""

    def __init__(self, values: list[Any]) -> None:
        self._values = values

    def to_numpy_ndarray(self) -> Any:
        return NumpyScalar(self._values)

    def to_pylist(self) -> list[Any]:
        return [[item for row in value for item in row] for value in self._values]


class NumpyScalar:
    """Shaped like a scalar of numpy."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def tolist(self) -> Any:
        return self._value


class Column:
    """Slices; its name says what a slice is like."""

    def __init__(self, name: str, values: list[Any]) -> None:
        self._name = name
        self._values = values

    def __getitem__(self, rows: slice) -> Any:
        values = self._values[rows]
        shapes: dict[str, Any] = {
            "as_arrow": lambda: ArrowArray(values),
            "as_tensors": lambda: ArrowTensors(values),
            "as_numpy": lambda: [NumpyScalar(value) for value in values],
            "as_buffer": lambda: [memoryview(value) for value in values],
            "as_pages": lambda: (value for value in values),
            "broken_page": lambda: _broken(values),
            "hanging_page": lambda: _hanging(),
            "not_a_list": lambda: 7,
            "a_text": lambda: "abc",
            "odd_values": lambda: [SimpleNamespace()],
            "wrong_type": lambda: [None, "seven"],
        }
        return shapes.get(self._name, lambda: values)()


class ReadOnlyDataset:
    """Reads a table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    @property
    def schema(self) -> Any:
        return 7 if "no_schema" in self._table.schema else self._table.schema

    @property
    def version(self) -> Any:
        if "no_version" in self._table.schema:
            return None
        if "broken_version" in self._table.schema:
            raise AttributeError("a mistake inside the property")
        return len(self._table.commits)

    @property
    def history(self) -> Any:
        if "no_version" in self._table.schema:
            return [SimpleNamespace(id=1)]
        return [SimpleNamespace(version=version, message=message) for version, message in self._table.commits]

    def __len__(self) -> int:
        return min(map(len, self._table.columns.values()), default=0)

    def __getitem__(self, name: str) -> Column:
        return Column(name, self._table.columns[name])

    def close(self) -> None:
        self._table = Table({})


class Dataset(ReadOnlyDataset):
    """Writes a table."""

    def append(self, batch: dict[str, list[Any]]) -> None:
        for name, values in batch.items():
            kinds = sorted({type(value).__name__ for value in values})
            if name not in self._table.columns:
                raise ColumnError(f"no column {name}: {values!r}")
            if self._table.schema[name] == "strict" or kinds == ["SimpleNamespace"]:
                raise ColumnError(f"{name} got {', '.join(kinds)}")
            self._table.columns[name] += values

    def commit(self, message: str | None = None) -> Any:
        if message == "nothing":
            return None
        self._table.commits.append((len(self._table.commits) + 1, message))
        return len(self._table.commits)


def _broken(values: list[Any]) -> Iterator[Any]:
    yield from values
    raise ColumnError("the second page is gone")


def _hanging() -> Iterator[Any]:
    threading.Event().wait()
    yield


def create(url: str, creds: Any = None, token: str | None = None, schema: dict[str, str] | None = None) -> Any:
    """Create a dataset; the creds may ask to be leaked."""
    if creds and "refuse" in creds:
        raise DatasetExistsError(f"refused with {creds['aws_secret_access_key']} and {token}")
    if url in _datasets:
        raise DatasetExistsError(url)
    _datasets[url] = Table(dict(schema or {}))
    return Dataset(_datasets[url])


def open(url: str, creds: Any = None, token: str | None = None) -> Any:  # noqa: A001 - shaped like the module
    """Open a dataset."""
    if url not in _datasets:
        raise LogNotexistsError(f"no dataset at {url}")
    return Dataset(_datasets[url])


def open_read_only(url: str, creds: Any = None, token: str | None = None) -> Any:
    """Open a dataset to read."""
    if url not in _datasets:
        raise LogNotexistsError(f"no dataset at {url}")
    return ReadOnlyDataset(_datasets[url])


def exists(url: str, creds: Any = None, token: str | None = None) -> Any:
    """Whether there is one."""
    return 1 if url.endswith("malformed") else url in _datasets


def delete(url: str, creds: Any = None, token: str | None = None) -> None:
    """Delete a dataset."""
    del _datasets[url]


def copy(src: str, dst: str, src_creds: Any = None, dst_creds: Any = None, token: str | None = None) -> None:
    """Copy a dataset; with credentials it says which it got."""
    if src_creds is not None:
        raise ColumnError(f"{src_creds['aws_secret_access_key']} to {(dst_creds or {}).get('account_key')} by {token}")
    _datasets[dst] = _datasets[src]


def like(src: Any, dest: str, creds: Any = None, token: str | None = None) -> Any:
    """Create an empty dataset with the same columns."""
    assert isinstance(src, ReadOnlyDataset)
    return create(dest, creds, token, schema=src.schema)
