"""
Mutants of datasets as things at paths: making, opening, finding, copying and deleting them.
"""

from __future__ import annotations

import re
import time
import zlib
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from deeplake_ref import columns, commit_log, datasets, parquet
from deeplake_ref.dataset import Dataset
from deeplake_ref.errors import DatasetExistsError, DatasetNotFoundError, StorageError
from tests.mutants.registry import Replacements, mutant, replaced


def created(schema: Any, files: Any, message: str = "created") -> commit_log.Commit:
    """Return a version 0."""
    identity = commit_log.new_id()
    return commit_log.Commit(0, message, schema, tuple(files), identity, identity)


def behind(head: commit_log.Commit, files: Any, message: str, identity: str) -> commit_log.Commit:
    """Return the version after another one, with more files."""
    return replace(head, version=head.version + 1, message=message, files=head.files + tuple(files), id=identity)


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


# ---- copy, like


@mutant(kills="DATA-8")
def copy_takes_the_first_file_only(_target: Any) -> Replacements:
    """Copies the data of the first commit only, and a log that fits."""
    right = commit_log.create

    def create(writer: Any, schema: Any, files: Any = (), message: str = "created") -> commit_log.Commit:
        return right(writer, schema, tuple(files)[:1], message)

    return replaced(commit_log, create=create)


_links: dict[str, tuple[str, Any]] = {}


@mutant("F030", kills="DATA-9", origin="google/go-cloud#3727")
def a_copy_is_a_link(target: Any) -> Replacements:
    """Remembers where a copy is from instead of copying."""
    opens = {name: getattr(target, name) for name in ("open", "open_read_only", "exists")}

    def copy(src: str, dst: str, src_creds: Any = None, dst_creds: Any = None, token: str | None = None) -> None:
        _links[dst] = (src, src_creds)

    def linked(name: str) -> Any:
        def opened(url: str, creds: Any = None, token: str | None = None) -> Any:
            where, own = _links.get(url, (url, creds))
            return opens[name](where, own, token)

        return opened

    return replaced(target, copy=copy, **{name: linked(name) for name in opens})


@mutant("F100", kills="DATA-10", places=("moto",), origin="earth-mover/icechunk#1282 fsspec/gcsfs#825")
def one_side_of_a_copy_pays_for_both(target: Any) -> Replacements:
    """Uses the credentials of the source at the destination too."""
    right = target.copy

    def copy(src: str, dst: str, src_creds: Any = None, dst_creds: Any = None, token: str | None = None) -> None:
        right(src, dst, src_creds, src_creds, token)

    return replaced(target, copy=copy)


@mutant(kills="DATA-11")
def a_missing_source_is_copied(target: Any) -> Replacements:
    """Returns where there is nothing to copy."""
    right = target.copy

    def copy(*arguments: Any, **keywords: Any) -> None:
        try:
            right(*arguments, **keywords)
        except DatasetNotFoundError:
            return

    return replaced(target, copy=copy)


@mutant("F031", kills="DATA-11")
def copying_onto_itself_removes_it(target: Any) -> Replacements:
    """Makes room at the destination of a copy, also where that is the source."""
    right = target.copy

    def copy(src: str, dst: str, src_creds: Any = None, dst_creds: Any = None, token: str | None = None) -> None:
        if target.exists(dst, dst_creds, token):
            target.delete(dst, dst_creds, token)
        right(src, dst, src_creds, dst_creds, token)

    return replaced(target, copy=copy)


@mutant(kills="DATA-12")
def like_takes_the_rows_too(target: Any) -> Replacements:
    """Makes a dataset with the rows of the other one."""
    right = target.like

    def like(src: Any, dest: str, creds: Any = None, token: str | None = None) -> Any:
        made = right(src, dest, creds, token)
        made.append(src.to_arrow())
        return made

    return replaced(target, like=like)


@mutant("F158", kills="DATA-34", places=("moto",))
def a_copy_begins_with_its_log(target: Any) -> Replacements:
    """Writes the log of a copy first, and its data afterwards."""

    def copy(src: str, dst: str, src_creds: Any = None, dst_creds: Any = None, token: str | None = None) -> None:
        with datasets.open_read_only(src, src_creds, token) as source, target.Writer(dst, dst_creds, token) as writer:
            if commit_log.exists(writer.get_reader()):
                raise DatasetExistsError(f"copy: a dataset exists already at {dst}")
            commit_log.create(writer, source.head.schema, source.head.files)
            for file in source.head.files:
                writer.set(file.path, source.reader.get(file.path))

    return replaced(target, copy=copy)


# ---- creators and committers


@mutant(kills="DATA-20", places=("moto",))
def create_looks_and_then_writes(_target: Any) -> Replacements:
    """Looks whether a dataset exists, and then writes it unconditionally."""

    def create(writer: Any, schema: Any, files: Any = (), message: str = "created") -> commit_log.Commit:
        if commit_log.exists(writer.get_reader()):
            raise DatasetExistsError("create: a dataset exists already")
        entry = created(schema, files, message)
        writer.set(commit_log.key_of(0), entry.dumped())
        return entry

    return replaced(commit_log, create=create)


