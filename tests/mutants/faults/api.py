"""
Mutants of `Reader` and `Writer`: what a thin layer above any place can do to paths, keys and objects.
"""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from deeplake_ref import urls
from deeplake_ref.errors import StorageError, StorageKeyNotFound
from tests.mutants.registry import Replacements, mutant, replaced

if TYPE_CHECKING:
    from collections.abc import Callable


def keys_become(target: Any, change: Callable[[str], str]) -> Replacements:
    """Replace every key that a handle is given."""
    right = target.storage.Reader._key

    def key(self: Any, path: str) -> str:
        return str(right(self, change(path)))

    return [*replaced(target.storage.Reader, _key=key), *replaced(target.storage.Writer, _key=key)]


# ---- paths


@mutant("F003", kills="PATH-11", places=("file",), origin="floci-io/floci#1736")
def keys_are_percent_decoded(target: Any) -> Replacements:
    """Percent-decodes keys on the way in: `%41` becomes `A`."""
    return keys_become(target, unquote)


@mutant("F004", kills="PATH-11", places=("file",), origin="developmentseed/obstore#524")
def keys_are_percent_encoded(target: Any) -> Replacements:
    """Percent-encodes keys behind the caller's back."""
    return keys_become(target, quote)


@mutant("F006", kills="PATH-11", places=("file",), origin="floci-io/floci#1736")
def plus_becomes_space(target: Any) -> Replacements:
    """Takes a plus in a key for a space."""
    return keys_become(target, lambda path: path.replace("+", " "))


@mutant("F007", kills="DIR-1", origin="apache/opendal#8070 apache/opendal#8048")
def a_root_that_the_key_repeats_is_not_added(target: Any) -> Replacements:
    """Does not add the handle's directory to a key that starts with the same names."""
    right = target.storage.Reader._key

    def key(self: Any, path: str) -> str:
        return path if self._below and path.startswith(self._below) else str(right(self, path))

    return [*replaced(target.storage.Reader, _key=key), *replaced(target.storage.Writer, _key=key)]


@mutant("F007", kills="LIST-10", origin="lancedb/lance#5082")
def a_directory_is_stripped_as_often_as_it_repeats(target: Any) -> Replacements:
    """Strips the last directory of a handle from listed paths again where a key repeats it."""
    right = target.storage.Reader._relative

    def relative(self: Any, meta: Any) -> Any:
        found = right(self, meta)
        last = self._below.rstrip("/").rpartition("/")[2]
        while last and found.path.startswith(f"{last}/"):
            found = replace(found, path=found.path.removeprefix(f"{last}/"))
        return found

    return replaced(target.storage.Reader, _relative=relative)


@mutant("F008", kills="DIR-1", origin="developmentseed/obstore#629")
def remove_forgets_the_directory(target: Any) -> Replacements:
    """Adds the handle's directory to keys that are read and written, not to those that are removed."""

    def remove(self: Any, path: str) -> None:
        self._shared.store().delete(path)

    return replaced(target.storage.Writer, remove=remove)


@mutant("F009", kills="LIST-10", origin="fsspec/adlfs#332")
def a_directory_is_stripped_by_characters(target: Any) -> Replacements:
    """Strips the handle's directory from listed paths as a set of characters."""

    def relative(self: Any, meta: Any) -> Any:
        return replace(meta, path=meta.path.lstrip(self._below))

    return replaced(target.storage.Reader, _relative=relative)


@mutant(
    "F013", kills="PATH-1", places=("azurite",), origin="apache/arrow-rs-object-store#604 developmentseed/obstore#481"
)
def container_and_key_are_split_wrong(_target: Any) -> Replacements:
    """Loses the first segment after the container of an `az://` path."""
    right = urls.parse

    def parse(path: str, **options: Any) -> urls.DatasetURL:
        url = right(path, **options)
        return replace(url, path=url.path.partition("/")[2]) if url.prefix == "az" else url

    return replaced(urls, parse=parse)


@mutant("F014", kills="PATH-10", places=("file",), origin="google/go-cloud#3731")
def file_paths_are_parsed_as_web_addresses(_target: Any) -> Replacements:
    """Takes what follows `file://` for an encoded address with a query and a fragment."""
    right = urls.parse

    def parse(path: str, **options: Any) -> urls.DatasetURL:
        if path.startswith("file://"):
            parts = urlsplit(path)
            path = f"file://{unquote(parts.netloc + parts.path)}"
        return right(path, **options)

    return replaced(urls, parse=parse)


