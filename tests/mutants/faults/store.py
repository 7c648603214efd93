"""
Mutants of the stores for `mem://` and `file://`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deeplake_ref.errors import InvalidURIError, StorageKeyNotFound
from deeplake_ref.stores import ResourceMeta
from deeplake_ref.stores.local import LocalStore
from deeplake_ref.stores.memory import PAGE, MemoryStore
from deeplake_ref.urls import check_key
from tests.mutants.registry import Replacements, mutant, replaced

if TYPE_CHECKING:
    from collections.abc import Iterator

# ---- local files


@mutant(
    "F001", kills="PATH-17", places=("file",), origin="apache/opendal#7684 apache/opendal#7702 juicedata/juicefs#7134"
)
def keys_are_joined_without_a_look(target: Any) -> Replacements:
    """Joins a key to the root without a look at `..`."""

    def key(self: Any, path: str) -> str:
        return str(self._below + path)

    def path(self: Any, key: str, operation: str) -> Path:
        return Path(self._root / key)

    handles = [*replaced(target.storage.Reader, _key=key), *replaced(target.storage.Writer, _key=key)]
    return [*handles, *replaced(LocalStore, _path=path)]


@mutant("F002", kills="PATH-18", places=("file",), origin="litestar-org/sqlspec#736")
def links_are_followed(_target: Any) -> Replacements:
    """Refuses `..` by its text and follows a symbolic link out of the root."""

    def path(self: Any, key: str, operation: str) -> Path:
        return Path(self._root / check_key(key, "file"))

    return replaced(LocalStore, _path=path)


@mutant("F015", kills="PATH-11", places=("file",), origin="apache/arrow-rs#5830")
def a_colon_is_refused_on_disk(_target: Any) -> Replacements:
    """Refuses keys with a colon on local files, as one operating system needs it."""
    right = LocalStore._path

    def path(self: Any, key: str, operation: str) -> Path:
        if ":" in key:
            raise InvalidURIError(f"{operation}: a file name has no colon: {key!r}", provider="file")
        return right(self, key, operation)

    return replaced(LocalStore, _path=path)


@mutant("F021", kills="OBJ-8", places=("file",), origin="drivendataorg/cloudpathlib#148")
def a_directory_exists_as_an_object(_target: Any) -> Replacements:
    """Asks whether a path exists, not whether it is a file."""
    right = LocalStore.head

    def head(self: Any, key: str) -> ResourceMeta | None:
        path = self._path(key, "metadata")
        if not path.is_dir():
            return right(self, key)
        status = path.stat()
        return ResourceMeta(key, status.st_size, "directory", datetime.fromtimestamp(status.st_mtime, UTC))

    return replaced(LocalStore, head=head)


@mutant("F024", kills="OBJ-10", places=("file",), origin="apache/opendal#2941")
def removing_what_is_missing_raises_on_disk(_target: Any) -> Replacements:
    """Raises on local files only where there is nothing to remove."""
    right = LocalStore.delete

    def delete(self: Any, key: str) -> None:
        if self.head(key) is None:
            raise StorageKeyNotFound(f"remove: no object {key!r}", provider="file", operation="remove")
        right(self, key)

    return replaced(LocalStore, delete=delete)


@mutant("F028", kills="OBJ-2", places=("file",))
def a_shorter_value_keeps_the_old_tail(_target: Any) -> Replacements:
    """Writes over the beginning of a file and does not cut the rest off."""
    right = LocalStore.put

    def put(self: Any, key: str, value: Any, **conditions: Any) -> ResourceMeta:
        known = self.head(key)
        tail = self.get(key, len(value)) if known is not None and known.size > len(value) else b""
        return right(self, key, bytes(value) + tail, **conditions)

    return replaced(LocalStore, put=put)


# ---- memory


@mutant("F029", kills="OBJ-12", origin="zarr-developers/zarr-python#4157")
def the_callers_buffer_is_kept(_target: Any) -> Replacements:
    """Keeps the caller's own buffer instead of a copy."""
    right = MemoryStore.put

    def put(self: Any, key: str, value: Any, **conditions: Any) -> ResourceMeta:
        meta = right(self, key, value, **conditions)
        objects, full = self._space.objects, self._full(key)
        objects[full] = replace(objects[full], value=value)
        return meta

    return replaced(MemoryStore, put=put)


