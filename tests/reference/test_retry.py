"""The retry policy: what is tried again, how often, how long."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from deeplake_ref import errors, retry
from deeplake_ref.errors import StorageError
from deeplake_ref.retry import RetryPolicy


class Clock:
    """Time that passes only in pauses and where a test says so."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        """Return seconds."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the policy."""
    clock = Clock()
    monkeypatch.setattr(retry, "time", clock)
    return clock


def failing(*failures: StorageError) -> Callable[[], str]:
    """Return an operation that fails in these ways, and then works."""
    waiting = list(failures)

    def operation() -> str:
        if waiting:
            raise waiting.pop(0)
        return "worked"

    return operation


def throttled(after: float | None = None) -> StorageError:
    """Return what is worth another try."""
    return errors.StorageThrottledError("later", retry_after_s=after)


def test_a_transient_failure_is_tried_again(clock: Clock) -> None:
    """With pauses that grow and are jittered."""
    assert RetryPolicy().run(failing(*[throttled()] * 4)) == "worked"

    for pause, longest in zip(clock.pauses, [0.1, 0.2, 0.4, 0.8], strict=True):
        assert longest / 2 <= pause <= longest


def test_attempts_are_bounded(clock: Clock) -> None:
    """The last failure is told."""
    failures = [throttled() for _ in range(9)]

    with pytest.raises(errors.StorageThrottledError) as caught:
        RetryPolicy(attempts=3).run(failing(*failures))

    assert caught.value is failures[2]
    assert len(clock.pauses) == 2


@pytest.mark.parametrize(
    "failure",
    [
        errors.StorageInternalError("x", http_status=400),
        errors.AuthenticationError("x", http_status=401),
        errors.StorageAccessDenied("x", http_status=403),
        errors.StorageKeyNotFound("x", http_status=404),
        errors.StoragePreconditionFailed("x", http_status=412),
        errors.StorageTLSError("x"),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_a_final_failure_is_not_tried_again(clock: Clock, failure: StorageError) -> None:
    """It would fail again."""
    with pytest.raises(type(failure)):
        RetryPolicy().run(failing(failure))

    assert clock.pauses == []


def test_retry_after_lengthens_a_pause(clock: Clock) -> None:
    """And does not shorten it."""
    RetryPolicy().run(failing(throttled(7.5), throttled(0.0)))

    assert clock.pauses[0] == 7.5
    assert 0.1 <= clock.pauses[1] <= 0.2


def test_no_pause_outlasts_the_deadline(clock: Clock) -> None:
    """What asks for more patience than there is is told at once."""
    with pytest.raises(errors.StorageThrottledError):
        RetryPolicy(deadline_s=60).run(failing(throttled(61)))

    assert clock.pauses == []


def test_no_attempt_starts_that_could_outlast_the_deadline(clock: Clock) -> None:
    """A hanging attempt of 15 s is tried again as long as two more such fit."""

    def hanging() -> str:
        clock.now += 15
        raise errors.StorageNetworkConnectionError("timed out")

    with pytest.raises(errors.StorageNetworkConnectionError):
        RetryPolicy(deadline_s=60, attempt_s=30).run(hanging)

    assert clock.now < 60
    assert len(clock.pauses) == 1


def test_what_is_not_safe_is_not_tried_again(clock: Clock) -> None:
    """A conditional write whose effect is unknown."""
    failure = errors.StorageNetworkConnectionError("reset", effect="unknown")

    with pytest.raises(errors.StorageNetworkConnectionError):
        RetryPolicy().run(failing(failure), safe=lambda error: error.effect == "none")

    assert clock.pauses == []