@mutant("F014", kills="PATH-20", places=("file",), origin="developmentseed/obstore#712")
def a_tilde_is_a_directory_of_that_name(_target: Any) -> Replacements:
    """Makes a directory called `~` instead of going home."""
    right = urls.parse

    def parse(path: str, **options: Any) -> urls.DatasetURL:
        return right(f"./{path}" if path.startswith("~") else path, **options)

    return replaced(urls, parse=parse)


@mutant("F016", kills="PATH-12", places=("file",), origin="fsouza/fake-gcs-server#918")
def a_leading_slash_is_dropped(target: Any) -> Replacements:
    """Stores a key that starts with a slash under the name without it."""
    return keys_become(target, lambda path: path.lstrip("/") or path)


@mutant("F017", kills="PATH-11", places=("file",))
def keys_end_at_a_query(target: Any) -> Replacements:
    """Cuts keys at a question mark or a hash."""
    return keys_become(target, lambda path: path.partition("?")[0].partition("#")[0])


@mutant("F018", kills="PATH-11", places=("file",), origin="lancedb/lance#4442 apache/opendal#2909")
def list_loses_letters_beyond_ascii(target: Any) -> Replacements:
    """Lists a directory whose name has letters beyond ASCII under the name without them; all else keeps them."""
    right = target.storage.Reader.list

    def list_(self: Any, path: str = "") -> Any:
        return right(self, path.encode("ascii", "ignore").decode())

    return replaced(target.storage.Reader, list=list_)


@mutant("F059", kills="PATH-11", places=("file",))
def letters_are_normalised(target: Any) -> Replacements:
    """Takes two spellings of one letter for the same, and stores the composed one."""
    return keys_become(target, lambda path: unicodedata.normalize("NFC", path))


@mutant("F059", kills="PATH-11", places=("file",))
def case_is_folded(target: Any) -> Replacements:
    """Takes capital and small letters for the same."""
    return keys_become(target, str.lower)


# ---- objects


@mutant("F019", kills="OBJ-3", places=("file",))
def an_empty_object_has_no_length(target: Any) -> Replacements:
    """Tests a length for truth, so that an empty object is missing."""
    right = target.storage.Reader.length

    def length(self: Any, path: str) -> int:
        return int(right(self, path)) or -1

    return replaced(target.storage.Reader, length=length)


@mutant("F020", kills="OBJ-8", places=("file",))
def a_directory_reads_as_an_empty_object(target: Any) -> Replacements:
    """Gets no bytes, instead of an error, for a name that is a directory only."""
    right = target.storage.Reader.get

    def get(self: Any, path: str, start_bytes: int | None = None, end_bytes: int | None = None) -> Any:
        try:
            return right(self, path, start_bytes, end_bytes)
        except StorageKeyNotFound:
            if self.list(path):
                return b""
            raise

    return replaced(target.storage.Reader, get=get)


@mutant("F022", kills="OBJ-22", places=("moto",), origin="thanos-io/objstore#196 earth-mover/icechunk#766")
def what_cannot_be_asked_does_not_exist(target: Any) -> Replacements:
    """Says -1 for a length that it could not ask for."""
    right = target.storage.Reader.length

    def length(self: Any, path: str) -> int:
        try:
            return int(right(self, path))
        except StorageError:
            return -1

    return replaced(target.storage.Reader, length=length)


@mutant("F023", kills="DIR-5", origin="apache/opendal#7316")
def the_last_batch_is_not_removed(target: Any) -> Replacements:
    """Removes a directory in batches and never sends the last one, unless it is the only one."""

    def remove_directory(self: Any, path: str) -> None:
        pages = list(self.get_reader().list_iter(path))
        for page in pages[:-1] or pages:
            for meta in page:
                self.remove(meta.path)

    return replaced(target.storage.Writer, remove_directory=remove_directory)


@mutant("F026", kills="DIR-5", origin="drivendataorg/cloudpathlib#184")
def remove_directory_stops_at_the_first_level(target: Any) -> Replacements:
    """Removes the objects of a directory, not those of the directories in it."""

    def remove_directory(self: Any, path: str) -> None:
        prefix = f"{path.rstrip('/')}/" if path else ""
        for meta in self.get_reader().list(path):
            if "/" not in meta.path.removeprefix(prefix):
                self.remove(meta.path)

    return replaced(target.storage.Writer, remove_directory=remove_directory)
