"""
A second handle of the target as the witness of `mem://`, which nothing outside the target's process can see.

It shares the target's mistakes, so reports say that a `mem://` verdict rests on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.targets import TargetError
from conformance.witnesses import timed, utf8_sorted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conformance.targets import Reader, Target, Writer


class HandleWitness:
    """A root of the target, opened once more."""

    kind = "second handle"

    def __init__(self, target: Target, url: str) -> None:
        self._target = target
        self._url = url
        self._writer: Writer | None = None
        self._reader: Reader | None = None

    def at(self, root: str) -> HandleWitness:
        """Return a witness for a root below this one."""
        return HandleWitness(self._target, f"{self._url}/{root}" if root else self._url)

    @property
    def _reading(self) -> Reader:
        if self._reader is None:
            self._reader = self._target.open_reader(self._url)
        return self._reader

    @property
    def _writing(self) -> Writer:
        if self._writer is None:
            self._writer = self._target.open_writer(self._url)
        return self._writer

    def create_root(self) -> None:
        """Do nothing: memory needs no bucket."""

    @timed
    def put(self, key: str, value: bytes) -> None:
        """Store an object."""
        self._writing.set(key, value)

    def put_many(self, values: Mapping[str, bytes]) -> None:
        """Store many objects."""
        for key, value in values.items():
            self.put(key, value)

    @timed
    def get(self, key: str) -> bytes | None:
        """Return the bytes of an object, None if there is none."""
        try:
            return self._reading.get(key)
        except TargetError as error:
            if error.is_a("StorageKeyNotFound"):
                return None
            raise

    @timed
    def size(self, key: str) -> int | None:
        """Return the size in bytes of an object, None if there is none."""
        length = self._reading.length(key)
        return None if length == -1 else length

    @timed
    def keys(self, prefix: str = "") -> list[str]:
        """Return all keys that start with `prefix`, sorted by UTF-8 bytes."""
        return utf8_sorted([meta.path for meta in self._reading.list() if meta.path.startswith(prefix)])

    def begin_upload(self, key: str) -> None:
        """Refuse: nothing here is uploaded in parts."""
        raise NotImplementedError(f"no unfinished upload of {key!r} can be here")

    @timed
    def delete(self, key: str) -> None:
        """Remove an object; a missing one is no error."""
        self._writing.remove(key)

    @timed
    def delete_all(self) -> None:
        """Remove every object below the root."""
        for key in self.keys():
            self.delete(key)

    def remove_root(self) -> None:
        """Remove every object."""
        self.delete_all()
