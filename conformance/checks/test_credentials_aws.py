"""
Whose key signs on AWS, for every way to configure one.
"""

from __future__ import annotations

import pytest

from conformance import stages
from conformance.checking import checks, in_turns, in_worlds, needs, only_profiles, over_space
from conformance.expectations import assert_equal, assert_true
from conformance.identities import new_aws
from conformance.model.precedence import ANONYMOUS, ORDER, asked_at_most
from conformance.outcomes import Outcome, assert_as_the_order_says, assert_failed, assert_won, of_a_write
from conformance.places import Place
from conformance.setting import Setting
from conformance.sources.aws import REGION
from conformance.sources.aws_services import CONFIG, CREDENTIALS
from conformance.worlds import Way, World, world

INVALID = "InvalidCredentialsError"
UNAVAILABLE = "CredentialsUnavailableError"

SERVED = ("aws_assume_role", "aws_web_identity", "aws_sso", "aws_process", "aws_container", "aws_imds")
"""Sources behind which there is a command or a service."""


def winners_before(later: tuple[str, ...]) -> list[World]:
    """Return worlds of a source of these and one before it: the dictionary's, the environment's, and its neighbour."""
    order = ORDER["aws"]
    pairs = {
        (first, source): None for source in later for first in ("aws_dict", "aws_env", order[order.index(source) - 1])
    }
    return [world("aws", *pair) for pair in pairs]


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


@checks("AWS-1")
@in_worlds("s3")
@pytest.mark.parametrize(
    "world",
    [
        world("aws", first, "aws_shared_file", ways={"aws_shared_file": Way(way, INVALID)})
        for first in ("aws_dict", "aws_env")
        for way in ("malformed", "not-text", "directory")
    ],
    ids=str,
)
def test_a_broken_file_behind_the_winner_is_no_matter(place: Place, world: World) -> None:
    """Keys need no file."""
    assert_as_the_order_says(world, written(place, world))


def nobody_behind_was_asked(place: Place, world: World) -> None:
    """Write in a world, and look at every service and command of a source."""
    with stages.running(world, place) as stage:
        assert_as_the_order_says(world, of_a_write(stage))
        assert_equal(set(), stage.asked() - asked_at_most(world), "asked behind the winner")


@checks("AWS-2")
@in_worlds("s3")
@in_turns(3)
@pytest.mark.parametrize("world", winners_before(SERVED), ids=str)
def test_nobody_behind_the_winner_is_asked(place: Place, world: World) -> None:
    """Each source that has a service or a command, with three winners before it."""
    nobody_behind_was_asked(place, world)


@checks("AWS-2")
@in_worlds("s3")
@only_profiles("default", "thorough")
@over_space("aws")
def test_nobody_behind_the_winner_is_asked_in_any_world(place: Place, world: World) -> None:
    """The worlds of the order again."""
    nobody_behind_was_asked(place, world)


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
    "aws_assume_role": (
        Way("denied", UNAVAILABLE),
        Way("no-source-profile", INVALID),
        Way("source-loop", INVALID),
        Way("one-time-password", "CredentialsError"),
        Way("error-500", UNAVAILABLE),
        Way("garbage", UNAVAILABLE),
        Way("reset", UNAVAILABLE),
    ),
    "aws_web_identity": (
        Way("no-token-file", "CredentialsError"),
        Way("empty-token-file", "CredentialsError"),
        Way("no-role", INVALID),
        Way("expired-token", UNAVAILABLE),
        Way("refused-token", UNAVAILABLE),
        Way("error-500", UNAVAILABLE),
        Way("garbage", UNAVAILABLE),
        Way("reset", UNAVAILABLE),
    ),
    "aws_sso": (
        Way("never-signed-in", UNAVAILABLE),
        Way("signed-out", UNAVAILABLE),
        Way("expired", "CredentialsError"),
        Way("another-account", UNAVAILABLE),
        Way("error-500", UNAVAILABLE),
        Way("garbage", UNAVAILABLE),
    ),
    "aws_shared_file": (
        Way("no-secret", INVALID),
        Way("malformed", INVALID),
        Way("not-text", INVALID),
        Way("directory", INVALID),
        Way("absent-profile", INVALID),
    ),
    "aws_process": (
        Way("exit-status", UNAVAILABLE),
        Way("telling", UNAVAILABLE),
        Way("bad-json", UNAVAILABLE),
        Way("wrong-version", UNAVAILABLE),
        Way("missing-key", UNAVAILABLE),
        Way("not-there", UNAVAILABLE),
    ),
    "aws_config_file": (Way("no-secret", INVALID), Way("malformed", INVALID)),
    "aws_container": (
        Way("error-404", UNAVAILABLE),
        Way("error-500", UNAVAILABLE),
        Way("garbage", UNAVAILABLE),
        Way("empty", UNAVAILABLE),
        Way("reset", UNAVAILABLE),
        Way("refused-token", UNAVAILABLE),
        Way("no-token-file", "CredentialsError"),
        Way("host-not-allowed", "CredentialsError"),
    ),
    "aws_imds": (
        Way("listing-error", UNAVAILABLE),
        Way("listing-empty", UNAVAILABLE),
        Way("document-error", UNAVAILABLE),
        Way("document-garbage", UNAVAILABLE),
        Way("document-refusal", UNAVAILABLE),
        Way("no-address", "CredentialsError"),
    ),
}
"""How sources can be configured and broken, with the class that each way has."""


