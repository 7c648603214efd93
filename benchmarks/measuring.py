"""
Medians of interleaved runs: the contenders take turns, so that a machine whose speed drifts is slow for both.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor


def interleaved(contenders: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the median seconds of each contender over so many rounds, after one that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    names = list(contenders)
    for number in range(rounds + 1):
        for name in names if number % 2 else reversed(names):
            started = time.perf_counter()
            contenders[name]()
            if number:
                seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(values) for name, values in seconds.items()}


def in_threads(work: Callable[[int], object], *, threads: int, times: int) -> Callable[[], object]:
    """Return a contender that does a piece of work so many times, over so many threads."""
    if threads == 1:
        return lambda: [work(number) for number in range(times)]

    def run() -> object:
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(work, range(times)))

    return run


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows)])


class Talk:
    """Tells on stderr what is going on."""

    def step(self, name: str, text: str) -> None:
        """Tell a step."""
        print(f"{name}: {text}", file=sys.stderr)

    def done(self, name: str, seconds: float) -> None:
        """Tell that a service is ready."""
        print(f"{name}: ready after {seconds:.1f} s", file=sys.stderr)

    def failed(self, name: str, reason: str) -> None:
        """Tell that a service is not to be had."""
        print(f"{name}: {reason}", file=sys.stderr)
