"""
Entra ID as we play it: what it gives, and every refusal, by bare https and by azure-identity.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import secrets
import ssl
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import trustme

from conformance.fakes import FakeServer, Fault
from conformance.fakes.azure_entra import JWT_BEARER, Application, Entra
from conformance.fakes.azure_federation import unknown_federated_token
from conformance.identities import Identity, new_azure_bearer

LIFE_S = 3600
SCOPE = "https://storage.azure.com/.default"
FORM = "application/x-www-form-urlencoded"

Form = dict[str, str]


@dataclass
class World:
    """One Entra on a port, with its certificate authority in a file."""

    ca: Path
    tenant: str = field(default_factory=lambda: str(uuid.uuid4()))
    client_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    client_secret: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    minted: list[Identity] = field(default_factory=list)

    def __post_init__(self) -> None:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.ca))
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(tls)
        application = Application(self.client_id, self.client_secret)
        self.entra = Entra(self.mint, tenant=self.tenant, application=application, life_s=LIFE_S)
        self.server = FakeServer(self.entra, tls=tls)

    def mint(self, label: str) -> Identity:
        """Make an identity and keep it."""
        self.minted.append(new_azure_bearer(label, life_s=LIFE_S, now=time.time()))
        return self.minted[-1]

    def ask(
        self, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Ask by bare https, and return status and JSON."""
        parts = urlsplit(self.server.url)
        trusted = ssl.create_default_context(cafile=str(self.ca))
        connection = http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=10, context=trusted)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else {}
        finally:
            connection.close()

    def post(self, form: Form, **headers: str) -> tuple[int, dict[str, Any]]:
        """Ask for a token."""
        told = {"Content-Type": FORM, **headers}
        return self.ask("POST", f"/{self.tenant}/oauth2/v2.0/token", urlencode(form), told)

    def form(self, **changes: str | None) -> Form:
        """Return the form of a good request by secret, with changes; None takes a field away."""
        good = {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "scope": SCOPE,
        }
        return {name: value for name, value in {**good, **changes}.items() if value is not None}

    def asserting(self, assertion: str, kind: str | None = JWT_BEARER) -> Form:
        """Return the form of a request by assertion."""
        return self.form(client_secret=None, client_assertion=assertion, client_assertion_type=kind)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """An Entra, in an environment that knows of no other and of no proxy."""
    for name in list(os.environ):
        if name.startswith(("AZURE_", "IDENTITY_", "MSI_")) or name.lower().endswith(("_proxy", "_ca_bundle")):
            monkeypatch.delenv(name)
    made = World(tmp_path / "ca.pem")
    with made.server:
        yield made


def test_a_secret_gives_a_token(world: World) -> None:
    """In the form of the documentation, with the life as a number."""
    status, told = world.post(world.form())

    assert status == 200
    assert [each.label for each in world.minted] == ["azure_service_principal"]
    assert told == {
        "token_type": "Bearer",
        "expires_in": LIFE_S,
        "ext_expires_in": LIFE_S,
        "access_token": world.minted[0].secret,
    }


def test_a_secret_may_come_by_basic_authentication(world: World) -> None:
    """Both halves form-encoded, as RFC 6749 has it."""
    pair = base64.b64encode(f"{world.client_id}:{world.client_secret}".encode()).decode()

    status, _ = world.post(world.form(client_id=None, client_secret=None), Authorization=f"Basic {pair}")

    assert status == 200


def test_every_request_gets_a_token_of_its_own(world: World) -> None:
    """Generations have labels that tell them apart."""
    told = [world.post(world.form())[1]["access_token"] for _ in range(3)]

    assert told == [each.secret for each in world.minted]
    labels = ["azure_service_principal", "azure_service_principal#2", "azure_service_principal#3"]
    assert [each.label for each in world.minted] == labels


def test_a_federated_token_gives_a_token_of_the_other_source(world: World) -> None:
    """One application has both proofs; a newline at the end of the file is nothing."""
    federated = world.entra.new_federated_token(life_s=60, now=time.time())

    status, _ = world.post(world.asserting(federated + "\n"))

    assert status == 200
    assert [each.label for each in world.minted] == ["azure_workload_identity"]


def _expired(world: World) -> Form:
    return world.asserting(world.entra.new_federated_token(life_s=-60, now=time.time()))


def _early(world: World) -> Form:
    return world.asserting(world.entra.new_federated_token(life_s=60, now=time.time() + 600))


def _unknown(world: World) -> Form:
    return world.asserting(unknown_federated_token(starts=0, ends=2**31))


def _altered(world: World) -> Form:
    federated = world.entra.new_federated_token(life_s=60, now=time.time())
    return world.asserting(federated[:-8] + "AAAAAAAA")


def _by_certificate(world: World) -> Form:
    claims = base64.urlsafe_b64encode(json.dumps({"iss": world.client_id, "sub": world.client_id}).encode())
    return world.asserting(f"e30.{claims.decode().rstrip('=')}.AAAA")


