"""
Stops what a killed runner left: `python -m conformance.services.watchdog` as a child of the runner.

It reads lines from its stdin, a pipe whose other end only the runner holds. When the pipe ends, because the runner closed it
or was killed, it does what they say and ends. It ignores Ctrl-C, which a terminal sends to it as well.

    pid N                         stop this process group
    dir PATH                      remove this directory
    run LABEL                     remove the containers of this run
    over LABEL                    the runner has removed them itself
    keep N, keep PATH, keep ID    leave this alone after all
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from contextlib import suppress

GRACE_S = 5.0
"""Seconds between asking a process group to end and killing it."""

ENGINE_S = 25.0
"""Seconds for which an engine that does not answer is asked again."""


def stop_group(group: int, grace_s: float = GRACE_S) -> None:
    """End a process group: ask, wait, kill."""
    for number, patience_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, grace_s)):
        try:
            os.killpg(group, number)
        except (ProcessLookupError, PermissionError):
            return
        if _gone(group, patience_s):
            return


def _gone(group: int, patience_s: float) -> bool:
    ends = time.monotonic() + patience_s
    while time.monotonic() < ends:
        with suppress(ChildProcessError):  # not ours, or reaped already
            os.waitpid(group, os.WNOHANG)
        try:
            os.killpg(group, 0)
        except (ProcessLookupError, PermissionError):
            return True
        time.sleep(0.02)
    return False


def main() -> None:
    """Collect what to clean up, wait for the end of the pipe, clean up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    told: dict[str, list[str]] = {"pid": [], "dir": [], "run": [], "over": [], "keep": []}
    for line in sys.stdin:
        kind, _, value = line.rstrip("\n").partition(" ")
        told.setdefault(kind, []).append(value)
    spared = set(told["keep"])
    for group in told["pid"]:
        if group not in spared:
            stop_group(int(group))
    for run in set(told["run"]) - set(told["over"]):
        _remove_containers(run, spared)
    for directory in told["dir"]:
        if directory not in spared:
            shutil.rmtree(directory, ignore_errors=True)


def _remove_containers(run: str, spared: set[str]) -> None:
    from conformance.services import engine

    ends = time.monotonic() + ENGINE_S
    while time.monotonic() < ends:
        try:
            engine.remove_run(run, spared)
            return
        except Exception:  # noqa: BLE001 - nobody is there to be told; the engine may be busy, and the next start sweeps
            time.sleep(1)


if __name__ == "__main__":
    main()
