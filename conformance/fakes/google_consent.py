"""
The page on which a person lets a desktop application act for them, and the codes that come of it.

Source: https://developers.google.com/identity/protocols/oauth2/native-app ("Loopback IP address", "Authorization errors").
Stricter than Google in one thing: a challenge by S256 is required, as RFC 8252 (8.1) has it of native applications.
"""

from __future__ import annotations

import base64
import hashlib
import html
import secrets
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlencode, urlsplit

from conformance.fakes.google_refusals import Refused, refusal
from conformance.fakes.serving import Answer, Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conformance.fakes.google_grants import OAuthClient

Decision = Literal["allow", "deny", "wrong-state", "never"]
"""What the person does: lets it, refuses, sends the answer of another session, leaves the page open."""

CODE_LIFE_S = 600

LOOPBACK_HOSTS = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Code:
    """What a code stands for until it is traded."""

    client_id: str
    redirect_uri: str
    challenge: str
    scopes: str
    expires_at: float


@dataclass(slots=True)
class Consent:
    """
    Shows the page and keeps the codes.

    A client that accepts HTML gets a page with a link, as a browser does; with `clicks_itself` a script on the page follows
    it. Any other client gets the redirect at once.
    """

    clients: Mapping[str, OAuthClient]
    decision: Decision = "allow"
    clicks_itself: bool = False
    _codes: dict[str, Code] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def show(self, request: Request) -> Answer:
        """Answer a request for the page."""
        asked = request.query
        problem = self._problem(asked)
        if problem is not None:
            return _page(problem[0], f"<h1>Access blocked</h1><p>Error {problem[0]}: {problem[1]}</p>")
        if self.decision == "never":
            return _page(200, "<h1>Choose an account</h1>")
        told = self._decided(asked, request.now)
        separator = "&" if urlsplit(asked["redirect_uri"]).query else "?"
        target = f"{asked['redirect_uri']}{separator}{urlencode(told)}"
        if "text/html" not in request.headers.get("accept", ""):
            return Answer(302, headers={"Location": target})
        script = "<script>document.querySelector('a').click()</script>" if self.clicks_itself else ""
        return _page(200, f'<h1>Continue?</h1><a href="{html.escape(target)}">Continue</a>{script}')

    def redeem(self, form: Mapping[str, str], client: OAuthClient, now: float) -> Code:
        """Return what a code stands for, and forget it; raises `Refused`."""
        with self._lock:
            code = self._codes.pop(form.get("code", ""), None)
        if code is None:
            raise Refused(refusal(400, "invalid_grant", "Bad Request" if "code" in form else "Missing code"))
        if code.client_id != client.client_id or code.expires_at <= now:
            raise Refused(refusal(400, "invalid_grant", "Bad Request"))
        if form.get("redirect_uri") != code.redirect_uri:
            raise Refused(refusal(400, "redirect_uri_mismatch", "Bad Request"))
        if not form.get("code_verifier"):
            raise Refused(refusal(400, "invalid_grant", "Missing code verifier."))
        if not secrets.compare_digest(challenge_of(form["code_verifier"]), code.challenge.encode()):
            raise Refused(refusal(400, "invalid_grant", "Invalid code verifier."))
        return code

    def _problem(self, asked: Mapping[str, str]) -> tuple[int, str] | None:
        if asked.get("client_id") not in self.clients:
            return 401, "invalid_client"
        redirect = urlsplit(asked.get("redirect_uri", ""))
        if redirect.scheme != "http" or redirect.hostname not in LOOPBACK_HOSTS or redirect.fragment:
            return 400, "redirect_uri_mismatch"
        if asked.get("response_type") != "code":
            return 400, "unsupported_response_type"
        if not asked.get("scope", "").strip():
            return 400, "invalid_request: Missing required parameter: scope"
        if not asked.get("code_challenge") or asked.get("code_challenge_method") != "S256":
            return 400, "invalid_request: code_challenge_method is not S256"
        return None

    def _decided(self, asked: Mapping[str, str], now: float) -> dict[str, str]:
        state = {"state": asked["state"]} if "state" in asked else {}
        if self.decision == "deny":
            return {"error": "access_denied", **state}
        if self.decision == "wrong-state":
            state = {"state": secrets.token_urlsafe(16)}
        code = "4/" + secrets.token_urlsafe(48)
        with self._lock:
            self._codes[code] = Code(
                asked["client_id"], asked["redirect_uri"], asked["code_challenge"], asked["scope"], now + CODE_LIFE_S
            )
        return {**state, "code": code, "scope": asked["scope"]}


def challenge_of(verifier: str) -> bytes:
    """Return the S256 challenge of a verifier (RFC 7636, 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")


def _page(status: int, content: str) -> Answer:
    page = f"<!doctype html><meta charset=utf-8><title>Sign in</title>{content}"
    return Answer(status, page.encode(), {"Content-Type": "text/html; charset=utf-8"})
