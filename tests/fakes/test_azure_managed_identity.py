"""
The managed identity services as we play them: what they give, and every refusal, by bare HTTP and by azure-identity.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import time
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from conformance.fakes import Fake, FakeServer
from conformance.fakes.azure_managed_identity import AppService, VirtualMachine
from conformance.identities import Identity, new_azure_bearer

LIFE_S = 3600
STORAGE = "https://storage.azure.com"
KNOWN = "11111111-2222-3333-4444-555555555555"
UNKNOWN = "99999999-2222-3333-4444-555555555555"

Told = tuple[int, dict[str, Any]]

Changes = dict[str, str | None]


class Minted(list[Identity]):
    """Mints, and keeps what it minted."""

    def __call__(self, label: str) -> Identity:
        """Return a new identity."""
        self.append(new_azure_bearer(label, life_s=LIFE_S, now=time.time()))
        return self[-1]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that knows of no identity and of no proxy."""
    for name in list(os.environ):
        if name.startswith(("AZURE_", "IDENTITY_", "IMDS_", "MSI_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def minted() -> Minted:
    """The identities of one world."""
    return Minted()


def ask(server: FakeServer, path: str, query: dict[str, str], headers: dict[str, str], method: str = "GET") -> Told:
    """Ask by bare HTTP, and return status and JSON."""
    parts = urlsplit(server.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    try:
        connection.request(method, f"{path}?{urlencode(query)}", headers=headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def ask_machine(server: FakeServer, changes: Changes | None = None, headers: dict[str, str] | None = None) -> Told:
    """Ask a virtual machine; a change to None takes a parameter away."""
    query = {"api-version": "2018-02-01", "resource": STORAGE, **(changes or {})}
    told = {name: value for name, value in query.items() if value is not None}
    return ask(server, VirtualMachine.PATH, told, {"Metadata": "true"} if headers is None else headers)


def ask_service(server: FakeServer, secret: str | None, changes: Changes | None = None) -> Told:
    """Ask an App Service; a change to None takes a parameter away."""
    query = {"api-version": "2019-08-01", "resource": STORAGE, **(changes or {})}
    told = {name: value for name, value in query.items() if value is not None}
    return ask(server, AppService.PATH, told, {} if secret is None else {"X-IDENTITY-HEADER": secret})


@pytest.mark.parametrize("resource", [STORAGE, STORAGE + "/"])
def test_a_machine_gives_a_token(minted: Minted, resource: str) -> None:
    """Its life is text, and counts from the clock of the world."""
    with FakeServer(VirtualMachine("azure_managed_identity", minted, LIFE_S), clock_s=7200.0) as server:
        status, told = ask_machine(server, {"resource": resource})
        now = server.received[0].now

    assert status == 200
    assert told == {
        "access_token": minted[0].secret,
        "refresh_token": "",
        "expires_in": "3600",
        "expires_on": str(int(now + LIFE_S)),
        "not_before": str(int(now) - 300),
        "resource": resource,
        "token_type": "Bearer",
    }


def test_every_request_gets_a_token_of_its_own(minted: Minted) -> None:
    """Generations have labels that tell them apart."""
    with FakeServer(VirtualMachine("azure_managed_identity", minted, LIFE_S)) as server:
        tokens = [ask_machine(server)[1]["access_token"] for _ in range(2)]

    assert tokens == [each.secret for each in minted]
    assert [each.label for each in minted] == ["azure_managed_identity", "azure_managed_identity#2"]


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ({}, "bad_request_102"),
        ({"Metadata": "True"}, "bad_request_102"),
        ({"Metadata": "true", "X-Forwarded-For": "203.0.113.1"}, "bad_request"),
    ],
    ids=["no-metadata", "metadata-in-capitals", "by-a-proxy"],
)
def test_a_machine_refuses_headers(minted: Minted, headers: dict[str, str], error: str) -> None:
    """What a forged request of a server could not have, or a proxy adds."""
    with FakeServer(VirtualMachine("azure_managed_identity", minted, LIFE_S)) as server:
        status, told = ask_machine(server, headers=headers)

    assert (status, told["error"]) == (400, error)
    assert not minted


@pytest.mark.parametrize(
    ("changes", "error", "described"),
    [
        ({"api-version": None}, "invalid_request", "api-version"),
        ({"api-version": "2017-09-01"}, "invalid_request", "api-version"),
        ({"api-version": "latest"}, "invalid_request", "api-version"),
        ({"resource": None}, "invalid_request", "'resource'"),
        ({"resource": "https://vault.azure.net"}, "invalid_resource", "AADSTS50001"),
        ({"client_id": UNKNOWN}, "invalid_request", "Identity not found"),
        ({"client_id": ""}, "invalid_request", "Identity not found"),
        ({"object_id": KNOWN}, "invalid_request", "Identity not found"),
        ({"msi_res_id": "/subscriptions/x"}, "invalid_request", "Identity not found"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_a_machine_refuses_parameters(minted: Minted, changes: Changes, error: str, described: str) -> None:
    """With the documented fields, and no token."""
    with FakeServer(VirtualMachine("azure_managed_identity", minted, LIFE_S, [KNOWN])) as server:
        status, told = ask_machine(server, changes)

    assert (status, told["error"]) == (400, error)
    assert described in told["error_description"]
    assert not minted


@pytest.mark.parametrize(
    ("client_ids", "system_assigned", "asked", "status"),
    [
        ((), True, None, 200),
        ((), False, None, 400),
        ((KNOWN,), True, KNOWN, 200),
        ((KNOWN,), False, None, 200),
        ((KNOWN, UNKNOWN), False, None, 400),
        ((KNOWN, UNKNOWN), False, UNKNOWN, 200),
    ],
)
def test_a_machine_has_the_identities_that_it_has(
    minted: Minted, client_ids: tuple[str, ...], system_assigned: bool, asked: str | None, status: int
) -> None:
    """Unnamed, its own is meant, or else the only one of the user's."""
    machine = VirtualMachine("azure_managed_identity", minted, LIFE_S, client_ids, system_assigned=system_assigned)
    with FakeServer(machine) as server:
        assert ask_machine(server, {"client_id": asked})[0] == status
    assert len(minted) == (status == 200)


@pytest.mark.parametrize("fake", ["machine", "service"])
def test_other_paths_and_methods_are_refused(minted: Minted, fake: str) -> None:
    """With 404 and 405."""
    machine, service = VirtualMachine("x", minted, LIFE_S), AppService("x", minted, LIFE_S, "secret")
    made: Fake = machine if fake == "machine" else service
    path = VirtualMachine.PATH if fake == "machine" else AppService.PATH
    with FakeServer(made) as server:
        seen = [ask(server, "/other", {}, {})[0], ask(server, path, {}, {}, "POST")[0]]

    assert seen == [404, 405]
    assert not minted


def test_a_service_gives_a_token(minted: Minted) -> None:
    """Its end is text; there is no `expires_in`."""
    secret = secrets.token_hex(16)
    with FakeServer(AppService("azure_managed_identity", minted, LIFE_S, secret, [KNOWN])) as server:
        status, told = ask_service(server, secret, {"client_id": KNOWN})
        now = server.received[0].now

    assert status == 200
    assert told == {
        "access_token": minted[0].secret,
        "expires_on": str(int(now + LIFE_S)),
        "not_before": str(int(now) - 300),
        "resource": STORAGE,
        "token_type": "Bearer",
        "client_id": KNOWN,
    }


@pytest.mark.parametrize("wrong", [None, "", "wrong"])
def test_a_service_wants_its_header(minted: Minted, wrong: str | None) -> None:
    """Its value, and no other."""
    with FakeServer(AppService("azure_managed_identity", minted, LIFE_S, secrets.token_hex(16))) as server:
        status, told = ask_service(server, wrong)

    assert (status, told["statusCode"]) == (401, 401)
    assert not minted


@pytest.mark.parametrize(
    ("changes", "status", "message"),
    [
        ({"api-version": None}, 400, "api-version"),
        ({"api-version": "2017-09-01"}, 400, "api-version"),
        ({"resource": None}, 400, "resource"),
        ({"resource": "https://vault.azure.net"}, 500, "unexpected"),
        ({"client_id": UNKNOWN}, 400, "No User Assigned"),
        ({"principal_id": KNOWN}, 400, "No User Assigned"),
    ],
)
def test_a_service_refuses_parameters(minted: Minted, changes: Changes, status: int, message: str) -> None:
    """With its own fields, and no token."""
    with FakeServer(AppService("azure_managed_identity", minted, LIFE_S, "secret", [KNOWN])) as server:
        seen, told = ask_service(server, "secret", changes)

    assert (seen, told["statusCode"]) == (status, status)
    assert message in told["message"]
    assert not minted


def test_a_service_without_an_identity_of_its_own_wants_a_name(minted: Minted) -> None:
    """Unlike a machine, it does not take the only one."""
    fake = AppService("azure_managed_identity", minted, LIFE_S, "secret", [KNOWN], system_assigned=False)
    with FakeServer(fake) as server:
        assert ask_service(server, "secret")[0] == 400
        assert ask_service(server, "secret", {"client_id": KNOWN})[0] == 200


@pytest.mark.parametrize("client_id", [None, KNOWN])
def test_azure_identity_takes_a_token_of_a_machine(
    minted: Minted, monkeypatch: pytest.MonkeyPatch, client_id: str | None
) -> None:
    """Once; then it has it in its cache."""
    from azure.identity import ManagedIdentityCredential

    with FakeServer(VirtualMachine("azure_managed_identity", minted, LIFE_S, [KNOWN])) as server:
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", server.url)
        with ManagedIdentityCredential(client_id=client_id) as credential:
            tokens = [credential.get_token(f"{STORAGE}/.default") for _ in range(2)]

    assert [each.token for each in tokens] == [minted[0].secret] * 2
    assert len(server.asked) == 1


def test_azure_identity_takes_a_machine_without_that_identity_for_unavailable(
    minted: Minted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which in a chain means: ask the next."""
    from azure.identity import CredentialUnavailableError, ManagedIdentityCredential

    with FakeServer(VirtualMachine("azure_managed_identity", minted, LIFE_S)) as server:
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", server.url)
        with ManagedIdentityCredential(client_id=UNKNOWN) as credential:
            with pytest.raises(CredentialUnavailableError, match="Identity not found"):
                credential.get_token(f"{STORAGE}/.default")


def test_azure_identity_takes_a_token_of_a_service(minted: Minted, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the two variables that the platform sets."""
    from azure.identity import ManagedIdentityCredential

    secret = secrets.token_hex(16)
    with FakeServer(AppService("azure_managed_identity", minted, LIFE_S, secret)) as server:
        monkeypatch.setenv("IDENTITY_ENDPOINT", server.url + AppService.PATH)
        monkeypatch.setenv("IDENTITY_HEADER", secret)
        with ManagedIdentityCredential() as credential:
            token = credential.get_token(f"{STORAGE}/.default")

    assert token.token == minted[0].secret
    assert abs(token.expires_on - (time.time() + LIFE_S)) < 120


def test_azure_identity_tells_a_wrong_header(minted: Minted, monkeypatch: pytest.MonkeyPatch) -> None:
    """The platform's own secret is not in the error."""
    from azure.core.exceptions import ClientAuthenticationError
    from azure.identity import ManagedIdentityCredential

    wrong = secrets.token_hex(16)
    with FakeServer(AppService("azure_managed_identity", minted, LIFE_S, secrets.token_hex(16))) as server:
        monkeypatch.setenv("IDENTITY_ENDPOINT", server.url + AppService.PATH)
        monkeypatch.setenv("IDENTITY_HEADER", wrong)
        with ManagedIdentityCredential() as credential:
            with pytest.raises(ClientAuthenticationError, match="401") as caught:
                credential.get_token(f"{STORAGE}/.default")

    assert wrong not in str(caught.value)
