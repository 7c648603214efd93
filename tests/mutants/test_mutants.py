"""
The mutants cover the faults they are for, change only what they say, and are judged for the right reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import deeplake_ref
from conformance import plan, requirements
from conformance.record import Record, read_record
from conformance.selecting import known_places
from tests.mutants import outcomes
from tests.mutants.outcomes import Outcome, judge
from tests.mutants.registry import FAULTS, Mutant, links, load, mutant, replaced
from tests.mutants.runner import PAGE, main
from tests.mutants.table import COLUMNS, MEASURED, kill_table, with_rows
from tests.mutants.unexpressed import UNEXPRESSED
from tests.report.examples import START, end, failure, result, written
from tests.report.examples import plan as planned

if TYPE_CHECKING:
    from pathlib import Path

ALL = list(load().values())


def test_every_fault_is_planted_or_says_why_not() -> None:
    """Each number is there, on one side only."""
    planted = {each.fault for each in ALL if each.fault}
    left = [each.fault for each in UNEXPRESSED]

    assert {f"F{number:03}" for number in FAULTS} - planted - set(left) == set()
    assert not planted & set(left)
    assert len(set(left)) == len(left)
    assert all(each.reason for each in UNEXPRESSED)


@pytest.mark.parametrize("each", ALL, ids=lambda each: each.name)
def test_a_mutant_names_a_requirement_that_is_checked_where_it_shows(each: Mutant) -> None:
    """A kill is possible: the requirement is known, and a check of it runs on each of its places."""
    assert each.kills in requirements.load()
    assert set(each.places) <= set(known_places())
    assert plan.planned(each.places, profile="default", only=[each.kills], hermetic=each.hermetic) == {
        each.kills: list(each.places)
    }
    links(each.origin)


@pytest.mark.parametrize("each", ALL, ids=lambda each: each.name)
def test_a_mutant_replaces_what_is_there_and_touches_nothing_itself(each: Mutant) -> None:
    """Importing mutants and asking what they change leaves the reference as it is."""
    replacements = each.change(deeplake_ref)

    assert replacements
    for replacement in replacements:
        assert getattr(replacement.owner, replacement.name) is not replacement.value


def test_two_mutants_have_two_names() -> None:
    """The name is how a mutant is run."""
    with pytest.raises(ValueError, match="two mutants are called keys_are_percent_decoded"):

        @mutant("F003", kills="PATH-11")
        def keys_are_percent_decoded(_target: Any) -> Any:
            """Wrong."""


def test_what_is_not_there_is_not_replaced() -> None:
    """A method that was renamed in the reference would make a mutant correct."""
    with pytest.raises(AttributeError):
        replaced(deeplake_ref.storage.Reader, gett=None)


def test_origins_become_links() -> None:
    """Issues and commits."""
    assert links("apache/opendal#7684 rclone/rclone@ac7d1bbdf") == [
        ("opendal#7684", "https://github.com/apache/opendal/issues/7684"),
        ("rclone@ac7d1bbdf", "https://github.com/rclone/rclone/commit/ac7d1bbdf"),
    ]
    with pytest.raises(ValueError, match="an origin is"):
        links("https://github.com/apache/opendal/issues/7684")


ONE = load()["an_end_of_zero_means_the_whole_object"]


def _record(tmp_path: Path, *lines: dict[str, Any], cut: bool = False) -> Record:
    planning = [planned("RANGE-3", "mem"), planned("OBJ-1", "mem")]
    return read_record(written(tmp_path / "record.jsonl", [START, *planning, *lines, *([] if cut else [end()])]))


def _failed(requirement: str, observed: str = "b'x'") -> dict[str, Any]:
    return result(requirement, "mem", "fail", failure=failure(requirement, "mem", observed=observed))


@pytest.mark.parametrize(
    ("lines", "verdict", "detail"),
    [
        ([_failed("RANGE-3")], outcomes.KILLED, "expected b'', observed b'x'"),
        ([_failed("OBJ-1"), _failed("RANGE-3")], outcomes.KILLED, "expected b'', observed b'x'"),
        ([_failed("OBJ-1")], outcomes.BY_ANOTHER, "OBJ-1: expected b'', observed b'x'"),
        ([_failed("RANGE-3", "StorageKeyNotFound: no object")], outcomes.KILLED, "StorageKeyNotFound"),
        ([_failed("RANGE-3", "TypeError: 'int' object is not callable")], outcomes.BROKEN, "RANGE-3: expected"),
        ([_failed("RANGE-3", "MalformedResult: get gave a str")], outcomes.BROKEN, "RANGE-3: expected"),
        ([result("RANGE-3", "mem")], outcomes.SURVIVED, "verdicts: pass"),
        ([], outcomes.SURVIVED, "verdicts: none"),
        ([result("RANGE-3", "mem", "inconclusive", reason="r")], outcomes.SURVIVED, "verdicts: inconclusive"),
        ([result("RANGE-3", "mem", "harness-error", reason="KeyError: 1")], outcomes.CRASHED, "KeyError: 1"),
        ([{"type": "harness", "reason": "a worker died"}], outcomes.CRASHED, "a worker died"),
        ([result("RANGE-3", "mem", "flaky", reason="once")], outcomes.FLAKY, "once"),
        ([result("RANGE-3", "mem", "unreachable", reason="no node")], outcomes.UNREACHABLE, "no node"),
    ],
)
def test_only_the_named_requirement_kills(
    tmp_path: Path, lines: list[dict[str, Any]], verdict: str, detail: str
) -> None:
    """A crash, another requirement, silence and trouble are told apart from a kill."""
    outcome = judge(ONE, _record(tmp_path, *lines))

    assert outcome.verdict == verdict
    assert outcome.is_good is (verdict == outcomes.KILLED)
    assert detail in outcome.detail


def test_a_run_that_was_cut_off_is_no_survivor(tmp_path: Path) -> None:
    """Without a last line nothing is known."""
    assert judge(ONE, _record(tmp_path, result("RANGE-3", "mem"), cut=True)).verdict == outcomes.CRASHED


def test_the_page_shows_what_was_not_killed() -> None:
    """A survivor stands out, and the count says so."""
    other = load()["a_directory_is_a_pattern"]
    page = kill_table([Outcome(other, outcomes.SURVIVED), Outcome(ONE, outcomes.KILLED, "mem", "", 3, 1.25)])

    assert "1 of 2 mutants are killed by the requirement that they break." in page
    assert "| RANGE-3 | Takes an end of zero for a missing one. | F037 |  | mem | killed | 3 | 1.2 |" in page
    assert "[opendal#8085](https://github.com/apache/opendal/issues/8085) | mem | **survived** | 0 |" in page
    assert "| F156 | make a loop of commits when old ones expire | [icechunk#869]" in page


def test_rows_of_a_few_are_replaced() -> None:
    """The count follows."""
    other = load()["a_directory_is_a_pattern"]
    page = kill_table([Outcome(other, outcomes.SURVIVED), Outcome(ONE, outcomes.KILLED, "mem", "", 3, 1.25)])
    mended = with_rows(page, [Outcome(other, outcomes.KILLED, "mem", "", 7, 2.5)])

    assert "2 of 2 mutants are killed by the requirement that they break." in mended
    assert "issues/8085) | mem | killed | 7 | 2.5 |" in mended
    assert len(mended.splitlines()) == len(page.splitlines())


@pytest.mark.parametrize("new", [0, 1, 2])
def test_a_new_row_goes_where_a_run_of_all_would_put_it(new: int) -> None:
    """First, last or between in its area; the counts of mutants and of unbroken requirements follow."""
    area = [each for each in ALL if each.kills.startswith("RANGE-")]
    found = [Outcome(each, outcomes.KILLED, "mem", "", 3, 1.25) for each in (area[0], ONE, area[-1])]
    assert area[0].kills < ONE.kills
    page = kill_table(outcome for outcome in found if outcome is not found[new])

    assert with_rows(page, [found[new]]) == kill_table(found)


def test_the_first_row_of_an_area_makes_its_section() -> None:
    """It stands where a run of all would put it."""
    others = [Outcome(each, outcomes.KILLED, each.places[0]) for each in ALL if each.kills[:5] != ONE.kills[:5]]
    both = sorted([*others, Outcome(ONE, outcomes.KILLED)], key=lambda outcome: ALL.index(outcome.mutant))

    assert with_rows(kill_table(others), [Outcome(ONE, outcomes.KILLED)]) == kill_table(both)


def test_the_committed_page_is_of_these_mutants() -> None:
    """A mutant that was added or changed makes the page stale; the runner writes it again."""
    page = PAGE.read_text(encoding="utf-8")
    fresh = kill_table(Outcome(each, outcomes.KILLED, each.places[0]) for each in ALL)

    assert [_unmeasured(line) for line in page.splitlines()] == [_unmeasured(line) for line in fresh.splitlines()]
    assert "**" not in page


def _unmeasured(line: str) -> str:
    cells = line.split(" | ")
    return " | ".join(cells[:-MEASURED] if len(cells) == len(COLUMNS) else cells)


def test_every_must_has_a_mutant() -> None:
    """What no mutant breaks may have a check that cannot fail."""
    broken = {each.kills for each in ALL}

    assert [each.id for each in requirements.load().values() if each.level == "MUST" and each.id not in broken] == []


def test_the_runner_kills_a_mutant(capsys: pytest.CaptureFixture[str]) -> None:
    """One mutant from the command line to its kill, and the committed page is left alone."""
    before = PAGE.read_bytes() if PAGE.exists() else None

    assert main(["F037", "-n", "1"]) == 0
    said = capsys.readouterr().out

    assert "F037 an_end_of_zero_means_the_whole_object: killed (RANGE-3 on mem" in said
    assert "expected b'', observed" in said
    assert (PAGE.read_bytes() if PAGE.exists() else None) == before


def test_the_runner_refuses_a_word_that_means_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Usage, and nothing is run."""
    with pytest.raises(SystemExit) as caught:
        main(["F999"])

    assert caught.value.code == 2
    assert "no mutant is meant by F999" in capsys.readouterr().err
