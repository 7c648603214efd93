"""
Who is believed on Azure, for every way to configure it.
"""

from __future__ import annotations

import pytest

from conformance import stages
from conformance.checking import checks, in_turns, in_worlds, needs, only_profiles, over_space
from conformance.expectations import assert_equal, assert_true
from conformance.model.precedence import ANONYMOUS, ORDER, asked_at_most
from conformance.outcomes import Outcome, assert_as_the_order_says, assert_won, of_a_write
from conformance.places import Place
from conformance.setting import Setting
from conformance.worlds import Way, World, world

INVALID = "InvalidCredentialsError"
UNAVAILABLE = "CredentialsUnavailableError"
EXPIRED = "ExpiredTokenError"

SERVED = ("azure_service_principal", "azure_workload_identity", "azure_managed_identity", "azure_cli")
"""Sources behind which there is a service or a command."""


def winners_before(later: tuple[str, ...]) -> list[World]:
    """Return worlds of a source of these and one before it: the dictionary's, the environment's, and its neighbour."""
    order = ORDER["azure"]
    pairs = {
        (first, source): None
        for source in later
        for first in ("azure_dict_account_key", "azure_env_key", order[order.index(source) - 1])
    }
    return [world("azure", *pair) for pair in pairs]


def written(place: Place, these: World) -> Outcome:
    """Write in a world."""
    with stages.running(these, place) as stage:
        return of_a_write(stage)


def with_ways(ways: dict[str, tuple[Way, ...]], *, behind: bool) -> list[World]:
    """Return a world for each way of each source, perhaps with a good source behind it."""
    return [
        world("azure", source, *(later_of(source) if behind else ()), ways={source: way})
        for source, several in ways.items()
        for way in several
    ]


def later_of(source: str) -> tuple[str, ...]:
    """Return a good source behind this one, to which a search that does not end would go on."""
    return {"azure_cli": (), "azure_managed_identity": ("azure_cli",)}.get(source, ("azure_managed_identity",))


@checks("AZURE-1")
@in_worlds("az")
@over_space("azure")
def test_the_first_configured_source_signs(place: Place, world: World) -> None:
    """In every world, the winner is read off the proof."""
    assert_as_the_order_says(world, written(place, world))


def nobody_behind_was_asked(place: Place, world: World) -> None:
    """Write in a world, and look at every service and command of a source."""
    with stages.running(world, place) as stage:
        assert_as_the_order_says(world, of_a_write(stage))
        assert_equal(set(), stage.asked() - asked_at_most(world), "asked behind the winner")


@checks("AZURE-2")
@in_worlds("az")
@in_turns(3)
@pytest.mark.parametrize("world", winners_before(SERVED), ids=str)
def test_nobody_behind_the_winner_is_asked(place: Place, world: World) -> None:
    """Each source that has a service or a command, with three winners before it."""
    nobody_behind_was_asked(place, world)


@checks("AZURE-2")
@in_worlds("az")
@only_profiles("default", "thorough")
@over_space("azure")
def test_nobody_behind_the_winner_is_asked_in_any_world(place: Place, world: World) -> None:
    """The worlds of the order again."""
    nobody_behind_was_asked(place, world)


@checks("AZURE-3")
@in_worlds("az")
def test_no_source_is_an_error(place: Place) -> None:
    """The empty world."""
    empty = world("azure")
    assert_as_the_order_says(empty, written(place, empty))


BROKEN: dict[str, tuple[Way, ...]] = {
    "azure_dict_sas_token": (Way("expired", EXPIRED), Way("no-signature", INVALID)),
    "azure_env_connection_string": (Way("malformed", INVALID), Way("no-key", INVALID), Way("not-base64", INVALID)),
    "azure_env_key": (Way("not-base64", INVALID),),
    "azure_env_sas_token": (Way("expired", EXPIRED), Way("no-signature", INVALID)),
    "azure_service_principal": (
        Way("no-tenant", INVALID),
        Way("no-client-id", INVALID),
        Way("wrong-secret", UNAVAILABLE),
        Way("unknown-client-id", UNAVAILABLE),
        Way("unknown-tenant", UNAVAILABLE),
        Way("error-500", UNAVAILABLE),
        Way("garbage", UNAVAILABLE),
        Way("reset", UNAVAILABLE),
    ),
    "azure_workload_identity": (
        Way("no-token-file", "CredentialsError"),
        Way("empty-token-file", "CredentialsError"),
        Way("expired-token", UNAVAILABLE),
        Way("refused-token", UNAVAILABLE),
        Way("error-500", UNAVAILABLE),
        Way("garbage", UNAVAILABLE),
        Way("reset", UNAVAILABLE),
    ),
    "azure_managed_identity": (
        Way("app-service-refused", UNAVAILABLE),
        Way("app-service-error-404", UNAVAILABLE),
        Way("app-service-error-500", UNAVAILABLE),
        Way("app-service-garbage", UNAVAILABLE),
        Way("app-service-reset", UNAVAILABLE),
    ),
    "azure_cli": (
        Way("fails", UNAVAILABLE),
        Way("garbage", UNAVAILABLE),
        Way("noise", UNAVAILABLE),
        Way("silent", UNAVAILABLE),
        Way("expired-token", EXPIRED),
    ),
}
"""How sources can be configured and broken, with the class that each way has."""


