"""
Identities whose time runs out: renewed once, never replaced by another source's, never sent when they have ended.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from conformance import expiring
from conformance.checking import checks, in_turns, in_worlds_of, needs
from conformance.ending import EAST, ENDED_S, SHORT_S, WEST, Adjust
from conformance.expiring_worlds import (
    BY_THE_CLOCK,
    ENDLESS,
    LARGE_WRITES,
    RENEWED,
    SERVED,
    SERVED_OR_RUN,
    STATIC,
    WITH_A_TOKEN_FILE,
)
from conformance.places import Place
from conformance.worlds import World

over_served = in_worlds_of("world", SERVED)
over_renewed = in_worlds_of("world", RENEWED)
# labels of their own, so that claims can tell the second check of a requirement from the first
over_rejected = in_worlds_of(
    "world", {cloud: {f"{each}-rejected": each for each in given} for cloud, given in RENEWED.items()}
)


def living(world: World, life_s: float) -> World:
    """Return the world of one source with identities that live so long."""
    (source,) = world.sources
    return replace(world, lives_s=((source, life_s),))


@checks("EXP-1")
@over_renewed
@in_turns(3)
def test_a_rejected_identity_is_renewed(place: Place, world: World) -> None:
    """It ends before its time."""
    expiring.a_rejected_identity_is_renewed(place, world)


@checks("EXP-2")
@over_served
@in_turns(3)
def test_rejected_again_is_the_answer(place: Place, world: World) -> None:
    """The service believes nothing that the source gives out."""
    expiring.rejected_again_is_the_answer(place, world)


@checks("EXP-3")
@in_worlds_of("these, error, adjust", STATIC)
@in_turns(3)
def test_an_expired_static_credential_is_not_replaced(
    place: Place, these: World, error: str, adjust: Adjust | None
) -> None:
    """The machine has a good identity."""
    expiring.an_expired_static_credential_is_the_answer(place, these, error, adjust)


@checks("EXP-4")
@over_renewed
@in_turns(3)
@needs("concurrent")
def test_threads_renew_once_near_the_end(place: Place, world: World) -> None:
    """They begin with a handle that has no identity yet."""
    expiring.threads_renew_once_near_the_end(place, living(world, SHORT_S))


@checks("EXP-4")
@over_rejected
@in_turns(3)
@needs("concurrent")
def test_threads_renew_once_when_rejected(place: Place, world: World) -> None:
    """The identity ends before its time."""
    expiring.threads_renew_once_when_rejected(place, world)


@checks("EXP-5")
@over_renewed
@in_turns(3)
def test_what_has_ended_is_not_sent(place: Place, world: World) -> None:
    """The source says that it has."""
    expiring.what_has_ended_is_not_sent(place, living(world, ENDED_S))


@checks("EXP-6")
@over_renewed
@in_turns(3)
def test_near_the_end_others_are_got(place: Place, world: World) -> None:
    """The first identity is near its end."""
    expiring.near_the_end_others_are_got(place, living(world, SHORT_S))


@checks("EXP-7")
@over_served
@in_turns(3)
def test_a_failure_to_renew_early_does_no_harm(place: Place, world: World) -> None:
    """The service fails after its first answer."""
    expiring.a_failure_to_renew_early_does_no_harm(place, living(world, SHORT_S))


@checks("EXP-8")
@in_worlds_of("world, size, after", LARGE_WRITES)
@in_turns(3)
def test_a_long_write_outlasts_its_identity(place: Place, world: World, size: int, after: int) -> None:
    """It ends while the write is under way."""
    expiring.a_long_write_outlasts_its_identity(place, world, size, after)


@checks("EXP-9")
@in_worlds_of("world", WITH_A_TOKEN_FILE)
@in_turns(3)
def test_a_token_file_is_read_anew(place: Place, world: World) -> None:
    """The token of a pod, of a container, of a federated identity."""
    expiring.a_token_file_is_read_anew(place, living(world, SHORT_S))


@checks("EXP-10")
@in_worlds_of("world, hours", BY_THE_CLOCK)
@in_turns(3)
def test_a_wrong_clock_is_named(place: Place, world: World, hours: int) -> None:
    """The date of a request, the end of a signature, the end of a token."""
    expiring.a_wrong_clock_is_named(place, world, hours)


@checks("EXP-11")
@in_worlds_of("world", SERVED_OR_RUN)
@in_turns(3)
def test_a_source_that_failed_is_asked_again(place: Place, world: World) -> None:
    """The handle has no identity yet."""
    expiring.a_source_that_failed_is_asked_again(place, world)


@checks("EXP-11")
@over_rejected
@in_turns(3)
def test_a_failed_renewal_is_tried_again(place: Place, world: World) -> None:
    """The handle has an identity, which is rejected."""
    expiring.a_failed_renewal_is_tried_again(place, world)


@checks("EXP-12")
@over_renewed
@in_turns(3)
@pytest.mark.parametrize("zone", [EAST, WEST])
def test_what_is_good_is_kept(place: Place, world: World, zone: str) -> None:
    """Its end is told in UTC, in seconds, or by `az` in a zone that it does not name."""
    expiring.what_is_good_is_kept(place, world, zone)


@checks("EXP-12")
@in_worlds_of("world", ENDLESS)
@in_turns(3)
def test_what_does_not_end_is_kept(place: Place, world: World) -> None:
    """The source does not say when."""
    expiring.what_is_good_is_kept(place, world, EAST)
