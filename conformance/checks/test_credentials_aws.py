"""
Whose key signs on AWS, for every way to configure one.
"""

from __future__ import annotations

import pytest

from conformance import stages
from conformance.checking import checks, in_worlds, over_space
from conformance.expectations import assert_equal
from conformance.model.precedence import ORDER, asked_at_most
from conformance.outcomes import Outcome, assert_as_the_order_says, assert_failed, of_a_write
from conformance.places import Place
from conformance.worlds import Way, World, world

INVALID = "InvalidCredentialsError"
UNAVAILABLE = "CredentialsUnavailableError"

STATIC = ("aws_dict", "aws_env", "aws_shared_file", "aws_config_file")
SERVED = ("aws_assume_role", "aws_web_identity", "aws_sso", "aws_process", "aws_container", "aws_imds")
"""Sources behind which there is a command or a service."""


def written(place: Place, these: World) -> Outcome:
    """Write in a world."""
    with stages.running(these, place) as stage:
        return of_a_write(stage)


@checks("AWS-1")
@in_worlds("s3")
@over_space("aws")
def test_the_first_configured_source_signs(place: Place, world: World) -> None:
    """In every world, the winner is read off the signature."""
    assert_as_the_order_says(world, written(place, world))


@checks("AWS-2")
@in_worlds("s3")
@pytest.mark.parametrize(
    "world",
    [world("aws", first, later) for first in ORDER["aws"] for later in SERVED if first != later],
    ids=str,
)
def test_nobody_behind_the_winner_is_asked(place: Place, world: World) -> None:
    """Each winner with each later source that has a service or a command."""
    with stages.running(world, place) as stage:
        assert_as_the_order_says(world, of_a_write(stage))
        assert_equal(set(), stage.asked() - asked_at_most(world), "asked behind the winner")


@checks("AWS-3")
@in_worlds("s3")
def test_no_source_is_an_error(place: Place) -> None:
    """The empty world."""
    empty = world("aws")
    with stages.running(empty, place) as stage:
        outcome = of_a_write(stage)
        assert_failed("CredentialsNotFoundError", outcome, "with no source")


BROKEN: dict[str, tuple[Way, ...]] = {
    "aws_dict_profile": (
        Way("absent-profile", INVALID),
        Way("no-secret", INVALID),
        Way("source-loop", INVALID),
        Way("nothing-in-profile", INVALID),
        Way("section-of-the-wrong-form", INVALID),
    ),
    "aws_env": (Way("no-secret", INVALID), Way("blank-secret", INVALID)),
    "aws_shared_file": (
        Way("no-secret", INVALID),
        Way("malformed", INVALID),
        Way("not-text", INVALID),
        Way("directory", INVALID),
        Way("absent-profile", INVALID),
    ),
    "aws_process": (
        Way("exit-status", UNAVAILABLE),
        Way("garbage", UNAVAILABLE),
        Way("wrong-version", UNAVAILABLE),
        Way("no-secret", UNAVAILABLE),
        Way("not-there", UNAVAILABLE),
    ),
    "aws_config_file": (Way("no-secret", INVALID), Way("malformed", INVALID)),
}
"""How sources can be configured and broken, with the class that each way has."""


def later_of(source: str) -> str:
    """Return a good source behind this one, to which a search that does not end would go on."""
    return "aws_imds" if source == "aws_container" else "aws_container"


@checks("AWS-4")
@in_worlds("s3")
@pytest.mark.parametrize(
    "world",
    [world("aws", source, later_of(source), ways={source: way}) for source, ways in BROKEN.items() for way in ways],
    ids=str,
)
def test_a_broken_source_ends_the_search(place: Place, world: World) -> None:
    """A good source stands behind each broken one."""
    with stages.running(world, place) as stage:
        outcome = of_a_write(stage)
        assert_as_the_order_says(world, outcome)
        assert_equal(set(), stage.asked() - asked_at_most(world), "asked behind the broken source")


UNCONFIGURED: dict[str, tuple[Way, ...]] = {
    "aws_env": (Way("secret-only"), Way("token-only"), Way("empty"), Way("blank")),
}
"""How sources can look configured and are not."""


@checks("AWS-5")
@in_worlds("s3")
@pytest.mark.parametrize(
    "world",
    [
        world("aws", source, "aws_shared_file", ways={source: way})
        for source, ways in UNCONFIGURED.items()
        for way in ways
    ],
    ids=str,
)
def test_what_is_not_configured_is_passed_over(place: Place, world: World) -> None:
    """The shared credentials file signs."""
    assert_as_the_order_says(world, written(place, world))


DICTIONARY = (
    Way("no-secret", INVALID),
    Way("no-key-id", INVALID),
    Way("token-only", INVALID),
    Way("blank-secret", INVALID),
    Way("empty-key-id", INVALID),
    Way("secret-of-another-type", INVALID),
    Way("line-break-in-key-id", INVALID),
    Way("key-of-azure", INVALID),
)


@checks("AWS-8")
@in_worlds("s3")
@pytest.mark.parametrize(
    "world", [world("aws", "aws_dict", "aws_env", ways={"aws_dict": way}) for way in DICTIONARY], ids=str
)
def test_a_dictionary_with_a_mistake_is_refused(place: Place, world: World) -> None:
    """Good keys in the environment do not help."""
    assert_as_the_order_says(world, written(place, world))


@checks("AWS-9")
@in_worlds("s3")
@pytest.mark.parametrize(
    "world",
    [
        world("aws", "aws_dict", "aws_env", ways={"aws_dict": way})
        for way in (Way("unknown-field", INVALID), Way("upper-case-fields", INVALID))
    ],
    ids=str,
)
def test_an_unknown_field_is_refused(place: Place, world: World) -> None:
    """A misspelt field, and fields in capitals."""
    assert_as_the_order_says(world, written(place, world))
