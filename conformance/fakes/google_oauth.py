"""
Google's authorization server: the consent page, the token endpoint, and the exchange of other clouds' tokens.

It plays `oauth2.googleapis.com` (POST /token), `sts.googleapis.com` (POST /v1/token) and `accounts.google.com` (GET /auth).
Sources: https://developers.google.com/identity/protocols/oauth2/service-account, .../native-app, RFC 6749 (5.2), RFC 7523,
https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token (RFC 8693). Left out: ID tokens, delegation for the
persons of a domain, and what a scope permits at storage.
"""

from __future__ import annotations

import base64
import binascii
import threading
from typing import TYPE_CHECKING
from urllib.parse import unquote

from conformance.fakes.aws_generations import Generations, Mint
from conformance.fakes.google_assertions import check_assertion, issuer_of
from conformance.fakes.google_consent import Consent, Decision
from conformance.fakes.google_grants import OAuthClient, RefreshToken, SubjectToken, new_refresh_token
from conformance.fakes.google_refusals import Refused, refusal
from conformance.fakes.serving import STALL_S, Answer, Fault, Life, Request, failing, seconds_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from conformance.identities import GoogleKey, Identity

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"

TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - a type of grant

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a type of token

LIFE_S = 3599.0
"""Seconds that Google says its access tokens last."""

CONSENT_PATHS = ("/auth", "/o/oauth2/auth", "/o/oauth2/v2/auth")


