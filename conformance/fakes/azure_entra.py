"""
Microsoft Entra ID, as far as an application without a user needs it: discovery, and the token endpoint for the grant
`client_credentials` with a client secret or with the token of a federated identity.

An application of one tenant has one client id, and the two proofs give tokens of two sources, so that a world can have both.
It speaks https, which azure-identity insists on: give `FakeServer` a certificate for `localhost`.

Sources: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow (requests, answers),
https://learn.microsoft.com/entra/identity-platform/reference-error-codes (the body of an error, and its codes),
https://learn.microsoft.com/entra/workload-id/workload-identity-federation (federated identities),
https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc (discovery). Where they give no status: RFC 6749, 5.2.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_plus, urlsplit

from conformance.fakes.azure_federation import EXCHANGE, FederatedTokens, claims_of
from conformance.fakes.azure_tokens import STORAGE, Mint, Tokens
from conformance.fakes.serving import Answer, Fault, Request, failing

if TYPE_CHECKING:
    from collections.abc import Callable

JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class Application:
    """An application that Entra knows.

    Attributes:
        client_id: its id.
        client_secret: its secret, None if it has none.
        secret_label: the source whose tokens it gets for the secret.
        federated_label: the source whose tokens it gets for the token of a federated identity.
    """

    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    secret_label: str = "azure_service_principal"  # noqa: S105 - the name of a source
    federated_label: str = "azure_workload_identity"


class Entra:
    """One tenant with one application.

    Args:
        mint: makes and announces an identity.
        tenant: its id.
        application: the one that may ask.
        life_s: seconds that it tells its tokens live, of all sources or by source.
        resource: what it gives tokens for.

    Attributes:
        faults: how it fails for a source, by label; it stalls for all only (`FakeServer.fault`).
    """

    name = "entra"

    def __init__(
        self,
        mint: Mint,
        *,
        tenant: str,
        application: Application,
        life_s: float | Callable[[str], float],
        resource: str = STORAGE,
    ) -> None:
        self._scopes = frozenset((f"{resource}/.default", f"{resource}//.default"))
        self.life_s = life_s
        self.faults: dict[str, Fault] = {}
        self._tenant = tenant
        self._application = application
        self._by_secret = Tokens(application.secret_label, mint)
        self._by_federation = Tokens(application.federated_label, mint)
        self._federated = FederatedTokens()

    def new_federated_token(self, *, life_s: float, now: float) -> str:
        """Return a token for the file of `AZURE_FEDERATED_TOKEN_FILE`, good for `life_s` seconds from `now` on."""
        return self._federated.new(life_s=life_s, now=now)

    def refuse_federated_tokens(self) -> None:
        """Take none of the federated tokens that are out any more."""
        self._federated.clear()

    def source_of(self, request: Request) -> str:
        """Return the label of the source that asks, by its proof; discovery is the secret's, if there is one."""
        by_secret = self._application.client_secret is not None and "client_assertion" not in _form(request)
        return self._application.secret_label if by_secret else self._application.federated_label

    def answer(self, request: Request) -> Answer | None:
        """Answer with a document of discovery, with a token, or with an error of Entra's form."""
        fault = self.faults.get(self.source_of(request))
        if fault is not None:
            return failing(fault)
        parts = request.path.strip("/").split("/")
        match parts:
            case ["common", "discovery", "instance"]:
                return self._instance(request)
            case [tenant, "v2.0", ".well-known", "openid-configuration"]:
                return self._discovery(request, tenant)
            case [tenant, "oauth2", "v2.0", "token"]:
                return self._token(request, tenant)
            case _:
                return Answer(404)

    def _instance(self, request: Request) -> Answer:
        """Tell a client that this host is one of Entra's."""
        told = urlsplit(request.query.get("authorization_endpoint", ""))
        host = _host(request)
        if told.netloc != host:
            return refused(request, 400, "invalid_instance", 50049, "Unknown or invalid instance.")
        tenant = told.path.strip("/").split("/")[0]
        return Answer.of_json(
            {
                "tenant_discovery_endpoint": f"https://{host}/{quote(tenant)}/v2.0/.well-known/openid-configuration",
                "api-version": request.query.get("api-version", "1.1"),
                "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
            }
        )

    def _discovery(self, request: Request, tenant: str) -> Answer:
        if tenant.lower() != self._tenant.lower():
            return _unknown_tenant(request, tenant, "invalid_tenant")
        base = f"https://{_host(request)}/{self._tenant}"
        return Answer.of_json(
            {
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "token_endpoint_auth_methods_supported": [
                    "client_secret_post",
                    "private_key_jwt",
                    "client_secret_basic",
                ],
                "jwks_uri": f"{base}/discovery/v2.0/keys",
                "response_modes_supported": ["query", "fragment", "form_post"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
                "scopes_supported": ["openid", "profile", "email", "offline_access"],
                "issuer": f"{base}/v2.0",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            }
        )

    def _token(self, request: Request, tenant: str) -> Answer:
        if request.method != "POST":
            told = f"The endpoint only accepts POST requests. Received a {request.method} request."
            return refused(request, 400, "invalid_request", 900561, told)
        if tenant.lower() != self._tenant.lower():
            return _unknown_tenant(request, tenant, "invalid_request")
        form = _form(request)
        for name in ("grant_type", "client_id", "scope"):
            if not form.get(name):
                told = f"The request body must contain the following parameter: '{name}'."
                return refused(request, 400, "invalid_request", 900144, told)
        if form["grant_type"] != "client_credentials":
            told = f"The app requested an unsupported grant type '{form['grant_type']}'."
            return refused(request, 400, "unsupported_grant_type", 70003, told)
        if form["client_id"].lower() != self._application.client_id.lower():
            told = f"Application with identifier '{form['client_id']}' was not found in the directory '{tenant}'."
            return refused(request, 400, "unauthorized_client", 700016, told)
        if form["scope"] not in self._scopes:
            told = (
                "The provided value for the input parameter 'scope' is not valid. "
                f"The scope {form['scope']} is not valid."
            )
            return refused(request, 400, "invalid_scope", 70011, told)
        tokens = self._proven(request, form)
        if isinstance(tokens, Answer):
            return tokens
        told_s = self.life_s if isinstance(self.life_s, float | int) else self.life_s(self.source_of(request))
        return Answer.of_json(
            {
                "token_type": "Bearer",
                "expires_in": int(told_s),
                "ext_expires_in": int(told_s),
                "access_token": tokens.next().secret,
            },
            headers=NOT_STORED,
        )

    def _proven(self, request: Request, form: dict[str, str]) -> Tokens | Answer:
        """Return the tokens that the proof of a request opens, or its refusal."""
        if form.get("client_assertion"):
            return self._asserted(request, form)
        if "client_secret" not in form:
            told = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
            return refused(request, 401, "invalid_client", 7000218, told)
        right = self._application.client_secret
        if right is None or not hmac.compare_digest(form["client_secret"].encode(), right.encode()):
            told = (
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret "
                f"value, not the client secret ID, for a secret added to app '{self._application.client_id}'."
            )
            return refused(request, 401, "invalid_client", 7000215, told)
        return self._by_secret

    def _asserted(self, request: Request, form: dict[str, str]) -> Tokens | Answer:
        if form.get("client_assertion_type") != JWT_BEARER:
            told = "The request body must contain the following parameter: 'client_assertion_type'."
            return refused(request, 400, "invalid_request", 900144, told)
        assertion = form["client_assertion"].strip()
        claims = claims_of(assertion)
        if claims is None:
            return refused(request, 400, "invalid_request", 50027, "JWT token is invalid or malformed.")
        if claims.get("iss") == self._application.client_id:
            told = "Client assertion contains an invalid signature. [Reason - The key was not found.]"
            return refused(request, 401, "invalid_client", 700027, told)
        validity = self._federated.validity(assertion)
        if validity is None:
            told = (
                "No matching federated identity record found for presented assertion. Assertion Issuer: "
                f"'{claims.get('iss')}'. Assertion Subject: '{claims.get('sub')}'. Assertion Audience: '{EXCHANGE}'."
            )
            return refused(request, 400, "invalid_request", 70021, told)
        starts, ends = validity
        if not starts <= request.now < ends:
            told = (
                f"Client assertion is not within its valid time range. Current time: {_instant(request.now)}, assertion "
                f"valid from {_instant(starts)}, expiry time of assertion {_instant(ends)}."
            )
            return refused(request, 401, "invalid_client", 700024, told)
        return self._by_federation


NOT_STORED = {"Cache-Control": "no-store, no-cache", "Pragma": "no-cache"}


def refused(request: Request, status: int, error: str, code: int, told: str) -> Answer:
    """Return a refusal: JSON of `error`, `error_description`, `error_codes`, `timestamp`, two ids and `error_uri`."""
    trace = str(uuid.uuid4())
    correlation = request.headers.get("client-request-id") or str(uuid.uuid4())
    stamp = f"{datetime.fromtimestamp(int(request.now), UTC):%Y-%m-%d %H:%M:%SZ}"
    described = f"AADSTS{code}: {told} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {stamp}"
    return Answer.of_json(
        {
            "error": error,
            "error_description": described,
            "error_codes": [code],
            "timestamp": stamp,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"https://{_host(request)}/error?code={code}",
        },
        status,
        NOT_STORED,
    )


def _unknown_tenant(request: Request, tenant: str, error: str) -> Answer:
    told = f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID."
    return refused(request, 400, error, 90002, told)


def _host(request: Request) -> str:
    return request.headers.get("host", "localhost")


def _form(request: Request) -> dict[str, str]:
    """Return the fields of the body, with those of an `Authorization: Basic` whose halves are form-encoded."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    form = request.form if kind == "application/x-www-form-urlencoded" else {}
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            client_id, _, secret = base64.b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return form
        form.setdefault("client_id", unquote_plus(client_id))
        form.setdefault("client_secret", unquote_plus(secret))
    return form


def _instant(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