@mutant("F029", kills="OBJ-13", origin="zarr-developers/zarr-python#4157")
def the_stored_buffer_is_given_away(_target: Any) -> Replacements:
    """Keeps a buffer that can be changed, and returns it itself."""
    right = MemoryStore.put

    def put(self: Any, key: str, value: Any, **conditions: Any) -> ResourceMeta:
        meta = right(self, key, value, **conditions)
        objects, full = self._space.objects, self._full(key)
        objects[full] = replace(objects[full], value=bytearray(value))
        return meta

    return replaced(MemoryStore, put=put)


def pages_become(change: Any) -> Replacements:
    """Replace the pages of a listing of memory, given all its entries."""

    def list_(self: Any, directory: str) -> Iterator[list[ResourceMeta]]:
        return iter(change(self._below(directory)))

    return replaced(MemoryStore, list=list_)


@mutant("F050", kills="LIST-8", origin="fsspec/s3fs#989 minio/minio#19518")
def a_page_that_begins_a_directory_repeats_an_entry(_target: Any) -> Replacements:
    """Shows the last entry of a page again where the next page begins in another directory."""

    def change(found: list[ResourceMeta]) -> Iterator[list[ResourceMeta]]:
        for at in range(0, len(found), PAGE):
            page = found[at : at + PAGE]
            if at and found[at - 1].path.rpartition("/")[0] != page[0].path.rpartition("/")[0]:
                page.insert(0, found[at - 1])
            yield page

    return pages_become(change)


@mutant("F057", kills="LIST-8", origin="apache/arrow-rs-object-store#623")
def a_page_begins_with_the_last_entry_of_the_one_before(_target: Any) -> Replacements:
    """Takes the entry after which a page starts for its first one."""

    def change(found: list[ResourceMeta]) -> Iterator[list[ResourceMeta]]:
        for at in range(0, len(found), PAGE):
            yield found[max(0, at - 1) : at + PAGE]

    return pages_become(change)


def prefixes_become(matches: Any) -> Replacements:
    """Replace how memory tells the keys below a directory."""

    def below(self: Any, directory: str) -> list[ResourceMeta]:
        with self._space.lock:
            held = dict(self._space.objects)
        return sorted(
            ResourceMeta(key.removeprefix(self._root), len(known.value), known.etag, known.last_modified)
            for key, known in held.items()
            if key.startswith(self._root) and matches(key.removeprefix(self._root), directory)
        )

    return replaced(MemoryStore, _below=below)


@mutant("F055", kills="LIST-3", origin="apache/arrow-rs#3712 apache/arrow-rs#3714 fsspec/adlfs#549")
def a_directory_is_a_string_prefix(_target: Any) -> Replacements:
    """Shows `ab/c` in the listing of `a`."""
    return prefixes_become(str.startswith)


@mutant("F056", kills="LIST-15", origin="apache/opendal#8085")
def a_directory_is_a_pattern(_target: Any) -> Replacements:
    """Takes `_` in a directory for any letter and `%` for any letters, as LIKE does in SQL."""

    def matches(key: str, directory: str) -> bool:
        pattern = re.escape(f"{directory}/" if directory else "").replace("_", ".").replace("%", ".*")
        return re.match(pattern, key, re.DOTALL) is not None

    return prefixes_become(matches)


@mutant("F058", kills="LIST-2")
def memory_is_not_sorted(target: Any) -> Replacements:
    """Lists memory in the order of writing."""

    def below(self: Any, directory: str) -> list[ResourceMeta]:
        prefix = self._root + (f"{directory}/" if directory else "")
        with self._space.lock:
            held = dict(self._space.objects)
        return [
            ResourceMeta(key.removeprefix(self._root), len(known.value), known.etag, known.last_modified)
            for key, known in held.items()
            if key.startswith(prefix)
        ]

    def list_(self: Any, path: str = "") -> list[ResourceMeta]:
        return [meta for page in self.list_iter(path) for meta in page]

    return [*replaced(MemoryStore, _below=below), *replaced(target.storage.Reader, list=list_)]
