"""
Mutants of listings: whose root is listed, what stands in it, what it costs, and what it makes of changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deeplake_ref.errors import StorageInternalError
from deeplake_ref.stores import ResourceMeta, local, memory
from deeplake_ref.stores.local import LocalStore
from deeplake_ref.stores.memory import PAGE, MemoryStore
from deeplake_ref.stores.s3 import S3Store
from tests.mutants.registry import Replacements, mutant, replaced

if TYPE_CHECKING:
    from collections.abc import Iterator

# ---- what is in a listing


@mutant(kills="LIST-5")
def a_root_shows_what_begins_alike(_target: Any) -> Replacements:
    """Lists the root of a handle by its name without the slash."""
    right = MemoryStore._below

    def below(self: Any, directory: str) -> list[ResourceMeta]:
        found = right(self, directory)
        if directory or not self._root:
            return found
        name = self._root.removesuffix("/")
        beside = [key for key in self._space.objects if key.startswith(name) and not key.startswith(self._root)]
        return [*found, *(ResourceMeta(key, len(self._space.objects[key].value)) for key in sorted(beside))]

    return replaced(MemoryStore, _below=below)


@mutant(kills="LIST-6", places=("moto",))
def a_placeholder_is_a_child_without_a_name(_target: Any) -> Replacements:
    """Shows the placeholder of a folder as an entry of it."""

    def list_(self: Any, directory: str) -> Iterator[list[ResourceMeta]]:
        for answer in self._answers(directory):
            yield [
                ResourceMeta(entry["Key"].removeprefix(self._root), entry["Size"], entry["ETag"], entry["LastModified"])
                for entry in answer.get("Contents", [])
            ]

    return replaced(S3Store, list=list_)


@mutant(kills="LIST-12")
def a_directory_hides_the_object_of_its_name(target: Any) -> Replacements:
    """Leaves out objects whose name is that of a directory too, as file systems cannot have both."""
    right = target.storage.Reader.list

    def list_(self: Any, path: str = "") -> list[ResourceMeta]:
        found = right(self, path)
        directories = {meta.path.rpartition("/")[0] for meta in found}
        return [meta for meta in found if meta.path not in directories]

    return replaced(target.storage.Reader, list=list_)


# ---- costs


@mutant(kills="LIST-16", places=("moto",))
def every_entry_is_asked_for(_target: Any) -> Replacements:
    """Asks for the metadata of each entry of a listing."""
    right = S3Store.list

    def list_(self: Any, directory: str) -> Iterator[list[ResourceMeta]]:
        for page in right(self, directory):
            yield [self.head(meta.path) or meta for meta in page]

    return replaced(S3Store, list=list_)


@mutant(kills="LIST-17", places=("moto",))
def directories_are_found_among_all_keys(_target: Any) -> Replacements:
    """Lists every key below a path to find its directories."""

    def list_dirs(self: Any, directory: str) -> Iterator[str]:
        prefix = f"{directory}/" if directory else ""
        names = [meta.path.removeprefix(prefix) for page in self.list(directory) for meta in page]
        yield from sorted({prefix + name.partition("/")[0] for name in names if "/" in name})

    return replaced(S3Store, list_dirs=list_dirs)


# ---- changes


@mutant("F063", kills="LIST-18", places=("file",), origin="apache/arrow-rs#5803 apache/opendal#7230")
def what_vanishes_is_an_error(_target: Any) -> Replacements:
    """Raises where a file vanishes after its name was read."""

    def below(self: Any, directory: str) -> Iterator[ResourceMeta]:
        prefix = f"{directory}/" if directory else ""
        for entry, is_directory in self._entries(directory):
            if is_directory:
                yield from below(self, prefix + entry.name)
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError as error:
                message = f"list: {prefix + entry.name!r} failed: {error.strerror}"
                raise StorageInternalError(message, provider="file", operation="list") from None
            yield local._meta(prefix + entry.name, status)

    return replaced(LocalStore, _below=below)


@mutant("F063", kills="LIST-18", places=("file",), origin="apache/arrow-rs#5803 apache/opendal#7230")
def a_directory_that_vanishes_is_an_error(_target: Any) -> Replacements:
    """Raises where a directory vanishes after its name was read."""
    right = LocalStore._entries

    def entries(self: Any, directory: str) -> list[Any]:
        found: list[Any] = right(self, directory)
        above = directory.rpartition("/")[0]
        # what is listed itself may be missing; what was found in the directory above may not
        if not found and "/" in directory and (self._root / above).exists():
            raise StorageInternalError(f"list: {directory!r} is gone", provider="file", operation="list")
        return found

    return replaced(LocalStore, _entries=entries)


@mutant(kills="LIST-18")
def a_page_begins_at_a_number(_target: Any) -> Replacements:
    """Goes on after as many entries as it has shown, so that it skips one where one was removed."""

    def list_(self: Any, directory: str) -> Iterator[list[ResourceMeta]]:
        at = 0
        while page := self._below(directory)[at : at + PAGE]:
            yield page
            at += PAGE

    return replaced(MemoryStore, list=list_)


@mutant(kills="LIST-18")
def memory_is_walked_while_it_changes(_target: Any) -> Replacements:
    """Lists memory without a lock, while another thread adds to it."""

    def below(self: Any, directory: str) -> list[ResourceMeta]:
        prefix = self._root + (f"{directory}/" if directory else "")
        return sorted(
            memory._meta(key.removeprefix(self._root), held)
            for key, held in self._space.objects.items()
            if key.startswith(prefix)
        )

    return replaced(MemoryStore, _below=below)
