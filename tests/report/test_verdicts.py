"""
Verdicts fold to the worst, and fold and exit code say what the contract of the command says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.verdicts import WORST_FIRST, exit_code, fold, is_red, worst
from tests.report.examples import BAD, CONFORMING, MOTO, START, end, plan, result

if TYPE_CHECKING:
    from tests.report.conftest import Reading

RESULTS = st.lists(
    st.builds(
        result,
        st.sampled_from(["RANGE-1", "LIST-1"]),
        st.sampled_from(["mem", "moto"]),
        st.sampled_from(WORST_FIRST),
    ),
    max_size=12,
)


def test_the_worst_verdict_wins() -> None:
    """The order is that of the words' table; of nothing the verdict is `not-run`."""
    assert WORST_FIRST == (
        "fail", "unexpected-pass", "harness-error", "flaky", "unreachable", "not-run",
        "inconclusive", "known-fail", "not-claimed", "pass",
    )  # fmt: skip
    assert worst(["pass", "known-fail", "inconclusive"]) == "inconclusive"
    assert worst(["not-claimed", "pass"]) == "not-claimed"
    assert worst([]) == "not-run"


def test_what_was_planned_and_has_no_result_is_not_run() -> None:
    """A check that silently did not run is seen."""
    cells = fold([result("RANGE-1", "mem")], {"RANGE-1": ["mem", "moto"]})

    assert {key: cell.verdict for key, cell in cells.items()} == {
        ("RANGE-1", "mem"): "pass",
        ("RANGE-1", "moto"): "not-run",
    }


@given(results=RESULTS, data=st.data())
def test_folding_does_not_depend_on_order(results: list[dict[str, Any]], data: st.DataObject) -> None:
    """Records of shards may come in any order."""
    shuffled = data.draw(st.permutations(results))

    assert _verdicts(results) == _verdicts(shuffled)


@given(results=RESULTS, more=RESULTS)
def test_folding_more_results_never_improves_a_verdict(
    results: list[dict[str, Any]], more: list[dict[str, Any]]
) -> None:
    """A merge cannot hide a failure, and counts what every part did."""
    merged = fold([*results, *more])

    for key, verdict in _verdicts(results).items():
        assert WORST_FIRST.index(merged[key].verdict) <= WORST_FIRST.index(verdict)
    assert sum(cell.examples for cell in merged.values()) == 25 * (len(results) + len(more))


def _verdicts(results: list[dict[str, Any]]) -> dict[tuple[str, str], str]:
    return {key: cell.verdict for key, cell in fold(results).items()}


@pytest.mark.parametrize(
    ("level", "strict", "red"),
    [("MUST", False, True), ("DEFINED", False, True), ("SHOULD", False, False), ("SHOULD", True, True)],
)
def test_a_should_is_red_only_when_strict(level: str, strict: bool, red: bool) -> None:
    """DEFINED counts as MUST."""
    assert is_red("fail", level, strict=strict) is red
    assert is_red("unexpected-pass", level, strict=strict) is red
    assert not is_red("known-fail", level, strict=strict)


MUST, SHOULD, DEFINED = "RANGE-1", "RANGE-2", "LIST-2"
LOST = {"type": "service", "name": "moto", "state": "unreachable", "reason": "no", "hint": "install it"}
DIED = {"type": "service", "name": "moto", "state": "died", "reason": "it ended", "hint": ""}


@pytest.mark.parametrize(
    ("extra", "code"),
    [
        ([], 0),
        ([result(MUST, "mem", "fail")], 1),
        ([result(DEFINED, "moto", "fail")], 1),
        ([result(MUST, "mem", "unexpected-pass")], 1),
        ([result(SHOULD, "mem", "fail")], 0),
        ([result("LIST-99", "mem", "fail")], 1),
        ([result(MUST, "mem", "inconclusive")], 0),
        ([result(MUST, "mem", "known-fail")], 0),
        ([result(MUST, "mem", "not-claimed")], 0),
        ([result(MUST, "mem", "harness-error")], 3),
        ([result(SHOULD, "mem", "flaky")], 3),
        ([result(MUST, "mem", "unreachable")], 3),
        ([plan("RANGE-2", "file")], 3),
        ([LOST], 3),
        ([DIED], 3),
        ([{"type": "harness", "reason": "a worker died"}], 3),
        ([LOST, result(MUST, "mem", "fail")], 1),
    ],
    ids=lambda value: (
        "+".join(f"{line.get('verdict') or line['type']}" for line in value) or "nothing"
        if isinstance(value, list)
        else str(value)
    ),
)
def test_the_exit_code_of_a_run(read: Reading, extra: list[dict[str, Any]], code: int) -> None:
    """1 for a broken requirement, else 3 for what was not judged, else 0."""
    record = read([*CONFORMING[:-1], *extra, end()])

    assert exit_code(record, strict=False) == code


def test_strict_counts_a_should(read: Reading) -> None:
    """The same record, judged strictly."""
    record = read([*CONFORMING[:-1], result(SHOULD, "mem", "fail"), end()])

    assert (exit_code(record, strict=False), exit_code(record, strict=True)) == (0, 1)


@pytest.mark.parametrize(
    "lines",
    [
        [START, end()],
        [START, plan(MUST, "mem"), result(MUST, "mem", "not-claimed", operations=1), end()],
        [START, plan(MUST, "mem"), result(MUST, "mem", "pass", operations=0), end()],
        [START, plan(MUST, "moto"), MOTO, result(MUST, "moto", "inconclusive"), end()],
    ],
    ids=["no-results", "nothing-claimed", "no-call-into-the-target", "only-inconclusive"],
)
def test_a_run_that_exercised_nothing_does_not_conform(read: Reading, lines: list[dict[str, Any]]) -> None:
    """Silence is no proof."""
    assert exit_code(read(lines), strict=False) == 3


def test_a_run_that_was_cut_off_does_not_conform(read: Reading) -> None:
    """A missing last line means 3, unless a failure is there already."""
    assert exit_code(read(CONFORMING[:-1]), strict=False) == 3
    assert exit_code(read(BAD[:-1]), strict=False) == 1
