"""
Whose token signs on Google Cloud, for every way to configure one.
"""

from __future__ import annotations

from typing import Any

import pytest

from conformance import stages
from conformance.checking import checks, in_turns, in_worlds, needs, over_space
from conformance.expectations import assert_equal
from conformance.model.precedence import ANONYMOUS, ORDER, Wins, asked_at_most, expected
from conformance.outcomes import Outcome, assert_as_the_order_says, assert_failed, assert_won, of_a_write
from conformance.places import Place
from conformance.setting import Setting
from conformance.sources.google_services import FILED, KINDS
from conformance.worlds import Way, World, world

AMBIENT = ORDER["google"][7:]
"""Sources behind the creds argument."""


def rules(these: World) -> dict[str, Any]:
    """Return the rules of the gate in a world: unsigned requests are let through where they are right."""
    return {"anonymous": "allow"} if expected(these) == Wins(ANONYMOUS) else {}


def written(place: Place, these: World) -> Outcome:
    """Write in a world."""
    with stages.running(these, place, **rules(these)) as stage:
        return of_a_write(stage)


@checks("GOOGLE-1")
@in_worlds("gcs")
@over_space("google")
def test_the_first_configured_source_signs(place: Place, world: World) -> None:
    """In every world, the winner is read off the token."""
    assert_as_the_order_says(world, written(place, world))


BEHIND = {
    "gcs_env_file": Way("missing", "CredentialsError"),
    "gcs_gcloud_file": Way("not-json", "InvalidCredentialsError"),
    "gcs_metadata": Way("no-flavour", "CredentialsUnavailableError"),
}
"""How each source that may stand behind another can be broken."""


@checks("GOOGLE-1")
@in_worlds("gcs")
@pytest.mark.parametrize(
    "world",
    [
        world("google", first, later, ways={later: way})
        for number, first in enumerate(ORDER["google"])
        for later, way in BEHIND.items()
        # the client that asks for consent is in gcloud's file
        if number < ORDER["google"].index(later) and (first, later) != ("gcs_browser", "gcs_gcloud_file")
    ],
    ids=str,
)
def test_a_broken_source_behind_the_winner_does_not_matter(place: Place, world: World) -> None:
    """Nobody looks at it."""
    assert_as_the_order_says(world, written(place, world))


@checks("GOOGLE-2")
@in_worlds("gcs")
@in_turns(3)
@pytest.mark.parametrize(
    "world",
    [
        world("google", first, later)
        for number, first in enumerate(ORDER["google"])
        for later in AMBIENT
        if number < ORDER["google"].index(later)
    ],
    ids=str,
)
def test_nobody_behind_the_winner_is_asked(place: Place, world: World) -> None:
    """Each winner with each later source: all of them ask a service for their token."""
    with stages.running(world, place, **rules(world)) as stage:
        assert_as_the_order_says(world, of_a_write(stage))
        assert_equal(set(), stage.asked() - asked_at_most(world), "asked behind the winner")


@checks("GOOGLE-3")
@in_worlds("gcs")
def test_no_source_is_an_error(place: Place) -> None:
    """The empty world."""
    assert_failed("CredentialsNotFoundError", written(place, world("google")), "with no source")


UNCONFIGURED: dict[str, tuple[Way, ...]] = {
    "gcs_env_file": (Way("empty-variable"), Way("blank-variable")),
    "gcs_gcloud_file": (Way("no-file"),),
    "gcs_metadata": (Way("switched-off"), Way("reset")),
}
"""How sources can look configured and are not."""


@checks("GOOGLE-5")
@in_worlds("gcs")
@pytest.mark.parametrize(
    "world",
    [
        world("google", source, *([] if source == "gcs_metadata" else ["gcs_metadata"]), ways={source: way})
        for source, ways in UNCONFIGURED.items()
        for way in ways
    ],
    ids=str,
)
def test_what_is_not_configured_is_passed_over(place: Place, world: World) -> None:
    """The metadata server signs, or nothing is found."""
    assert_as_the_order_says(world, written(place, world))


