"""
The same seed gives the same operations; another seed gives others; a replay line shows a failure again.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from tests.cli.conftest import Command

PROJECT = str(Path(__file__).parents[2])


def operations(command: Command, file: Path, seed: int, place: str) -> list[str]:
    """Return what a run asks of its target, in a CI, where Hypothesis has settings of its own."""
    done = command(
        "run", "--target", "tests.cli.recording_target", "--places", place, "--only", "objects,ranges", "--profile", "quick",
        "--seed", str(seed), "-n", "0",
        OPERATIONS=str(file), PYTHONPATH=PROJECT, CI="true",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return file.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("place", ["mem", "file"])
def test_the_same_seed_gives_the_same_operations(command: Command, tmp_path: Path, place: str) -> None:
    """Operation by operation, argument by argument."""
    first = operations(command, tmp_path / "first", 7, place)
    again = operations(command, tmp_path / "again", 7, place)
    other = operations(command, tmp_path / "other", 8, place)

    assert first == again
    assert first != other
    assert len(first) > 1000


def test_the_replay_line_shows_the_failure_again(command: Command, tmp_path: Path) -> None:
    """The line is taken from the record and run as it is."""
    target = tmp_path / "wrong.py"
    target.write_text(
        "import deeplake_ref\n"
        "from types import SimpleNamespace\n"
        "class Reader(deeplake_ref.Reader):\n"
        "    def get(self, path, start_bytes=None, end_bytes=None):\n"
        "        return super().get(path, start_bytes, end_bytes or None)\n"
        "class Writer(deeplake_ref.Writer):\n"
        "    pass\n"
        "storage = SimpleNamespace(Reader=Reader, Writer=Writer)\n"
    )
    done = command(
        "run",
        "--target",
        "wrong.py",
        "--places",
        "mem",
        "--only",
        "RANGE-3",
        "--profile",
        "quick",
        "--record",
        "out",
        "-n",
        "0",
    )
    assert done.returncode == 1, done.stdout + done.stderr
    lines = [json.loads(line) for line in (tmp_path / "out" / "record.jsonl").read_text().splitlines()]
    (failed,) = [line for line in lines if line["type"] == "result"]

    words = shlex.split(failed["failure"]["replay"])
    assert words[0] == "deeplake-conformance"
    replayed = command(*words[1:])

    assert replayed.returncode == 1, replayed.stdout + replayed.stderr
    assert failed["failure"]["observed"] in replayed.stdout
    assert failed["failure"]["example"].splitlines()[0] in replayed.stdout
