"""
What is going on, on stderr, while it goes on: services being installed and started, then results coming in.

On a terminal one line per step lives. Elsewhere, as in the log of a CI job, a plain line is written for each step and
each area that is finished, and one every so often while nothing else is said.
"""

from __future__ import annotations

import io
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TextIO

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from conformance import requirements
from conformance.report.escaping import encodable, one_line
from conformance.verdicts import WORST_FIRST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conformance.requirements import Requirement

PLAIN_EVERY_S = 10.0
"""Seconds of silence after which a plain line says where a long run is."""

TOLD = ("fail", "unexpected-pass", "harness-error", "flaky")
"""Verdicts that are told at once."""


class LiveProgress:
    """The display of one run; a context manager, safe to call from threads.

    Args:
        stream: where to write; None for stderr.
        every_s: seconds of silence after which a plain line is written.
        known: the requirements that tell the area of a result; None for this suite's specification.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        every_s: float = PLAIN_EVERY_S,
        known: Mapping[str, Requirement] | None = None,
    ) -> None:
        self._own = stream is None
        self._stream = _stderr() if stream is None else stream
        self._console = Console(file=self._stream, highlight=False)
        self._every_s = every_s
        self._known = known
        self._lock = threading.RLock()
        self._live: Progress | None = None
        self._rows: dict[str, TaskID] = {}
        self._checks: TaskID | None = None
        self._steps: dict[str, str] = {}
        self._expected = 0
        self._left_of: dict[str, int] = {}
        self._seen = 0
        self._verdicts_of: dict[str, dict[str, int]] = {}
        self._red = 0
        self._spoke = threading.Event()
        self._closing = threading.Event()
        self._ticker: threading.Thread | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(bar_width=20),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=self._console,
                transient=True,
            )
            self._live.start()
        else:
            self._ticker = threading.Thread(target=self._tick, name="progress", daemon=True)
            self._ticker.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._closing.set()
        self._spoke.set()
        if self._live is not None:
            self._live.stop()
        if self._ticker is not None:
            self._ticker.join()
        with self._lock:
            if self._live is None and self._seen:
                self._say(self._count())
            if self._own:
                self._stream.close()

    # ---- services

    def step(self, name: str, text: str) -> None:
        """Say what is being done for a service; a later step of the same name replaces it."""
        with self._lock:
            line = f"{name}: {one_line(text)}"
            self._steps[name] = line
            if self._live is None:
                self._say(line)
            elif name in self._rows:
                self._live.update(self._rows[name], description=escape(line))
            else:
                self._rows[name] = self._live.add_task(escape(line), total=None)

    def done(self, name: str, seconds: float) -> None:
        """Say that a service is ready."""
        self._finish(name, f"{name}: ready after {seconds:.1f} s")

    def failed(self, name: str, reason: str) -> None:
        """Say that a service is not to be had."""
        self._finish(name, f"{name}: not to be had: {reason}")

    def _finish(self, name: str, text: str) -> None:
        with self._lock:
            self._steps.pop(name, None)
            if self._live is not None and name in self._rows:
                self._live.remove_task(self._rows.pop(name))
            self._say(text)

    # ---- checks

    def expect(self, results: int, by_area: Mapping[str, int] | None = None) -> None:
        """Say how many results will come, and if it is known of which areas, so that a finished area is told."""
        with self._lock:
            self._expected = results
            if not self._seen:  # each worker says it, and one that replaces a dead one late
                self._left_of = dict(by_area or {})
            if self._live is None:
                return
            if self._checks is None:
                self._checks = self._live.add_task("checks", total=results)
            else:
                self._live.update(self._checks, total=results)

    def result(self, result: dict[str, Any]) -> None:
        """Count one result, tell it if it is bad, and tell its area if that is finished."""
        with self._lock:
            self._seen += 1
            verdict = result["verdict"]
            self.tell(result)
            self._count_area(result["requirement"], verdict)
            if self._live is not None and self._checks is not None:
                self._live.update(self._checks, completed=self._seen, description=escape(self._count()))

    def tell(self, result: dict[str, Any]) -> None:
        """Tell one result if it is bad, without counting it as one that was expected."""
        with self._lock:
            if result["verdict"] in TOLD:
                self._red += 1
                case = f", case {result['case']}" if result["case"] is not None else ""
                self._say(f"{result['verdict']}: {result['requirement']} on {result['place']}{case}")

    def _count_area(self, requirement: str, verdict: str) -> None:
        known = requirements.load() if self._known is None else self._known
        if requirement not in known:
            return
        area = known[requirement].area
        counts = self._verdicts_of.setdefault(area, {})
        counts[verdict] = counts.get(verdict, 0) + 1
        if area in self._left_of:
            self._left_of[area] -= 1
            if self._left_of[area] == 0:
                words = [f"{counts[word]} {word}" for word in reversed(WORST_FIRST) if word in counts]
                self._say(f"{area} done: {', '.join(words)}")

    def _count(self) -> str:
        of = f" of {self._expected}" if self._expected else ""
        return f"checks: {self._seen}{of}, {self._red} red"

    # ---- saying

    def _say(self, text: str) -> None:
        """Write one line that stays."""
        line = encodable(one_line(text), self._stream.encoding or "utf-8")
        if self._live is not None:
            self._live.console.print(line, markup=False, soft_wrap=True)
        else:
            print(line, file=self._stream, flush=True)
            self._spoke.set()

    def _tick(self) -> None:
        """Write a plain line whenever nothing was said for a while, so that a log shows that the run lives."""
        while not self._closing.is_set():
            if self._spoke.wait(self._every_s):
                self._spoke.clear()
                continue
            with self._lock:
                for line in self._steps.values():
                    self._say(f"{line} (still)")
                if self._seen or self._expected:
                    self._say(self._count())


def _stderr() -> TextIO:
    """Return a copy of stderr that stays open while pytest captures the original."""
    try:
        descriptor = os.dup(sys.stderr.fileno())
    except (OSError, io.UnsupportedOperation):
        return Path(os.devnull).open("w", encoding="utf-8")  # no stderr, as under some launchers: nobody to tell
    return os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace")
