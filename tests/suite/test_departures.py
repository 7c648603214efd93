"""
A check during which something was to leave the machine is judged if it is known to be the one, and else runs again alone.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from conformance.departures import (
    DEPARTED,
    MOST_AGAIN,
    SUSPECTED,
    Suspects,
    completed,
    departed,
    note,
    unsettled,
    weighed,
)
from conformance.lookout import Seen
from conformance.record_form import check_line
from conformance.settings import RunSettings
from conformance.targets.claims import Claims
from tests.report.examples import result

OUT = Seen(3, ("192.0.2.1 port 443",), ("errors.example",))
UNKNOWN = Seen(3)


def fields(requirement: str = "OBJ-1", place: str = "mem", **more: Any) -> dict[str, Any]:
    """Return a result as a check brings it."""
    return {name: value for name, value in result(requirement, place).items() if name != "type"} | {"notes": []} | more


def report(node: str, **attributes: Any) -> Any:
    """Return what stands for pytest's report."""
    return SimpleNamespace(nodeid=node, **attributes)


def test_the_result_is_a_failure_of_its_own_with_what_was_asked() -> None:
    """It names the check, host and port, and fits the record."""
    judgement, line = departed(fields(), OUT, "deeplake-conformance replay OBJ-1", alone=True)
    whole = completed(line, judgement)

    check_line({"type": "result"} | whole)
    assert (whole["requirement"], whole["place"], whole["verdict"]) == ("SEC-12", "mem", "fail")
    assert "OBJ-1" in whole["failure"]["what"]
    assert "192.0.2.1 port 443, errors.example" in whole["failure"]["observed"]


def test_the_check_itself_says_so() -> None:
    """Its verdict stays; where others ran beside it, it says that it may not be the one."""
    told, suspected = fields(), fields()
    note(told, OUT, alone=False)
    note(suspected, UNKNOWN, alone=False)

    assert told["notes"] == ["SEC-12: a socket of Python's for 192.0.2.1 port 443, errors.example"]
    assert suspected["notes"] == [
        "SEC-12: this check, or one beside it: 3 packets or connections without a route, no socket of Python's"
    ]
    assert told["verdict"] == suspected["verdict"] == "pass"


def test_what_the_claims_leave_out_is_not_claimed() -> None:
    """As for any other requirement."""
    judgement, _ = departed(fields(), OUT, "", alone=True)

    assert weighed(judgement, Claims(), "mem").verdict == "fail"
    assert weighed(judgement, Claims(areas=("objects",)), "mem").verdict == "not-claimed"


def test_each_check_runs_again_before_its_other_cases() -> None:
    """At most so many, since a target that always asks is suspected in every check."""
    suspects = Suspects()
    for node in ("a-1", "a-2", "b-1", "a-3"):
        suspects.take(report(node, **{SUSPECTED: True}), fields(check=node[0], case=node))

    assert list(suspects.again()) == ["a-1", "b-1", "a-2", "a-3"]


def test_not_all_that_is_suspected_runs_again() -> None:
    """A target that always asks is suspected in every check."""
    suspects = Suspects()
    for number in range(MOST_AGAIN + 5):
        for case in "ab":
            node = f"checks/test_x.py::test_{number}[mem-{case}]"
            assert suspects.take(report(node, **{SUSPECTED: True}), fields(check=f"test_{number}", case=case)) is None
    suspects.take(report("quiet"), fields(check="test_quiet"))

    again = suspects.again()
    assert len(again) == MOST_AGAIN
    assert all(node.endswith("[mem-a]") for node in again)


def test_suspicion_that_nothing_settles_is_told_once_for_each_place() -> None:
    """It is no pass: something was to leave, and it is not known what."""
    suspects = Suspects()
    for place in ("mem", "file", "mem"):
        suspects.take(report(f"{place}-1", **{SUSPECTED: True}), fields(place=place))
    told = unsettled(suspects.left(), again=2)

    assert [(each["place"], each["verdict"]) for each in told] == [("mem", "inconclusive"), ("file", "inconclusive")]
    for each in told:
        check_line({"type": "result"} | each)


def test_suspicion_ends_where_another_check_was_the_one() -> None:
    """Those beside it had no part in it that is known."""
    suspects = Suspects()
    suspects.take(report("beside", **{SUSPECTED: True}), fields())
    also = {"requirement": "SEC-12"}

    assert suspects.take(report("the one", **{DEPARTED: also}), fields(turned_away=2)) == also
    assert suspects.left() == []
    assert suspects.during == 2


def test_the_replay_line_is_hermetic_too() -> None:
    """Elsewhere it would send for real."""
    assert RunSettings(hermetic=True).replay_line("OBJ-1", "mem", None).endswith(" --hermetic")
    assert RunSettings.from_json(RunSettings(hermetic=True).to_json()).hermetic
