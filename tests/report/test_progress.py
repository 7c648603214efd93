"""
The progress of a run: plain lines where nobody watches, a live display on a terminal.
"""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import threading
from typing import Any

import pytest

from conformance.report.progress import LiveProgress
from tests.report.examples import SPEC, result

TIMEOUT_S = 60
HOURS_S = 36_000.0


def _plain(*, every_s: float = HOURS_S, encoding: str = "utf-8") -> tuple[LiveProgress, io.BytesIO]:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
    return LiveProgress(stream, every_s=every_s, known=SPEC), raw


def test_steps_failures_and_finished_areas_are_plain_lines() -> None:
    """Where stderr is no terminal, each of them is one line, and the last line counts."""
    progress, raw = _plain()
    with progress:
        progress.step("azurite", "installing 3.35.0 (npm)")
        progress.step("azurite", "starting")
        progress.done("azurite", 12.34)
        progress.failed("minio", "no go on PATH")
        progress.expect(4, {"ranges": 3, "listing": 1})
        progress.result(result("RANGE-1", "mem"))
        progress.result(result("RANGE-2", "mem", "fail", case="zero [bold]\x1b"))
        progress.result(result("LIST-1", "mem", "inconclusive"))
        progress.result(result("RANGE-1", "moto"))

    assert raw.getvalue().decode() == (
        "azurite: installing 3.35.0 (npm)\n"
        "azurite: starting\n"
        "azurite: ready after 12.3 s\n"
        "minio: not to be had: no go on PATH\n"
        "fail: RANGE-2 on mem, case zero [bold]\\x1b\n"
        "listing done: 1 inconclusive\n"
        "ranges done: 2 pass, 1 fail\n"
        "checks: 4 of 4, 1 red\n"
    )


def test_a_failure_without_a_case_is_told_without_one() -> None:
    """No empty quotes."""
    progress, raw = _plain()
    with progress:
        progress.result(result("RANGE-1", "mem", "flaky"))

    assert raw.getvalue().decode() == "flaky: RANGE-1 on mem\nchecks: 1, 1 red\n"


def test_a_worker_that_comes_late_counts_nothing_again() -> None:
    """Every worker says how many results will come; a finished area stays finished."""
    progress, raw = _plain()
    with progress:
        progress.expect(2, {"ranges": 2})
        progress.expect(2, {"ranges": 2})
        progress.result(result("RANGE-1", "mem"))
        progress.expect(2, {"ranges": 2})
        progress.result(result("RANGE-2", "mem"))

    assert raw.getvalue().decode() == "ranges done: 2 pass\nchecks: 2 of 2, 0 red\n"


def test_areas_are_not_told_where_their_size_is_not_known() -> None:
    """Without counts per area nothing is claimed to be done."""
    progress, raw = _plain()
    with progress:
        progress.expect(1)
        progress.result(result("RANGE-1", "mem"))

    assert raw.getvalue().decode() == "checks: 1 of 1, 0 red\n"


class _Awaited(io.TextIOWrapper):
    """A stream that says when it has seen a text."""

    def __init__(self, text: str) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)
        self._text = text
        self.seen = threading.Event()

    def write(self, text: str) -> int:
        if self._text in text:
            self.seen.set()
        return super().write(text)


@pytest.mark.parametrize("text", ["moto: starting (still)", "checks: 0 of 9, 0 red"])
def test_silence_ends_after_a_while(text: str) -> None:
    """A long step and a long check both show that the run lives."""
    stream = _Awaited(text)
    with LiveProgress(stream, every_s=0.01, known=SPEC) as progress:
        progress.step("moto", "starting")
        if text.startswith("checks"):
            progress.done("moto", 1.0)
            progress.expect(9)

        assert stream.seen.wait(TIMEOUT_S)


def test_a_stream_that_cannot_hold_a_character_gets_an_escape() -> None:
    """A display never ends a run."""
    progress, raw = _plain(encoding="ascii")
    with progress:
        progress.failed("moto", "日本 \ud800\r\nsecond line")

    assert raw.getvalue() == b"moto: not to be had: \\u65e5\\u672c \\ud800 second line\n"


def test_threads_may_tell_at_once() -> None:
    """Services start in parallel; no line is torn."""
    progress, raw = _plain()

    def tell(name: str) -> None:
        for _ in range(50):
            progress.step(name, "working")

    with progress:
        threads = [threading.Thread(target=tell, args=(f"service-{number}",)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    lines = raw.getvalue().decode().splitlines()
    assert sorted(lines) == sorted(f"service-{number}: working" for number in range(4) for _ in range(50))


def test_no_thread_is_left_behind() -> None:
    """Leaving the display ends its thread."""
    before = threading.active_count()
    progress, _ = _plain(every_s=0.01)
    with progress:
        pass

    assert threading.active_count() == before


PROGRAM = """
from conformance.report.progress import LiveProgress
from tests.report.examples import SPEC, result
with LiveProgress(known=SPEC) as progress:
    progress.step("moto", "installing [5.2.5]")
    progress.step("moto", "starting [/red]")
    progress.done("moto", 1.5)
    progress.expect(2, {"ranges": 1, "listing": 1})
    progress.result(result("RANGE-1", "mem", "fail", case="[bold]"))
    progress.result(result("LIST-1", "mem"))
"""


def _run(**streams: Any) -> subprocess.CompletedProcess[bytes]:
    environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "TERM")}
    environment |= {"TERM": "xterm", "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run([sys.executable, "-c", PROGRAM], env=environment, timeout=TIMEOUT_S, check=True, **streams)


def test_stdout_stays_free_for_data() -> None:
    """All of it goes to stderr, as plain lines where that is a pipe."""
    done = _run(capture_output=True)

    assert done.stdout == b""
    assert done.stderr.decode().splitlines() == [
        "moto: installing [5.2.5]",
        "moto: starting [/red]",
        "moto: ready after 1.5 s",
        "fail: RANGE-1 on mem, case [bold]",
        "ranges done: 1 fail",
        "listing done: 1 pass",
        "checks: 2 of 2, 1 red",
    ]


def test_a_terminal_keeps_what_was_told() -> None:
    """On a terminal the display lives and vanishes; lines that were told stay, brackets included."""
    controller, terminal = pty.openpty()
    shown = bytearray()

    def read() -> None:
        try:
            while part := os.read(controller, 4096):
                shown.extend(part)
        except OSError:
            return  # the other side is closed

    reader = threading.Thread(target=read)
    reader.start()
    try:
        _run(stdout=subprocess.DEVNULL, stderr=terminal)
    finally:
        os.close(terminal)
        reader.join(TIMEOUT_S)
        os.close(controller)

    text = shown.decode()
    assert "\x1b[" in text
    assert "moto: ready after 1.5 s" in text
    assert "fail: RANGE-1 on mem, case [bold]" in text
    assert "listing done: 1 pass" in text
