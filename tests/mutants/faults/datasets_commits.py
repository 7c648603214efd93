"""
Mutants of who creates and who commits, when there are several.
"""

from __future__ import annotations

import threading
import time
import zlib
from dataclasses import replace
from typing import Any

from deeplake_ref import columns, commit_log, parquet
from deeplake_ref.dataset import Dataset
from deeplake_ref.errors import DatasetExistsError, StorageError
from tests.mutants.registry import Replacements, mutant, replaced


def created(schema: Any, files: Any, message: str = "created") -> commit_log.Commit:
    """Return a version 0."""
    identity = commit_log.new_id()
    return commit_log.Commit(0, message, schema, tuple(files), identity, identity)


def behind(head: commit_log.Commit, files: Any, message: str, identity: str) -> commit_log.Commit:
    """Return the version after another one, with more files."""
    return replace(head, version=head.version + 1, message=message, files=head.files + tuple(files), id=identity)


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
