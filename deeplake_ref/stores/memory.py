"""
`mem://id`: a dictionary, shared by everybody in this process who names the same id, gone with the process.
"""

from __future__ import annotations

import itertools
import os
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from deeplake_ref.errors import (
    StorageKeyAlreadyExists,
    StorageKeyNotFound,
    StorageOperationUnsupported,
    StoragePreconditionFailed,
)
from deeplake_ref.stores import Buffer, Keys, Metas, ResourceMeta
from deeplake_ref.urls import DatasetURL, check_key

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = 1000
"""Entries of one page, as the clouds have them."""


@dataclass(frozen=True, slots=True)
class _Held:
    value: bytes
    etag: str
    last_modified: datetime


@dataclass(slots=True)
class _Space:
    """All objects of one id."""

    objects: dict[str, _Held] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    versions: Iterator[int] = field(default_factory=lambda: itertools.count(1))


_spaces: dict[str, _Space] = {}
_spaces_lock = threading.Lock()


def _renew_locks() -> None:
    """Give a child made by fork free locks: the threads that held them did not come along."""
    global _spaces_lock
    _spaces_lock = threading.Lock()
    for space in _spaces.values():
        space.lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)


class MemoryStore:
    """One root in the memory of this process."""

    def __init__(self, url: DatasetURL) -> None:
        with _spaces_lock:
            self._space = _spaces.setdefault(url.bucket, _Space())
        self._root = f"{url.path}/" if url.path else ""

    def _full(self, key: str) -> str:
        return check_key(self._root + key, "mem")

    def get(self, key: str, start: int | None = None, end: int | None = None) -> bytes:
        """Return a slice; the whole value is not copied, as it cannot be changed."""
        held = self._space.objects.get(self._full(key))
        if held is None:
            raise StorageKeyNotFound(f"get: no object {key!r}", provider="mem", operation="get", effect="none")
        return held.value if start is None and end is None else held.value[start:end]

    def put(self, key: str, value: Buffer, *, if_absent: bool = False, if_match: str | None = None) -> ResourceMeta:
        """Replace a whole object; a copy of the caller's buffer is kept, unless it cannot be changed."""
        full = self._full(key)
        copy = value if isinstance(value, bytes) else bytes(value)
        with self._space.lock:
            known = self._space.objects.get(full)
            if if_absent and known is not None:
                message = f"set: {key!r} exists already"
                raise StorageKeyAlreadyExists(message, provider="mem", operation="set", effect="none")
            if if_match is not None and (known is None or known.etag != if_match):
                message = f"set: {key!r} is not what the etag says, read it again"
                raise StoragePreconditionFailed(message, provider="mem", operation="set", effect="none")
            held = _Held(copy, str(next(self._space.versions)), datetime.now(UTC))
            self._space.objects[full] = held
        return _meta(key, held)

    def head(self, key: str) -> ResourceMeta | None:
        """Return what is known of an object."""
        held = self._space.objects.get(self._full(key))
        return None if held is None else _meta(key, held)

    def delete(self, key: str) -> None:
        """Remove an object."""
        full = self._full(key)
        with self._space.lock:
            self._space.objects.pop(full, None)

    def delete_many(self, keys: Keys) -> None:
        """Remove these objects."""
        for key in keys:
            self.delete(key)

    def list(self, directory: str) -> Iterator[Metas]:
        """Yield pages of a snapshot."""
        found = self._below(directory)
        for at in range(0, len(found), PAGE):
            yield found[at : at + PAGE]

    def _below(self, directory: str) -> Metas:
        prefix = self._root + (f"{directory}/" if directory else "")
        with self._space.lock:
            held = [(key, value) for key, value in self._space.objects.items() if key.startswith(prefix)]
        # UTF-8 order is code point order, which is how Python compares strings
        return sorted(_meta(key.removeprefix(self._root), value) for key, value in held)

    def list_dirs(self, directory: str) -> Iterator[str]:
        """Yield the first segments of deeper keys."""
        prefix = f"{directory}/" if directory else ""
        names = {
            prefix + meta.path.removeprefix(prefix).partition("/")[0]
            for meta in self._below(directory)
            if "/" in meta.path.removeprefix(prefix)
        }
        yield from sorted(names)

    def sign_url(self, key: str, expires_s: float) -> str:
        """Refuse: memory has no URL."""
        message = f"sign_url: mem:// has no signed URLs, read {key!r} by get"
        raise StorageOperationUnsupported(message, provider="mem", operation="sign_url", effect="none")

    def is_root_of_bucket(self) -> bool:
        """Say no: an id belongs to its users alone."""
        return False

    def close(self) -> None:
        """Do nothing: the objects live until the process ends."""


def _meta(key: str, held: _Held) -> ResourceMeta:
    return ResourceMeta(key, len(held.value), held.etag, held.last_modified)
