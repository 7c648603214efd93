"""
Calls at once: their results, their errors, and those that never end.
"""

from __future__ import annotations

import threading

import pytest

from conformance.expectations import CheckFailure
from conformance.racing import at_once


def test_results_have_the_order_of_the_calls() -> None:
    """Whichever ends first; the calls overlap, since each waits for the others."""
    together = threading.Barrier(3)

    def call(number: int) -> int:
        together.wait(timeout=20)
        return number

    assert at_once([lambda n=number: call(n) for number in range(3)], 20) == [0, 1, 2]  # type: ignore[misc]


def test_an_error_comes_out_of_its_thread() -> None:
    """As it is."""

    def broken() -> None:
        raise LookupError("here")

    with pytest.raises(LookupError, match="here"):
        at_once([lambda: None, broken], 20)


def test_a_call_that_hangs_is_told() -> None:
    """Within the limit; the thread that hangs is left behind."""
    never = threading.Event()
    try:
        with pytest.raises(CheckFailure, match="1 of them hang"):
            at_once([never.wait, lambda: True], 0.2)
    finally:
        never.set()
