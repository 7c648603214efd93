"""Fixtures that run the command as a user does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

TIMEOUT_S = 300

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def clean_environment() -> dict[str, str]:
    """The environment without what an outer pytest or a user's credentials add."""
    foreign = ("PYTEST", "AWS_", "AZURE_", "GOOGLE_", "STORAGE_EMULATOR_HOST")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}


@pytest.fixture
def command(tmp_path: Path, clean_environment: dict[str, str]) -> Command:
    """Runs `deeplake-conformance` with arguments in a private directory."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "conformance", *arguments],
            cwd=tmp_path,
            env=clean_environment | environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )

    return run
