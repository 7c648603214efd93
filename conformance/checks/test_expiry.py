"""
Identities on AWS whose time runs out: renewed once, never replaced by another source's, never sent when they have ended.
"""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from conformance import expiring
from conformance.checking import checks, in_turns, in_worlds, needs
from conformance.ending import EAST, ENDED_S, SHORT_S, WEST, Adjust
from conformance.identities import new_aws
from conformance.places import Place
from conformance.setting import Setting
from conformance.sources.aws_services import CREDENTIALS
from conformance.worlds import Way, World, world

SERVED = ("aws_assume_role", "aws_web_identity", "aws_sso", "aws_container", "aws_imds")
"""Sources with a service that gives out a generation after the other."""

RENEWED = (*SERVED, "aws_process")
"""These, and the command that does so."""

STATIC = ("aws_dict", "aws_env", "aws_shared_file")

LARGE = 5 * 8 * 1024 * 1024
"""Bytes that targets send in several parts."""

over_served = pytest.mark.parametrize("source", SERVED)
over_renewed = pytest.mark.parametrize("source", RENEWED)


def living(source: str, life_s: float) -> World:
    """Return a world of one source, whose credentials live so long."""
    return world("aws", source, lives_s={source: life_s})


@checks("EXP-1")
@in_worlds("s3")
@in_turns(3)
@over_renewed
def test_a_rejected_identity_is_renewed(place: Place, source: str) -> None:
    """It ends before its time."""
    expiring.a_rejected_identity_is_renewed(place, world("aws", source))


@checks("EXP-2")
@in_worlds("s3")
@in_turns(3)
@over_served
def test_rejected_again_is_the_answer(place: Place, source: str) -> None:
    """The service believes nothing that the source gives out."""
    expiring.rejected_again_is_the_answer(place, world("aws", source))


def with_an_expired_session(source: str) -> Adjust:
    """Return what puts a key with a session token, which is over, where a source has its key."""

    def adjust(setting: Setting) -> None:
        made = new_aws(source, session=True, expires_at=None)
        over = setting.know(replace(made, expires_at=time.time() - 1))
        fields = {"access_key_id": over.name, "secret_access_key": over.secret, "session_token": over.token or ""}
        match source:
            case "aws_dict":
                assert isinstance(setting.creds, dict)
                setting.creds |= {f"aws_{name}": value for name, value in fields.items()}
            case "aws_env":
                setting.variables |= {f"AWS_{name.upper()}": value for name, value in fields.items()}
            case "aws_shared_file":
                setting.section(CREDENTIALS, "default", **{f"aws_{name}": value for name, value in fields.items()})

    return adjust


@checks("EXP-3")
@in_worlds("s3")
@in_turns(3)
@pytest.mark.parametrize("source", STATIC)
def test_an_expired_static_credential_is_not_replaced(place: Place, source: str) -> None:
    """The instance has a good role."""
    both = world("aws", source, "aws_imds")
    adjust = with_an_expired_session(source)
    expiring.an_expired_static_credential_is_the_answer(place, both, "ExpiredTokenError", adjust)


@checks("EXP-4")
@in_worlds("s3")
@in_turns(3)
@needs("concurrent")
@over_renewed
def test_threads_renew_once_near_the_end(place: Place, source: str) -> None:
    """They begin with a handle that has no identity yet."""
    expiring.threads_renew_once_near_the_end(place, living(source, SHORT_S))


@checks("EXP-4")
@in_worlds("s3")
@in_turns(3)
@needs("concurrent")
@over_renewed
def test_threads_renew_once_when_rejected(place: Place, source: str) -> None:
    """The identity ends before its time."""
    expiring.threads_renew_once_when_rejected(place, world("aws", source))


@checks("EXP-5")
@in_worlds("s3")
@in_turns(3)
@over_renewed
def test_what_has_ended_is_not_sent(place: Place, source: str) -> None:
    """The source says that it has."""
    expiring.what_has_ended_is_not_sent(place, living(source, ENDED_S))


@checks("EXP-6")
@in_worlds("s3")
@in_turns(3)
@over_renewed
def test_near_the_end_others_are_got(place: Place, source: str) -> None:
    """The first identity is near its end."""
    expiring.near_the_end_others_are_got(place, living(source, SHORT_S))


@checks("EXP-7")
@in_worlds("s3")
@in_turns(3)
@over_served
def test_a_failure_to_renew_early_does_no_harm(place: Place, source: str) -> None:
    """The service fails after its first answer."""
    expiring.a_failure_to_renew_early_does_no_harm(place, living(source, SHORT_S))


@checks("EXP-8")
@in_worlds("s3")
@in_turns(3)
@pytest.mark.parametrize("source", ["aws_web_identity", "aws_imds"])
def test_a_long_write_outlasts_its_identity(place: Place, source: str) -> None:
    """It ends while the write is under way."""
    expiring.a_long_write_outlasts_its_identity(place, world("aws", source), LARGE)


@checks("EXP-9")
@in_worlds("s3")
@in_turns(3)
@pytest.mark.parametrize("source", ["aws_web_identity", "aws_container"])
def test_a_token_file_is_read_anew(place: Place, source: str) -> None:
    """The token of a pod, and the one of a container."""
    expiring.a_token_file_is_read_anew(place, living(source, SHORT_S))


@checks("EXP-10")
@in_worlds("s3")
@in_turns(3)
@pytest.mark.parametrize("hours", [5, -5])
def test_a_wrong_clock_is_named(place: Place, hours: int) -> None:
    """The key itself does not end."""
    expiring.a_wrong_clock_is_named(place, world("aws", "aws_env"), hours)


@checks("EXP-11")
@in_worlds("s3")
@in_turns(3)
@over_renewed
def test_a_source_that_failed_is_asked_again(place: Place, source: str) -> None:
    """The handle has no identity yet."""
    expiring.a_source_that_failed_is_asked_again(place, world("aws", source))


@checks("EXP-11")
@in_worlds("s3")
@in_turns(3)
@over_renewed
def test_a_failed_renewal_is_tried_again(place: Place, source: str) -> None:
    """The handle has an identity, which is rejected."""
    expiring.a_failed_renewal_is_tried_again(place, world("aws", source))


@checks("EXP-12")
@in_worlds("s3")
@in_turns(3)
@pytest.mark.parametrize("zone", [EAST, WEST])
@over_renewed
def test_what_is_good_is_kept(place: Place, source: str, zone: str) -> None:
    """Its end is told in UTC."""
    expiring.what_is_good_is_kept(place, world("aws", source), zone)


@checks("EXP-12")
@in_worlds("s3")
@in_turns(3)
def test_what_does_not_end_is_kept(place: Place) -> None:
    """The command does not say when."""
    endless = world("aws", "aws_process", ways={"aws_process": Way("without-end", wins=True)})
    expiring.what_is_good_is_kept(place, endless, EAST)
