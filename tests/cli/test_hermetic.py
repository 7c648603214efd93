"""
`run --hermetic` judges what a target asks beyond this machine, in whichever process and check, and says that it looked.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.record import Record, read_record
from tests.cli.conftest import Command
from tests.suite.namespaces import PROJECT, need_namespaces

WITH_TESTS = {"PYTHONPATH": str(PROJECT)}


def hermetic_run(
    command: Command, directory: Path, *more: str, only: str = "OBJ-1,RANGE-3,SEC-12"
) -> tuple[int, Record, str]:
    """Return exit code, record and report of a hermetic run on `mem` and `file`."""
    need_namespaces()
    record = directory / "record"
    words = ["--places", "mem,file", "--profile", "quick", "--seed", "1", "--record", str(record)]
    done = command("run", "--hermetic", "--only", only, *words, *more, **WITH_TESTS)
    assert (record / "record.jsonl").exists(), done.stderr
    return done.returncode, read_record(record / "record.jsonl"), done.stdout


def of_departures(record: Record) -> list[dict[str, object]]:
    """Return the results about what was to leave."""
    return [each for each in record.results if each["requirement"] == "SEC-12" and each["verdict"] == "fail"]


@pytest.mark.parametrize("processes", ["0", "2"])
def test_the_reference_stays_inside(command: Command, tmp_path: Path, processes: str) -> None:
    """Record and report say that the kernel was asked."""
    code, record, said = hermetic_run(command, tmp_path, "-n", processes)

    assert code == 0, said
    assert record.start["hermetic"] is True
    assert record.end is not None
    assert record.end["turned_away"] == 0
    assert "in a network namespace that has the loopback only; nothing was to leave it" in said
    assert {record.verdict("SEC-12", place)[0] for place in ("mem", "file")} == {"pass"}


@pytest.mark.parametrize("door", ["in-process", "stdio"])
@pytest.mark.parametrize("processes", ["1", "3"])
def test_host_and_port_are_named_where_python_asks(command: Command, tmp_path: Path, processes: str, door: str) -> None:
    """In the process of the checks, and in that of the target."""
    mutant = ("--target", "tests.mutants.target:each_reading_is_told_to_its_maker", "--door", door)
    code, record, said = hermetic_run(command, tmp_path, *mutant, "-n", processes)

    assert code == 1, said
    assert "SEC-12 MUST: nothing leaves the machine" in said
    assert "192.0.2.1 port 443" in said
    told = of_departures(record)
    assert {each["place"] for each in told} == {"mem", "file"}
    assert all("192.0.2.1 port 443" in str(each["failure"]) for each in told)
    # the checks about other things passed, and say what happened meanwhile
    own = [each for each in record.results if each["requirement"] in ("OBJ-1", "RANGE-3")]
    assert {each["verdict"] for each in own} == {"pass"}
    assert all("SEC-12" in note for each in own for note in each["notes"])


@pytest.mark.parametrize("processes", ["1", "3"])
def test_a_child_process_is_caught_by_the_kernels_count(command: Command, tmp_path: Path, processes: str) -> None:
    """With several processes each suspected check runs once more, alone."""
    mutant = ("--target", "tests.mutants.target:a_child_process_tells_each_writing")
    code, record, said = hermetic_run(command, tmp_path, *mutant, "-n", processes, only="RANGE-3,SEC-12")

    assert code == 1, said
    told = of_departures(record)
    assert {each["place"] for each in told} == {"mem", "file"}
    assert all("no socket of Python's" in str(each["failure"]) for each in told)


def test_an_ordinary_run_says_who_could_see_it(command: Command, tmp_path: Path) -> None:
    """The requirement is not passed over in silence."""
    done = command("run", "--only", "OBJ-1,SEC-12", "--places", "mem", "--profile", "quick", "-n", "0")

    assert done.returncode == 0, done.stderr
    assert "only a run with --hermetic sees it" in done.stdout
    assert "hermetic   " not in done.stdout


def test_a_service_from_outside_is_refused(command: Command) -> None:
    """Usage, before anything is started."""
    done = command("run", "--hermetic", "--places", "moto", "--service-url", "moto=http://127.0.0.1:1")

    assert done.returncode == 2
    assert "--hermetic starts its own services" in done.stderr
    assert done.stdout == ""
