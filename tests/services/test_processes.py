"""
Whether a process that was noted down still runs is told by its number and its start.
"""

from __future__ import annotations

import os
import subprocess
import sys

from conformance.services import processes


def test_a_process_runs_until_it_has_ended() -> None:
    """Its start is what it was."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        started = processes.started_at(child.pid)
        before = processes.runs(child.pid, started)
        other = processes.runs(child.pid, f"{started}1")

    assert (before, other, processes.runs(child.pid, started)) == (True, False, False)


def test_a_runner_is_over_when_its_process_is() -> None:
    """This process is not; one of another start of the machine is; one of another namespace cannot be known."""
    mine = processes.this_process()
    boot, namespace, _, _ = mine.rsplit("/", 3)

    assert mine.endswith(f"/{os.getpid()}/{processes.started_at(os.getpid())}")
    assert not processes.is_over(mine)
    assert processes.is_over(f"{boot}/{namespace}/{os.getpid()}/1")
    assert processes.is_over(f"another-{mine}")
    assert not processes.is_over(f"{boot}/another/1/1")
