"""
One retry policy for all places; the SDKs' own retries are off, so that requests can be counted and bounded.

Only errors that say so themselves (`transient`) are tried again: refused, reset and timed-out connections, bodies that
did not arrive whole, and HTTP 408, 429, 500, 502, 503, 504. 400, 401, 403, 404 and 412 never are.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from deeplake_ref.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

DEADLINE_S = 60.0
"""Seconds within which an operation ends, retries included, unless the handle says otherwise."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Attempts with exponential, jittered backoff inside a deadline; the service's `Retry-After` lengthens a pause.

    Attributes:
        attempts: how often an operation is tried at most.
        first_pause_s: the longest first pause; each further one is up to twice as long.
        longest_pause_s: where pauses stop growing.
        deadline_s: seconds after the first attempt's start when no attempt may be running any more.
        attempt_s: seconds that one attempt may take; none starts that could outlast the deadline.
    """

    attempts: int = 5
    first_pause_s: float = 0.1
    longest_pause_s: float = 5.0
    deadline_s: float = DEADLINE_S
    attempt_s: float = 0.0

    def run(self, operation: Callable[[], T], *, safe: Callable[[StorageError], bool] | None = None) -> T:
        """Return the operation's result, or raise its last error.

        Args:
            operation: is called again after a transient error.
            safe: says whether it may be called again after this error; None means always. A conditional write may not
                where its effect is unknown, since the second try would lose against the first.
        """
        started = time.monotonic()
        attempt = 1
        while True:
            try:
                return operation()
            except StorageError as error:
                pause = self._pause(attempt, error)
                late = time.monotonic() - started + pause + self.attempt_s > self.deadline_s
                if not error.transient or late or attempt >= self.attempts or not (safe is None or safe(error)):
                    raise
            time.sleep(pause)
            attempt += 1

    def _pause(self, attempt: int, error: StorageError) -> float:
        ceiling = min(self.longest_pause_s, self.first_pause_s * 2.0 ** (attempt - 1))
        jittered = ceiling * (0.5 + random.random() / 2)  # noqa: S311 - spreads load, protects nothing
        return max(jittered, error.retry_after_s or 0.0)
