"""
Runs calls at the same time, each on a thread of its own, and waits for them no longer than is claimed.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar

from conformance.expectations import CheckFailure
from conformance.targets import TargetError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")

LIMIT_S = 600.0
"""Seconds that a race may take in which every call makes many requests, and each has a deadline of its own."""


def outcomes(calls: Sequence[Callable[[], Any]], limit_s: float = LIMIT_S) -> list[Any]:
    """Start all calls at one moment and return their results, or the `TargetError`s that they raised, in their order.

    Args:
        calls: each gets its own thread; a call that hangs keeps only that thread, which ends with the process.
        limit_s: seconds that all of them have.

    Raises:
        CheckFailure: not all of them ended in time.
        BaseException: what the first of the calls raised that is no `TargetError`.
    """
    results: list[Any] = [None] * len(calls)
    errors: list[BaseException | None] = [None] * len(calls)
    start = threading.Barrier(len(calls))

    def run(number: int) -> None:
        try:
            start.wait(limit_s)
            results[number] = calls[number]()
        except TargetError as error:
            results[number] = error
        except BaseException as error:  # noqa: BLE001 - carried to the thread that waits
            errors[number] = error

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(len(calls))]
    late = time.monotonic() + limit_s
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, late - time.monotonic()))
    hanging = sum(thread.is_alive() for thread in threads)
    if hanging:
        raise CheckFailure(f"{len(calls)} calls to end within {limit_s:g} s", f"{hanging} of them hang")
    for error in errors:
        if error is not None:
            raise error
    return results


def at_once(calls: Sequence[Callable[[], T]], limit_s: float = LIMIT_S) -> list[T]:
    """Return the results of calls that begin together; a `TargetError` of any is raised too."""
    ended = outcomes(calls, limit_s)
    for end in ended:
        if isinstance(end, TargetError):
            raise end
    return ended
