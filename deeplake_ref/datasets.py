"""
Datasets at paths: make, open, find, remove and copy them, on every prefix.

    <dataset>/_log/<version>.json      one per commit, written only if it does not exist: `commit_log`
    <dataset>/_data/<random>.parquet   rows: `parquet`

A reader opens the newest commit and sees nothing else, so that a commit is there wholly or not at all. Writers that lose the
race for a version add their data to the winner's: appends never conflict. What lies beside the two folders, a nested
dataset for one, is not touched. Out of scope: queries, indexes, branches, and the format of the deeplake client itself.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Concatenate, ParamSpec, TypeVar

from deeplake_ref import columns, commit_log, organisations, parquet, urls
from deeplake_ref.credentials.activeloop_plane import is_unknown_name
from deeplake_ref.dataset import Dataset
from deeplake_ref.errors import (
    DatasetExistsError,
    DatasetNotFoundError,
    InvalidURIError,
    StorageError,
)
from deeplake_ref.storage import Reader, Writer
from deeplake_ref.stores import THREADS

Creds = Mapping[str, Any] | str | None

P = ParamSpec("P")
T = TypeVar("T")
H = TypeVar("H", Reader, Writer)

FINDING = ("open", "open_read_only", "delete", "copy", "like")
"""Functions to which a dataset that the control plane does not know is a missing dataset."""


def _verb(function: Callable[Concatenate[str, P], T]) -> Callable[Concatenate[str, P], T]:
    """Make a function's errors complete: whoever raises, the caller learns which function failed on which prefix."""

    @functools.wraps(function)
    def told(url: str, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(url, *args, **kwargs)
        except StorageError as error:
            prefix = urls.PREFIXES.get(str(url).partition("://")[0], "file")
            error.complete(function.__name__, prefix, "none")
            if is_unknown_name(error) and function.__name__ in FINDING:
                raise error.told_as(DatasetNotFoundError, error.message) from error.__cause__
            raise

    return told


@_verb
def create(url: str, creds: Creds = None, token: str | None = None, schema: Any = None) -> Dataset:
    """Make a dataset, and return it open for writing.

    Args:
        url: a path with one of the prefixes.
        creds: as for `storage.Writer`.
        token: a Deep Lake user token; only `al://` looks at it.
        schema: column names to type words (`columns`), or an Arrow schema.

    Raises:
        DatasetExistsError: there is one already, or somebody else was faster; it is left as it is.
        ValueError: the schema has a type that there is none of.
    """
    checked = columns.checked(schema)
    with _closed_if_it_fails(_writer(url, creds, token)) as writer:
        head = commit_log.create(writer, checked)
        organisations.created(writer)
        return Dataset(writer.get_reader(), head, writer)


@_verb
def open(url: str, creds: Creds = None, token: str | None = None) -> Dataset:  # noqa: A001 - deeplake's name
    """Open the newest version for reading and appending.

    Raises:
        DatasetNotFoundError: there is no dataset; denied and unreachable are errors of their own.
        StorageInternalError: its log is damaged.
    """
    with _closed_if_it_fails(_writer(url, creds, token)) as writer:
        reader = writer.get_reader()
        return Dataset(reader, commit_log.read(reader), writer)


@_verb
def open_read_only(url: str, creds: Creds = None, token: str | None = None) -> Dataset:
    """Open a version for reading, the newest one, or version n of `name@n`; nothing is ever written."""
    where, version = _version_of(url)
    with _closed_if_it_fails(Reader(where, creds, token)) as reader:
        return Dataset(reader, commit_log.read(reader, version))


@_verb
def exists(url: str, creds: Creds = None, token: str | None = None) -> bool:
    """Whether there is a dataset; what cannot be found out is an error, and never False."""
    where, version = _version_of(url)
    with Reader(where, creds, token) as reader:
        try:
            return commit_log.exists(reader, version or 0)
        except StorageError as error:
            if is_unknown_name(error):
                return False
            raise


@_verb
def delete(url: str, creds: Creds = None, token: str | None = None) -> None:
    """Remove a dataset, and nothing beside it.

    From the newest version back to the oldest, then the data, then the oldest version: a removal that was cut off leaves a
    dataset that opens at an older version, or whose data are missing, and can be repeated.

    Raises:
        DatasetNotFoundError: there is none.
    """
    with _writer(url, creds, token) as writer:
        found = commit_log.versions(writer.get_reader())
        if not found:
            raise DatasetNotFoundError(f"no dataset at {writer.path}", effect="none")
        organisations.check_removal(writer)
        creation, *later = found
        for version in reversed(later):
            writer.remove(commit_log.key_of(version))
        writer.remove_directory(parquet.FOLDER)
        writer.remove(commit_log.key_of(creation))
        organisations.removed(writer)


@_verb
def copy(src: str, dst: str, src_creds: Creds = None, dst_creds: Creds = None, token: str | None = None) -> None:
    """Copy the newest version of a dataset; each side has its own credentials, and the copy its own history.

    The log of the copy is written last, so that a copy that was cut off is no dataset.

    Raises:
        DatasetNotFoundError: there is no source.
        DatasetExistsError: there is a dataset at the destination, such as the source itself.
    """
    with open_read_only(src, src_creds, token) as source, _writer(dst, dst_creds, token) as writer:
        if commit_log.exists(writer.get_reader()):
            raise DatasetExistsError(f"a dataset exists already at {writer.path}", effect="none")
        head, reader = source.head, source.reader
        # names of its own: of two copies to one place the one that loses removes its objects, and only those
        files = [replace(file, path=parquet.new_path()) for file in head.files]

        def transfer(file: commit_log.DataFile, copied: commit_log.DataFile) -> None:
            content = reader.get(file.path)
            if len(content) != file.bytes:
                raise commit_log.damaged(reader.path, f"{file.path} has {len(content)} bytes, {file.bytes} are logged")
            writer.set(copied.path, content)

        publishing = False
        try:
            with ThreadPoolExecutor(THREADS) as pool:
                list(pool.map(transfer, head.files, files))
            publishing = True
            commit_log.create(writer, head.schema, files, f"copy of version {head.version} of {reader.path}")
        except BaseException as error:
            if not (publishing and isinstance(error, StorageError) and error.effect == "unknown"):
                for file in files:
                    _remove_quietly(writer, file.path)
            raise
        organisations.created(writer)


def _remove_quietly(writer: Writer, path: str) -> None:
    try:
        writer.remove(path)
    except StorageError:
        return  # the failure that led here is told, not this one


@contextmanager
def _closed_if_it_fails(handle: H) -> Iterator[H]:
    """Give back what a handle holds if nobody gets it."""
    try:
        yield handle
    except BaseException:
        handle.close()
        raise


def like(src: Dataset | str, dest: str, creds: Creds = None, token: str | None = None) -> Dataset:
    """Make an empty dataset with the schema of another one, given open or, at a place of the same creds, by its path."""
    if isinstance(src, Dataset):
        return create(dest, creds, token, src.schema)
    with open_read_only(src, creds, token) as source:
        return create(dest, creds, token, source.schema)


def _writer(url: str, creds: Creds, token: str | None) -> Writer:
    return Writer(str(urls.parse(url, versions="refused")), creds, token)


def _version_of(url: str) -> tuple[str, int | None]:
    """Return the path of a dataset, and the n of `name@n`."""
    parsed = urls.parse(url, versions="read")
    if parsed.version is None:
        return str(parsed), None
    if not (parsed.version.isascii() and parsed.version.isdigit()):
        raise InvalidURIError(f"a version is a number, as in `name@3`: {url!r}", effect="none")
    return str(parsed), int(parsed.version)
