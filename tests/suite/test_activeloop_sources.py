"""
Sources of Deep Lake's tokens: who wins by the model, and what is planted for each.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from conformance import sources
from conformance.certificates import RunCA
from conformance.identities import Identity
from conformance.model.precedence import Fails, Wins, asked_at_most, expected, readings, shown
from conformance.setting import Setting
from conformance.sources.activeloop import KEY, ORGANISATION, lake_of
from conformance.worlds import Way, World, chosen, space, world
from tests.lake.asking import headers_of

TOKENS = ("activeloop_argument", "activeloop_env")
PROVIDERS = ("activeloop_provider_azure", "activeloop_provider_gcp")

ROOTS = {"s3": "s3://bucket/r1/w1", "az": "az://account/container/r1/w1", "gcs": "gcs://bucket/r1/w1"}


@contextmanager
def planted(these: World, directory: Path, root: str = ROOTS["s3"]) -> Iterator[tuple[Setting, list[Identity]]]:
    """Set up a world without a target; gives the identities that the gate would know too."""
    (directory / "ca").mkdir()
    known: list[Identity] = []
    setting = Setting(
        these,
        directory / "world",
        "http://127.0.0.1:9/account" if root.startswith("az") else "http://127.0.0.1:9",
        known.append,
        lambda _text, _name: None,
        RunCA(directory / "ca"),
        root=root,
        closed_url="http://127.0.0.1:1",
    )
    try:
        sources.ground(setting)
        for source in these.sources:
            sources.plant(setting, source, these.way_of(source))
        yield setting, known
    finally:
        setting.close()


def asked(setting: Setting, token: str, path: str | None = None, **headers: str) -> tuple[int, Any]:
    """Ask the control plane of a world with a token; returns status and JSON."""
    parts = urlsplit(setting.variables["ACTIVELOOP_ENDPOINT"])
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    try:
        wanted = path or f"/api/org/{ORGANISATION}/ds/ds/creds?no_cache=True"
        connection.request("GET", wanted, headers=headers_of(token, **headers))
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


# ---- the model


@pytest.mark.parametrize(
    ("these", "winner", "whose"),
    [
        (world("activeloop", "activeloop_argument", "activeloop_env"), "activeloop_argument", "activeloop_argument"),
        (world("activeloop", "activeloop_env"), "activeloop_env", "activeloop_env"),
        (world("activeloop", *PROVIDERS[:1]), PROVIDERS[0], PROVIDERS[0]),
        (world("activeloop", "activeloop_env", "activeloop_creds_key"), "activeloop_creds_key", "activeloop_env"),
    ],
    ids=str,
)
def test_who_signs_and_whose_token_is_shown(these: World, winner: str, whose: str) -> None:
    """They differ where managed credentials are had for a token."""
    assert expected(these) == Wins(winner)
    assert shown(these) == Wins(whose)
    assert readings(these) == (frozenset(),)


def test_managed_credentials_are_nothing_without_a_token() -> None:
    """The search ends before them."""
    assert expected(world("activeloop", "activeloop_creds_key")) == Fails("CredentialsNotFoundError")


def test_a_broken_name_of_managed_credentials_is_to_blame() -> None:
    """And not the token, which is good."""
    ways = {"activeloop_creds_key": Way("unknown", "CredentialsError")}
    these = world("activeloop", "activeloop_env", "activeloop_creds_key", ways=ways)
    assert expected(these) == Fails("CredentialsError", "activeloop_creds_key")
    assert shown(these) == Wins("activeloop_env")


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_token_and_a_provider_have_two_readings(token: str, provider: str) -> None:
    """Each of them wins in one."""
    these = world("activeloop", token, provider)
    assert {expected(these, first) for first in readings(these)} == {Wins(token), Wins(provider)}
    assert {provider in asked_at_most(these, first) for first in readings(these)} == {True, False}


def test_the_other_clouds_have_one_reading() -> None:
    """In every world of theirs."""
    worlds = [each for cloud in ("azure", "google") for each in space(cloud)]
    assert {readings(each) for each in worlds} == {(frozenset(),)}


def test_the_space_is_the_product_of_the_slots() -> None:
    """Two tokens, two providers of which one may be there, and managed credentials; no profile leaves any out but quick."""
    assert len(space("activeloop")) == 2 * 2 * 3 * 2
    assert chosen("activeloop", profile="default", seed=0) == space("activeloop")


# ---- what is planted


def of_argument(setting: Setting) -> str:
    """Return the token of the argument."""
    assert setting.token is not None
    return setting.token


GIVEN: dict[str, Callable[[Setting], str]] = {
    "activeloop_argument": of_argument,
    "activeloop_env": lambda setting: setting.variables["ACTIVELOOP_TOKEN"],
}


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize("source", GIVEN)
def test_a_token_gets_credentials_of_its_owner(tmp_path: Path, source: str, root: str) -> None:
    """One generation after the other, known to the gate before they are told, for the place of the world."""
    with planted(world("activeloop", source), tmp_path, ROOTS[root]) as (setting, known):
        assert setting.url == f"al://{ORGANISATION}/ds"
        answers = [asked(setting, GIVEN[source](setting)) for _ in range(2)]
        assert [status for status, _ in answers] == [200, 200]
        assert {told["path"] for _, told in answers} == {ROOTS[root]}
        assert [each.label for each in known] == [source, f"{source}#2"]
        texts = [json.dumps(told) for _, told in answers]
        secrets = [each.sas or each.token or each.secret for each in known]
        assert [secret in text for secret, text in zip(secrets, texts, strict=True)] == [True, True]
        assert setting.asked() == {source}
        assert setting.controls[source].questions() == 2


def test_who_may_only_read_gets_what_only_reads(tmp_path: Path) -> None:
    """And so does who asks for reading."""
    with planted(world("activeloop", "activeloop_env"), tmp_path) as (setting, known):
        token = setting.variables["ACTIVELOOP_TOKEN"]
        asked(setting, token)
        asked(setting, token, f"/api/org/{ORGANISATION}/ds/ds/creds?mode=r")
        lake_of(setting).role(token, ORGANISATION, "read")
        asked(setting, token)
    assert [each.reads_only for each in known] == [False, True, True]


def test_managed_credentials_have_a_label_of_their_own(tmp_path: Path) -> None:
    """Whoever asks for them."""
    with planted(world("activeloop", "activeloop_env", "activeloop_creds_key"), tmp_path) as (setting, known):
        assert setting.url == setting.root
        assert setting.creds == {"creds_key": KEY}
        path = f"/api/org/{setting.variables['ACTIVELOOP_ORG_ID']}/storage/name?query={KEY}"
        status, _ = asked(setting, setting.variables["ACTIVELOOP_TOKEN"], path)
    assert (status, [each.label for each in known]) == (200, ["activeloop_creds_key"])


@pytest.mark.parametrize(
    ("way", "variable", "text"),
    [
        ("empty", "ACTIVELOOP_TOKEN", ""),
        ("blank", "ACTIVELOOP_TOKEN", " \t"),
        ("unknown", "ACTIVELOOP_AUTH_PROVIDER", "azzure"),
        ("default", "ACTIVELOOP_AUTH_PROVIDER", "activeloop"),
        ("upper-case", "ACTIVELOOP_AUTH_PROVIDER", "AZURE"),
    ],
)
def test_ways_are_planted(tmp_path: Path, way: str, variable: str, text: str) -> None:
    """As texts of variables."""
    source = "activeloop_env" if variable == "ACTIVELOOP_TOKEN" else "activeloop_provider_azure"
    with planted(world("activeloop", source, ways={source: Way(way)}), tmp_path) as (setting, _):
        assert setting.variables[variable] == text


def test_tokens_of_a_machine_are_known_to_the_control_plane(tmp_path: Path) -> None:
    """As those of provider gcp, once they are out."""
    with planted(world("activeloop", "activeloop_provider_gcp"), tmp_path) as (setting, known):
        host, _, port = setting.variables["GCE_METADATA_HOST"].partition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        path = "/computeMetadata/v1/instance/service-accounts/default/token"
        connection.request("GET", path, headers={"Metadata-Flavor": "Google"})
        token = json.loads(connection.getresponse().read())["access_token"]
        connection.close()
        assert asked(setting, token)[0] == 401
        assert asked(setting, token, X_Activeloop_Provider_Type="gcp")[0] == 200
        assert [each.label for each in known] == ["activeloop_provider_gcp"]
        assert token in setting.secrets


@pytest.mark.parametrize("source", ["activeloop_argument", "activeloop_env"])
def test_a_source_fails_and_works_again(tmp_path: Path, source: str) -> None:
    """Alone: who asks with another token is answered."""
    with planted(world("activeloop", *TOKENS), tmp_path) as (setting, _):
        other = next(name for name in TOKENS if name != source)
        setting.fault(source, "error-500")
        parts = urlsplit(setting.variables["ACTIVELOOP_ENDPOINT"])
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
        path = f"/api/org/{ORGANISATION}/ds/ds/creds"
        connection.request("GET", path, headers=headers_of(GIVEN[source](setting)))
        assert connection.getresponse().status == 500
        connection.close()
        assert asked(setting, GIVEN[other](setting))[0] == 200
        setting.fault(source, None)
        assert asked(setting, GIVEN[source](setting))[0] == 200
