"""
Where the time of a run goes: seconds and calls spent in the target, the witness and the services.

What is in none of the three is the suite's own time. Only the outermost measurement of a thread counts, so that a
witness that goes through a second handle of the target (`mem://`) is the witness's time and not counted twice.
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


@contextmanager
def _measure(kind: str) -> Iterator[None]:
    if getattr(_running, "kind", None) is not None:
        yield
        return
    _running.kind = kind
    started = time.perf_counter()
    try:
        yield
    finally:
        elapsed = time.perf_counter() - started
        _running.kind = None
        with _lock:
            _spent[kind]["calls"] += 1
            _spent[kind]["seconds"] += elapsed


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
        return {kind: {"calls": spent["calls"], "seconds": spent["seconds"]} for kind, spent in _spent.items()}


def reset() -> None:
    """Start again from zero."""
    with _lock:
        for spent in _spent.values():
            spent["calls"] = 0
            spent["seconds"] = 0.0
