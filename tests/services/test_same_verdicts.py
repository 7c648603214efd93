"""
A service in a container is judged as the same service as a process.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from conformance.record import read_record
from conformance.services import load
from conformance.services.provisioning import installed
from conformance.services.runtimes import Engine

LIMIT_S = 600


def verdicts(directory: Path, runtime: str) -> dict[tuple[str, str, str | None], str]:
    """Return the verdict of each check of a small area over moto."""
    foreign = ("PYTEST", "AWS_", "AZURE_", "GOOGLE_", "STORAGE_EMULATOR_HOST")
    done = subprocess.run(
        [
            sys.executable, "-m", "conformance", "run", "--places", "moto", "--only", "metadata", "--profile", "quick",
            "--seed", "3", "-n", "1", "--runtime", runtime, "--record", runtime,
        ],
        cwd=directory,
        env={name: value for name, value in os.environ.items() if not name.startswith(foreign)},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stdout + done.stderr
    record = read_record(directory / runtime / "record.jsonl")
    (service,) = record.services
    assert service["runtime"] == runtime
    return {(each["requirement"], each["check"], each["case"]): each["verdict"] for each in record.results}


def test_container_and_process_are_judged_alike(having: Engine, tmp_path: Path) -> None:
    """The same seed, the same verdict for every check and case; the record says which runtime it was."""
    assert installed(load("moto")) is not None, "deeplake-conformance services install moto"

    found = verdicts(tmp_path, "container")

    assert found
    assert found == verdicts(tmp_path, "native")
