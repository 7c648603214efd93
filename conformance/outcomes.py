"""
What came of one write in a world: who signed, or what was raised; and how that compares with who must win.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from conformance.expectations import CheckFailure, Raised, assert_equal, assert_true
from conformance.model.precedence import ANONYMOUS, Fails, Wins, expected, readings
from conformance.targets import TargetError

if TYPE_CHECKING:
    from conformance.stages import Stage
    from conformance.worlds import World


@dataclass(frozen=True, slots=True)
class Outcome:
    """One write of one object.

    Attributes:
        error: what it raised, None if it was stored.
        signers: who signed the requests that reached the gate; None stands for unsigned ones.
    """

    error: TargetError | None
    signers: frozenset[str | None] = field(default_factory=frozenset)

    def __str__(self) -> str:
        signed = ", ".join(sorted(str(name) for name in self.signers)) or "nobody"
        return f"signed by {signed}" + (f"; {Raised(self.error).text()}" if self.error else "")


def of_a_write(stage: Stage) -> Outcome:
    """Write an object in a world, and return what came of it."""
    error = None
    try:
        writer = stage.writer()
        writer.set("k", b"v")
    except TargetError as raised:
        error = raised
    return Outcome(error, frozenset(source_of(label) for label in stage.signers()))


def source_of(label: str | None) -> str | None:
    """Return the source of an identity's label, whichever generation it is."""
    return label.partition("#")[0] if label else label


def assert_as_the_order_says(world: World, outcome: Outcome) -> None:
    """Raise `CheckFailure` unless the source that must win signed all, or the search ended as it must.

    Where two orders are right, it may be by either.
    """
    *others, last = readings(world)
    for first in others:
        with suppress(CheckFailure):
            return _assert_as_expected(expected(world, first), outcome)
    return _assert_as_expected(expected(world, last), outcome)


def _assert_as_expected(wanted: Wins | Fails, outcome: Outcome) -> None:
    match wanted:
        case Wins(source):
            assert_won(source, outcome)
        case Fails(error, source):
            assert_failed(error, outcome, f"with {source} broken" if source else "with no source")


def assert_won(source: str, outcome: Outcome) -> None:
    """Raise `CheckFailure` unless the write was stored and only this source signed."""
    label = None if source == ANONYMOUS else source
    if outcome.error is not None:
        raise CheckFailure(f"signed by {source}", str(outcome))
    assert_equal({label}, set(outcome.signers), "who signed")


def assert_failed(error: str, outcome: Outcome, what: str) -> None:
    """Raise `CheckFailure` unless that error was raised, and nothing was sent to the service."""
    if outcome.error is None or not outcome.error.is_a(error):
        raise CheckFailure(error, str(outcome), what)
    assert_true(not outcome.signers, expected="no request to the service", observed=str(outcome), what=what)