class OAuth:
    """
    Trades proofs for access tokens.

    Args:
        mint: makes the identity of a label and tells the gate of it.
        keys: service account keys whose assertions are taken.
        clients: desktop applications; those of `refresh_tokens` need not be repeated.
        refresh_tokens: what people consented to before.
        subject_tokens: tokens of other clouds that are taken.
        browser_label: the source that gets what is consented to here.
        decision: what the person does on the consent page; may be changed between requests.
        clicks_itself: whether the page follows its link by a script.
        lives_s: seconds that the tokens of a source are said to last, `LIFE_S` for others.
        faults: how this service fails for a source, however it does for the others.
    """

    name = "google_oauth"

    def __init__(
        self,
        mint: Mint,
        *,
        keys: Iterable[GoogleKey] = (),
        clients: Iterable[OAuthClient] = (),
        refresh_tokens: Iterable[RefreshToken] = (),
        subject_tokens: Iterable[SubjectToken] = (),
        browser_label: str = "gcs_browser",
        decision: Decision = "allow",
        clicks_itself: bool = False,
        lives_s: Mapping[str, Life] | None = None,
        faults: Mapping[str, Fault] | None = None,
    ) -> None:
        self._mint = mint
        self._lives_s: dict[str, Life] = dict(lives_s or {})
        self._faults = dict(faults or {})
        self._keys = {key.key_id: key for key in keys}
        self._refresh_tokens = {each.token: each for each in refresh_tokens}
        self._subject_tokens = {each.token: each for each in subject_tokens}
        known = [*clients, *(each.client for each in self._refresh_tokens.values())]
        self._clients = {client.client_id: client for client in known}
        self._browser_label = browser_label
        self._accounts = {key.client_email: key.label for key in self._keys.values()}
        self._holders = {each.token: each.label for each in self._refresh_tokens.values()}
        self._revoked: set[str] = set()
        self._generations: dict[str, Generations] = {}
        self._issued: dict[str, Identity] = {}
        self._silence = threading.Event()
        self._lock = threading.Lock()
        self.consent = Consent(self._clients, decision, clicks_itself)

    def replace_subject_token(self, old: SubjectToken, new: SubjectToken) -> None:
        """Take a token of another cloud, and the old one no longer."""
        with self._lock:
            self._subject_tokens.pop(old.token, None)
            self._subject_tokens[new.token] = new

    def answer(self, request: Request) -> Answer | None:
        """Answer."""
        fault = self._faults.get(self.source_of(request))
        if fault == "stall":
            self._silence.wait(STALL_S)
        if fault is not None:
            return failing(fault)
        try:
            if request.path in CONSENT_PATHS and request.method == "GET":
                return self.consent.show(request)
            if request.path in ("/token", "/v1/token"):
                if request.method != "POST":
                    return Answer(405, headers={"Allow": "POST"})
                return self._traded(request) if request.path == "/token" else self._exchanged(request)
        except Refused as refused:
            return refused.answer
        return Answer(404, b"Not Found", {"Content-Type": "text/html; charset=UTF-8"})

    def revoke(self, label: str) -> None:
        """Take back every refresh token of a source, as its owner can; access tokens that were given stay."""
        with self._lock:
            self._refresh_tokens = {token: each for token, each in self._refresh_tokens.items() if each.label != label}

    def source_of(self, request: Request) -> str:
        """Return the source that asks, the name of the fake if it cannot be told."""
        if request.path in CONSENT_PATHS:
            return self._browser_label
        form = request.form
        match form.get("grant_type"):
            case "authorization_code":
                return self._browser_label
            case "refresh_token":
                return self._holders.get(form.get("refresh_token", ""), self.name)
            case value if value == JWT_BEARER:
                return self._accounts.get(issuer_of(form.get("assertion", "")), self.name)
            case value if value == TOKEN_EXCHANGE:
                known = self._subject_tokens.get(form.get("subject_token", ""))
                return known.label if known else self.name
        return self.name

    def issued_to(self, token: str) -> Identity | None:
        """Return whose an access token is, None for one that was not given here."""
        return self._issued.get(token)

    def _traded(self, request: Request) -> Answer:
        form = request.form
        match form.get("grant_type"):
            case None | "":
                return refusal(400, "invalid_request", "Required parameter is missing: grant_type")
            case value if value == JWT_BEARER:
                address = request.headers.get("host", "") + request.path
                key = check_assertion(form.get("assertion", ""), self._keys, request.now, address=address)
                return Answer.of_json(self._token(key.label, request.now))
            case "refresh_token":
                return self._refreshed(request, form)
            case "authorization_code":
                return self._consented(request, form)
            case other:
                return refusal(400, "unsupported_grant_type", f"Invalid grant_type: {other}")

    def _refreshed(self, request: Request, form: Mapping[str, str]) -> Answer:
        client = self._client(request, form)
        known = self._refresh_tokens.get(form.get("refresh_token", ""))
        if known is None or known.token in self._revoked:
            return refusal(400, "invalid_grant", "Token has been expired or revoked.")
        if known.client != client:
            return refusal(401, "unauthorized_client", "Unauthorized")
        asked = frozenset(form.get("scope", "").split()) or known.scopes
        if not all(known.covers(scope) for scope in asked):
            return refusal(400, "invalid_scope", "Some requested scopes were invalid.")
        return Answer.of_json({**self._token(known.label, request.now), "scope": " ".join(sorted(asked))})

    def _consented(self, request: Request, form: Mapping[str, str]) -> Answer:
        client = self._client(request, form)
        code = self.consent.redeem(form, client, request.now)
        scopes = frozenset(code.scopes.split())
        refresh_token = new_refresh_token(self._browser_label, client, scopes=scopes)
        self._refresh_tokens[refresh_token.token] = refresh_token
        self._holders[refresh_token.token] = self._browser_label
        told = self._token(self._browser_label, request.now)
        return Answer.of_json({**told, "scope": code.scopes, "refresh_token": refresh_token.token})

    def _exchanged(self, request: Request) -> Answer:
        form = request.form
        if form.get("grant_type") != TOKEN_EXCHANGE:
            return refusal(400, "unsupported_grant_type", "Invalid grant_type.")
        if form.get("requested_token_type") != ACCESS_TOKEN:
            return refusal(400, "invalid_request", 'Invalid value for "requested_token_type".')
        if not form.get("scope", "").strip():
            return refusal(400, "invalid_request", "Missing or empty required parameter: scope.")
        known = self._subject_tokens.get(form.get("subject_token", ""))
        if form.get("audience") not in {each.audience for each in self._subject_tokens.values()}:
            message = (
                'The target service indicated by the "audience" parameters is invalid. This might either be because '
                "the pool or provider is disabled or deleted or because it doesn't exist."
            )
            return refusal(400, "invalid_target", message)
        if known is None or known.audience != form["audience"] or known.token_type != form.get("subject_token_type"):
            return refusal(400, "invalid_grant", "Unable to verify the subject token.")
        return Answer.of_json({**self._token(known.label, request.now), "issued_token_type": ACCESS_TOKEN})

    def _client(self, request: Request, form: Mapping[str, str]) -> OAuthClient:
        """Return who asks, by HTTP Basic or by form (RFC 6749, 2.3.1); raises `Refused`."""
        given = _basic(request.headers.get("authorization", "")) or (
            form.get("client_id", ""),
            form.get("client_secret", ""),
        )
        client = self._clients.get(given[0])
        if client is None:
            raise Refused(refusal(401, "invalid_client", "The OAuth client was not found."))
        if given[1] != client.client_secret:
            raise Refused(refusal(401, "invalid_client", "Unauthorized"))
        return client

    def _token(self, label: str, now: float) -> dict[str, object]:
        told_s = seconds_of(self._lives_s.get(label, LIFE_S))
        with self._lock:
            if label not in self._generations:
                self._generations[label] = Generations(label, self._mint, LIFE_S)
        identity = self._generations[label].renewed(now, told_s).identity
        self._issued[identity.secret] = identity
        return {"access_token": identity.secret, "expires_in": int(told_s), "token_type": "Bearer"}


def _basic(header: str) -> tuple[str, str] | None:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (ValueError, binascii.Error):
        return "", ""
    return unquote(name), unquote(secret)
