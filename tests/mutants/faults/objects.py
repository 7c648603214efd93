"""
Mutants of single objects: what is missing, what is removed, what is written twice.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from deeplake_ref import errors, storage
from deeplake_ref.errors import StorageError, StorageKeyNotFound
from deeplake_ref.stores import Buffer, ResourceMeta, memory, s3_errors
from deeplake_ref.stores.memory import MemoryStore
from tests.mutants.registry import Replacements, mutant, replaced

# ---- what is missing


@mutant(kills="OBJ-4")
def what_is_missing_is_empty(target: Any) -> Replacements:
    """Says that a missing object has no bytes, instead of -1."""
    right = target.storage.Reader.length

    def length(self: Any, path: str) -> int:
        return max(0, int(right(self, path)))

    return replaced(target.storage.Reader, length=length)


@mutant(kills="OBJ-5")
def what_is_missing_has_no_bytes(target: Any) -> Replacements:
    """Gets no bytes, instead of an error, of a missing object."""
    right = target.storage.Reader.get

    def get(self: Any, path: str, start_bytes: int | None = None, end_bytes: int | None = None) -> Any:
        try:
            return right(self, path, start_bytes, end_bytes)
        except StorageKeyNotFound:
            return b""

    return replaced(target.storage.Reader, get=get)


@mutant(kills="OBJ-6")
def key_not_found_is_no_key_error(_target: Any) -> Replacements:
    """Has a class of the right name that cannot be caught as KeyError."""
    kind = type("StorageKeyNotFound", (StorageError,), {})
    return replaced(memory, StorageKeyNotFound=kind)


@mutant("F145", kills="OBJ-7", places=("moto",), origin="apache/opendal#4895")
def a_missing_bucket_is_a_missing_key(_target: Any) -> Replacements:
    """Takes every 404 for a missing object."""
    return replaced(s3_errors, BY_CODE=s3_errors.BY_CODE | {"NoSuchBucket": errors.StorageKeyNotFound})


@mutant(kills="OBJ-21")
def an_empty_key_is_a_key(target: Any) -> Replacements:
    """Takes an empty key for a key like any other."""
    right = target.storage.Reader._key

    def key(self: Any, path: str) -> str:
        return str(right(self, path)) if path else self._below

    def check_key(key: str, prefix: str) -> str:
        return key

    handles = [*replaced(target.storage.Reader, _key=key), *replaced(target.storage.Writer, _key=key)]
    return [*handles, *replaced(memory, check_key=check_key)]


# ---- removing


@mutant(kills="OBJ-9")
def what_is_empty_is_not_removed(_target: Any) -> Replacements:
    """Tests a value for truth before it removes an object, so that an empty one stays."""
    right = MemoryStore.delete

    def delete(self: Any, key: str) -> None:
        held = self._space.objects.get(self._full(key))
        if held is not None and held.value:
            right(self, key)

    return replaced(MemoryStore, delete=delete)


def removals_take(also: Any) -> Replacements:
    """Remove, with a key of memory, those that belong to it."""
    right = MemoryStore.delete

    def delete(self: Any, key: str) -> None:
        full, objects = self._full(key), self._space.objects
        held = objects.get(full)
        for other in [other for other, value in objects.items() if also(full, held, other, value)]:
            objects.pop(other, None)
        right(self, key)

    return replaced(MemoryStore, delete=delete)


@mutant(kills="OBJ-11")
def remove_takes_a_directory_of_that_name(_target: Any) -> Replacements:
    """Removes what lies below a key too, as `rm -r` does."""
    return removals_take(lambda full, _held, other, _value: other.startswith(f"{full}/"))


@mutant(kills="OBJ-11")
def remove_takes_what_begins_alike(_target: Any) -> Replacements:
    """Removes every key that begins with the one that it is given."""
    return removals_take(lambda full, _held, other, _value: other.startswith(full))


@mutant(kills="OBJ-15")
def equal_values_are_removed_together(_target: Any) -> Replacements:
    """Keeps equal values once, and removes the value with the first of its keys."""
    return removals_take(lambda _full, held, _other, value: held is not None and held.value == value.value)


# ---- writing


@mutant(kills="OBJ-14")
def a_write_answers_a_quoted_etag(target: Any) -> Replacements:
    """Answers a write with the etag as the header has it, and shows it without quotes elsewhere."""
    right = target.storage.Writer.set

    def set_(self: Any, path: str, content: Any, **conditions: Any) -> ResourceMeta:
        meta: ResourceMeta = right(self, path, content, **conditions)
        return replace(meta, etag=f'"{meta.etag}"')

    return replaced(target.storage.Writer, set=set_)


@mutant(kills="OBJ-14")
def a_write_answers_the_whole_path(target: Any) -> Replacements:
    """Answers a write below a subdirectory with the path from the root."""
    right = target.storage.Writer.set

    def set_(self: Any, path: str, content: Any, **conditions: Any) -> ResourceMeta:
        meta: ResourceMeta = right(self, path, content, **conditions)
        return replace(meta, path=self._below + path)

    return replaced(target.storage.Writer, set=set_)


@mutant(kills="OBJ-18")
def what_was_removed_cannot_come_back(_target: Any) -> Replacements:
    """Remembers keys that were removed, and drops what is written at them later."""
    put, delete = MemoryStore.put, MemoryStore.delete
    removed: set[tuple[int, str]] = set()

    def dropping(self: Any, key: str, value: Buffer, **conditions: Any) -> ResourceMeta:
        meta = put(self, key, value, **conditions)
        if (id(self._space), self._full(key)) in removed:
            delete(self, key)
        return meta

    def noting(self: Any, key: str) -> None:
        if self.head(key) is not None:
            removed.add((id(self._space), self._full(key)))
        delete(self, key)

    return replaced(MemoryStore, put=dropping, delete=noting)


@mutant(kills="OBJ-19")
def every_write_has_an_entry(_target: Any) -> Replacements:
    """Lists an object once for each of its versions."""
    put, below = MemoryStore.put, MemoryStore._below
    versions: Counter[tuple[int, str]] = Counter()

    def counting(self: Any, key: str, value: Buffer, **conditions: Any) -> ResourceMeta:
        versions[id(self._space), self._full(key)] += 1
        return put(self, key, value, **conditions)

    def repeating(self: Any, directory: str) -> list[ResourceMeta]:
        found = below(self, directory)
        return [meta for meta in found for _ in range(versions[id(self._space), self._root + meta.path])]

    return replaced(MemoryStore, put=counting, _below=repeating)


@mutant(kills="OBJ-20")
def a_view_is_stored_as_its_whole_buffer(_target: Any) -> Replacements:
    """Stores the buffer that a view is of, not what the view shows."""
    right = storage._flat

    def flat(content: Buffer) -> Buffer:
        return bytes(content.obj) if isinstance(content, memoryview) else right(content)

    return replaced(storage, _flat=flat)
