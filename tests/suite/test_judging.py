"""
From an exception to a verdict: the target's, nobody's and ours never mix.
"""

from __future__ import annotations

import pytest
from hypothesis import errors, example, given, settings
from hypothesis import strategies as st

from conformance.expectations import CheckFailure, Inconclusive, assert_equal
from conformance.judging import judge
from conformance.targets import NotClaimed, TargetDied, TargetError
from conformance.testbed import PlaceUnreachable
from conformance.witnesses import WitnessUnreachable


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (None, "pass"),
        (CheckFailure("1", "2"), "fail"),
        (AssertionError("plain"), "fail"),
        (TargetDied("it ended"), "fail"),
        (TargetError("StorageProviderMissingError", "needs an extra"), "unreachable"),
        (TargetError("StorageInternalError", "broken"), "fail"),
        (PlaceUnreachable("moto: no node"), "unreachable"),
        (WitnessUnreachable("refused"), "unreachable"),
        (Inconclusive("only observable in process"), "inconclusive"),
        (NotClaimed("no such method"), "not-claimed"),
        (errors.Unsatisfiable("nothing drawn"), "harness-error"),
        (ValueError("a bug of ours"), "harness-error"),
        (KeyError("a bug of ours"), "harness-error"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_each_exception_has_one_verdict(error: Exception | None, verdict: str) -> None:
    """The table of verdicts."""
    if error is not None:
        try:
            raise error
        except Exception as raised:  # noqa: BLE001 - it gets its traceback as in a run
            error = raised

    assert judge(error).verdict == verdict


def test_the_smallest_example_is_kept_without_fixtures() -> None:
    """What Hypothesis shrank to stands in the failure, the fixtures do not."""

    @settings(database=None, max_examples=50)
    @given(data=st.data())
    def check(place: str, data: st.DataObject) -> None:
        assert_equal(0, data.draw(st.integers(), label="size"))

    with pytest.raises(CheckFailure) as caught:
        check(place="mem")

    failure = judge(caught.value).failure
    assert failure is not None
    assert "size: 1" in failure["example"]
    assert "place" not in failure["example"].replace("test_", "")
    assert (failure["expected"], failure["observed"]) == ("0", "1")


def test_a_pinned_example_is_kept_too() -> None:
    """Hypothesis words its note otherwise."""

    @settings(database=None)
    @given(size=st.just(0))
    @example(size=1)
    def check(size: int) -> None:
        assert_equal(0, size)

    with pytest.raises(CheckFailure) as caught:
        check()

    failure = judge(caught.value).failure
    assert failure is not None
    assert failure["example"] == "size=1"


def test_a_harness_error_keeps_its_traceback() -> None:
    """Ours are to be mended by us, so they tell where."""
    with pytest.raises(ValueError, match="invalid literal") as caught:
        int("x")
    judgement = judge(caught.value)

    assert "ValueError" in (judgement.reason or "")
    assert 'int("x")' in judgement.notes[0]
