"""
A record is written and read by the same strict form; what was cut off says so.
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from conformance.record import RecordWriter, read_record
from conformance.record_form import RecordError
from conformance.settings import UsageError
from tests.report.examples import BAD, CONFORMING, SPEC, START, end, failure, plan, result, written

if TYPE_CHECKING:
    from pathlib import Path

    from tests.report.conftest import Reading


def _write(writer: RecordWriter, line: dict[str, Any]) -> None:
    writer.write(line["type"], **{name: value for name, value in line.items() if name != "type"})


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Every line comes back, and the last one holds counts by level and the exit code."""
    path = tmp_path / "record.jsonl"
    with RecordWriter(path, known=SPEC) as writer:
        for line in BAD[:-1]:
            _write(writer, line)
        writer.end(startup_s=1.23456, run_s=2.0, strict=True)

    record = read_record(path, known=SPEC)

    assert record.complete
    assert {"type": "start"} | record.start == BAD[0]
    assert [{"type": "result"} | line for line in record.results] == [line for line in BAD if line["type"] == "result"]
    assert record.end == {
        "verdicts": {
            "MUST": {"fail": 1, "inconclusive": 1, "not-claimed": 1, "pass": 1, "unreachable": 2},
            "SHOULD": {"fail": 1, "known-fail": 1, "unreachable": 1},
            "DEFINED": {"harness-error": 1},
        },
        "exit": 1,
        "seconds": {"startup": 1.235, "run": 2.0},
        "complete": True,
    }


def test_the_exit_code_in_the_record_is_that_of_a_complete_run(tmp_path: Path) -> None:
    """Writing the last line is what completes it."""
    path = tmp_path / "record.jsonl"
    with RecordWriter(path, known=SPEC) as writer:
        for line in CONFORMING[:-1]:
            _write(writer, line)
        writer.end(startup_s=0, run_s=1)

    assert json.loads(path.read_text().splitlines()[-1])["exit"] == 0


def test_odd_keys_survive(tmp_path: Path) -> None:
    """Lone surrogates, control characters and line separators stay one ASCII line each."""
    odd = "\ud800 \x00 \x1b[31m \u2028 \u202e \x85 [bold]"
    path = tmp_path / "record.jsonl"
    with RecordWriter(path, known=SPEC) as writer:
        _write(writer, START)
        _write(writer, result("RANGE-1", "mem", "fail", failure=failure("RANGE-1", "mem", example=odd)))

    assert path.read_bytes().isascii()
    assert len(path.read_text().splitlines()) == 2
    assert read_record(path, known=SPEC).results[0]["failure"]["example"] == odd


def test_every_line_is_on_disk_at_once(tmp_path: Path) -> None:
    """A run that is killed leaves all that it knew."""
    path = tmp_path / "record.jsonl"
    with RecordWriter(path, known=SPEC) as writer:
        _write(writer, START)
        _write(writer, plan("RANGE-1", "mem"))
        record = read_record(path, known=SPEC)

    assert record.plan == {"RANGE-1": ["mem"]}
    assert not record.complete


