"""
Network namespaces for tests, where this machine gives them.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]

LIMIT_S = 300.0

ENTERING = "from conformance import hermetic; hermetic.enter()\n"


@functools.cache
def refused() -> str:
    """Return why no namespace is to be had, empty if one is."""
    done = run_python(ENTERING)
    return " ".join(done.stderr.split())[-300:] if done.returncode else ""


def need_namespaces() -> None:
    """Skip the test, with the reason, where there are none."""
    if refused():
        pytest.skip(f"no network namespace is to be had here: {refused()}")


def run_python(text: str, *before: str) -> subprocess.CompletedProcess[str]:
    """Run some Python, and return how it ended."""
    return subprocess.run(
        [*before, sys.executable, "-c", text],
        cwd=PROJECT,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )


def inside(text: str, *before: str) -> str:
    """Run some Python in a network namespace, and return what it printed; skips the test where there are none."""
    need_namespaces()
    done = run_python(ENTERING + text, *before)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
