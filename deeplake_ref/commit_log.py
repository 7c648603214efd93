"""
The log of a dataset: one JSON object per version, written only if that version does not exist yet.

    _log/00000000000000000003.json
    {"format": "deeplake_ref/1", "version": 3, "id": "...", "message": "...", "time": "2026-01-31T12:00:00+00:00",
     "schema": {"id": "int64"}, "files": [{"path": "_data/....parquet", "rows": 2, "bytes": 700, "footer": 300}]}

The object is the commit: it names all data of its version, so that the newest one alone says what a dataset holds. Version 0
is the creation. Versions are dense; a log with a gap, or with an object that breaks this form, is damaged and is not read.

A writer whose answer was lost finds its own `id` in the log, and takes that for success.
"""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from deeplake_ref import columns
from deeplake_ref.errors import (
    DatasetExistsError,
    DatasetNotFoundError,
    StorageError,
    StorageInternalError,
    StorageKeyAlreadyExists,
    StorageKeyNotFound,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deeplake_ref.columns import Schema
    from deeplake_ref.storage import Reader, Writer

FORMAT = "deeplake_ref/1"
FOLDER = "_log"

_NAME = re.compile(r"_log/(\d{20})\.json")
_DATA = re.compile(r"_data/[0-9a-f]{32}\.parquet")


@dataclass(frozen=True, slots=True)
class DataFile:
    """One Parquet object: its `path` below the dataset, `rows`, size in `bytes`, and bytes of its `footer`."""

    path: str
    rows: int
    bytes: int
    footer: int


@dataclass(frozen=True, slots=True)
class Commit:
    """One version: what the dataset holds, and who wrote it when."""

    version: int
    message: str
    schema: Schema
    files: tuple[DataFile, ...] = ()
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    time: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    @property
    def rows(self) -> int:
        """Rows of all data files."""
        return sum(file.rows for file in self.files)

    def dumped(self) -> bytes:
        """Return the object of the log."""
        fields = {"format": FORMAT, **asdict(self), "time": self.time.isoformat()}
        return json.dumps(fields, ensure_ascii=False).encode()


def key_of(version: int) -> str:
    """Return the key of a version."""
    return f"{FOLDER}/{version:020}.json"


def create(writer: Writer, schema: Schema, files: Iterable[DataFile] = (), message: str = "created") -> Commit:
    """Write version 0; raises `DatasetExistsError` if there is one."""
    entry = Commit(0, message, schema, tuple(files))
    if not _put(writer, entry):
        raise DatasetExistsError(f"create: a dataset exists already at {writer.path}; open it", effect="none")
    return entry


def add(writer: Writer, head: Commit, files: Iterable[DataFile], message: str) -> Commit:
    """Write the next version; whoever was faster goes first, and these files are added to theirs."""
    added = tuple(files)
    while True:
        entry = Commit(head.version + 1, message, head.schema, head.files + added)
        if _put(writer, entry):
            return entry
        newest = read(writer.get_reader())
        if newest.version < entry.version:
            raise damaged(writer.path, f"version {entry.version} is said to exist, and is not listed")
        if newest.schema != head.schema:
            message = f"commit: {writer.path} was made anew with another schema; open it again"
            raise DatasetNotFoundError(message, operation="commit", effect="none")
        head = newest


def _put(writer: Writer, entry: Commit) -> bool:
    """Write a version if it does not exist; false if somebody else's does."""
    key = key_of(entry.version)
    try:
        writer.set(key, entry.dumped(), if_absent=True)
    except StorageKeyAlreadyExists:
        # the answer to an earlier attempt of ours may have been lost
        return _is_ours(writer.get_reader(), entry)
    except StorageError as error:
        if error.effect != "unknown" or not _is_ours(writer.get_reader(), entry):
            raise
    return True


def _is_ours(reader: Reader, entry: Commit) -> bool:
    try:
        return bool(json.loads(bytes(reader.get(key_of(entry.version))))["id"] == entry.id)
    except (StorageError, ValueError, LookupError, TypeError):
        return False


def exists(reader: Reader, version: int = 0) -> bool:
    """Whether a version exists; one request."""
    return reader.length(key_of(version)) >= 0


def versions(reader: Reader) -> list[int]:
    """Return the versions in the log, oldest first; one request per thousand of them."""
    names = (_NAME.fullmatch(meta.path) for meta in reader.list(FOLDER))
    return [int(match[1]) for match in names if match is not None]


def read(reader: Reader, version: int | None = None) -> Commit:
    """Return a version, the newest one by default.

    Raises:
        DatasetNotFoundError: there is no dataset, or it has no such version.
        StorageInternalError: the log is damaged, or not ours.
    """
    found = versions(reader)
    if not found:
        raise DatasetNotFoundError(f"open: no dataset at {reader.path}; create it first", effect="none")
    if found[-1] != len(found) - 1:
        missing = next(number for number, each in enumerate(found) if number != each)
        raise damaged(reader.path, f"version {missing} is missing, {found[-1]} exists")
    if version is not None and version not in found:
        message = f"open: {reader.path} has no version {version}, the newest is {found[-1]}"
        raise DatasetNotFoundError(message, effect="none")
    return read_one(reader, found[-1] if version is None else version)


def read_one(reader: Reader, version: int) -> Commit:
    """Return one version that is known to exist."""
    try:
        content = bytes(reader.get(key_of(version)))
    except StorageKeyNotFound:
        raise DatasetNotFoundError(f"open: the dataset at {reader.path} was deleted meanwhile", effect="none") from None
    return _parsed(content, version, reader.path)


def _parsed(content: bytes, version: int, where: str) -> Commit:
    try:
        fields = json.loads(content)
        if fields["format"] != FORMAT:
            raise damaged(where, f"version {version} is in the format {fields['format']!r}, this reads {FORMAT!r}")
        commit = Commit(
            version=fields["version"],
            message=fields["message"],
            schema=columns.checked(fields["schema"]),
            files=tuple(DataFile(**file) for file in fields["files"]),
            id=fields["id"],
            time=datetime.fromisoformat(fields["time"]),
        )
    except (ValueError, LookupError, TypeError, AttributeError):
        raise damaged(where, f"version {version} is not an object of this log") from None
    if commit.version != version or not all(map(_is_sound, commit.files)) or type(commit.message) is not str:
        raise damaged(where, f"version {version} contradicts itself")
    return commit


def _is_sound(file: DataFile) -> bool:
    numbers: tuple[object, ...] = (file.rows, file.bytes, file.footer)
    whole = all(type(number) is int and number > 0 for number in numbers)
    # a path that leads elsewhere would make a reader read what is not the dataset's
    return whole and file.footer <= file.bytes and bool(_DATA.fullmatch(file.path))


def damaged(where: str, why: str) -> StorageInternalError:
    """Return the error for a log that cannot be believed."""
    message = f"open: the log of {where} is damaged: {why}; nothing of it is read"
    return StorageInternalError(message, code="DamagedLog", effect="none")
