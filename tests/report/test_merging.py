"""
Several records in one: the worst verdict counts, another shard's results fill gaps, and what is missing is told.
"""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from conformance.merging import merge_files
from conformance.record import Record
from conformance.report import render_junit, render_markdown
from conformance.settings import UsageError
from conformance.verdicts import BROKEN, CONFORMS, NOT_JUDGED, WORST_FIRST, exit_code
from tests.report.conftest import on_terminal
from tests.report.examples import CONFORMING, MOTO, SPEC, START, end, failure, plan, result, written

Line = dict[str, Any]


def merged(tmp_path: Path, *records: list[Line], strict: bool = False) -> Record:
    """Write records into directories of their own, merge them, and return what is read back."""
    paths = []
    for number, lines in enumerate(records, 1):
        directory = tmp_path / f"run-{number}"
        directory.mkdir(exist_ok=True)
        paths.append(written(directory / "record.jsonl", lines).parent)
    return merge_files(paths, tmp_path / "merged", strict=strict, known=SPEC)


def one_cell(verdict: str, **start: Any) -> list[Line]:
    """Return a record with one result."""
    return [START | {"places": ["mem"]} | start, plan("RANGE-1", "mem"), result("RANGE-1", "mem", verdict), end()]


def shard(number: int, of: int, *own: str, **start: Any) -> list[Line]:
    """Return a shard of a run of RANGE-1, RANGE-2 and LIST-1 over `mem`."""
    plans = [
        plan(identity, "mem") | ({} if identity in own else {"elsewhere": ["mem"]})
        for identity in ("RANGE-1", "RANGE-2", "LIST-1")
    ]
    first = START | {"places": ["mem"], "shard": f"{number}/{of}"} | start
    return [first, *plans, *(result(identity, "mem") for identity in own), end()]


@pytest.mark.parametrize("number", range(len(WORST_FIRST) - 1))
def test_the_worse_verdict_counts(tmp_path: Path, number: int) -> None:
    """In the order of the verdicts, whichever record comes first."""
    worse, better = WORST_FIRST[number : number + 2]
    for directory, pair in (("one", (worse, better)), ("other", (better, worse))):
        (tmp_path / directory).mkdir()
        record = merged(tmp_path / directory, *map(one_cell, pair))

        assert [worse] == [cell.verdict for cell in record.cells()]
        assert len(record.results) == 1


def test_the_effort_of_all_runs_is_counted(tmp_path: Path) -> None:
    """Examples, operations and seconds are sums; requests too, where a gate counted them."""
    other = one_cell("pass")
    other[2] |= {"requests": 7}
    (kept,) = merged(tmp_path, one_cell("pass"), other).results

    assert tuple(kept[name] for name in ("examples", "operations", "witness_calls", "requests")) == (50, 100, 50, 7)
    assert kept["seconds"]["total"] == 2.0


def test_cases_and_checks_are_kept_apart(tmp_path: Path) -> None:
    """A failing case does not hide that another one passed."""
    first = [
        START,
        plan("RANGE-1", "mem"),
        result("RANGE-1", "mem", case="a"),
        result("RANGE-1", "mem", case="b"),
        end(),
    ]
    second = [START, plan("RANGE-1", "mem"), result("RANGE-1", "mem", "fail", case="b"), end()]

    assert [(line["case"], line["verdict"]) for line in merged(tmp_path, first, second).results] == [
        ("a", "pass"),
        ("b", "fail"),
    ]


def test_shards_make_a_whole(tmp_path: Path) -> None:
    """In any order: nothing is left in another shard, and the run conforms."""
    parts = [shard(1, 3, "RANGE-1"), shard(2, 3, "RANGE-2"), shard(3, 3, "LIST-1")]
    for number, order in enumerate(permutations(parts)):
        (tmp_path / str(number)).mkdir()
        record = merged(tmp_path / str(number), *order)

        assert [cell.verdict for cell in record.cells()] == ["pass"] * 3
        assert not record.elsewhere
        assert exit_code(record, strict=False) == CONFORMS


def test_a_shard_alone_answers_for_its_own_part(read: Any) -> None:
    """What is in another shard is shown as not run, and fails nothing."""
    record: Record = read(shard(1, 3, "RANGE-1"))
    text = on_terminal(record)

    assert exit_code(record, strict=False) == CONFORMS
    assert record.verdict("LIST-1", "mem") == ("not-run", "in another shard")
    assert "not-run       RANGE-2 on mem, LIST-1 on mem: in another shard" in text
    assert "mymodule conforms in shard 1/3" in text
    assert 'errors="0"' in render_junit(record)


@pytest.mark.parametrize(
    ("verdict", "code"), [("not-claimed", CONFORMS), ("inconclusive", CONFORMS), ("unreachable", NOT_JUDGED)]
)
def test_a_shard_may_have_got_nothing_to_judge(read: Any, verdict: str, code: int) -> None:
    """Of a whole run that would be an error; here the other shards tell."""
    lines = shard(1, 2, "RANGE-1")
    lines[-2] |= {"verdict": verdict}

    assert code == exit_code(read(lines), strict=False)


def test_a_shard_that_is_not_there_is_missed(tmp_path: Path) -> None:
    """By its number; its results are not run, and the exit code says so."""
    record = merged(tmp_path, shard(1, 3, "RANGE-1"), shard(3, 3, "LIST-1"))
    text = on_terminal(record)

    assert record.missing == ["shard 2/3 is not there"]
    assert exit_code(record, strict=False) == NOT_JUDGED
    assert "RANGE-2 on mem: in another shard" in text
    assert "mymodule is not judged: 1 not-run, shard 2/3 is not there" in text
    assert "shard 2/3 is not there" in render_junit(record)
    assert "shard 2/3 is not there" in render_markdown(record)


