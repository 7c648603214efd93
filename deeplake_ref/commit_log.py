"""
The log of a dataset: one JSON object per version, written only if that version does not exist yet.

    _log/00000000000000000003.json
    {"format": "deeplake_ref/1", "version": 3, "id": "...", "message": "...", "time": "2026-01-31T12:00:00+00:00",
     "schema": {"id": "int64"}, "dataset": "...",
     "files": [{"path": "_data/....parquet", "rows": 2, "bytes": 700, "footer": 300, "crc32": 123456}]}

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
    """One Parquet object: its `path` below the dataset, `rows`, size in `bytes`, and size and `crc32` of its `footer`."""

    path: str
    rows: int
    bytes: int
    footer: int
    crc32: int


@dataclass(frozen=True, slots=True)
class Commit:
    """One version: what the dataset holds, and who wrote it when; `dataset` is the id of its creation."""

    version: int
    message: str
    schema: Schema
    files: tuple[DataFile, ...]
    dataset: str
    id: str
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


def new_id() -> str:
    """Return the id of a commit that is about to be made."""
    return secrets.token_hex(16)


def create(writer: Writer, schema: Schema, files: Iterable[DataFile] = (), message: str = "created") -> Commit:
    """Write version 0; raises `DatasetExistsError` if there is one."""
    identity = new_id()
    entry = Commit(0, message, schema, tuple(files), identity, identity)
    if _put(writer, entry):
        return entry
    try:
        there = read_one(writer.get_reader(), 0)
    except StorageError as error:
        error.effect = "unknown"  # what is there may be ours
        raise
    if there.id == entry.id:
        return entry
    raise DatasetExistsError(f"a dataset exists already at {writer.path}; open it", effect="none")


def add(writer: Writer, head: Commit, files: Iterable[DataFile], message: str, identity: str) -> Commit:
    """Write the next version; whoever was faster goes first, and these files are added to theirs.

    Args:
        writer: of the dataset.
        head: the newest version that the caller knows.
        files: what is new.
        message: the caller's.
        identity: the same for every try of one commit, so that one whose answer was lost is not made twice.

    Raises:
        DatasetNotFoundError: the dataset was deleted, or made anew, since the caller opened it.
        StorageError: it could not be written, or with the effect `unknown` not be found out.
    """
    added, reader = tuple(files), writer.get_reader()
    _refuse_another(reader, head)
    while True:
        entry = Commit(head.version + 1, message, head.schema, head.files + added, head.dataset, identity)
        if _put(writer, entry):
            return entry
        try:
            newest = read(reader)
            found = _found(reader, entry, newest)
        except StorageError as error:
            error.effect = "unknown"  # what is there may be ours
            raise
        if found is not None:
            return found
        if newest.version < entry.version:
            raise damaged(writer.path, f"version {entry.version} is said to exist, and is not listed")
        if newest.dataset != head.dataset:
            raise _another(writer.path)
        head = newest


def _refuse_another(reader: Reader, head: Commit) -> None:
    """Refuse to write behind a version that is not there any more."""
    try:
        there = read_one(reader, head.version)
    except DatasetNotFoundError:
        raise _another(reader.path) from None
    if there.id != head.id:
        raise _another(reader.path)


def _another(where: str) -> DatasetNotFoundError:
    return DatasetNotFoundError(f"{where} was deleted or made anew since it was opened; open it again", effect="none")


def _put(writer: Writer, entry: Commit) -> bool:
    """Write a version if it does not exist; false if one does, which may be ours from a try whose answer was lost."""
    try:
        writer.set(key_of(entry.version), entry.dumped(), if_absent=True)
    except StorageKeyAlreadyExists:
        return False
    except StorageError as error:
        if error.effect != "unknown" or not _is_there(writer, entry):
            raise
    return True


def _is_there(writer: Writer, entry: Commit) -> bool:
    """Whether the version that exists is ours; false also where that cannot be found out."""
    try:
        return read_one(writer.get_reader(), entry.version).id == entry.id
    except StorageError:
        return False


def _found(reader: Reader, entry: Commit, newest: Commit) -> Commit | None:
    """Return our commit if it is there: names of data are random, so that a version with ours has them from us."""
    if not {file.path for file in entry.files[-1:]} <= {file.path for file in newest.files}:
        return None
    for version in range(entry.version, newest.version + 1):
        there = read_one(reader, version)
        if there.id == entry.id:
            return there
    return None


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
        raise DatasetNotFoundError(f"no dataset at {reader.path}; create it first", effect="none")
    if found[-1] != len(found) - 1:
        missing = next(number for number, each in enumerate(found) if number != each)
        raise damaged(reader.path, f"version {missing} is missing, {found[-1]} exists")
    if version is not None and version not in found:
        message = f"{reader.path} has no version {version}, the newest is {found[-1]}"
        raise DatasetNotFoundError(message, effect="none")
    return read_one(reader, found[-1] if version is None else version)


def read_one(reader: Reader, version: int) -> Commit:
    """Return one version that is known to exist."""
    try:
        content = bytes(reader.get(key_of(version)))
    except StorageKeyNotFound:
        raise DatasetNotFoundError(f"the dataset at {reader.path} was deleted meanwhile", effect="none") from None
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
            dataset=fields["dataset"],
            id=fields["id"],
            time=datetime.fromisoformat(fields["time"]),
        )
    except (ValueError, LookupError, TypeError, AttributeError):
        raise damaged(where, f"version {version} is not an object of this log") from None
    if commit.version != version or not all(map(_is_sound, commit.files)) or type(commit.message) is not str:
        raise damaged(where, f"version {version} contradicts itself")
    return commit


def _is_sound(file: DataFile) -> bool:
    numbers: tuple[object, ...] = (file.rows, file.bytes, file.footer, file.crc32 + 1)
    whole = all(type(number) is int and number > 0 for number in numbers)
    # a path that leads elsewhere would make a reader read what is not the dataset's
    return whole and file.footer <= file.bytes and bool(_DATA.fullmatch(file.path))


def damaged(where: str, why: str) -> StorageInternalError:
    """Return the error for a log that cannot be believed."""
    message = f"the log of {where} is damaged: {why}; nothing of it is read"
    return StorageInternalError(message, code="DamagedLog", effect="none")
