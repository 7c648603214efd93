"""
A wheel works as well as the checkout: built, installed in a fresh environment, run from another directory.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
TIMEOUT_S = 900


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(directory), str(PROJECT)],
        check=True,
        capture_output=True,
        timeout=TIMEOUT_S,
    )
    (built,) = directory.glob("*.whl")
    return built


def test_the_wheel_holds_specification_checks_and_descriptions(wheel: Path) -> None:
    """What is no Python file is in the wheel too."""
    held = set(zipfile.ZipFile(wheel).namelist())

    for page in (PROJECT / "conformance" / "spec").glob("*.md"):
        assert f"conformance/spec/{page.name}" in held
    for description in (PROJECT / "conformance" / "services").glob("*.toml"):
        assert f"conformance/services/{description.name}" in held
    assert {
        "conformance/pytest.ini",
        "conformance/services/azurite_unswept.cjs",
        "conformance/py.typed",
        "deeplake_ref/py.typed",
        "deeplake_ref/conformance.toml",
    } <= held


def test_the_wheel_runs_the_suite_from_another_directory(wheel: Path, tmp_path: Path) -> None:
    """Installed without a cloud SDK, it judges the reference on `mem://`."""
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", f"{wheel}[suite,datasets]"],
        check=True,
        capture_output=True,
        timeout=TIMEOUT_S,
    )
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    # a hostile project file of the user's changes nothing
    (elsewhere / "pyproject.toml").write_text('[tool.pytest.ini_options]\naddopts = "--no-such-option"\n')
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))}

    done = subprocess.run(
        [
            environment / "bin" / "deeplake-conformance",
            "run",
            "--places",
            "mem",
            "--profile",
            "quick",
            "--record",
            "out",
        ],
        cwd=elsewhere,
        env=clean,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    lines = [json.loads(line) for line in (elsewhere / "out" / "record.jsonl").read_text().splitlines()]
    results = [line for line in lines if line["type"] == "result"]
    assert lines[-1]["type"] == "end"
    assert len(results) > 30
    assert {result["place"] for result in results} == {"mem"}
