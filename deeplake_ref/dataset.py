"""
A dataset that is open: a schema, rows that are appended and committed, and reading them back.

A handle stays at its version, whatever others commit; its own commits move it on. Opening and removing: `datasets`.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from deeplake_ref import columns, commit_log, parquet
from deeplake_ref.errors import StorageError
from deeplake_ref.stores import THREADS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from deeplake_ref.columns import Schema
    from deeplake_ref.commit_log import Commit
    from deeplake_ref.storage import Reader, Writer

MOST_BUFFERED = 64 * 1024 * 1024
"""Bytes of appended rows that wait in memory for a commit; with more, they become a data object at once."""


Segments = list[tuple[int, Any]]
"""Data files and tables in memory, each with its number of rows, in order."""


def length_of(segments: Segments) -> int:
    """Return the rows of all segments."""
    return sum(rows for rows, _ in segments)


@dataclass(frozen=True, slots=True)
class Version:
    """One commit of the history."""

    version: int
    message: str
    time: datetime
    rows: int


class Dataset:
    """A dataset at one version, with the rows that this handle appended since; may be shared between threads."""

    def __init__(self, reader: Reader, head: Commit, writer: Writer | None = None) -> None:
        self.reader = reader
        self.head = head
        self._writer = writer
        self._data = parquet.DataReader(reader, head.schema)
        self._written: list[commit_log.DataFile] = []
        self._next_id = commit_log.new_id()
        self._buffered: list[Any] = []
        self._lock = threading.RLock()

    # ---- what it is

    @property
    def schema(self) -> Schema:
        """Type words by column name."""
        return dict(self.head.schema)

    @property
    def version(self) -> int:
        """The version that is open: 0 after the creation, one more with each commit."""
        return self.head.version

    @property
    def history(self) -> list[Version]:
        """Every commit up to the open version, oldest first; one request each."""
        head = self.head
        with self._told("history"), ThreadPoolExecutor(THREADS) as pool:
            entries = pool.map(lambda number: commit_log.read_one(self.reader, number), range(head.version))
            return [Version(each.version, each.message, each.time, each.rows) for each in [*entries, head]]

    def __len__(self) -> int:
        return length_of(self.segments())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.reader.path!r}, version {self.version}, {len(self)} rows)"

    # ---- writing

    def append(self, batch: Any) -> None:
        """Add rows: a mapping of columns to values, or an Arrow table. Others see them after the next commit.

        Raises:
            ValueError: a column is missing, unknown, of another length or type; nothing was added.
        """
        with self._told("append"), self._lock:
            self._check_writable("append")
            table = columns.table(self.head.schema, batch)
            if table.num_rows:
                self._buffered.append(table)
            if sum(each.nbytes for each in self._buffered) > MOST_BUFFERED:
                try:
                    self._flush()
                except BaseException:
                    self._buffered.pop()  # who is told that an append failed makes it again
                    raise

    def commit(self, message: str | None = None) -> int:
        """Make the appended rows durable and visible, all at once; return the version.

        Without such rows nothing is written. After a failure the rows are still there, and `commit` may be called again: it
        finds out whether the one before came through.
        """
        if not isinstance(message, str | None):
            raise ValueError(f"commit: a message is a text: {type(message).__name__}")
        with self._told("commit"), self._lock:
            writer = self._check_writable("commit")
            self._flush()
            if self._written:
                self.head = commit_log.add(writer, self.head, self._written, message or "", self._next_id)
                self._written = []
                self._next_id = commit_log.new_id()
            return self.head.version

    def _flush(self) -> None:
        """Write the rows in memory as one data object; it is nothing before a commit names it."""
        if self._buffered:
            writer = self._check_writable("append")
            self._written.append(parquet.write(writer, columns.arrow().concat_tables(self._buffered)))
            self._buffered = []

    def _check_writable(self, verb: str) -> Writer:
        if self._writer is None:
            raise StorageError(
                f"{verb}: the dataset is open for reading only; use `open`", operation=verb, effect="none"
            )
        return self._writer

    @contextmanager
    def _told(self, verb: str) -> Iterator[None]:
        """Name the verb in errors of the requests that it makes."""
        try:
            yield
        except StorageError as error:
            error.complete(verb, self.reader.prefix, "none")
            raise

    # ---- reading

    def segments(self) -> Segments:
        """Return what holds the rows, in order: data files and tables in memory, each with its number of rows."""
        with self._lock:
            files = [*self.head.files, *self._written]
            return [*((file.rows, file) for file in files), *((table.num_rows, table) for table in self._buffered)]

    def rows(self, segments: Segments, names: list[str], start: int, stop: int) -> Any:
        """Return the rows `start` to `stop` of some columns as a table; only what holds them is read.

        Args:
            segments: of one moment, since a commit may put the rows of others before those of this handle.
            names: of columns.
            start: the first row.
            stop: the row after the last one.
        """
        tables = []
        first = 0
        with self._told("read"):
            for count, held in segments:
                low, high = max(start - first, 0), min(stop - first, count)
                first += count
                if low >= high:
                    continue
                if not isinstance(held, commit_log.DataFile):
                    tables.append(held.select(names).slice(low, high - low))
                elif (low, high) == (0, count) and names == list(self.head.schema):
                    tables.append(self._data.whole(held))
                else:
                    tables += self._data.columns(held, names, low, high)
        if not tables:
            return columns.arrow_schema({name: self.head.schema[name] for name in names}).empty_table()
        return columns.arrow().concat_tables(tables)

    def to_arrow(self) -> Any:
        """Return everything as an Arrow table."""
        segments = self.segments()
        return self.rows(segments, list(self.head.schema), 0, length_of(segments))

    def batches(self, rows: int = parquet.ROW_GROUP) -> Iterator[Any]:
        """Yield everything, as it is when the first one is asked for, as Arrow tables of at most so many rows."""
        if rows < 1:
            raise ValueError(f"a batch has at least one row: {rows}")
        segments = self.segments()
        length = length_of(segments)
        for start in range(0, length, rows):
            yield self.rows(segments, list(self.head.schema), start, min(start + rows, length))

    def __getitem__(self, key: str | int | slice) -> Any:
        """Return a column by name, a row (a dictionary) by number, or a table by slice."""
        if isinstance(key, str):
            if key not in self.head.schema:
                raise KeyError(f"no column {key!r}; there are {', '.join(map(repr, self.head.schema)) or 'none'}")
            return Column(self, key)
        names, segments = list(self.head.schema), self.segments()
        if isinstance(key, slice):
            return _sliced(lambda start, stop: self.rows(segments, names, start, stop), key, length_of(segments))
        at = _position(key, length_of(segments))
        return self.rows(segments, names, at, at + 1).to_pylist()[0]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for table in self.batches():
            yield from table.to_pylist()

    # ---- the end

    def close(self) -> None:
        """Give back connections; rows that were not committed are gone."""
        self.reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


class Column:
    """One column: `column[3]` is a value, `column[2:5]` an Arrow array; only its own bytes are read."""

    def __init__(self, dataset: Dataset, name: str) -> None:
        self._dataset = dataset
        self.name = name

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, key: int | slice) -> Any:
        segments = self._dataset.segments()
        length = length_of(segments)

        def values(start: int, stop: int) -> Any:
            return self._dataset.rows(segments, [self.name], start, stop).column(0)

        if isinstance(key, slice):
            return _sliced(values, key, length)
        at = _position(key, length)
        return values(at, at + 1)[0].as_py()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {self._dataset.schema[self.name]}, {len(self)} rows)"


def _position(key: int, length: int) -> int:
    at = key + length if key < 0 else key
    if not 0 <= at < length:
        raise IndexError(f"row {key} of {length}")
    return at


def _sliced(read: Callable[[int, int], Any], key: slice, length: int) -> Any:
    start, stop, step = key.indices(length)
    if step == 1:
        return read(start, max(start, stop))
    wanted = range(start, stop, step)
    if not wanted:
        return read(0, 0)
    low, high = min(wanted[0], wanted[-1]), max(wanted[0], wanted[-1])
    return read(low, high + 1).take([number - low for number in wanted])
