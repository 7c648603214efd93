"""
What is configured on Google Cloud and cannot be used: files, consents, token endpoints, metadata servers, the argument.
"""

from __future__ import annotations

import pytest

from conformance import stages
from conformance.checking import checks, in_turns, in_worlds
from conformance.expectations import assert_equal, assert_true
from conformance.model.precedence import asked_at_most
from conformance.outcomes import assert_as_the_order_says, of_a_write
from conformance.places import Place
from conformance.worlds import Way, World, world

INVALID = "InvalidCredentialsError"
UNAVAILABLE = "CredentialsUnavailableError"

MISTAKES = (
    Way("no-type", INVALID),
    Way("unknown-type", INVALID),
    Way("no-private-key", INVALID),
    Way("no-client-email", INVALID),
    Way("blank-private-key", INVALID),
    Way("private-key-without-line-breaks", INVALID),
    Way("private-key-cut-short", INVALID),
    Way("no-refresh-token", INVALID),
    Way("no-credential-source", INVALID),
    Way("no-source-credentials", INVALID),
)
"""What can be wrong inside a key file."""

TEXTS = (
    Way("directory", INVALID),
    Way("empty-file", INVALID),
    Way("not-json", INVALID),
    Way("not-text", INVALID),
    Way("not-an-object", INVALID),
)
"""What a file can hold instead."""

SERVICES = (
    Way("refused", "CredentialsError"),
    Way("error-404", UNAVAILABLE),
    Way("error-500", UNAVAILABLE),
    Way("garbage", UNAVAILABLE),
    Way("empty", UNAVAILABLE),
    Way("reset", UNAVAILABLE),
)
"""How the token endpoint can fail."""

BROKEN: dict[str, tuple[Way, ...]] = {
    "gcs_key_file": (Way("missing", "CredentialsError"), *SERVICES),
    "gcs_browser": (
        Way("no-client", "CredentialsError"),
        Way("denied", "CredentialsError"),
        Way("error-500", UNAVAILABLE),
        Way("garbage", UNAVAILABLE),
    ),
    "gcs_cache": (
        Way("malformed", INVALID),
        Way("no-refresh-token", INVALID),
        Way("error-500", UNAVAILABLE),
        Way("garbage", UNAVAILABLE),
    ),
    "gcs_env_file": (
        Way("missing", "CredentialsError"),
        *TEXTS,
        *MISTAKES,
        *SERVICES,
        Way("no-subject-file", "CredentialsError"),
        Way("acting-denied", UNAVAILABLE),
    ),
    "gcs_gcloud_file": (*TEXTS, Way("unknown-type", INVALID), Way("no-refresh-token", INVALID), *SERVICES),
    "gcs_metadata": (
        Way("no-flavour", UNAVAILABLE),
        Way("no-account", UNAVAILABLE),
        Way("token-error", UNAVAILABLE),
        Way("token-garbage", UNAVAILABLE),
        Way("token-of-another-type", UNAVAILABLE),
        Way("token-without-flavour", UNAVAILABLE),
        Way("garbage", UNAVAILABLE),
    ),
}
"""How sources can be configured and broken, with the class that each way has."""


def later_of(source: str) -> tuple[str, ...]:
    """Return a good source behind this one, to which a search that does not end would go on."""
    return () if source == "gcs_metadata" else ("gcs_metadata",)


@checks("GOOGLE-4")
@in_worlds("gcs")
@in_turns(3)
@pytest.mark.parametrize(
    "world",
    [world("google", source, *later_of(source), ways={source: way}) for source, ways in BROKEN.items() for way in ways],
    ids=str,
)
def test_a_broken_source_ends_the_search(place: Place, world: World) -> None:
    """A good source stands behind each broken one."""
    with stages.running(world, place) as stage:
        outcome = of_a_write(stage)
        assert_as_the_order_says(world, outcome)
        assert_equal(set(), stage.asked() - asked_at_most(world), "asked behind the broken source")


ARGUMENT: dict[str, tuple[Way, ...]] = {
    "gcs_key_file": (
        Way("blank", INVALID),
        Way("unknown-word", INVALID),
        *TEXTS,
        Way("unknown-type", INVALID),
        Way("no-private-key", INVALID),
    ),
    "gcs_key_dict": (
        *MISTAKES,
        Way("private-key-of-another-type", INVALID),
        Way("key-of-aws", INVALID),
    ),
    "gcs_key_json": (
        Way("not-json", INVALID),
        Way("no-private-key", INVALID),
        Way("private-key-without-line-breaks", INVALID),
        Way("key-of-aws", INVALID),
    ),
    "gcs_oauth_token": (
        Way("blank", INVALID),
        Way("another-type", INVALID),
        Way("line-break", INVALID),
        Way("key-of-azure", INVALID),
    ),
}
"""How the creds argument can be wrong."""

FIELDS = {
    "no-type": "type",
    "unknown-type": "type",
    "no-client-email": "client_email",
    "no-refresh-token": "refresh_token",
    "no-credential-source": "credential_source",
    "no-source-credentials": "source_credentials",
    "key-of-aws": "aws_access_key_id",
    "key-of-azure": "account_key",
    "blank": "gcs_oauth_token",
    "another-type": "gcs_oauth_token",
    "line-break": "gcs_oauth_token",
}
"""The field that is wrong, by way; elsewhere the private key."""


@checks("GOOGLE-8")
@in_worlds("gcs")
@pytest.mark.parametrize(
    "world",
    [world("google", source, "gcs_env_file", ways={source: way}) for source, ways in ARGUMENT.items() for way in ways],
    ids=str,
)
def test_creds_with_a_mistake_are_refused(place: Place, world: World) -> None:
    """A good file in the environment does not help; the field is named, its value is not."""
    source, way = world.sources[0], world.way_of(world.sources[0])
    with stages.running(world, place) as stage:
        outcome = of_a_write(stage)
        assert_as_the_order_says(world, outcome)
        assert_equal(set(), stage.asked(), "asked")
        assert outcome.error is not None
        assert way is not None
        if source != "gcs_key_file" and way.name != "not-json":
            field = FIELDS.get(way.name, "private_key")
            named = field in outcome.error.message
            assert_true(named, expected=f"{field} in the message", observed=outcome.error.message)
        assert_equal([], sorted(outcome.error.leaked), "secrets in the message")


@checks("GOOGLE-9")
@in_worlds("gcs")
@pytest.mark.parametrize(("source", "field"), [("gcs_key_dict", "private_kee"), ("gcs_oauth_token", "gcs_oauth_tokn")])
def test_an_unknown_field_is_refused(place: Place, source: str, field: str) -> None:
    """A misspelt field."""
    misspelt = world("google", source, "gcs_env_file", ways={source: Way("unknown-field", INVALID)})
    with stages.running(misspelt, place) as stage:
        outcome = of_a_write(stage)
        assert_as_the_order_says(misspelt, outcome)
        assert outcome.error is not None
        assert_true(field in outcome.error.message, expected=f"{field} in the message", observed=outcome.error.message)
