"""
Whether a process that was noted down still runs: the same one, not another that was given its number.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def started_at(pid: int) -> str:
    """Return when a process was started, in the kernel's ticks; empty where it is gone or there is no `/proc`."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def runs(pid: int, started: str) -> bool:
    """Whether the process that was started then still runs."""
    with suppress(ChildProcessError):  # reap it if it is ours and has ended
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return started_at(pid) == started


def this_process() -> str:
    """Return a text that names this process among all that use the same container engine."""
    return f"{_here()}/{os.getpid()}/{started_at(os.getpid())}"


def is_over(named: str) -> bool:
    """Whether a process of `this_process` has ended; False where that cannot be known from here."""
    here, pid, started = named.rsplit("/", 2)
    if here.partition("/")[0] != _here().partition("/")[0]:
        return True  # before the last start of the machine
    return here == _here() and not runs(int(pid), started)


def _here() -> str:
    """Return the start of the machine and the namespace that numbers are counted in."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return f"{os.uname().nodename}/"