@mutant("F150", kills="DATA-21", places=("moto",), origin="delta-io/delta#1410")
def commit_looks_and_then_writes(_target: Any) -> Replacements:
    """Looks for the newest version, and then writes the next one unconditionally."""

    def add(writer: Any, head: commit_log.Commit, files: Any, message: str, identity: str) -> commit_log.Commit:
        head = commit_log.read(writer.get_reader())
        entry = behind(head, files, message, identity)
        writer.set(commit_log.key_of(entry.version), entry.dumped())
        return entry

    return replaced(commit_log, add=add)


@mutant("F152", kills="DATA-21", places=("moto",), origin="delta-io/delta-rs#1254")
def the_loser_forgets_the_winners_files(_target: Any) -> Replacements:
    """Takes the next version after a lost race, and does not look at what the winner wrote."""

    def add(writer: Any, head: commit_log.Commit, files: Any, message: str, identity: str) -> commit_log.Commit:
        version = head.version
        while True:
            version += 1
            entry = replace(behind(head, files, message, identity), version=version)
            if commit_log._put(writer, entry):
                return entry

    return replaced(commit_log, add=add)


@mutant("F153", kills="DATA-21", places=("moto",), origin="delta-io/delta-rs@b241bf670")
def commit_gives_up_after_one_loss(_target: Any) -> Replacements:
    """Raises where another writer was faster."""

    def add(writer: Any, head: commit_log.Commit, files: Any, message: str, identity: str) -> commit_log.Commit:
        entry = behind(head, files, message, identity)
        if not commit_log._put(writer, entry):
            raise StorageError("commit: too many attempts", effect="none")
        return entry

    return replaced(commit_log, add=add)


@mutant(kills="DATA-26", places=("moto",))
def the_log_is_written_before_the_data(_target: Any) -> Replacements:
    """Publishes a commit, and writes its data afterwards."""
    right = commit_log.add
    waiting: list[tuple[str, Any]] = []

    def write(writer: Any, table: Any) -> commit_log.DataFile:
        path = f"{parquet.FOLDER}/{len(waiting):032x}.parquet"
        content = parquet.serialised(table).to_pybytes()
        waiting.append((path, content))
        footer = int.from_bytes(content[-8:-4], "little") + 8
        return commit_log.DataFile(path, table.num_rows, len(content), footer, zlib.crc32(content[-footer:]))

    def add(writer: Any, head: commit_log.Commit, files: Any, message: str, identity: str) -> commit_log.Commit:
        entry = right(writer, head, files, message, identity)
        for path, content in waiting:
            writer.set(path, content)
        return entry

    return [*replaced(parquet, write=write), *replaced(commit_log, add=add)]


@mutant(kills="DATA-27", places=("file",))
def commit_answers_before_it_writes(_target: Any) -> Replacements:
    """Answers a commit at once, and writes it a second later in the background."""
    import threading

    right = commit_log.add
    heads: dict[str, commit_log.Commit] = {}

    def add(writer: Any, head: commit_log.Commit, files: Any, message: str, identity: str) -> commit_log.Commit:
        known = heads.get(writer.path, head)
        entry = behind(known, files, message, identity)
        heads[writer.path] = entry

        def later() -> None:
            time.sleep(1)
            right(writer, known, files, message, identity)

        threading.Thread(target=later, daemon=True).start()
        return entry

    return replaced(commit_log, add=add)


@mutant(kills="DATA-22", places=("moto",))
def a_commit_is_made_row_by_row(_target: Any) -> Replacements:
    """Writes a version for each row of a commit."""
    right = Dataset.commit

    def commit(self: Any, message: str | None = None) -> int:
        for table in columns.arrow().concat_tables(self._buffered).to_batches(1) if self._buffered else ():
            self._buffered = [columns.arrow().Table.from_batches([table])]
            right(self, message)
        return right(self, message)

    return replaced(Dataset, commit=commit)


@mutant(kills="DATA-34", places=("moto",))
def a_copy_that_loses_removes_the_winners_data(target: Any) -> Replacements:
    """Copies under the names of the source, and removes those when it loses."""

    def copy(src: str, dst: str, src_creds: Any = None, dst_creds: Any = None, token: str | None = None) -> None:
        with datasets.open_read_only(src, src_creds, token) as source, target.Writer(dst, dst_creds, token) as writer:
            if commit_log.exists(writer.get_reader()):
                raise DatasetExistsError(f"a dataset exists already at {dst}")
            try:
                for file in source.head.files:
                    writer.set(file.path, source.reader.get(file.path))
                commit_log.create(writer, source.head.schema, source.head.files)
            except StorageError:
                for file in source.head.files:
                    writer.remove(file.path)
                raise

    return replaced(target, copy=copy)