@checks("GOOGLE-5")
@in_worlds("gcs")
@pytest.mark.parametrize("given", ["none", "empty-dictionary", "none-values"])
def test_creds_without_an_identity_are_passed_over(place: Place, given: str) -> None:
    """The file of the environment signs."""

    def adjust(setting: Setting) -> None:
        setting.variables["STORAGE_EMULATOR_HOST"] = setting.endpoint
        values = {"gcs_oauth_token": None, "private_key": None}
        setting.creds = {"none": None, "empty-dictionary": {}, "none-values": values}[given]

    with stages.running(world("google", "gcs_env_file"), place, adjust=adjust) as stage:
        assert_won("gcs_env_file", of_a_write(stage))


@checks("GOOGLE-6")
@in_worlds("gcs")
@needs("anonymous")
@pytest.mark.parametrize("way", ["word", "dictionary"])
@pytest.mark.parametrize("others", [(), ("gcs_env_file",), AMBIENT], ids="+".join)
def test_anonymous_requests_are_unsigned(place: Place, others: tuple[str, ...], way: str) -> None:
    """Whatever else there is."""
    ways = {"gcs_anon": Way("dictionary", wins=True)} if way == "dictionary" else {}
    with stages.running(world("google", "gcs_anon", *others, ways=ways), place, anonymous="allow") as stage:
        assert_won(ANONYMOUS, of_a_write(stage))
        assert_equal(set(), stage.asked(), "asked")


def at_an_emulator(setting: Setting) -> None:
    """Say where the service is by the variable of emulators alone."""
    setting.variables["STORAGE_EMULATOR_HOST"] = setting.endpoint
    if isinstance(setting.creds, dict):
        del setting.creds["endpoint_url"]
        setting.creds = setting.creds or None


@checks("GOOGLE-7")
@in_worlds("gcs")
@pytest.mark.parametrize(
    "world", [world("google", source) for source in ORDER["google"] if source != "gcs_anon"], ids=str
)
def test_the_address_of_an_emulator_drops_no_credentials(place: Place, world: World) -> None:
    """Each source alone."""
    with stages.running(world, place, adjust=at_an_emulator) as stage:
        assert_won(world.sources[0], of_a_write(stage))


@checks("GOOGLE-7")
@in_worlds("gcs")
def test_an_emulator_makes_nothing_anonymous(place: Place) -> None:
    """With no source at all."""
    with stages.running(world("google"), place, adjust=at_an_emulator) as stage:
        assert_failed("CredentialsNotFoundError", of_a_write(stage), "with STORAGE_EMULATOR_HOST and no source")


@checks("GOOGLE-10")
@in_worlds("gcs")
@pytest.mark.parametrize(
    "world",
    [world("google", source, ways={source: Way(kind, wins=True)}) for source in FILED for kind in KINDS],
    ids=str,
)
def test_every_type_of_key_file_works_in_every_place(place: Place, world: World) -> None:
    """Where one acts as another account, that account signs."""
    assert_as_the_order_says(world, written(place, world))


@checks("GOOGLE-10")
@in_worlds("gcs")
@pytest.mark.parametrize(
    "world",
    [
        world("google", "gcs_gcloud_file", ways={"gcs_gcloud_file": Way("elsewhere", wins=True)}),
        world("google", "gcs_key_dict", ways={"gcs_key_dict": Way("none-beside", wins=True)}),
        world("google", "gcs_cache", ways={"gcs_cache": Way("expired", wins=True)}),
        world("google", "gcs_cache", ways={"gcs_cache": Way("no-token", wins=True)}),
        world("google", "gcs_browser", ways={"gcs_browser": Way("fixed-hosts", wins=True)}),
    ],
    ids=str,
)
def test_other_places_of_good_credentials(place: Place, world: World) -> None:
    """gcloud's directory elsewhere, a dictionary with None values, consents that need a new token, Google's own hosts."""
    assert_as_the_order_says(world, written(place, world))
