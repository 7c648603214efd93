"""
Identities on Google Cloud whose time runs out.
"""

from __future__ import annotations

import pytest

from conformance import expiring
from conformance.checking import checks, in_turns, in_worlds, needs
from conformance.ending import EAST, ENDED_S, SHORT_S, WEST
from conformance.places import Place
from conformance.worlds import Way, World, world

SERVED = ("gcs_env_file", "gcs_gcloud_file", "gcs_metadata")
"""The key of a service account, the consent of a user, a machine: a service gives out a token after the other."""

RENEWED = (*SERVED, "gcs_cache")
"""These, and the consent of a user with the token that was had last."""

LARGE = 40 * 1024 * 1024
"""Bytes that targets send in an upload of several requests."""

over_served = pytest.mark.parametrize("source", SERVED)
over_renewed = pytest.mark.parametrize("source", RENEWED)


def living(source: str, life_s: float) -> World:
    """Return a world of one source, whose tokens live so long."""
    return world("google", source, lives_s={source: life_s})


@checks("EXP-1")
@in_worlds("gcs")
@in_turns(3)
@over_renewed
def test_a_rejected_token_is_renewed(place: Place, source: str) -> None:
    """It ends before its time."""
    expiring.a_rejected_identity_is_renewed(place, world("google", source))


@checks("EXP-2")
@in_worlds("gcs")
@in_turns(3)
@over_served
def test_a_token_that_is_rejected_again_is_the_answer(place: Place, source: str) -> None:
    """The service believes nothing that the source gives out."""
    expiring.rejected_again_is_the_answer(place, world("google", source))


@checks("EXP-3")
@in_worlds("gcs")
@in_turns(3)
@pytest.mark.parametrize("source", ["gcs_oauth_token"])
def test_an_expired_token_of_the_caller_is_not_replaced(place: Place, source: str) -> None:
    """The machine has a good identity."""
    both = world("google", source, "gcs_metadata", lives_s={source: ENDED_S})
    expiring.an_expired_static_credential_is_the_answer(place, both, "AuthenticationError")


@checks("EXP-4")
@in_worlds("gcs")
@in_turns(3)
@needs("concurrent")
@over_renewed
def test_threads_renew_a_token_once_near_its_end(place: Place, source: str) -> None:
    """They begin with a new handle."""
    expiring.threads_renew_once_near_the_end(place, living(source, SHORT_S))


@checks("EXP-4")
@in_worlds("gcs")
@in_turns(3)
@needs("concurrent")
@over_renewed
def test_threads_renew_a_rejected_token_once(place: Place, source: str) -> None:
    """The token ends before its time."""
    expiring.threads_renew_once_when_rejected(place, world("google", source))


@checks("EXP-5")
@in_worlds("gcs")
@in_turns(3)
@over_renewed
def test_a_token_that_has_ended_is_not_sent(place: Place, source: str) -> None:
    """The source says that it has."""
    expiring.what_has_ended_is_not_sent(place, living(source, ENDED_S))


@checks("EXP-6")
@in_worlds("gcs")
@in_turns(3)
@over_renewed
def test_near_its_end_a_token_is_replaced(place: Place, source: str) -> None:
    """The first token is near its end."""
    expiring.near_the_end_others_are_got(place, living(source, SHORT_S))


@checks("EXP-7")
@in_worlds("gcs")
@in_turns(3)
@over_served
def test_a_failure_to_renew_a_token_early_does_no_harm(place: Place, source: str) -> None:
    """The service fails after its first answer."""
    expiring.a_failure_to_renew_early_does_no_harm(place, living(source, SHORT_S))


@checks("EXP-8")
@in_worlds("gcs")
@in_turns(3)
@pytest.mark.parametrize("source", ["gcs_env_file", "gcs_metadata"])
def test_a_long_write_outlasts_its_token(place: Place, source: str) -> None:
    """It ends once the upload has begun."""
    expiring.a_long_write_outlasts_its_identity(place, world("google", source), LARGE, after=1)


@checks("EXP-9")
@in_worlds("gcs")
@in_turns(3)
@pytest.mark.parametrize("source", ["gcs_env_file", "gcs_gcloud_file"])
def test_a_subject_token_is_read_anew(place: Place, source: str) -> None:
    """The file of a federated identity names another one."""
    federated = Way("external_account", wins=True)
    these = world("google", source, ways={source: federated}, lives_s={source: SHORT_S})
    expiring.a_token_file_is_read_anew(place, these)


@checks("EXP-10")
@in_worlds("gcs")
@in_turns(3)
@pytest.mark.parametrize("hours", [5])
@pytest.mark.parametrize("source", ["gcs_gcloud_file", "gcs_metadata"])
def test_a_wrong_clock_is_named(place: Place, source: str, hours: int) -> None:
    """Every token has ended by the clock of the service."""
    expiring.a_wrong_clock_is_named(place, world("google", source), hours)


@checks("EXP-11")
@in_worlds("gcs")
@in_turns(3)
@over_served
def test_a_source_that_failed_is_asked_again(place: Place, source: str) -> None:
    """The handle has no token yet."""
    expiring.a_source_that_failed_is_asked_again(place, world("google", source))


@checks("EXP-11")
@in_worlds("gcs")
@in_turns(3)
@over_renewed
def test_a_failed_renewal_is_tried_again(place: Place, source: str) -> None:
    """The handle has a token, which is rejected."""
    expiring.a_failed_renewal_is_tried_again(place, world("google", source))


@checks("EXP-12")
@in_worlds("gcs")
@in_turns(3)
@pytest.mark.parametrize("zone", [EAST, WEST])
@over_renewed
def test_a_good_token_is_kept(place: Place, source: str, zone: str) -> None:
    """Its end is told in seconds, and in the cache in UTC."""
    expiring.what_is_good_is_kept(place, world("google", source), zone)
