"""The metadata server of a machine on Google Cloud: asked last, once, and not believed without its header."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from deeplake_ref import errors
from deeplake_ref.credentials import google as chains
from deeplake_ref.credentials import google_metadata
from deeplake_ref.secrets import SecretFields
from tests.reference.google_services import CANARY, FLAVOUR, Services, leaks, of_json, who
from tests.reference.scripted import RESET, Reply

if TYPE_CHECKING:
    from deeplake_ref.credentials.google_tokens import GoogleCredentials


@pytest.fixture
def machine(google: Services, monkeypatch: pytest.MonkeyPatch) -> Services:
    """A machine whose metadata server is the one of the test."""
    monkeypatch.delenv("NO_GCE_CHECK")
    monkeypatch.setenv("GCE_METADATA_HOST", google.url.removeprefix("http://"))
    return google


def credentials() -> GoogleCredentials:
    """Return what the machine has."""
    return chains.chain(SecretFields(None)).resolve().credentials


def test_one_request_asks_for_the_token(machine: Services) -> None:
    """With the header; it is the one that is used."""
    assert who(credentials().headers()) == "machine 1"

    (asked,) = machine.scripted.asked
    assert (asked.method, asked.path, asked.headers["Metadata-Flavor"]) == ("GET", google_metadata.PATH, "Google")


def test_the_token_is_replaced_by_another_request(machine: Services) -> None:
    """Near its end, and where it was rejected."""
    machine.lasts_s = 100
    found = credentials()
    machine.lasts_s = 3600

    assert who(found.headers()) == "machine 2"
    assert found.renewed() is found
    assert who(found.headers()) == "machine 3"


def test_the_address_alone_is_enough(machine: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Host over address, and both are read when the source is asked."""
    monkeypatch.setenv("GCE_METADATA_IP", machine.url.removeprefix("http://"))
    monkeypatch.delenv("GCE_METADATA_HOST")

    assert who(credentials().headers()) == "machine 1"


@pytest.mark.parametrize("value", ["true", "True", "1"])
def test_it_is_not_asked_where_that_is_switched_off(
    machine: Services, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """Whatever would answer."""
    monkeypatch.setenv("NO_GCE_CHECK", value)
    with pytest.raises(errors.CredentialsNotFoundError, match="gcs_metadata: not configured .NO_GCE_CHECK is set"):
        credentials()

    assert machine.paths == []


def test_no_server_is_no_source(machine: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens there."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("GCE_METADATA_HOST", f"127.0.0.1:{free.getsockname()[1]}")
        with pytest.raises(errors.CredentialsNotFoundError, match="no metadata server: ConnectionRefusedError"):
            credentials()

    assert machine.paths == []


@pytest.mark.parametrize("reply", [RESET, Reply(hang=True)], ids=["reset", "hang"])
def test_a_server_that_does_not_answer_is_no_source(
    machine: Services, monkeypatch: pytest.MonkeyPatch, reply: Reply
) -> None:
    """After one request, within the budget."""
    monkeypatch.setattr(google_metadata, "BUDGET_S", 0.3)
    machine.instead = lambda _asked: reply
    with pytest.raises(errors.CredentialsNotFoundError, match="gcs_metadata: not configured .no metadata server"):
        credentials()

    assert len(machine.paths) == 1


@pytest.mark.parametrize(
    ("reply", "told", "status"),
    [
        (of_json({"access_token": CANARY, "expires_in": 9}), "is no metadata server: Metadata-Flavor is missing", 200),
        (Reply(404), "is no metadata server", 404),
        (Reply(302, {"Location": "http://127.0.0.1:9/"}), "is no metadata server", 302),
        (Reply(200, {"Metadata-Flavor": CANARY}), "is no metadata server", 200),
        (Reply(404, FLAVOUR, CANARY.encode()), "refused a token; has the machine a service account?", 404),
        (Reply(403, FLAVOUR), "refused a token", 403),
        (Reply(500, FLAVOUR), "refused a token", 500),
        (Reply(200, FLAVOUR, CANARY.encode()), "no token", 200),
        (of_json([], headers=FLAVOUR), "no token", 200),
        (of_json({"access_token": CANARY}, headers=FLAVOUR), "no token", 200),
        (of_json({"access_token": "", "expires_in": 9}, headers=FLAVOUR), "no token", 200),
        (of_json({"access_token": CANARY, "expires_in": "soon"}, headers=FLAVOUR), "no token", 200),
        (of_json({"access_token": CANARY, "expires_in": 1e300}, headers=FLAVOUR), "no token", 200),
    ],
    ids=str,
)
def test_an_answer_that_is_no_token_is_unavailable(machine: Services, reply: Reply, told: str, status: int) -> None:
    """One request; what answered is not repeated."""
    machine.instead = lambda _asked: reply
    with pytest.raises(errors.CredentialsUnavailableError) as caught:
        credentials()

    assert told in str(caught.value)
    assert (caught.value.source, caught.value.http_status) == ("gcs_metadata", status)
    assert not leaks(caught.value)
    assert len(machine.paths) == 1


def test_a_server_that_goes_away_is_unavailable(machine: Services) -> None:
    """It was a source before."""
    machine.lasts_s = 100
    found = credentials()
    machine.instead = lambda _asked: RESET
    assert who(found.headers()) == "machine 1"

    with pytest.raises(errors.CredentialsUnavailableError, match="the metadata server was not reached"):
        found.renewed()


@pytest.mark.parametrize("host", ["http://127.0.0.1:1", "127.0.0.1:1/x", "a b", "127.0.0.1:99999", "u@127.0.0.1"])
@pytest.mark.usefixtures("machine")
def test_a_host_that_is_none_is_invalid(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """The variable is named."""
    monkeypatch.setenv("GCE_METADATA_HOST", host)
    with pytest.raises(errors.InvalidCredentialsError, match="GCE_METADATA_HOST"):
        credentials()


def test_an_expired_token_of_the_machine_is_replaced(machine: Services) -> None:
    """The server keeps tokens; a stale one is not sent."""
    machine.lasts_s = -5
    found = credentials()
    with pytest.raises(errors.ExpiredTokenError):
        found.headers()

    assert len(machine.paths) == 2


def test_proxies_do_not_count_on_loopback(machine: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token must not pass through one in clear; token services on loopback are reached directly, too."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert who(credentials().headers()) == "machine 1"
    assert who(chains.chain(SecretFields(machine.user())).resolve().credentials.headers()) == "user 2"
