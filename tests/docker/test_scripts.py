"""
The shell scripts beside the Dockerfiles: what they ask of the docker command, and what they say where there is no engine.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from conformance.services.description import load
from tests.docker.dockerfiles import FOLDER

LIMIT_S = 60
RECORDER = """#!/bin/sh
case $1 in
  build)
    printf '%s\\n' "$@" >>"$ASKED"
    for context; do :; done
    find "$context" -type f | sed "s|^$context/||" | sort >>"$ASKED" ;;
  image) echo 5000000 ;;
esac
"""


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A docker command that builds nothing and writes down what it was asked, and what lay in the folder to build."""
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "docker").write_text(RECORDER)
    (commands / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("DEEPLAKE_CONFORMANCE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("BUILD_BASE", "builders:1")
    path = tmp_path / "asked"
    monkeypatch.setenv("ASKED", str(path))
    return path


def run(script: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a script to its end."""
    return subprocess.run(
        ["sh", str(FOLDER / script), *words], capture_output=True, text=True, timeout=LIMIT_S, check=False
    )


def install(cache: Path) -> None:
    """Put a program where a native installation of versitygw has its own."""
    place = cache / "services" / f"versitygw-{load('versitygw').version}"
    place.mkdir(parents=True)
    (place / "versitygw").write_text("#!/bin/sh\n")
    (place / "versitygw").chmod(0o755)


def test_a_build_takes_the_program_of_the_native_installation(asked: Path, tmp_path: Path) -> None:
    """It lies in given/ beside the Dockerfile, and the image has the name that the suite looks for."""
    install(tmp_path / "cache")

    done = run("build.sh", "versitygw")

    assert done.returncode == 0, done.stderr
    lines = asked.read_text().splitlines()
    assert f"deeplake-conformance/versitygw:{load('versitygw').version}" in lines
    assert {"BASE=debian:bookworm-slim", "BUILD_BASE=builders:1"} <= set(lines)
    assert lines[-2:] == ["Dockerfile", "given/versitygw"]
    assert "from parts of this machine" in done.stdout


def test_a_fresh_build_takes_nothing(asked: Path, tmp_path: Path) -> None:
    """The Dockerfile is alone in its folder."""
    install(tmp_path / "cache")

    done = run("build.sh", "--fresh", "versitygw")

    assert done.returncode == 0, done.stderr
    assert asked.read_text().splitlines()[-1] == "Dockerfile"
    assert "from its Dockerfile alone" in done.stdout


def test_what_is_not_installed_is_built_from_nothing(asked: Path) -> None:
    """An empty cache is no error."""
    done = run("build.sh", "versitygw")

    assert done.returncode == 0, done.stderr
    assert asked.read_text().splitlines()[-1] == "Dockerfile"


def test_an_unknown_service_is_named() -> None:
    """Before anything is built."""
    done = run("build.sh", "moto", "nosuch")

    assert (done.returncode, done.stdout, done.stderr) == (2, "", "unknown service: nosuch\n")


def test_an_engine_that_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Somebody who names an engine does not get another one, and the command is not run."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none")

    done = run("engine.sh", "touch", str(tmp_path / "ran"))

    assert done.returncode == 3
    assert done.stderr == "no container engine on this machine: nothing answers at DOCKER_HOST\n"
    assert not (tmp_path / "ran").exists()