@checks("AZURE-4")
@in_worlds("az")
@in_turns(3)
@pytest.mark.parametrize("world", with_ways(BROKEN, behind=True), ids=str)
def test_a_broken_source_ends_the_search(place: Place, world: World) -> None:
    """A good source stands behind each broken one."""
    with stages.running(world, place) as stage:
        assert_as_the_order_says(world, of_a_write(stage))
        assert_equal(set(), stage.asked() - asked_at_most(world), "asked behind the broken source")


UNCONFIGURED: dict[str, tuple[Way, ...]] = {
    "azure_env_connection_string": (Way("blank"),),
    "azure_env_key": (Way("blank"), Way("empty"), Way("another-account")),
    "azure_env_sas_token": (Way("blank"), Way("empty"), Way("another-account")),
    "azure_managed_identity": (Way("no-identity"), Way("reset")),
    "azure_cli": (Way("not-signed-in"), Way("not-on-path")),
}
"""How sources can look configured and are not."""


@checks("AZURE-5")
@in_worlds("az")
@pytest.mark.parametrize("world", with_ways(UNCONFIGURED, behind=True), ids=str)
def test_what_is_not_configured_is_passed_over(place: Place, world: World) -> None:
    """The next source signs, or nothing is found."""
    assert_as_the_order_says(world, written(place, world))


UNUSUAL: dict[str, tuple[Way, ...]] = {
    "azure_dict_account_key": (Way("spaces-around", wins=True),),
    "azure_dict_sas_token": (Way("question-mark", wins=True), Way("spaces-around", wins=True)),
    "azure_env_key": (Way("spaces-around", wins=True), Way("this-account", wins=True)),
    "azure_env_sas_token": (Way("question-mark", wins=True), Way("this-account", wins=True)),
    "azure_managed_identity": (Way("app-service", wins=True),),
    "azure_cli": (Way("old", wins=True), Way("compact", wins=True)),
}
"""What is fine, and not in the usual form."""


@checks("AZURE-6")
@in_worlds("az")
@pytest.mark.parametrize("world", with_ways(UNUSUAL, behind=False), ids=str)
def test_what_looks_unusual_still_signs(place: Place, world: World) -> None:
    """Each way of each source."""
    assert_as_the_order_says(world, written(place, world))


def anonymously(setting: Setting) -> None:
    """Ask for unsigned requests."""
    setting.creds = {"endpoint_url": setting.endpoint, "anon": True}


@checks("AZURE-7")
@in_worlds("az")
@needs("anonymous")
@pytest.mark.parametrize(
    "world", [world("azure"), world("azure", "azure_env_key"), world("azure", *ORDER["azure"][2:])], ids=str
)
def test_anonymous_requests_are_unsigned(place: Place, world: World) -> None:
    """Whatever else there is."""
    with stages.running(world, place, adjust=anonymously, tls=False, anonymous="allow") as stage:
        assert_won(ANONYMOUS, of_a_write(stage))
        assert_equal(set(), stage.asked(), "asked")


DICTIONARY: dict[str, tuple[Way, ...]] = {
    "azure_dict_account_key": tuple(
        Way(name, INVALID) for name in ("blank", "empty", "another-type", "not-base64", "key-of-aws")
    ),
    "azure_dict_sas_token": (Way("blank", INVALID), Way("another-type", INVALID)),
}

FIELDS = ("account_key", "sas_token", "aws_access_key_id")


@checks("AZURE-8")
@in_worlds("az")
@pytest.mark.parametrize(
    "world",
    [
        world("azure", source, "azure_env_key", ways={source: way})
        for source, ways in DICTIONARY.items()
        for way in ways
    ],
    ids=str,
)
def test_a_dictionary_with_a_mistake_is_refused(place: Place, world: World) -> None:
    """A good key in the environment does not help; the field is named, its value is not."""
    with stages.running(world, place) as stage:
        outcome = of_a_write(stage)
        assert_as_the_order_says(world, outcome)
        assert outcome.error is not None
        named = any(name in outcome.error.message for name in FIELDS)
        assert_true(named, expected="the field's name in the message", observed=outcome.error.message)
        assert_equal([], sorted(outcome.error.leaked), "secrets in the message")


@checks("AZURE-9")
@in_worlds("az")
@pytest.mark.parametrize(
    "world",
    [
        world("azure", "azure_dict_account_key", "azure_env_key", ways={"azure_dict_account_key": way})
        for way in (Way("unknown-field", INVALID), Way("upper-case-field", INVALID))
    ],
    ids=str,
)
def test_an_unknown_field_is_refused(place: Place, world: World) -> None:
    """A misspelt field, and one in capitals."""
    assert_as_the_order_says(world, written(place, world))
