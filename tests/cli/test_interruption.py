"""
A run that is killed, or loses its service, leaves no process, and a record that tells.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command

WAIT_S = 120


def start(tmp_path: Path, environment: dict[str, str]) -> subprocess.Popen[str]:
    """Start a run that takes a while."""
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "conformance",
            "run",
            "--places",
            "moto",
            "--runtime",
            "native",
            "--profile",
            "thorough",
            "--record",
            "out",
            "-n",
            "1",
        ],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # a CI that runs in the background hands on that Ctrl-C is ignored
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no thread is started here
    )


def until(condition: Callable[[], Any]) -> Any:
    """Return the condition's value once it is true."""
    ends = time.monotonic() + WAIT_S
    while time.monotonic() < ends:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError("it did not happen")


def lines(tmp_path: Path) -> list[dict[str, Any]]:
    """Return the whole lines of the record so far."""
    path = tmp_path / "out" / "record.jsonl"
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def descendants(pid: int) -> set[int]:
    """Return the processes below a process."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] != "Z":
                parents[int(entry.name)] = int(fields[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def alive(pids: set[int]) -> set[int]:
    """Return those that still run; one that only waits to be reaped does not."""
    running = set()
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state != "Z":
            running.add(pid)
    return running


def test_a_killed_run_leaves_no_process_and_an_incomplete_record(
    tmp_path: Path, clean_environment: dict[str, str], command: Command
) -> None:
    """`kill -9` of the runner in the middle of the checks."""
    run = start(tmp_path, clean_environment)
    try:
        until(lambda: any(line["type"] == "result" for line in lines(tmp_path)))
        below = descendants(run.pid)
        assert len(below) >= 3, "a worker, a server, a watchdog"
    finally:
        os.kill(run.pid, signal.SIGKILL)
        run.communicate(timeout=WAIT_S)

    until(lambda: not alive(below))
    told = command("report", "out")
    assert told.returncode == 3
    assert "incomplete" in told.stdout


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda pid: os.killpg(pid, signal.SIGINT), id="Ctrl-C, which a terminal sends to the whole group"),
        pytest.param(lambda pid: os.kill(pid, signal.SIGTERM), id="SIGTERM, which a CI system sends to the runner"),
    ],
)
def test_an_interrupted_run_leaves_nothing(
    tmp_path: Path, clean_environment: dict[str, str], end: Callable[[int], None]
) -> None:
    """No process, no temporary folder; one line says what happened."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    run = start(tmp_path, clean_environment | {"TMPDIR": str(temporary)})
    try:
        until(lambda: any(line["type"] == "result" for line in lines(tmp_path)))
        below = descendants(run.pid)
    finally:
        end(run.pid)
        try:
            told, _ = run.communicate(timeout=WAIT_S)
        finally:
            run.kill()

    until(lambda: not alive(below))
    assert lines(tmp_path)[-1]["type"] != "end"
    assert run.returncode == 130
    assert told.splitlines()[-1].startswith("deeplake-conformance: interrupted")
    assert list(temporary.iterdir()) == []


def test_a_service_that_dies_is_unreachable_and_not_a_failure(
    tmp_path: Path, clean_environment: dict[str, str]
) -> None:
    """Killed in the middle; the rest of its results are unreachable, none blames the target."""
    run = start(tmp_path, clean_environment)
    until(lambda: any(line["type"] == "result" for line in lines(tmp_path)))
    (server,) = [
        pid for pid in descendants(run.pid) if b"moto.server" in (Path("/proc") / str(pid) / "cmdline").read_bytes()
    ]
    os.kill(server, signal.SIGKILL)
    output, _ = run.communicate(timeout=600)

    verdicts = {line["verdict"] for line in lines(tmp_path) if line["type"] == "result"}
    assert run.returncode == 3, output
    assert verdicts <= {"pass", "unreachable", "inconclusive"}, output
    assert any(line["type"] == "service" and line["state"] == "died" for line in lines(tmp_path))
