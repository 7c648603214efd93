"""
The soak counts what turns red, and tells how to see it again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.soak.runner import main

if TYPE_CHECKING:
    import pytest


def test_a_correct_target_raises_no_alarm(capsys: pytest.CaptureFixture[str]) -> None:
    """Two seeds of one requirement."""
    assert main(["--seeds", "2", "--services", "none", "--only", "RANGE-3", "--first", "7"]) == 0
    said = capsys.readouterr().out

    assert "[1/2] seed 7: 0 alarms" in said
    assert said.endswith("0 alarms in 2 runs\n")


def test_what_turns_red_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong target instead of a correct one."""
    target = "tests.mutants.target:an_end_of_zero_means_the_whole_object"
    assert main(["--seeds", "1", "--services", "none", "--only", "RANGE-3", "--target", target, "--first", "7"]) == 1
    said = capsys.readouterr().out

    assert "fail: RANGE-3 on mem" in said
    assert "replay: deeplake-conformance replay RANGE-3 --place mem --seed 7" in said
    assert "2 alarms in 1 runs" in said
