"""
A call in this process that hangs is interrupted, where that is possible.
"""

from __future__ import annotations

import signal
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from conformance.targets import Target, TargetDied
from conformance.targets.deadline import interrupted_after
from conformance.targets.in_process import InProcessTarget
from tests.targets import miniature
from tests.targets.conftest import claims


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Target:
    """The miniature target with half a second for each call."""
    monkeypatch.setattr("conformance.targets.in_process.MARGIN_S", 0.3)
    return InProcessTarget(miniature, claims(deadline_s=0.2))


@pytest.mark.parametrize("path", ["hang", "swallow"])
def test_a_call_that_hangs_is_interrupted(impatient: Target, path: str) -> None:
    """Also one that swallows every Exception and tries for ever."""
    with pytest.raises(TargetDied, match=r"get did not end within 0\.5 s and was interrupted"):
        impatient.open_reader("mem://x").get(path)


def test_a_dataset_that_hangs_is_interrupted(impatient: Target) -> None:
    """Also while the values of a column are taken out of it."""
    dataset = impatient.create(f"mem://{uuid.uuid4().hex}", {"hanging_page": "int8"})

    with pytest.raises(TargetDied, match=r"read did not end within 0\.5 s and was interrupted"):
        dataset.read("hanging_page")


def test_the_alarm_is_as_it_was_afterwards(impatient: Target) -> None:
    """No alarm is left that could hit something else, and the handler is the one from before."""
    before = signal.getsignal(signal.SIGALRM)
    impatient.open_reader("mem://x").length("k")

    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert before == signal.getsignal(signal.SIGALRM)


def test_somebody_elses_alarm_is_left_alone() -> None:
    """pytest-timeout uses the same one."""
    heard: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, frame: heard.append(number))
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with interrupted_after(0.05, "get"):
            until = time.monotonic() + 20
            while not heard and time.monotonic() < until:
                time.sleep(0.02)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    assert heard == [signal.SIGALRM]


def test_other_threads_are_not_interrupted() -> None:
    """Signals reach the main thread only; a call elsewhere simply runs."""

    def work() -> str:
        with interrupted_after(0.01, "get"):
            time.sleep(0.05)
        return "done"

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(work).result(timeout=20) == "done"