def test_threads_write_whole_lines(tmp_path: Path) -> None:
    """Workers report at the same time."""
    path = tmp_path / "record.jsonl"
    with RecordWriter(path, known=SPEC) as writer:
        _write(writer, START)

        def write_fifty() -> None:
            for _ in range(50):
                _write(writer, result("RANGE-1", "mem"))

        threads = [threading.Thread(target=write_fifty) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert len(read_record(path, known=SPEC).results) == 200


def test_half_a_line_at_the_end_is_a_run_that_was_cut_off(tmp_path: Path) -> None:
    """What was written before it counts."""
    path = written(tmp_path / "record.jsonl", CONFORMING[:-1])
    with path.open("a") as file:
        file.write('{"type": "resu')

    record = read_record(path, known=SPEC)

    assert not record.complete
    assert len(record.results) == 7


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([plan("RANGE-1", "mem")], "line 1: the first line is of type 'start': 'plan'"),
        ([START, START], "line 2: a second line of type 'start'"),
        ([START, end(), plan("RANGE-1", "mem")], "line 3: nothing follows the line of type 'end'"),
        ([START, {"type": "resutl"}], "line 2: unknown type 'resutl'; known: start, plan, service"),
        ([START, {"verdict": "pass"}], "line 2: unknown type None"),
        ([START | {"record": 2}], "line 1: this suite reads records of version 1: 2"),
        ([START | {"places": ["mem", 1]}], "line 1: start.places holds texts: 1"),
        ([START | {"target": {"name": "x", "door": "stdio"}}], "line 1: start.target.spec is missing"),
        ([START | {"seed": True}], "line 1: start.seed is int: True"),
        ([START, result("RANGE-1", "mem", "passed")], "line 2: result.verdict is one of fail, unexpected-pass"),
        ([START, result("RANGE-1", "mem", "fail", failure=None)], "result.failure is missing for the verdict 'fail'"),
        ([START, result("RANGE-1", "mem", examples="25")], "line 2: result.examples is int: '25'"),
        ([START, result("RANGE-1", "mem", seconds={"total": 1})], "line 2: result.seconds.target is missing"),
        (
            [START, result("RANGE-1", "mem", "fail", failure={"example": ""})],
            "line 2: result.failure.expected is missing",
        ),
        (
            [START, result("RANGE-1", "mem", "fail", failure=failure("RANGE-1", "mem", requests=[{"method": "GET"}]))],
            "line 2: result.failure.requests.target is missing",
        ),
        (
            [START, {"type": "service", "name": "moto", "state": "died", "reason": "x"}],
            "line 2: service.hint is missing",
        ),
        ([START, end(complete=False)], "line 2: end.complete is true, or the line is left out"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else None,
)
def test_a_broken_line_is_named(tmp_path: Path, lines: list[dict[str, Any]], message: str) -> None:
    """A record that is not in the form is no record; the message names line and field."""
    path = written(tmp_path / "record.jsonl", lines)

    with pytest.raises(UsageError) as caught:
        read_record(path, known=SPEC)

    assert message in str(caught.value)
    assert str(caught.value).startswith("record.jsonl, ")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "record.jsonl is no record: it has no line"),
        (b'{"type": "start"', "record.jsonl is no record: it has no whole line"),
        (b"\xff\n", "record.jsonl is no record: byte 0 is not ASCII"),
        (b"not json\n", "record.jsonl, line 1: not JSON: Expecting value at column 1"),
        (b"[]\n", "record.jsonl, line 1: not a JSON object: list"),
    ],
    ids=["empty", "half-a-line", "binary", "text", "list"],
)
def test_a_file_that_is_no_record_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    """The message is one line that names the file."""
    path = tmp_path / "record.jsonl"
    path.write_bytes(content)

    with pytest.raises(UsageError) as caught:
        read_record(path, known=SPEC)

    assert str(caught.value) == message


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A record that is not there is the user's mistake, not a crash."""
    with pytest.raises(UsageError, match=r"the record cannot be read: .*nothing\.jsonl: No such file"):
        read_record(tmp_path / "nothing.jsonl", known=SPEC)


def test_the_writer_refuses_what_a_reader_would_refuse(tmp_path: Path) -> None:
    """A mistake of the suite is seen where it is made, and leaves no broken line."""
    path = tmp_path / "record.jsonl"
    with RecordWriter(path, known=SPEC) as writer:
        _write(writer, START)
        with pytest.raises(RecordError, match=r"result\.verdict is one of"):
            _write(writer, result("RANGE-1", "mem", "passed"))

    assert read_record(path, known=SPEC).results == []


def test_every_requirement_has_a_verdict_on_every_place(read: Reading) -> None:
    """What has no result says why."""
    record = read([START | {"only": ["RANGE-1", "LIST-2"]}, plan("RANGE-1", "mem"), result("RANGE-1", "mem"), end()])

    assert {(identity, place): record.verdict(identity, place) for identity in SPEC for place in record.places} == {
        ("RANGE-1", "mem"): ("pass", ""),
        ("RANGE-1", "moto"): ("-", "no check of RANGE-1 says anything about moto"),
        ("RANGE-2", "mem"): ("not-run", "not asked for"),
        ("RANGE-2", "moto"): ("not-run", "not asked for"),
        ("LIST-1", "mem"): ("not-run", "not asked for"),
        ("LIST-1", "moto"): ("not-run", "not asked for"),
        ("LIST-2", "mem"): ("not-run", "no check says anything about these places"),
        ("LIST-2", "moto"): ("not-run", "no check says anything about these places"),
    }
