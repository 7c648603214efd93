"""
Mutants of datasets as things at paths: making, opening, finding and deleting them.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from deeplake_ref import columns, commit_log, datasets
from deeplake_ref.errors import DatasetNotFoundError, StorageError
from tests.mutants.faults.datasets_commits import created
from tests.mutants.registry import Replacements, mutant, replaced

# ---- create, open, exists


@mutant(kills="DATA-1")
def a_float32_column_becomes_float64(_target: Any) -> Replacements:
    """Makes a column of float64 where float32 was asked for."""
    right = columns.checked

    def checked(schema: Any) -> columns.Schema:
        return {name: word.replace("float32", "float64") for name, word in right(schema).items()}

    return replaced(columns, checked=checked)


@mutant(kills="DATA-2")
def create_starts_again(_target: Any) -> Replacements:
    """Writes the creation over an existing one."""

    def create(writer: Any, schema: Any, files: Any = (), message: str = "created") -> commit_log.Commit:
        writer.remove_directory(commit_log.FOLDER)
        entry = created(schema, files, message)
        writer.set(commit_log.key_of(0), entry.dumped())
        return entry

    return replaced(commit_log, create=create)


@mutant("F155", kills="DATA-3", origin="delta-io/delta-rs@4847b5094 earth-mover/icechunk#659")
def other_objects_are_an_empty_dataset(_target: Any) -> Replacements:
    """Opens an empty dataset where anything lies below the path."""
    right = commit_log.read

    def read(reader: Any, version: int | None = None) -> commit_log.Commit:
        try:
            return right(reader, version)
        except DatasetNotFoundError:
            if reader.list():
                return created({}, ())
            raise

    return replaced(commit_log, read=read)


@mutant("F155", kills="DATA-4", origin="delta-io/delta-rs@4847b5094 earth-mover/icechunk#659")
def anything_is_a_dataset(_target: Any) -> Replacements:
    """Says that a dataset exists where anything lies below the path."""

    def exists(reader: Any, version: int = 0) -> bool:
        return bool(reader.list())

    return replaced(commit_log, exists=exists)


@mutant("F022", kills="DATA-4", places=("moto",), origin="thanos-io/objstore#196 juicedata/juicefs#5987")
def a_dataset_that_cannot_be_asked_for_does_not_exist(target: Any) -> Replacements:
    """Says that there is no dataset where it could not ask."""
    right = target.exists

    def exists(*arguments: Any, **keywords: Any) -> bool:
        try:
            return bool(right(*arguments, **keywords))
        except StorageError:
            return False

    return replaced(target, exists=exists)


@mutant("F157", kills="DATA-23")
def reading_leaves_a_marker(target: Any) -> Replacements:
    """Writes a marker when a dataset is opened for reading."""
    right = target.open_read_only

    def open_read_only(url: str, creds: Any = None, token: str | None = None) -> Any:
        with target.Writer(url, creds, token) as writer:
            writer.set("_readers/last", b"me")
        return right(url, creds, token)

    return replaced(target, open_read_only=open_read_only)


@mutant(kills="DATA-24")
def read_only_is_a_word(target: Any) -> Replacements:
    """Opens for writing where reading only was asked for."""
    return replaced(target, open_read_only=target.open)


@mutant(kills="DATA-30")
def versions_are_dropped(_target: Any) -> Replacements:
    """Drops the version of a path and opens the newest one."""
    right = datasets._version_of

    def version_of(url: str) -> tuple[str, int | None]:
        return right(url)[0], None

    return replaced(datasets, _version_of=version_of)


@mutant(kills="DATA-31", places=("moto",))
def opening_reads_every_version(_target: Any) -> Replacements:
    """Reads every object of the log to open the newest."""
    right = commit_log.read

    def read(reader: Any, version: int | None = None) -> commit_log.Commit:
        for number in commit_log.versions(reader):
            commit_log.read_one(reader, number)
        return right(reader, version)

    return replaced(commit_log, read=read)


_newest: dict[str, commit_log.Commit] = {}


@mutant("F154", kills="DATA-15", origin="earth-mover/icechunk#1787 delta-io/delta-rs#3659")
def the_newest_version_is_remembered(_target: Any) -> Replacements:
    """Remembers the newest version of a path that was opened in this process."""
    right = commit_log.read

    def read(reader: Any, version: int | None = None) -> commit_log.Commit:
        if version is not None:
            return right(reader, version)
        return _newest.setdefault(reader.path, right(reader))

    return replaced(commit_log, read=read)


_read_once: dict[tuple[str, int], commit_log.Commit] = {}


@mutant("F089", kills="DATA-5", origin="lancedb/lance#3881")
def versions_are_cached_by_number(_target: Any) -> Replacements:
    """Caches versions by path and number, so that a dataset made anew shows the old one."""
    right = commit_log.read_one

    def read_one(reader: Any, version: int) -> commit_log.Commit:
        return _read_once.setdefault((reader.path, version), right(reader, version))

    return replaced(commit_log, read_one=read_one)


# ---- delete


@mutant(kills="DATA-5")
def delete_leaves_the_data(target: Any) -> Replacements:
    """Removes the log of a dataset, and not its data."""

    def delete(url: str, creds: Any = None, token: str | None = None) -> None:
        with target.Writer(url, creds, token) as writer:
            commit_log.read(writer.get_reader())
            writer.remove_directory(commit_log.FOLDER)

    return replaced(target, delete=delete)


@mutant(kills="DATA-6")
def delete_takes_all_below(target: Any) -> Replacements:
    """Removes everything below the path of a dataset."""
    right = target.delete

    def delete(url: str, creds: Any = None, token: str | None = None) -> None:
        right(url, creds, token)
        with target.Writer(url, creds, token) as writer:
            writer.remove_directory("")

    return replaced(target, delete=delete)


@mutant(kills="DATA-7")
def deleting_nothing_is_fine(target: Any) -> Replacements:
    """Returns where there is no dataset to delete."""
    right = target.delete

    def delete(*arguments: Any, **keywords: Any) -> None:
        try:
            right(*arguments, **keywords)
        except DatasetNotFoundError:
            return

    return replaced(target, delete=delete)


# ---- beside each other


@mutant(kills="DATA-28")
def logs_below_are_ones_own(_target: Any) -> Replacements:
    """Takes the log of a dataset below for its own."""

    def versions(reader: Any) -> list[int]:
        names = (re.search(r"_log/(\d{20})\.json$", meta.path) for meta in reader.list())
        return [int(match[1]) for match in names if match is not None]

    return replaced(commit_log, versions=versions)


@mutant(
    "F005",
    kills="DATA-29",
    origin="delta-io/delta-rs#3976 delta-io/delta-rs#4624 google/go-cloud#3403 apache/arrow-rs#2354",
)
def copy_encodes_its_destination(target: Any) -> Replacements:
    """Percent-encodes the destination of a copy, and nothing else."""
    right = target.copy

    def copy(src: str, dst: str, *arguments: Any, **keywords: Any) -> None:
        prefix, _, rest = dst.partition("://")
        right(src, f"{prefix}://{quote(rest)}", *arguments, **keywords)

    return replaced(target, copy=copy)
