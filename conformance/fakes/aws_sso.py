"""
IAM Identity Center: role credentials for who has signed in, and new sign-in tokens for old ones.

Source: IAM Identity Center Portal API Reference, "GetRoleCredentials", and OIDC API Reference, "CreateToken"; statuses and
members are those of the services' own models (botocore, `data/sso` and `data/sso-oidc`). A role that is not assigned gets
403 `ForbiddenException` "No access", which the reference does not list but the service gives. The browser's part of a
sign-in is not played: `sign_in` is its outcome.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from conformance.fakes.aws_generations import Generations, timestamp
from conformance.fakes.serving import Answer

if TYPE_CHECKING:
    from conformance.fakes.aws_generations import Mint
    from conformance.fakes.serving import Life, Request

PORTAL_PATH: Final = "/federation/credentials"
OIDC_PATH: Final = "/token"

REGISTRATION_S: Final = 90 * 24 * 3600.0
"""Seconds that the registration of a client lives."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """What signing in leaves in the cache; times are unix seconds, `refresh_token` is None for a legacy profile."""

    start_url: str
    region: str
    access_token: str = field(repr=False)
    expires_at: float
    client_id: str
    client_secret: str = field(repr=False)
    registration_expires_at: float
    refresh_token: str | None = field(repr=False)

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """Keep Hypothesis, which prints dataclasses field by field, from showing tokens."""
        printer.text(f"SignIn({self.start_url!r})")

    def cache_content(self) -> str:
        """Return the text of the cache's file."""
        values = {
            "startUrl": self.start_url,
            "region": self.region,
            "accessToken": self.access_token,
            "expiresAt": timestamp(self.expires_at),
            "clientId": self.client_id,
            "clientSecret": self.client_secret,
            "registrationExpiresAt": timestamp(self.registration_expires_at),
        }
        return json.dumps(values if self.refresh_token is None else {**values, "refreshToken": self.refresh_token})


def cache_path(session_or_start_url: str) -> str:
    """Return where the cache's file lies below the home: after the name of the `sso-session`, else after the start URL."""
    digest = hashlib.sha1(session_or_start_url.encode(), usedforsecurity=False).hexdigest()
    return f".aws/sso/cache/{digest}.json"


class Sso:
    """The portal and the token service, which SDKs find under two endpoints, on one port.

    Args:
        label: the source.
        mint: makes identities; every request for credentials gets the next generation.
        life_s: seconds that role credentials live.
        account_id: the account of the one role that is assigned.
        role_name: its name.
        token_s: seconds that an access token lives that a refresh token was given for.
    """

    name = "sso"

    def __init__(
        self,
        label: str,
        mint: Mint,
        life_s: Life,
        *,
        account_id: str = "000000000000",
        role_name: str = "conformance-role",
        token_s: int = 3600,
    ) -> None:
        self._generations = Generations(label, mint, life_s)
        self._assigned = (account_id, role_name)
        self._token_s = token_s
        self._tokens: dict[str, float] = {}
        self._clients: dict[str, tuple[str, float]] = {}
        self._refreshing: dict[str, str] = {}
        self._lock = threading.Lock()

    def sign_in(
        self,
        now: float,
        *,
        start_url: str = "https://conformance.awsapps.com/start",
        region: str = "us-east-1",
        token_s: float | None = None,
        refreshable: bool = True,
    ) -> SignIn:
        """Sign in; `token_s` below zero is a sign-in whose access token has ended."""
        found = SignIn(
            start_url=start_url,
            region=region,
            access_token=_token(),
            expires_at=now + (self._token_s if token_s is None else token_s),
            client_id=secrets.token_urlsafe(16),
            client_secret=_token(),
            registration_expires_at=now + REGISTRATION_S,
            refresh_token=_token() if refreshable else None,
        )
        with self._lock:
            self._tokens[found.access_token] = found.expires_at
            self._clients[found.client_id] = (found.client_secret, found.registration_expires_at)
            if found.refresh_token is not None:
                self._refreshing[found.refresh_token] = found.client_id
        return found

    def sign_out(self) -> None:
        """End every sign-in: no access token and no refresh token is taken any more."""
        with self._lock:
            self._tokens.clear()
            self._refreshing.clear()

    def handed_out(self) -> list[str]:
        """Return every token and secret of a sign-in."""
        with self._lock:
            return [*self._tokens, *self._refreshing, *(secret for secret, _ in self._clients.values())]

    def answer(self, request: Request) -> Answer:
        """Answer."""
        match request.method, request.path:
            case "GET", path if path == PORTAL_PATH:
                return self._credentials(request)
            case "POST", path if path == OIDC_PATH:
                return self._token(request)
            case _:
                return _refused(404, "UnknownOperationException", {})

    def _credentials(self, request: Request) -> Answer:
        role, account = request.query.get("role_name"), request.query.get("account_id")
        token = request.headers.get("x-amz-sso_bearer_token")
        with self._lock:
            end = self._tokens.get(token or "")
        if not token or end is None or end <= request.now:
            return _refused(401, "UnauthorizedException", {"message": "Session token not found or invalid"})
        if not role or not account:
            return _refused(400, "InvalidRequestException", {"message": "role_name and account_id are required"})
        if (account, role) != self._assigned:
            return _refused(403, "ForbiddenException", {"message": "No access"})
        issued = self._generations.renewed(request.now)
        credentials = {
            "accessKeyId": issued.identity.name,
            "secretAccessKey": issued.identity.secret,
            "sessionToken": issued.identity.token,
            "expiration": int(issued.expires_at * 1000),
        }
        return Answer.of_json({"roleCredentials": credentials})

    def _token(self, request: Request) -> Answer:
        try:
            told = json.loads(request.body)
        except ValueError:
            told = None
        required = ("clientId", "clientSecret", "grantType")
        if not isinstance(told, dict) or not all(isinstance(told.get(name), str) for name in required):
            return _oidc_refused(400, "InvalidRequestException", "invalid_request", "Invalid request provided")
        secret, end = self._clients.get(told["clientId"], ("", 0.0))
        if not secret or told["clientSecret"] != secret or end <= request.now:
            return _oidc_refused(401, "InvalidClientException", "invalid_client", "Invalid client provided")
        if told["grantType"] != "refresh_token":
            text = "Invalid grant type provided"
            return _oidc_refused(400, "UnsupportedGrantTypeException", "unsupported_grant_type", text)
        if not isinstance(told.get("refreshToken"), str):
            return _oidc_refused(400, "InvalidRequestException", "invalid_request", "Missing refresh token")
        access, refresh = _token(), _token()
        with self._lock:
            if self._refreshing.get(told["refreshToken"]) != told["clientId"]:
                return _oidc_refused(400, "InvalidGrantException", "invalid_grant", "Invalid refresh token provided")
            # whether the real one ends the old refresh token is not documented; this one does not
            self._refreshing[refresh] = told["clientId"]
            self._tokens[access] = request.now + self._token_s
        given = {"accessToken": access, "tokenType": "Bearer", "expiresIn": self._token_s, "refreshToken": refresh}
        return Answer.of_json(given)


def _token() -> str:
    return f"aoa{secrets.token_urlsafe(90)}/+{uuid.uuid4()}"


def _oidc_refused(status: int, kind: str, error: str, description: str) -> Answer:
    return _refused(status, kind, {"error": error, "error_description": description})


def _refused(status: int, kind: str, values: dict[str, str]) -> Answer:
    return Answer.of_json(values, status, {"x-amzn-ErrorType": kind, "x-amzn-RequestId": str(uuid.uuid4())})
