"""
Data of a dataset: Parquet objects under random names, written whole, read by column.

A column is read by the footer of each object and by the ranges that its pages lie in. The log holds length and checksum of
every footer, and every footer names its own object, so that none passes for another; pages have checksums of their own.
"""

from __future__ import annotations

import io
import secrets
import zlib
from typing import TYPE_CHECKING, Any, NoReturn

from deeplake_ref.columns import Schema, arrow, arrow_schema
from deeplake_ref.commit_log import DataFile
from deeplake_ref.errors import StorageError, StorageInternalError, redacted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deeplake_ref.storage import Reader, Writer
    from deeplake_ref.stores import Buffer

FOLDER = "_data"

ROW_GROUP = 64 * 1024
"""Rows that can be read without those around them."""

MAGIC = b"PAR1"
TAIL = 8
"""Bytes after the footer: its length, and the magic word (Parquet format, "File Format")."""


def write(writer: Writer, table: Any) -> DataFile:
    """Write a table that is not empty as a new object."""
    path = new_path()
    content = memoryview(serialised(table.replace_schema_metadata({"object": path})))
    footer = int.from_bytes(content[-TAIL:-4], "little") + TAIL
    writer.set(path, content)
    return DataFile(path, table.num_rows, len(content), footer, zlib.crc32(content[-footer:]))


def new_path() -> str:
    """Return a name that no object has."""
    return f"{FOLDER}/{secrets.token_hex(16)}.parquet"


def serialised(table: Any) -> Any:
    """Return a table as the bytes of a Parquet file, in an Arrow buffer."""
    pa = arrow()
    # words repeat, the numbers of an embedding do not
    plain = [field.name for field in table.schema if not pa.types.is_nested(field.type)]
    sink = pa.BufferOutputStream()
    pa.parquet.write_table(
        table,
        sink,
        compression="zstd",
        use_dictionary=plain or False,
        row_group_size=ROW_GROUP,
        write_page_checksum=True,
    )
    return sink.getvalue()


class DataReader:
    """Reads data files of one dataset, and remembers their footers."""

    def __init__(self, reader: Reader, schema: Schema) -> None:
        self._reader = reader
        self._schema = schema
        self._footers: dict[str, Any] = {}

    def whole(self, file: DataFile) -> Any:
        """Return all columns of a file as a table."""
        pa = arrow()
        content = self._reader.get(file.path)
        if len(content) != file.bytes:
            self._damaged(file, f"it has {len(content)} bytes, the log says {file.bytes}")
        try:
            self._check_footer(file, content[-file.footer :])
            table = pa.parquet.read_table(pa.BufferReader(content), page_checksum_verification=True)
        except (pa.ArrowException, OSError, ValueError) as error:
            self._damaged(file, type(error).__name__, error)
        return self._checked(file, table, list(self._schema))

    def columns(self, file: DataFile, names: list[str], start: int, stop: int) -> Iterator[Any]:
        """Yield tables with the rows `start` to `stop` of some columns, by the row groups that hold them."""
        pa = arrow()
        footer = self._footer(file)
        source = pa.PythonFile(_Ranged(self._reader, file), mode="r")
        try:
            parts = pa.parquet.ParquetFile(source, metadata=footer, pre_buffer=False, page_checksum_verification=True)
            first = 0
            for group in range(footer.num_row_groups):
                rows = footer.row_group(group).num_rows
                if first < stop and start < first + rows:
                    table = self._checked(file, parts.read_row_group(group, columns=names), names, rows)
                    yield table.slice(max(start - first, 0), min(stop, first + rows) - max(start, first))
                first += rows
        except StorageError:
            raise
        except (pa.ArrowException, OSError, ValueError) as error:
            self._damaged(file, type(error).__name__, error)

    def _footer(self, file: DataFile) -> Any:
        pa = arrow()
        if file.path not in self._footers:
            tail = bytes(self._reader.get(file.path, file.bytes - file.footer, file.bytes))
            self._check_footer(file, tail)
            try:
                self._footers[file.path] = pa.parquet.read_metadata(io.BytesIO(MAGIC + tail))
            except (pa.ArrowException, OSError, ValueError) as error:
                self._damaged(file, type(error).__name__, error)
            if self._footers[file.path].num_rows != file.rows:
                self._damaged(file, f"it has {self._footers[file.path].num_rows} rows, the log says {file.rows}")
        return self._footers[file.path]

    def _check_footer(self, file: DataFile, tail: Buffer) -> None:
        if zlib.crc32(tail) != file.crc32:
            self._damaged(file, "its footer is not the one that was written")

    def _checked(self, file: DataFile, table: Any, names: list[str], rows: int | None = None) -> Any:
        wanted = arrow_schema({name: self._schema[name] for name in names})
        if table.num_rows != (file.rows if rows is None else rows) or set(names) - set(table.column_names):
            self._damaged(file, "it does not hold what the log says")
        chosen = table.select(names)
        if [field.type for field in chosen.schema] != [field.type for field in wanted]:
            self._damaged(file, "its columns are of other types")
        return chosen.cast(wanted)

    def _damaged(self, file: DataFile, why: str, error: Exception | None = None) -> NoReturn:
        message = f"read: the data object {file.path!r} of {self._reader.path} is damaged: {why}"
        damaged = StorageInternalError(message, operation="read", code="DamagedData", effect="none")
        raise damaged from (None if error is None else redacted(error))


class _Ranged(io.RawIOBase):
    """An object as a file for Arrow: each read is one ranged `get`."""

    def __init__(self, reader: Reader, file: DataFile) -> None:
        super().__init__()
        self._reader = reader
        self._file = file
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def size(self) -> int:
        return self._file.bytes

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._file.bytes}[whence]
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int | None = -1) -> Any:
        end = self._file.bytes if size is None or size < 0 else min(self._at + size, self._file.bytes)
        piece = self._reader.get(self._file.path, self._at, end) if self._at < end else b""
        self._at += len(piece)
        return bytes(piece)