def test_shards_of_different_pythons_are_different_sets(tmp_path: Path) -> None:
    """Each set wants all its shards, though another one has judged everything."""
    both = [shard(1, 2, "RANGE-1", "RANGE-2"), shard(2, 2, "LIST-1")]
    record = merged(tmp_path, *both, shard(1, 2, "RANGE-1", "RANGE-2", python="3.12.4"))

    assert record.missing == ["shard 2/2 is not there (profile quick, Python 3.12, on mem)"]
    assert exit_code(record, strict=False) == NOT_JUDGED


def test_a_record_that_was_cut_off_is_told(tmp_path: Path) -> None:
    """What it was to judge is not run, and no other run's pass hides it."""
    record = merged(tmp_path, CONFORMING, [*CONFORMING[:7], result("RANGE-1", "mem")])

    assert record.missing == ["run-2 (Python 3.11.7) was cut off"]
    assert record.verdict("RANGE-1", "mem")[0] == "pass"
    assert record.verdict("LIST-1", "moto")[0] == "not-run"
    assert "the run was cut off before it" in on_terminal(record)
    assert exit_code(record, strict=False) == NOT_JUDGED


def test_a_service_that_one_run_lost_is_lost(tmp_path: Path) -> None:
    """Whichever record comes first."""
    gone = MOTO | {"state": "unreachable", "reason": "no port", "hint": "try again"}
    without = [gone if line is MOTO else line for line in CONFORMING]
    record = merged(tmp_path, without, CONFORMING)

    assert [service["state"] for service in record.lost_services()] == ["unreachable"]
    assert exit_code(record, strict=False) == NOT_JUDGED


def test_a_failure_names_its_run(tmp_path: Path) -> None:
    """A matrix of Python versions tells on which of them it failed."""
    record = merged(tmp_path, one_cell("pass"), one_cell("fail", python="3.14.1"))
    text = on_terminal(record)

    assert "  run       run-2 (Python 3.14.1)" in text
    assert failure("RANGE-1", "mem")["replay"] in text
    assert "Python 3.11.7, 3.14.1" in text
    assert exit_code(record, strict=False) == BROKEN


def test_merging_in_two_steps_comes_to_the_same(tmp_path: Path) -> None:
    """A merged record is a record: parts, gaps and verdicts go through."""
    parts = [shard(1, 3, "RANGE-1"), shard(2, 3, "RANGE-2"), shard(3, 3, "LIST-1", seed=9)]
    at_once = merged(tmp_path, *parts)
    first = merge_files([tmp_path / "run-1", tmp_path / "run-2"], tmp_path / "first", known=SPEC)
    in_steps = merge_files([tmp_path / "first", tmp_path / "run-3"], tmp_path / "second", known=SPEC)

    assert first.missing == ["shard 3/3 is not there"]
    assert in_steps.missing == []
    assert at_once.start == in_steps.start
    assert at_once.results == in_steps.results
    assert at_once.plan == in_steps.plan


def test_strict_runs_make_a_strict_record(tmp_path: Path) -> None:
    """A SHOULD that fails fails it, as it failed its run."""
    broken = [START | {"strict": True}, plan("RANGE-2", "mem"), result("RANGE-2", "mem", "fail"), end(exit=1)]
    record = merged(tmp_path, CONFORMING, broken)

    assert record.start["strict"]
    assert record.end is not None
    assert record.end["exit"] == BROKEN


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"suite": "0.2.0"}, "suite versions"),
        ({"target": START["target"] | {"name": "other"}}, "targets"),
        ({"claims": {"name": "mymodule", "areas": ["ranges"]}}, "claims"),
    ],
    ids=["suite", "target", "claims"],
)
def test_records_about_different_things_do_not_merge(tmp_path: Path, changed: Line, words: str) -> None:
    """The message names both files and what differs."""
    with pytest.raises(UsageError, match=f"records of different {words} do not merge:") as raised:
        merged(tmp_path, CONFORMING, [START | changed, *CONFORMING[1:]])

    assert all(f"run-{number}" in str(raised.value) for number in (1, 2))


def test_a_record_given_twice_is_refused(tmp_path: Path) -> None:
    """Its effort would count twice."""
    path = written(tmp_path / "record.jsonl", CONFORMING)

    with pytest.raises(UsageError, match="a record is given twice"):
        merge_files([path, tmp_path], tmp_path / "merged", known=SPEC)


def test_no_part_is_written_over(tmp_path: Path) -> None:
    """The record in the directory stays as it is."""
    path = written(tmp_path / "record.jsonl", CONFORMING)
    before = path.read_bytes()

    with pytest.raises(UsageError, match="written over one of its parts"):
        merge_files([path], tmp_path, known=SPEC)
    assert before == path.read_bytes()


def test_hermetic_runs_make_a_hermetic_record(tmp_path: Path) -> None:
    """With the sum of what the kernel turned away; one run that was not hermetic makes it another record."""
    hermetic = [START | {"hermetic": True}, *CONFORMING[1:-1], end(turned_away=2)]
    both = merged(tmp_path, hermetic, hermetic)
    (tmp_path / "mixed").mkdir()
    mixed = merged(tmp_path / "mixed", hermetic, CONFORMING)

    assert both.end is not None
    assert (both.start["hermetic"], both.end["turned_away"]) == (True, 4)
    assert not mixed.start["hermetic"]
