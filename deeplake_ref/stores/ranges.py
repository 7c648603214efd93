"""
Reading an object in one request if it is small, and in parallel ranges of one version if it is not.

The first request asks for one chunk; its answer tells the whole size, so that no request is spent on asking for it. The
other ranges start when the head of that answer is there; they carry its etag and arrive in place, in one buffer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Executor, Future, wait
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

from deeplake_ref.errors import StorageInternalError, StoragePreconditionFailed
from deeplake_ref.stores import CHUNK

T = TypeVar("T")

LARGEST = 2**63 - 1
"""No service holds more bytes in one object; larger bounds would overflow the integers of some."""

VERSIONS = 3
"""Reads that start again because the object was replaced meanwhile."""


@dataclass(frozen=True, slots=True)
class Part:
    """One answer: its bytes, where they start, the size of the whole object, and the version they belong to."""

    body: bytes | bytearray
    start: int
    total: int
    etag: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """The bytes `start` to `stop` of one version."""

    start: int
    stop: int
    etag: str
    room: Callable[[], memoryview]
    """Returns where they go; called once they are there, since the memory of a large object takes long to get."""


Begin = Callable[[int, int, str], None]
"""Is told first byte, size of the whole object and etag, as soon as the head of an answer says them."""


class Fetch(Protocol):
    """One ranged request."""

    def first(self, start: int, stop: int, begin: Begin) -> Part | None:
        """Return the bytes `start` to `stop`, fewer if the object ends before; None if it has none from `start` on.

        Raises:
            StoragePreconditionFailed: the object was replaced between two attempts; `begin` says so.
        """
        ...

    def into(self, wanted: Wanted) -> None:
        """Fill the room of one range with its bytes.

        Raises:
            StoragePreconditionFailed: the object was replaced.
        """
        ...


def read(fetch: Fetch, pool: Callable[[], Executor], start: int | None, end: int | None) -> bytes | bytearray:
    """Return `value[start:end]` of one version of an object.

    Args:
        fetch: makes the requests.
        pool: gives the executor for parallel ranges; asked only if there is more than one.
        start: first byte, None for 0.
        end: byte after the last one, None for the end of the object.
    """
    low = start or 0
    high = LARGEST if end is None else min(end, LARGEST)
    for _ in range(VERSIONS):
        try:
            return _read_once(fetch, pool, low, high)
        except StoragePreconditionFailed:
            continue
    raise StorageInternalError("get: the object is replaced faster than it can be read", operation="get")


class _Rest:
    """The ranges behind the first chunk of one version, on their way into one buffer."""

    def __init__(self, fetch: Fetch, pool: Callable[[], Executor], low: int, high: int) -> None:
        self._fetch = fetch
        self._pool = pool
        self._low = low
        self._high = high
        self._etag: str | None = None
        self._pending: list[Future[None]] = []
        self._lock = threading.Lock()
        self._whole: bytearray | None = None

    def begin(self, start: int, total: int, etag: str) -> None:
        """Start them, if there are any; a second attempt for the first chunk has to find the same version."""
        self._high = min(self._high, total)
        if start != self._low or self._high - start <= CHUNK:
            return
        if self._etag is not None:
            if etag != self._etag:
                raise StoragePreconditionFailed("get: the object was replaced", operation="get", effect="none")
            return
        self._etag = etag
        executor = self._pool()
        for at in range(start + CHUNK, self._high, CHUNK):
            stop = min(at + CHUNK, self._high)
            wanted = Wanted(at, stop, etag, partial(self._room, at, stop))
            self._pending.append(executor.submit(self._fetch.into, wanted))

    def _room(self, start: int, stop: int) -> memoryview:
        return memoryview(self.whole())[start - self._low : stop - self._low]

    def whole(self) -> bytearray:
        """Return the buffer; it is made when the first bytes have arrived, while the service sends others."""
        with self._lock:
            if self._whole is None:
                self._whole = bytearray(self._high - self._low)
            return self._whole

    def ended(self) -> None:
        """Wait for them; the buffer is not given away while a thread may still write into it."""
        gathered(self._pending)

    def dropped(self) -> None:
        """Start no more of them, and wait for those that run."""
        for future in self._pending:
            future.cancel()
        wait(self._pending)


def _read_once(fetch: Fetch, pool: Callable[[], Executor], low: int, high: int) -> bytes | bytearray:
    rest = _Rest(fetch, pool, low, high)
    try:
        part = fetch.first(low, min(high, low + CHUNK), rest.begin)
        if part is None:
            return b""
        stop = min(high, part.total)
        if part.start != low:
            # a server that ignores ranges sends the whole object; a slice of it is still the right answer
            if part.start == 0 and len(part.body) == part.total:
                return part.body[low:stop]
            raise StorageInternalError(f"get: asked for bytes from {low}, got bytes from {part.start}", operation="get")
        if low + len(part.body) >= stop:
            return part.body if len(part.body) == stop - low else part.body[: stop - low]
        if len(part.body) < min(CHUNK, stop - low):
            raise StorageInternalError(
                f"get: asked for {CHUNK} bytes, got {len(part.body)}", operation="get", http_status=502
            )
        rest.whole()[: len(part.body)] = part.body
        rest.ended()
        return rest.whole()
    finally:
        rest.dropped()


def gathered(pending: list[Future[T]]) -> list[T]:
    """Return the results; if one fails, those that wait do not start, and those that run end before it is raised."""
    try:
        wait(pending, return_when=FIRST_EXCEPTION)
    finally:
        for future in pending:
            future.cancel()
        wait(pending)
    failed = next((each for each in pending if not each.cancelled() and each.exception() is not None), None)
    return [future.result() for future in ([failed] if failed else pending)]
