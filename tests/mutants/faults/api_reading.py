"""
Mutants of `Reader` that ask for the wrong bytes or show the wrong entries.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from deeplake_ref.errors import StorageKeyNotFound
from tests.mutants.registry import Replacements, mutant, replaced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EPOCH = datetime.fromtimestamp(0, UTC)


# ---- ranges


def ranges_become(
    target: Any, change: Callable[[int | None, int | None], tuple[int | None, int | None]]
) -> Replacements:
    """Replace the bounds that `get` is given."""
    right = target.storage.Reader.get

    def get(self: Any, path: str, start_bytes: int | None = None, end_bytes: int | None = None) -> Any:
        return right(self, path, *change(start_bytes, end_bytes))

    return replaced(target.storage.Reader, get=get)


@mutant("F037", kills="RANGE-3")
def an_end_of_zero_means_the_whole_object(target: Any) -> Replacements:
    """Takes an end of zero for a missing one."""
    return ranges_become(target, lambda start, end: (start, end or None))


@mutant("F038", kills="RANGE-8")
def an_end_alone_is_ignored(target: Any) -> Replacements:
    """Ignores an end that comes without a start."""
    return ranges_become(target, lambda start, end: (start, None if start is None else end))


@mutant("F039", kills="RANGE-5", origin="Azure/Azurite#2410 Azure/Azurite#2458")
def a_start_past_the_end_gives_everything(target: Any) -> Replacements:
    """Returns the whole object for a start at its end or past it."""
    right = target.storage.Reader.get

    def get(self: Any, path: str, start_bytes: int | None = None, end_bytes: int | None = None) -> Any:
        if start_bytes and start_bytes >= self.length(path):
            return right(self, path)
        return right(self, path, start_bytes, end_bytes)

    return replaced(target.storage.Reader, get=get)


@mutant("F042", kills="RANGE-12", origin="apache/opendal#7398 apache/opendal#7397")
def the_length_of_a_range_overflows(target: Any) -> Replacements:
    """Computes with bounds as signed numbers of 64 bits, one byte past the end included."""

    def wrapped(start: int | None, end: int | None) -> tuple[int | None, int | None]:
        if end is None:
            return start, end
        past = (end + 1) & (2**64 - 1)
        return start, (past - 2**64 if past >= 2**63 else past) - 1

    return ranges_become(target, wrapped)


@mutant("F045", kills="OBJ-16", origin="fsspec/s3fs#428")
def a_size_is_remembered(target: Any) -> Replacements:
    """Cuts what it gets at the size that the object had when it was first got."""
    right = target.storage.Reader.get

    def get(self: Any, path: str, start_bytes: int | None = None, end_bytes: int | None = None) -> Any:
        whole = right(self, path)
        size = self.__dict__.setdefault("_sizes", {}).setdefault(self._below + path, len(whole))
        return whole[:size][start_bytes:end_bytes]

    return replaced(target.storage.Reader, get=get)


# ---- listings


@mutant("F051", kills="LIST-1", origin="lancedb/lance#3892")
def the_last_entry_is_dropped(target: Any) -> Replacements:
    """Leaves the last entry out of a listing."""
    right = target.storage.Reader.list

    def list_(self: Any, path: str = "") -> Any:
        return right(self, path)[:-1]

    return replaced(target.storage.Reader, list=list_)


@mutant("F053", kills="LIST-4", origin="apache/opendal#5732")
def a_missing_directory_is_an_error(target: Any) -> Replacements:
    """Raises where a directory does not exist."""
    right = target.storage.Reader.list

    def list_(self: Any, path: str = "") -> Any:
        found = right(self, path)
        if path and not found:
            raise StorageKeyNotFound(f"list: no directory {path!r}", provider=self._url.prefix, operation="list")
        return found

    return replaced(target.storage.Reader, list=list_)


@mutant("F053", kills="LIST-4", origin="apache/opendal#5732")
def a_missing_directory_shows_its_parent(target: Any) -> Replacements:
    """Lists the directory above where one does not exist."""
    right = target.storage.Reader.list

    def list_(self: Any, path: str = "") -> Any:
        return right(self, path) or right(self, path.rstrip("/").rpartition("/")[0])

    return replaced(target.storage.Reader, list=list_)


@mutant("F054", kills="LIST-11", origin="apache/opendal#3824 apache/opendal#4067 drivendataorg/cloudpathlib#15")
def a_directory_is_its_own_child(target: Any) -> Replacements:
    """Shows a directory among the directories in it."""
    right = target.storage.Reader.list_dirs

    def list_dirs(self: Any, path: str = "") -> list[str]:
        found = right(self, path)
        return sorted([path.rstrip("/"), *found]) if path and found else list(found)

    return replaced(target.storage.Reader, list_dirs=list_dirs)


@mutant("F060", kills="LIST-14", places=("file",), origin="fsspec/s3fs#762 fsspec/s3fs#904 fsspec/gcsfs#931")
def listings_are_remembered(target: Any) -> Replacements:
    """Lists a directory once per handle and remembers the answer."""
    right = target.storage.Reader.list

    def list_(self: Any, path: str = "") -> Any:
        known = self.__dict__.setdefault("_listings", {})
        place = (self._below, path)
        if place not in known:
            known[place] = right(self, path)
        return list(known[place])

    return replaced(target.storage.Reader, list=list_)


def entries_become(target: Any, **fields: Any) -> Replacements:
    """Replace fields of listed entries."""
    right = target.storage.Reader._pages

    def pages(self: Any, directory: str) -> Iterator[list[Any]]:
        for page in right(self, directory):
            yield [replace(meta, **fields) for meta in page]

    return replaced(target.storage.Reader, _pages=pages)


@mutant("F061", kills="LIST-9", origin="apache/opendal#7188 apache/opendal#7058")
def entries_have_no_size(target: Any) -> Replacements:
    """Gives entries of a listing the size zero."""
    return entries_become(target, size=0)


@mutant("F061", kills="LIST-9", origin="apache/opendal#7331")
def entries_have_no_time(target: Any) -> Replacements:
    """Gives entries of a listing the beginning of the epoch as their time."""
    return entries_become(target, last_modified=EPOCH)


@mutant("F064", kills="LIST-7")
def pages_begin_again(target: Any) -> Replacements:
    """Yields the first page again after the last one."""
    right = target.storage.Reader.list_iter

    def list_iter(self: Any, path: str = "") -> Iterator[Any]:
        pages = list(right(self, path))
        return iter([*pages, *pages[:1]])

    def list_(self: Any, path: str = "") -> list[Any]:
        return sorted(meta for page in right(self, path) for meta in page)

    return replaced(target.storage.Reader, list_iter=list_iter, list=list_)
