"""
Stops what a killed runner left: `python -m conformance.services.watchdog` as a child of the runner.

It reads lines from its stdin, a pipe whose other end only the runner holds: `pid N` for a process group to stop, `dir PATH`
for a directory to remove. When the pipe ends, because the runner closed it or was killed, it does so and ends. It ignores
Ctrl-C, which a terminal sends to it as well.
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
    groups: list[int] = []
    directories: list[str] = []
    for line in sys.stdin:
        kind, _, value = line.rstrip("\n").partition(" ")
        if kind == "pid":
            groups.append(int(value))
        elif kind == "dir":
            directories.append(value)
    for group in groups:
        stop_group(group)
    for directory in directories:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
