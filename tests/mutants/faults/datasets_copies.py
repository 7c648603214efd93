"""
Mutants of copies, and of datasets that are like another one.
"""

from __future__ import annotations

from typing import Any

from deeplake_ref import commit_log, datasets
from deeplake_ref.errors import DatasetExistsError, DatasetNotFoundError, StorageError
from tests.mutants.registry import Replacements, mutant, replaced


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
