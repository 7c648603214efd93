"""
Whose token asks the control plane for al://, for every way to configure one.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance import stages
from conformance.checking import budget, checks, in_turns, in_worlds, over_space
from conformance.expectations import CheckFailure, assert_equal, assert_true, raises
from conformance.lake_asked import (
    assert_nobody_else_was_asked,
    assert_nothing_sent,
    assert_shown_as_the_order_says,
    lake,
    tokens_shown,
)
from conformance.model.precedence import EITHER
from conformance.outcomes import assert_as_the_order_says, assert_failed, of_a_write
from conformance.places import Place
from conformance.setting import Setting
from conformance.sources.activeloop import HOST, ORGANISATION, PLANE, lake_of
from conformance.worlds import Way, World, world

INVALID = "InvalidCredentialsError"
UNAVAILABLE = "CredentialsUnavailableError"

TOKENS, PROVIDERS = EITHER["activeloop"]


@checks("LAKE-1")
@in_worlds("al")
@over_space("activeloop")
def test_the_first_configured_token_is_shown(place: Place, world: World) -> None:
    """In every world, the winner is read off the token and off the signature."""
    with stages.running(world, place) as stage:
        assert_shown_as_the_order_says(world, stage, of_a_write(stage))


@checks("LAKE-2")
@in_worlds("al")
@pytest.mark.parametrize("provider", sorted(PROVIDERS))
@pytest.mark.parametrize("token", sorted(TOKENS))
def test_a_token_against_a_provider(place: Place, token: str, provider: str) -> None:
    """Either may win, and then always does."""
    won: list[set[str]] = []
    for _ in range(3):
        with stages.running(world("activeloop", token, provider), place) as stage:
            outcome = of_a_write(stage)
            if outcome.error is not None:
                raise CheckFailure(f"{token} or {provider}", str(outcome), "who signed")
            won.append(tokens_shown(stage))
    assert_true(won in ([{token}] * 3, [{provider}] * 3), expected="always the same", observed=str(won))
    claimed = place.target.claims.defined.get("LAKE-2")
    if claimed is not None:
        assert_equal(claimed, "token" if won[0] == {token} else "provider", "the choice of the claims")


@checks("LAKE-3")
@in_worlds("al")
@pytest.mark.parametrize("way", [None, Way("upper-case", wins=True)], ids=["lower-case", "upper-case"])
@pytest.mark.parametrize("provider", sorted(PROVIDERS))
def test_the_identity_of_the_provider_is_shown(place: Place, provider: str, way: Way | None) -> None:
    """A token of Entra ID, or one of a machine of Google, and which of them it is."""
    one = world("activeloop", provider, ways={provider: way} if way else {})
    with stages.running(one, place) as stage:
        assert_shown_as_the_order_says(one, stage, of_a_write(stage))
        told = {call.headers.get("x-activeloop-provider-type") for call in lake(stage).asked()}
        assert_equal({provider.rpartition("_")[2]}, told, "X-Activeloop-Provider-Type")


@checks("LAKE-4")
@in_worlds("al")
@in_turns(3)
@over_space("activeloop")
def test_nobody_behind_the_winner_is_asked(place: Place, world: World) -> None:
    """Identity services of providers and of machines."""
    with stages.running(world, place) as stage:
        assert_as_the_order_says(world, of_a_write(stage))
        assert_nobody_else_was_asked(world, stage)


@checks("LAKE-5")
@in_worlds("al")
def test_no_source_is_an_error(place: Place) -> None:
    """The empty world."""
    with stages.running(world("activeloop"), place) as stage:
        assert_failed("CredentialsNotFoundError", of_a_write(stage), "with no source")
        assert_equal(0, len(lake(stage).asked()), "requests to the control plane")
        assert_equal([], stage.setting.leaks(), "other hosts that were asked for")


BROKEN: dict[str, tuple[Way, ...]] = {
    "activeloop_argument": (Way("blank", INVALID), Way("empty", INVALID)),
    "activeloop_provider_azure": (
        Way("unknown", INVALID),
        Way("no-identity", "CredentialsError"),
        Way("wrong-secret", UNAVAILABLE),
        Way("error-500", UNAVAILABLE),
        Way("garbage", UNAVAILABLE),
        Way("reset", UNAVAILABLE),
    ),
    "activeloop_provider_gcp": (
        Way("no-identity", "CredentialsError"),
        Way("error-500", UNAVAILABLE),
        Way("garbage", UNAVAILABLE),
        Way("reset", UNAVAILABLE),
    ),
}
"""How sources can be configured and broken, with the class that each way has."""


@checks("LAKE-6")
@in_worlds("al")
@pytest.mark.parametrize(
    "world",
    [
        world("activeloop", source, *(["activeloop_env"] if source in TOKENS else []), ways={source: way})
        for source, ways in BROKEN.items()
        for way in ways
    ],
    ids=str,
)
def test_a_broken_source_ends_the_search(place: Place, world: World) -> None:
    """A good token of the environment stands behind a blank argument."""
    with stages.running(world, place) as stage:
        assert_shown_as_the_order_says(world, stage, of_a_write(stage))


UNCONFIGURED = (
    world("activeloop", "activeloop_env", ways={"activeloop_env": Way("empty")}),
    world("activeloop", "activeloop_env", ways={"activeloop_env": Way("blank")}),
    *(
        world("activeloop", "activeloop_env", "activeloop_provider_azure", ways={"activeloop_env": Way(way)})
        for way in ("empty", "blank")
    ),
    *(
        world("activeloop", *sources, "activeloop_provider_azure", ways={"activeloop_provider_azure": Way(way)})
        for sources in ((), ("activeloop_env",))
        for way in ("empty", "blank", "default")
    ),
)
"""Worlds in which a source looks configured and is not."""


@checks("LAKE-7")
@in_worlds("al")
@pytest.mark.parametrize("world", UNCONFIGURED, ids=str)
def test_what_is_not_configured_is_passed_over(place: Place, world: World) -> None:
    """The other source wins, or nothing is found."""
    with stages.running(world, place) as stage:
        assert_shown_as_the_order_says(world, stage, of_a_write(stage))


# ---- any text

TEXTS = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=30),
    st.from_regex(r"[ \t]{0,2}[A-Za-z0-9_.-]{10,40}[ \t\r\n]{0,2}", fullmatch=True),
    st.sampled_from(["t" * 9000, "'quoted'", '"quoted"', "a # comment", "two words", "Bearer a", "a\r\nx-extra: 1"]),
)

STANDS = "as it stands"


def with_token(text: str, source: str) -> Any:
    """Return what gives a text as a token; the control plane knows it without spaces around it, however it is encoded."""

    def adjust(setting: Setting) -> None:
        plane = lake_of(setting)
        for bare in {text.strip(), text.strip(" \t\r\n")} - {""}:
            # a header is bytes, which the fake reads as Latin-1
            for told in {bare, bare.encode().decode("latin-1")}:
                plane.token(STANDS, ORGANISATION, text=told)
        if source == "activeloop_argument":
            setting.token = text
        else:
            setting.variables["ACTIVELOOP_TOKEN"] = text

    return adjust


@checks("LAKE-8")
@in_worlds("al")
@pytest.mark.parametrize("source", sorted(TOKENS))
@budget(0.4)
@given(text=TEXTS)
def test_any_text_is_taken_as_it_is_or_refused(place: Place, source: str, text: str) -> None:
    """As the argument, or in the variable."""
    with stages.running(world("activeloop", source), place, adjust=with_token(text, source)) as stage:
        outcome = of_a_write(stage)
        received = list(stage.setting.servers[PLANE].received)
        extra = {name for request in received for name in request.headers if name.startswith("x-extra")}
        assert_equal(set(), extra, "headers that the token made")
        if outcome.error is None:
            assert_equal({STANDS}, tokens_shown(stage), "whose tokens were shown")
        else:
            assert_failed("CredentialsError", outcome, f"with {text!r} as token")
            assert_equal(0, len(received), f"requests to the control plane with {text!r} as token")


# ---- what stands beside


CLOUD_KEYS: dict[str, dict[str, Any]] = {
    "s3": {"aws_access_key_id": "AKIA" + "B" * 16, "aws_secret_access_key": "b" * 40},
    "az": {"account_key": "YmJi" * 22},
    "gcs": {"gcs_oauth_token": "ya29." + "b" * 40},
}


def beside(cloud: str) -> Any:
    """Return what puts keys of a cloud into the creds argument."""

    def adjust(setting: Setting) -> None:
        setting.creds = {name: setting.secret("creds", value) for name, value in CLOUD_KEYS[cloud].items()}

    return adjust


@checks("LAKE-25")
@in_worlds("al")
@pytest.mark.parametrize("cloud", CLOUD_KEYS)
def test_keys_of_a_cloud_beside_al(place: Place, cloud: str) -> None:
    """They are refused, or what the control plane gives out signs alone."""
    one = world("activeloop", "activeloop_env")
    with stages.running(one, place, adjust=beside(cloud)) as stage:
        outcome = of_a_write(stage)
        if outcome.error is None:
            assert_shown_as_the_order_says(one, stage, outcome)
        else:
            assert_failed(INVALID, outcome, f"with keys of {cloud} beside al://")
            assert_equal(0, len(lake(stage).asked()), "requests to the control plane")


# ---- names


@checks("LAKE-31")
@in_worlds("al")
@pytest.mark.parametrize("path", ["al://", "al:///", f"al://{ORGANISATION}", f"al://{ORGANISATION}/", "al:///ds"])
def test_a_path_without_its_names_is_refused(place: Place, path: str) -> None:
    """By handles and by functions of whole datasets."""
    with stages.running(world("activeloop", "activeloop_env"), place) as stage:
        target = stage.target
        raises("InvalidURIError", lambda: target.open_reader(path).get("k"))
        raises("InvalidURIError", lambda: target.open_writer(path).set("k", b"v"))
        raises("InvalidURIError", lambda: target.exists(path))
        assert_equal(0, len(lake(stage).asked()), "requests to the control plane")
        assert_nothing_sent(stage, "for a path without its names")


NAMES = (
    *("two words", "a+b", "a#b", "a?b=c&d", "100%", "a%20b", "a;b", "~a", "a:b", "A"),
    *("a/b", "a/b c/d", "\u00fcber", "\u6570\u636e"),
)


@checks("LAKE-32")
@in_worlds("al")
@in_turns(5)
@pytest.mark.parametrize("slash", ["", "/"], ids=["plain", "slash-at-end"])
@pytest.mark.parametrize("name", NAMES)
def test_every_character_of_a_name_is_literal(place: Place, name: str, slash: str) -> None:
    """The control plane knows this name, and tells it as it decoded it."""
    with stages.running(world("activeloop", "activeloop_env"), place) as stage:
        lake(stage).dataset(ORGANISATION, name, path=stage.setting.root)
        stage.target.open_writer(f"al://{ORGANISATION}/{name}{slash}").set("k", b"v")
        assert_equal({name}, {call.ds for call in lake(stage).asked("creds")}, "the name that was asked for")
        assert_equal(b"v", bytes(stage.reader().get("k")), "what another name of the same data leads to")


# ---- where the control plane is


@checks("LAKE-26")
@in_worlds("al")
@in_turns(4)
@pytest.mark.parametrize("source", sorted(TOKENS | PROVIDERS))
@pytest.mark.parametrize("form", ["slash-at-end", "absent", "empty", "blank"])
def test_the_address_of_the_control_plane(place: Place, source: str, form: str) -> None:
    """The public one is played behind the proxy."""

    def adjust(setting: Setting) -> None:
        url = setting.variables.pop("ACTIVELOOP_ENDPOINT")
        told = {"slash-at-end": f"{url}/", "empty": "", "blank": " \t"}
        if form in told:
            setting.variables["ACTIVELOOP_ENDPOINT"] = told[form]

    one = world("activeloop", source)
    with stages.running(one, place, adjust=adjust) as stage:
        assert_shown_as_the_order_says(one, stage, of_a_write(stage))
        publicly = {host for proxy in stage.setting.proxies for host in proxy.connects}
        assert_equal(set() if form == "slash-at-end" else {HOST}, publicly, "hosts beyond this machine")
