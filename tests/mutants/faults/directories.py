"""
Mutants of directories: handles below a root, and what is removed with one.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Any

from deeplake_ref.errors import StorageKeyNotFound
from deeplake_ref.stores.s3 import S3Store
from tests.mutants.registry import Replacements, mutant, replaced

if TYPE_CHECKING:
    from collections.abc import Callable

# ---- subdirectories


def subdirs_become(target: Any, change: Callable[[str, str], str]) -> Replacements:
    """Replace what lies between the root and a subdirectory's handle, given that of the handle it comes from."""

    def of(kind: Any) -> Any:
        def subdir(self: Any, path: str) -> Any:
            return self._made(kind, change(self._below, path))

        return subdir

    reader, writer = target.storage.Reader, target.storage.Writer
    return [*replaced(reader, subdir=of(reader)), *replaced(writer, subdir=of(writer))]


@mutant(kills="DIR-2")
def a_subdir_forgets_its_handle(target: Any) -> Replacements:
    """Opens a subdirectory below the root, wherever the handle is."""
    return subdirs_become(target, lambda _below, path: f"{path.removesuffix('/')}/")


@mutant(kills="DIR-3")
def a_subdir_is_normalised(target: Any) -> Replacements:
    """Resolves `..` in the path of a subdirectory, and climbs out of the handle."""

    def change(below: str, path: str) -> str:
        joined = posixpath.normpath(below + path)
        return "" if joined == "." else f"{joined}/"

    return subdirs_become(target, change)


@mutant(kills="DIR-4")
def a_subdir_lists_what_begins_alike(target: Any) -> Replacements:
    """Lists a subdirectory's own root by its name without the slash."""
    right = target.storage.Reader.list_iter

    def list_iter(self: Any, path: str = "") -> Any:
        if path or not self._below:
            return right(self, path)
        name = self._below.removesuffix("/")
        pages = self._shared.store().list(name.rpartition("/")[0])
        return self._pages([meta for meta in page if meta.path.startswith(name)] for page in pages)

    return replaced(target.storage.Reader, list_iter=list_iter)


@mutant(kills="DIR-10")
def get_reader_reads_at_the_root(target: Any) -> Replacements:
    """Gives a reader at the root, in a subdirectory's writer too."""

    def get_reader(self: Any) -> Any:
        return self._made(target.storage.Reader, "")

    return replaced(target.storage.Writer, get_reader=get_reader)


# ---- removing


@mutant(kills="DIR-6")
def remove_directory_takes_the_key_of_its_name(target: Any) -> Replacements:
    """Removes the object that has the directory's name too, as `rm -r` does."""
    right = target.storage.Writer.remove_directory

    def remove_directory(self: Any, path: str) -> None:
        right(self, path)
        if path.strip("/"):
            self.remove(path.strip("/"))

    return replaced(target.storage.Writer, remove_directory=remove_directory)


@mutant(kills="DIR-6")
def remove_directory_takes_every_directory_of_its_name(target: Any) -> Replacements:
    """Looks for a directory's name anywhere in a key."""

    def remove_directory(self: Any, path: str) -> None:
        store, name = self._shared.store(), f"{self._directory(path)}/".rpartition("/")[0].rpartition("/")[2]
        above = self._directory(path).rpartition("/")[0]
        for page in store.list(above):
            store.delete_many([meta.path for meta in page if f"{name}/" in meta.path.removeprefix(above)])

    return replaced(target.storage.Writer, remove_directory=remove_directory)


@mutant(kills="DIR-7")
def removing_a_missing_directory_raises(target: Any) -> Replacements:
    """Raises where there is no directory to remove."""
    right = target.storage.Writer.remove_directory

    def remove_directory(self: Any, path: str) -> None:
        if path and not self.get_reader().list(path):
            message = f"remove_directory: no directory {path!r}"
            raise StorageKeyNotFound(message, provider=self._url.prefix, operation="remove_directory")
        right(self, path)

    return replaced(target.storage.Writer, remove_directory=remove_directory)


@mutant(kills="DIR-8", places=("moto",))
def a_whole_bucket_is_removed(_target: Any) -> Replacements:
    """Removes the root of a bucket like any other directory."""

    def is_root_of_bucket(_self: Any) -> bool:
        return False

    return replaced(S3Store, is_root_of_bucket=is_root_of_bucket)


# ---- names


@mutant(kills="DIR-9")
def a_trailing_slash_is_a_segment(target: Any) -> Replacements:
    """Adds a slash to the name of a directory that ends with one already."""
    right = target.storage.Reader._directory

    def directory(self: Any, path: str) -> str:
        return self._below + path if path.endswith("/") and path != "/" else str(right(self, path))

    return [
        *replaced(target.storage.Reader, _directory=directory),
        *replaced(target.storage.Writer, _directory=directory),
    ]
