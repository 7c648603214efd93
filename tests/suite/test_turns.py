"""
The quick profile takes cases in turns where it looks at everything, and leaves no check out.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from conformance.checking import checks, in_turns
from conformance.session import Session
from conformance.settings import RunSettings


@checks("OBJ-1")
@in_turns(3)
def a_check_in_turns() -> None:
    """Stands for one."""


class Case:
    """What collection knows of one case of the check."""

    function = staticmethod(a_check_in_turns)
    callspec = SimpleNamespace(params={"place": "moto"})

    def __init__(self, number: int) -> None:
        self.nodeid = f"checks.py::a_check[moto-{number}]"


def taken(run: RunSettings, count: int) -> list[str]:
    """Return the cases that a run takes."""
    session = Session.__new__(Session)
    session.run = run
    cases: Any = [Case(number) for number in range(count)]
    return [item.nodeid.partition("-")[2][:-1] for item in session._in_turn(cases)]


def test_each_seed_takes_its_turn() -> None:
    """Three seeds in a row take all of seven cases between them."""
    turns = [taken(RunSettings(profile="quick", seed=seed), 7) for seed in (1, 2, 3)]

    assert sorted(case for turn in turns for case in turn) == [str(number) for number in range(7)]


@pytest.mark.parametrize("count", [1, 2])
def test_no_check_is_left_out(count: int) -> None:
    """Though it has fewer cases than turns."""
    assert all(len(taken(RunSettings(profile="quick", seed=seed), count)) == 1 for seed in range(6))


@pytest.mark.parametrize(
    "run",
    [
        RunSettings(profile="default"),
        RunSettings(profile="quick", only=("OBJ-1",)),
        RunSettings(profile="quick", cases=("a",)),
    ],
    ids=["default", "only", "case"],
)
def test_who_asks_gets_all(run: RunSettings) -> None:
    """And so does every other profile."""
    assert len(taken(run, 7)) == 7
