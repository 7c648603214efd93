"""
Reading an object in one request if it is small, and in parallel ranges of one version if it is not.

The first request asks for one chunk; its answer tells the whole size, so that no request is spent on asking for it. The
other ranges carry the first one's etag and arrive in place, in one buffer.
"""

from __future__ import annotations

from concurrent.futures import FIRST_EXCEPTION, Executor, Future, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from deeplake_ref.errors import StorageInternalError, StoragePreconditionFailed
from deeplake_ref.stores import CHUNK

if TYPE_CHECKING:
    from collections.abc import Callable

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


class Fetch(Protocol):
    """One ranged request."""

    def first(self, start: int, stop: int) -> Part | None:
        """Return the bytes `start` to `stop`, fewer if the object ends before; None if it has none from `start` on."""
        ...

    def into(self, view: memoryview, start: int, etag: str) -> None:
        """Fill a buffer with the bytes from `start` on of that version.

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


def _read_once(fetch: Fetch, pool: Callable[[], Executor], low: int, high: int) -> bytes | bytearray:
    part = fetch.first(low, min(high, low + CHUNK))
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
    whole = bytearray(stop - low)
    view = memoryview(whole)
    view[: len(part.body)] = part.body
    executor = pool()
    pending = [
        executor.submit(fetch.into, view[at : min(at + CHUNK, len(whole))], low + at, part.etag)
        for at in range(len(part.body), len(whole), CHUNK)
    ]
    # the buffer is not given away while a thread may still write into it
    gathered(pending)
    return whole


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
