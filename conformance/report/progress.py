"""
What is going on, on stderr, while it goes on: services being installed and started, then results coming in.

On a terminal one line lives; elsewhere (a CI log) a plain line is written for each step and every few seconds.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

PLAIN_EVERY_S = 10.0
"""Seconds between two plain lines of a long run."""


class LiveProgress:
    """The display of one run; a context manager, safe to call from threads."""

    def __init__(self) -> None:
        # a copy of the descriptor, since pytest captures the original one while checks run in this process
        self._stream = os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding="utf-8", errors="backslashreplace")
        self._console = Console(file=self._stream, highlight=False)
        self._lock = threading.Lock()
        self._live: Progress | None = None
        self._steps: dict[str, TaskID] = {}
        self._checks: TaskID | None = None
        self._expected = 0
        self._seen = 0
        self._red = 0
        self._told = time.monotonic()
        if self._console.is_terminal:
            columns = (
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
            )
            self._live = Progress(*columns, console=self._console, transient=True)

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._live is not None:
            self._live.stop()
        elif self._seen:
            self._say(self._count())
        self._stream.close()

    def step(self, name: str, text: str) -> None:
        """Say what is being done for a service; a later step of the same name replaces it."""
        with self._lock:
            if self._live is None:
                self._say(f"{name}: {text}")
            elif name in self._steps:
                self._live.update(self._steps[name], description=f"{name}: {text}")
            else:
                self._steps[name] = self._live.add_task(f"{name}: {text}", total=None)

    def done(self, name: str, seconds: float) -> None:
        """Say that a service is ready."""
        self._finish(name, f"{name}: ready after {seconds:.1f} s")

    def failed(self, name: str, reason: str) -> None:
        """Say that a service is not to be had."""
        self._finish(name, f"{name}: {reason}")

    def _finish(self, name: str, text: str) -> None:
        with self._lock:
            if self._live is not None and name in self._steps:
                self._live.remove_task(self._steps.pop(name))
            self._say(text)

    def expect(self, results: int) -> None:
        """Say how many results will come."""
        with self._lock:
            self._expected = results
            if self._live is not None and self._checks is None:
                self._checks = self._live.add_task("checks", total=results)

    def result(self, result: dict[str, Any]) -> None:
        """Count one result, and name it if it is red."""
        with self._lock:
            self._seen += 1
            if result["verdict"] in ("fail", "unexpected-pass", "harness-error", "flaky"):
                self._red += 1
                case = f" {result['case']}" if result["case"] else ""
                self._say(f"{result['verdict']}: {result['requirement']} on {result['place']}{case!a:.60}")
            if self._live is not None and self._checks is not None:
                self._live.update(self._checks, completed=self._seen, description=self._count())
            elif time.monotonic() - self._told > PLAIN_EVERY_S:
                self._say(self._count())

    def _count(self) -> str:
        of = f" of {self._expected}" if self._expected else ""
        return f"checks: {self._seen}{of}, {self._red} red"

    def _say(self, text: str) -> None:
        self._told = time.monotonic()
        if self._live is not None:
            self._live.console.print(text, markup=False, soft_wrap=True)
        else:
            print(text, file=self._stream, flush=True)