def later_of(source: str) -> tuple[str, ...]:
    """Return a good source behind this one, to which a search that does not end would go on."""
    return {"aws_imds": (), "aws_container": ("aws_imds",)}.get(source, ("aws_container",))


@checks("AWS-4")
@in_worlds("s3")
@in_turns(3)
@pytest.mark.parametrize(
    "world",
    [world("aws", source, *later_of(source), ways={source: way}) for source, ways in BROKEN.items() for way in ways],
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
    "aws_imds": (Way("disabled"), Way("switched-off"), Way("no-role"), Way("error-404"), Way("reset")),
}
"""How sources can look configured and are not."""


@checks("AWS-5")
@in_worlds("s3")
@pytest.mark.parametrize(
    "world",
    [
        world("aws", source, *(["aws_shared_file"] if source == "aws_env" else []), ways={source: way})
        for source, ways in UNCONFIGURED.items()
        for way in ways
    ],
    ids=str,
)
def test_what_is_not_configured_is_passed_over(place: Place, world: World) -> None:
    """The shared credentials file signs, or nothing is found."""
    assert_as_the_order_says(world, written(place, world))


def token_beside(setting: Setting) -> None:
    """Put a session token into the environment."""
    setting.variables["AWS_SESSION_TOKEN"] = setting.directory.name * 8


def secret_in_the_other_file(setting: Setting) -> None:
    """Take the secret out of the credentials file; the config file has one, of another key."""
    del setting.sections[CREDENTIALS]["default"]["aws_secret_access_key"]
    del setting.sections[CONFIG]["default"]["aws_access_key_id"]


@checks("AWS-6")
@in_worlds("s3")
@pytest.mark.parametrize("source", ["aws_dict", "aws_dict_profile", "aws_shared_file", "aws_config_file"])
def test_a_token_of_the_environment_stays_there(place: Place, source: str) -> None:
    """It is sent with none of the keys that stand elsewhere."""
    with stages.running(world("aws", source), place, adjust=token_beside) as stage:
        assert_won(source, of_a_write(stage))
        tokens = {exchange.header("x-amz-security-token") for exchange in stage.requests()}
        assert_equal({None}, tokens, "session tokens sent")


def with_a_token(setting: Setting) -> None:
    """Let the key of the world be a temporary one, with a session token beside it."""
    source = setting.world.sources[0]
    identity = setting.know(new_aws(source, session=True, expires_at=None))
    values = (identity.name, identity.secret, identity.token or "")
    if source == "aws_env":
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        setting.variables |= dict(zip(names, values, strict=True))
    elif source == "aws_dict":
        assert isinstance(setting.creds, dict)
        setting.creds |= dict(zip(FIELDS, values, strict=True))
    else:
        file = CREDENTIALS if source == "aws_shared_file" else CONFIG
        setting.section(file, "default", **dict(zip(FIELDS, values, strict=True)))


@checks("AWS-6")
@in_worlds("s3")
@pytest.mark.parametrize(
    "source",
    ["aws_dict", "aws_env", "aws_shared_file", "aws_config_file"],
    ids=lambda source: f"{source}-with-token",
)
def test_a_token_goes_with_its_key(place: Place, source: str) -> None:
    """A temporary key is nobody's without it."""
    with stages.running(world("aws", source), place, adjust=with_a_token) as stage:
        assert_won(source, of_a_write(stage))


@checks("AWS-6")
@in_worlds("s3")
def test_a_secret_is_not_taken_from_another_file(place: Place) -> None:
    """Each of the two files has half of a key."""
    halves = world("aws", "aws_shared_file", "aws_config_file")
    with stages.running(halves, place, adjust=secret_in_the_other_file) as stage:
        assert_failed("CredentialsError", of_a_write(stage), "half a key in each file")


def anonymously(setting: Setting) -> None:
    """Ask for unsigned requests."""
    setting.creds = {"endpoint_url": setting.endpoint, "aws_region": REGION, "anon": True}


@checks("AWS-7")
@in_worlds("s3")
@needs("anonymous")
@pytest.mark.parametrize("world", [world("aws"), world("aws", "aws_env"), world("aws", *ORDER["aws"][2:])], ids=str)
def test_anonymous_requests_are_unsigned(place: Place, world: World) -> None:
    """Whatever else there is."""
    with stages.running(world, place, adjust=anonymously, anonymous="allow") as stage:
        assert_won(ANONYMOUS, of_a_write(stage))
        assert_equal(set(), stage.asked() - {"aws_imds"} if not world.sources else stage.asked(), "asked")


FIELDS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")

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
    """Good keys in the environment do not help; the field is named, its value is not."""
    with stages.running(world, place) as stage:
        outcome = of_a_write(stage)
        assert_as_the_order_says(world, outcome)
        assert outcome.error is not None
        named = any(name in outcome.error.message for name in (*FIELDS, "account_key"))
        assert_true(named, expected="the field's name in the message", observed=outcome.error.message)
        assert_equal([], sorted(outcome.error.leaked), "secrets in the message")


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
