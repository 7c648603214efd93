"""
What the control plane of a world was asked and by whom, and what is asserted of it.

Its requests are read at the fake, those to the cloud at the gate. A token is named by its owner, who is called like its
source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.expectations import assert_equal, assert_true
from conformance.model.precedence import Wins, asked_at_most, readings, shown
from conformance.outcomes import Outcome, assert_as_the_order_says
from conformance.sources.activeloop import lake_of

if TYPE_CHECKING:
    from conformance.lake import Call, FakeControlPlane
    from conformance.stages import Stage
    from conformance.worlds import World


def lake(stage: Stage) -> FakeControlPlane:
    """Return the control plane of a stage."""
    return lake_of(stage.setting)


def questions(stage: Stage) -> list[Call]:
    """Return the requests for credentials, the oldest first."""
    return [call for call in lake(stage).asked() if call.kind in ("creds", "storage")]


def tokens_shown(stage: Stage) -> set[str]:
    """Return whose tokens were shown; an empty text stands for one that is nobody's, or none."""
    return {call.label for call in lake(stage).asked()}


def assert_shown_as_the_order_says(world: World, stage: Stage, outcome: Outcome) -> None:
    """Raise `CheckFailure` unless the token that must win was shown, and no other, and its owner's credentials signed."""
    assert_as_the_order_says(world, outcome)
    told = [shown(world, first) for first in readings(world)]
    right = [{each.source} if isinstance(each, Wins) else set() for each in told]
    assert_true(
        tokens_shown(stage) in right,
        expected=" or ".join(str(sorted(each)) for each in right),
        observed=str(sorted(tokens_shown(stage))),
        what="whose tokens were shown",
    )


def assert_nobody_else_was_asked(world: World, stage: Stage) -> None:
    """Raise `CheckFailure` if an identity service behind the winner got a request, by each order that is right."""
    behind = min((stage.asked() - asked_at_most(world, first) for first in readings(world)), key=len)
    assert_equal(set(), behind, "asked behind the winner")


def assert_nothing_sent(stage: Stage, what: str) -> None:
    """Raise `CheckFailure` if the cloud got a request."""
    assert_equal([], [f"{each.method} {each.target}" for each in stage.requests()], f"requests to the cloud {what}")
