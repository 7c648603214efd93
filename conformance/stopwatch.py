"""
Where the time of a run goes: seconds and calls spent in the target, the witness and the services.

What is in none of the three is the suite's own time. Only the outermost measurement of a thread counts, so that a
witness that goes through a second handle of the target (`mem://`) is the witness's time and not counted twice. A moment in
which several threads are in a call counts once, for the first of the three that any of them is in.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

KINDS = ("target", "witness", "service")


class Spent(TypedDict):
    """Calls and seconds of one kind since the last reset."""

    calls: int
    seconds: float


_lock = threading.Lock()
_spent: dict[str, Spent] = {kind: {"calls": 0, "seconds": 0.0} for kind in KINDS}
_running = threading.local()
_inside = dict.fromkeys(KINDS, 0)
_last = time.perf_counter()


def _charge() -> None:
    """Charge what has gone by since the last change to the kind that is running; the caller holds the lock."""
    global _last
    now = time.perf_counter()
    kind = next((kind for kind in KINDS if _inside[kind]), None)
    if kind is not None:
        _spent[kind]["seconds"] += now - _last
    _last = now


@contextmanager
def _measure(kind: str) -> Iterator[None]:
    if getattr(_running, "kind", None) is not None:
        yield
        return
    _running.kind = kind
    with _lock:
        _charge()
        _inside[kind] += 1
    try:
        yield
    finally:
        _running.kind = None
        with _lock:
            _charge()
            _inside[kind] -= 1
            _spent[kind]["calls"] += 1


def target() -> AbstractContextManager[None]:
    """Time one call into the target."""
    return _measure("target")


def witness() -> AbstractContextManager[None]:
    """Time one call of a witness."""
    return _measure("witness")


def service() -> AbstractContextManager[None]:
    """Time one wait for a service, such as its start."""
    return _measure("service")


def read() -> dict[str, Spent]:
    """Return a copy of what was spent, by kind."""
    with _lock:
        _charge()
        return {kind: {"calls": spent["calls"], "seconds": spent["seconds"]} for kind, spent in _spent.items()}


def reset() -> None:
    """Start again from zero."""
    with _lock:
        _charge()
        for spent in _spent.values():
            spent["calls"] = 0
            spent["seconds"] = 0.0
