"""
The same run in one process, in two, and in two shards comes to the same verdicts over as many examples.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from conformance.record import Record, read_record
from tests.cli.conftest import Command

RUN = ("run", "--places", "mem", "--only", "objects,ranges", "--profile", "quick", "--seed", "7", "--record")


def judged(record: Record) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Return by requirement, place, check and case the verdict and what was tried."""
    return {
        tuple(line[name] for name in ("requirement", "place", "check", "case")): tuple(
            line[name] for name in ("verdict", "examples")
        )
        for line in record.results
    }


def test_a_run_in_parts_is_the_same_run(command: Command, tmp_path: Path) -> None:
    """Plain, with two workers, and as two shards merged; each check runs in exactly one shard."""
    for directory, more in (
        ("plain", ("-n", "0")),
        ("workers", ("-n", "2")),
        ("one", ("--shard", "1/2", "-n", "0")),
        ("two", ("--shard", "2/2", "-n", "2")),
    ):
        done = command(*RUN, directory, *more)
        assert done.returncode == 0, done.stdout + done.stderr
    done = command("merge", "one", "two", "-o", "merged", "--junit", "junit.xml", "--markdown", "report.md")
    assert done.returncode == 0, done.stdout + done.stderr
    plain, workers, one, two, merged = (
        judged(read_record(tmp_path / directory / "record.jsonl"))
        for directory in ("plain", "workers", "one", "two", "merged")
    )

    assert plain == workers
    assert plain == merged
    assert one
    assert two
    assert not set(one) & set(two)
    assert "deeplake_ref conforms" in done.stdout
    assert (tmp_path / "junit.xml").read_text().startswith("<?xml")
    assert "one (shard 1/2" in (tmp_path / "report.md").read_text().replace("\\", "")
    report = command("report", "merged", "--format", "markdown")
    assert (tmp_path / "report.md").read_text() + "\n" == report.stdout


def test_a_shard_that_is_missing_is_told(command: Command, tmp_path: Path) -> None:
    """With the exit code of a run that did not judge everything."""
    done = command(*RUN[:4], "OBJ-1,OBJ-2", *RUN[5:], "one", "--shard", "1/2", "-n", "0")
    assert done.returncode == 0, done.stdout + done.stderr
    done = command("merge", "one", "-o", "merged")

    assert done.returncode == 3
    assert "shard 2/2 is not there" in done.stdout
