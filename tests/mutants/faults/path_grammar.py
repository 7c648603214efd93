"""
Mutants of how paths are read: prefixes, roots, versions, and what lies beside a root.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from deeplake_ref import urls
from deeplake_ref.errors import InvalidURIError
from deeplake_ref.stores import ResourceMeta, memory
from deeplake_ref.stores.local import LocalStore
from deeplake_ref.stores.memory import MemoryStore
from tests.mutants.faults.api import keys_become
from tests.mutants.registry import Replacements, mutant, replaced

if TYPE_CHECKING:
    from collections.abc import Callable


def paths_become(change: Callable[[str], str]) -> Replacements:
    """Replace every path that a handle is opened with."""
    right = urls.parse

    def parse(path: str, **options: Any) -> urls.DatasetURL:
        return right(change(path), **options)

    return replaced(urls, parse=parse)


def local_name(path: str) -> str:
    """Return the relative local directory that a path is taken for."""
    return f"./{re.sub('/+', '/', path)}"


# ---- prefixes


@mutant(kills="PATH-2", places=("azurite",))
def azure_is_unknown(_target: Any) -> Replacements:
    """Does not know the prefix `azure://`."""
    return replaced(urls, PREFIXES={name: prefix for name, prefix in urls.PREFIXES.items() if name != "azure"})


@mutant(kills="PATH-3", places=("fake-gcs-server",))
def gcp_is_unknown(_target: Any) -> Replacements:
    """Knows `gs://` and does not know `gcp://`."""
    return replaced(urls, PREFIXES={name: prefix for name, prefix in urls.PREFIXES.items() if name != "gcp"})


@mutant(kills="PATH-4", places=("file",))
def a_bare_path_is_refused(_target: Any) -> Replacements:
    """Refuses a path without a prefix, as parsers of URLs do."""
    right = urls.parse

    def parse(path: str, **options: Any) -> urls.DatasetURL:
        if not urlsplit(path).scheme:
            raise InvalidURIError(f"relative URL without a base: {path!r}", effect="none")
        return right(path, **options)

    return replaced(urls, parse=parse)


@mutant(kills="PATH-5")
def capitals_are_a_local_directory(_target: Any) -> Replacements:
    """Sees prefixes in small letters only, and takes a path with another one for a local directory."""
    return paths_become(lambda path: local_name(path) if re.match("[a-z0-9]*[A-Z][A-Za-z0-9]*://", path) else path)


@mutant(kills="PATH-6")
def an_unknown_prefix_is_a_local_directory(_target: Any) -> Replacements:
    """Takes a path with a prefix that it does not know for a local directory."""

    def change(path: str) -> str:
        scheme, separator, _ = path.partition("://")
        return local_name(path) if separator and scheme.lower() not in urls.PREFIXES else path

    return paths_become(change)


@mutant(kills="PATH-7")
def one_slash_is_a_local_directory(_target: Any) -> Replacements:
    """Takes a prefix that lacks a slash for a local directory."""
    return paths_become(lambda path: local_name(path) if re.match("[a-z0-9]+:/(?!/)", path) else path)


@mutant(kills="PATH-8")
def an_empty_path_is_the_working_directory(_target: Any) -> Replacements:
    """Takes an empty path for the current directory."""
    return paths_become(lambda path: path.strip() or ".")


@mutant(kills="PATH-8", places=("moto",))
def a_missing_bucket_is_left_to_the_service(_target: Any) -> Replacements:
    """Puts a default where a path names no bucket, and lets the service say that there is none."""
    return paths_become(lambda path: "s3://default" if path == "s3://" else path)


@mutant(kills="PATH-9", places=("file",))
def a_colon_makes_a_prefix(_target: Any) -> Replacements:
    """Takes what stands before a colon for a prefix, as parsers of URLs do."""
    right = urls.parse

    def parse(path: str, **options: Any) -> urls.DatasetURL:
        scheme = urlsplit(path).scheme
        if scheme and scheme not in urls.PREFIXES:
            raise InvalidURIError(f"the prefix {scheme!r} is unknown", effect="none")
        return right(path, **options)

    return replaced(urls, parse=parse)


# ---- roots


@mutant(kills="PATH-13", places=("moto",))
def roots_are_parsed_as_web_addresses(_target: Any) -> Replacements:
    """Takes the path of a bucket for an encoded address with a query and a fragment."""

    def change(path: str) -> str:
        parts = urlsplit(path)
        return f"s3://{parts.netloc}{unquote(parts.path)}" if parts.scheme == "s3" else path

    return paths_become(change)


@mutant(kills="PATH-13")
def ids_are_percent_decoded(_target: Any) -> Replacements:
    """Percent-decodes the id of a `mem://` path."""
    return paths_become(lambda path: unquote(path) if path.startswith("mem://") else path)


@mutant(kills="PATH-14")
def a_path_ends_at_its_version(_target: Any) -> Replacements:
    """Cuts every path at an `@` in its last segment, where it is written to as well."""

    def change(path: str) -> str:
        above, slash, last = path.rpartition("/")
        return above + slash + last.partition("@")[0]

    return paths_become(change)


@mutant(kills="PATH-16")
def repeated_slashes_are_one(_target: Any) -> Replacements:
    """Collapses repeated slashes in a path."""
    return paths_become(lambda path: re.sub("(?<!:)//+", "/", path))


@mutant(kills="PATH-19", places=("file",))
def a_long_name_is_cut(target: Any) -> Replacements:
    """Cuts a name that is too long for the file system."""
    return keys_become(target, lambda path: "/".join(name[:255] for name in path.split("/")))


@mutant(kills="PATH-19", places=("file",))
def what_is_in_the_way_is_removed(_target: Any) -> Replacements:
    """Removes a file where a key needs a directory of that name."""
    right = LocalStore.put

    def put(self: Any, key: str, value: Any, **conditions: Any) -> ResourceMeta:
        at = Path(self._root)
        for name in key.split("/")[:-1]:
            at /= name
            if at.is_file():
                at.unlink()
        return right(self, key, value, **conditions)

    return replaced(LocalStore, put=put)


@mutant(kills="PATH-23", places=("moto",))
def a_key_is_measured_too_long(_target: Any) -> Replacements:
    """Refuses keys of the longest size, instead of those beyond it."""
    return replaced(urls, LONGEST_KEY=urls.LONGEST_KEY - 1)


@mutant(kills="PATH-23", places=("file",))
def a_name_is_measured_with_its_suffix(_target: Any) -> Replacements:
    """Counts the suffix of a temporary file to a name, and refuses the longest names on disk."""
    return replaced(urls, LONGEST_SEGMENT=urls.LONGEST_SEGMENT - len(".tmp"))


# ---- memory


@mutant(kills="PATH-21")
def each_handle_has_a_memory_of_its_own(_target: Any) -> Replacements:
    """Keeps objects in the handle, so that another one with the same id sees nothing."""
    right = MemoryStore.__init__

    def init(self: Any, url: urls.DatasetURL) -> None:
        right(self, url)
        self._space = memory._Space()

    return replaced(MemoryStore, __init__=init)


@mutant(kills="PATH-21")
def all_ids_are_one_memory(_target: Any) -> Replacements:
    """Drops the id of a `mem://` path, as if it were a host."""
    right = MemoryStore.__init__

    def init(self: Any, url: urls.DatasetURL) -> None:
        right(self, replace(url, bucket=""))

    return replaced(MemoryStore, __init__=init)


@mutant(kills="PATH-22")
def neighbours_are_removed_with_a_directory(target: Any) -> Replacements:
    """Removes every key that begins with the characters of a directory's name."""

    def remove_directory(self: Any, path: str) -> None:
        store, name = self._shared.store(), self._directory(path)
        for page in store.list(""):
            store.delete_many([meta.path for meta in page if meta.path.startswith(name)])

    return replaced(target.storage.Writer, remove_directory=remove_directory)