REFUSALS: dict[str, tuple[Callable[[World], Form], int, str, int]] = {
    "wrong-secret": (lambda world: world.form(client_secret="wrong"), 401, "invalid_client", 7000215),
    "blank-secret": (lambda world: world.form(client_secret=""), 401, "invalid_client", 7000215),
    "no-proof": (lambda world: world.form(client_secret=None), 401, "invalid_client", 7000218),
    "unknown-app": (lambda world: world.form(client_id=str(uuid.uuid4())), 400, "unauthorized_client", 700016),
    "no-scope": (lambda world: world.form(scope=None), 400, "invalid_request", 900144),
    "not-default": (lambda world: world.form(scope="https://storage.azure.com/"), 400, "invalid_scope", 70011),
    "other-resource": (
        lambda world: world.form(scope="https://vault.azure.net/.default"),
        400,
        "invalid_scope",
        70011,
    ),
    "other-grant": (lambda world: world.form(grant_type="password"), 400, "unsupported_grant_type", 70003),
    "no-assertion-type": (lambda world: world.asserting("a.b.c", None), 400, "invalid_request", 900144),
    "no-jwt": (lambda world: world.asserting("garbage"), 400, "invalid_request", 50027),
    "no-json": (lambda world: world.asserting("a.b.c"), 400, "invalid_request", 50027),
    "expired": (_expired, 401, "invalid_client", 700024),
    "too-early": (_early, 401, "invalid_client", 700024),
    "unknown-issuer": (_unknown, 400, "invalid_request", 70021),
    "altered": (_altered, 400, "invalid_request", 70021),
    "certificate": (_by_certificate, 401, "invalid_client", 700027),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refusal_has_its_code(world: World, case: str) -> None:
    """Status, error, code, and the fields of the documented body; nothing is minted, and the secret is not repeated."""
    make, status, error, code = REFUSALS[case]

    seen, told = world.post(make(world), **{"client-request-id": "my-request"})

    assert (seen, told["error"], told["error_codes"]) == (status, error, [code])
    assert told["error_description"].startswith(f"AADSTS{code}: ")
    assert told["correlation_id"] == "my-request"
    assert set(told) >= {"timestamp", "trace_id", "error_uri"}
    assert not world.minted
    assert world.client_secret not in json.dumps(told)


def test_an_unknown_tenant_is_refused(world: World) -> None:
    """By the token endpoint and by discovery, which has another word for it."""
    other = str(uuid.uuid4())
    by_token = world.ask("POST", f"/{other}/oauth2/v2.0/token", urlencode(world.form()), {"Content-Type": FORM})
    by_discovery = world.ask("GET", f"/{other}/v2.0/.well-known/openid-configuration")

    assert (by_token[0], by_token[1]["error"], by_token[1]["error_codes"]) == (400, "invalid_request", [90002])
    assert (by_discovery[0], by_discovery[1]["error"]) == (400, "invalid_tenant")


def test_a_body_that_is_no_form_has_no_fields(world: World) -> None:
    """JSON is not read."""
    body = json.dumps(world.form())
    status, told = world.ask("POST", f"/{world.tenant}/oauth2/v2.0/token", body, {"Content-Type": "application/json"})

    assert (status, told["error_codes"]) == (400, [900144])


def test_the_token_endpoint_takes_posts_only(world: World) -> None:
    """Parameters in a query would be logged on the way."""
    status, told = world.ask("GET", f"/{world.tenant}/oauth2/v2.0/token?{urlencode(world.form())}")

    assert (status, told["error_codes"]) == (400, [900561])


def test_discovery_leads_to_this_server(world: World) -> None:
    """Every URL is its own."""
    _, told = world.ask("GET", f"/{world.tenant}/v2.0/.well-known/openid-configuration")

    assert told["issuer"] == f"{world.server.url}/{world.tenant}/v2.0"
    assert told["token_endpoint"] == f"{world.server.url}/{world.tenant}/oauth2/v2.0/token"


def test_instance_discovery_knows_this_host_only(world: World) -> None:
    """Another host is no instance."""
    path = "/common/discovery/instance?api-version=1.1&authorization_endpoint="
    known = world.ask("GET", f"{path}{world.server.url}/{world.tenant}/oauth2/v2.0/authorize")
    unknown = world.ask("GET", f"{path}https://localhost:1/{world.tenant}/oauth2/v2.0/authorize")

    where = f"{world.server.url}/{world.tenant}/v2.0/.well-known/openid-configuration"
    assert (known[0], known[1]["tenant_discovery_endpoint"]) == (200, where)
    assert (unknown[0], unknown[1]["error"]) == (400, "invalid_instance")


def test_another_path_is_not_there(world: World) -> None:
    """Such as the token endpoint of version 1."""
    assert world.ask("POST", f"/{world.tenant}/oauth2/token") == (404, {})


def _by_secret(world: World, secret: str) -> Any:
    from azure.identity import ClientSecretCredential

    return ClientSecretCredential(
        world.tenant,
        world.client_id,
        secret,
        authority=world.server.url,
        disable_instance_discovery=True,
        connection_verify=str(world.ca),
    )


def test_azure_identity_takes_a_token_for_a_secret(world: World) -> None:
    """And caches it: the second question asks nobody."""
    with _by_secret(world, world.client_secret) as credential:
        tokens = [credential.get_token(SCOPE) for _ in range(2)]

    assert [each.token for each in tokens] == [world.minted[0].secret] * 2
    assert [(each.method, each.path) for each in world.server.asked] == [
        ("GET", f"/{world.tenant}/v2.0/.well-known/openid-configuration"),
        ("POST", f"/{world.tenant}/oauth2/v2.0/token"),
    ]


def test_azure_identity_tells_a_wrong_secret(world: World) -> None:
    """By the code of Entra."""
    from azure.core.exceptions import ClientAuthenticationError

    with _by_secret(world, "wrong") as credential, pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        credential.get_token(SCOPE)


def test_azure_identity_takes_a_token_for_a_federated_one(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the file that the environment names, with the authority and the trust from there too."""
    from azure.identity import WorkloadIdentityCredential

    file = tmp_path / "federated"
    file.write_text(world.entra.new_federated_token(life_s=60, now=time.time()))
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", world.server.url)
    monkeypatch.setenv("AZURE_TENANT_ID", world.tenant)
    monkeypatch.setenv("AZURE_CLIENT_ID", world.client_id)
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(file))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(world.ca))

    with WorkloadIdentityCredential(disable_instance_discovery=True) as credential:
        token = credential.get_token(SCOPE)

    assert token.token == world.minted[0].secret


@pytest.mark.parametrize(("life_s", "code"), [(-60, "AADSTS700024"), (None, "AADSTS70021")])
def test_azure_identity_tells_a_federated_token_that_is_no_good(
    world: World, tmp_path: Path, life_s: float | None, code: str
) -> None:
    """One that is over, and one that nobody registered."""
    from azure.core.exceptions import ClientAuthenticationError
    from azure.identity import WorkloadIdentityCredential

    federated = unknown_federated_token(starts=0, ends=2**31)
    if life_s is not None:
        federated = world.entra.new_federated_token(life_s=life_s, now=time.time())
    file = tmp_path / "federated"
    file.write_text(federated)

    with WorkloadIdentityCredential(
        tenant_id=world.tenant,
        client_id=world.client_id,
        token_file_path=str(file),
        authority=world.server.url,
        disable_instance_discovery=True,
        connection_verify=str(world.ca),
    ) as credential:
        with pytest.raises(ClientAuthenticationError, match=f"{code}:"):
            credential.get_token(SCOPE)


def test_federated_tokens_may_be_refused(world: World) -> None:
    """Those that are out, and none that comes after."""
    old = world.entra.new_federated_token(life_s=60, now=time.time())
    world.entra.refuse_federated_tokens()
    new = world.entra.new_federated_token(life_s=60, now=time.time())

    assert [world.post(world.asserting(token))[0] for token in (old, new)] == [400, 200]


def test_a_request_has_the_source_of_its_proof(world: World) -> None:
    """So that two sources that share this service can be told apart, and its tokens have a life of their own."""
    world.entra.life_s = {"azure_service_principal": 60.0, "azure_workload_identity": 90.0}.__getitem__
    federated = world.entra.new_federated_token(life_s=60, now=time.time())
    lives = [world.post(form)[1]["expires_in"] for form in (world.form(), world.asserting(federated))]
    world.ask("GET", f"/{world.tenant}/v2.0/.well-known/openid-configuration")

    assert lives == [60, 90]
    told = [world.entra.source_of(request) for request in world.server.received]
    assert told == ["azure_service_principal", "azure_workload_identity", "azure_service_principal"]


@pytest.mark.parametrize("fault", ["error-404", "reset"])
def test_one_source_fails_alone(world: World, fault: Fault) -> None:
    """The other goes on."""
    world.entra.faults["azure_workload_identity"] = fault
    federated = world.entra.new_federated_token(life_s=60, now=time.time())
    form = urlencode(world.asserting(federated))

    with pytest.raises((http.client.RemoteDisconnected, json.JSONDecodeError)):
        world.ask("POST", f"/{world.tenant}/oauth2/v2.0/token", form, {"Content-Type": FORM})
    assert world.post(world.form())[0] == 200


def test_the_clock_is_that_of_the_world(world: World) -> None:
    """A federated token that is good now is over for a server that is an hour ahead."""
    federated = world.entra.new_federated_token(life_s=60, now=time.time())
    world.server.clock_s = 3600.0

    status, told = world.post(world.asserting(federated))

    assert (status, told["error_codes"]) == (401, [700024])


def test_no_repr_shows_a_secret(world: World) -> None:
    """Neither of the application nor of an identity."""
    world.post(world.form())
    shown = repr([world.entra, world.server.received, world.minted, Application("id", world.client_secret)])

    assert world.client_secret not in shown
    assert world.minted[0].secret not in shown
