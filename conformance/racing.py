"""
Calls that start at one moment.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from conformance.targets import TargetError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

START_S = 60.0
"""Seconds until all threads of a race must have come to its start."""


def at_once(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """Start all calls at one moment, each in a thread, and return their results or `TargetError`s in order."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        barrier.wait(START_S)
        try:
            return call()
        except TargetError as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(run, call) for call in calls]]
