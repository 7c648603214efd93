"""
How many requests a token may make: a sliding window, kept in memory.
"""

from __future__ import annotations

import threading
from collections import defaultdict, deque


class Limit:
    """At most so many requests of a user in so many seconds; none until it is set."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: int | None = None
        self._seconds = 1.0
        self._times: defaultdict[str, deque[float]] = defaultdict(deque)

    def set(self, requests: int | None, seconds: float = 1.0) -> None:
        """Set it, or take it away with None."""
        with self._lock:
            self._requests, self._seconds = requests, seconds
            self._times.clear()

    def wait_s(self, user: str, now: float) -> float | None:
        """Count a request; return None, or the seconds after which there is room again."""
        with self._lock:
            if self._requests is None:
                return None
            times = self._times[user]
            while times and times[0] <= now - self._seconds:
                times.popleft()
            if len(times) >= self._requests:
                return times[0] + self._seconds - now
            times.append(now)
            return None
