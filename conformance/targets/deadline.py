"""
Interrupts a call in this process that hangs, so that one hanging target does not hold up the run for ever.

By an alarm signal, which reaches Python code in the main thread, also in a blocking system call. It does not reach
other threads, or compiled code that waits without looking at signals; the stdio door (`--door stdio`) bounds those too.
"""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from conformance.targets import TargetDied

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

AGAIN_S = 1.0
"""Seconds until the next interruption, if the target swallowed the first one."""


class _TooLate(BaseException):
    """Raised inside the target's code; no Exception, so that its own handlers let it pass."""


@contextmanager
def interrupted_after(limit_s: float, operation: str) -> Iterator[None]:
    """Raise `TargetDied` out of the body once it has run for `limit_s` seconds, where that is possible."""
    if not _is_possible():
        yield
        return
    previous = signal.signal(signal.SIGALRM, _interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, limit_s, AGAIN_S)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except _TooLate:
        raise TargetDied(f"{operation} did not end within {limit_s:g} s and was interrupted") from None
    finally:
        signal.signal(signal.SIGALRM, previous)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise _TooLate


def _is_possible() -> bool:
    """Whether this is the main thread of a POSIX process in which nobody else uses the alarm."""
    return (
        hasattr(signal, "setitimer")
        and threading.current_thread() is threading.main_thread()
        and signal.getitimer(signal.ITIMER_REAL)[0] == 0
    )
