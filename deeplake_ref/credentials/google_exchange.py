"""
How token services are asked: short time-outs, no redirects, and of a refusal nothing but its code.

`Exchange` is the transport that google-auth's classes are given to refresh with, and it reaches nothing but the services
that the credentials name. Nothing else of those classes is called: their `before_request` would send the token to
iamcredentials.googleapis.com in the background (the look-up of the Regional Access Boundary, google-auth 2.62.2,
`credentials.py`), whatever the storage endpoint is.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from deeplake_ref import sessions
from deeplake_ref.credentials.google_tokens import Token
from deeplake_ref.endpoints import is_loopback
from deeplake_ref.errors import (
    CredentialsUnavailableError,
    ExpiredTokenError,
    InvalidCredentialsError,
    StorageError,
    StorageInternalError,
    StorageNetworkConnectionError,
    redacted,
)
from deeplake_ref.retry import RetryPolicy
from deeplake_ref.secrets import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

ATTEMPT_S = 10.0
"""Seconds of one request at most."""

ATTEMPTS = 3

CODE = re.compile(r"[A-Za-z_]{1,60}")
"""Codes as OAuth (RFC 6749, 5.2) and Google's APIs have them; anything else might be content."""


def checked_url(url: str, where: str) -> str:
    """Return the URL of a token service; secrets go over http to this machine only.

    Raises:
        InvalidCredentialsError: it is not https, nor http to loopback; it is not repeated.
    """
    stripped = url.strip()
    try:
        parts = urlsplit(stripped)
        plain = bool(parts.hostname) and "@" not in parts.netloc and not re.search(r"[\s\\]", stripped)
        safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(stripped))
        parts.port  # noqa: B018 - raises for what is no port
    except ValueError:
        plain = safe = False
    if not (plain and safe):
        message = f"{where} is not a URL of https (http is for loopback only), without user"
        raise InvalidCredentialsError(message, provider="gcs", effect="none", at=where)
    return stripped


@dataclass(frozen=True, slots=True)
class Received:
    """An answer as google-auth reads it."""

    status: int
    headers: Mapping[str, str]
    data: bytes = field(repr=False)


class Exchange:
    """Makes the requests of one exchange, within its seconds, to the services it is for; remembers the last refusal."""

    def __init__(self, within_s: float, services: Collection[str]) -> None:
        self._services = services
        self._deadline = sessions.Deadline(within_s)
        self._within_s = within_s
        self.status: int | None = None
        self.code: str | None = None
        self.description = ""

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        **_ignored: Any,
    ) -> Received:
        """Make one request, again after faults that pass.

        Raises:
            ValueError: it is for another service.
            StorageError: it was not answered.
        """
        if url.strip() not in self._services:
            raise ValueError("a service that the credentials do not name")
        # what a service says where it is down is no refusal, and is repeated here rather than by google-auth
        policy = RetryPolicy(attempts=ATTEMPTS, deadline_s=self._within_s)
        received = policy.run(lambda: self._once(url.strip(), method, body, headers))
        self._remember(received)
        return received

    def _once(self, url: str, method: str, body: bytes | None, headers: Mapping[str, str] | None) -> Received:
        from requests import RequestException, Session
        from urllib3.exceptions import HTTPError

        limit = min(ATTEMPT_S, self._deadline.left_s())
        asked = {**(headers or {}), "Accept-Encoding": "identity"}
        failure: StorageError
        try:
            with Session() as session:
                sessions.settle(session, url)
                if is_loopback(url):
                    session.proxies = {}
                with session.request(
                    method, url, data=body, headers=asked, timeout=limit, allow_redirects=False, stream=True
                ) as response:
                    status = response.status_code
                    if status < 500 and status not in (408, 429):
                        answer = sessions.Answer(status, response.headers, response.raw)
                        return Received(status, answer.headers, answer.body(self._deadline))
            failure = StorageInternalError("a token service is down", http_status=503)
            self.status = status
        except (RequestException, HTTPError, OSError, sessions.IncompleteBodyError) as error:
            host = urlsplit(url).hostname
            failure = StorageNetworkConnectionError(f"the token service {host} was not reached: {type(error).__name__}")
            failure.__cause__ = redacted(error)
        raise failure

    def _remember(self, received: Received) -> None:
        self.status = received.status
        if received.status == 200:
            return
        try:
            told = json.loads(received.data)
        except (ValueError, RecursionError):
            return
        error = told.get("error") if isinstance(told, dict) else None
        code = error.get("status") if isinstance(error, dict) else error
        if isinstance(code, str) and CODE.fullmatch(code):
            self.code = code
            self.description = str(told.get("error_description", ""))


def fetching(
    about: str, services: Collection[str], ask: Callable[[Exchange], Token], *, expires: bool = False
) -> Callable[[float], Token]:
    """Return how a token is got.

    Args:
        about: what is exchanged, for messages.
        services: the URLs that may be asked.
        ask: exchanges it, by google-auth or by hand; what it raises is redacted.
        expires: whether `invalid_grant` means that what is exchanged is revoked or expired, as it does of what a person
            consented to.
    """

    def fetch(within_s: float) -> Token:
        exchange = Exchange(within_s, services)
        try:
            return ask(exchange)
        except Exception as error:  # noqa: BLE001 - what google-auth raises holds answers of the token service
            failure = _failure(about, exchange, error, expires=expires)
        raise failure

    return fetch


def refreshed(made: Any, exchange: Exchange) -> Token:
    """Return what google-auth's credentials have after a refresh, which is all that is asked of them."""
    made.refresh(exchange)
    if not isinstance(made.token, str) or not made.token.strip():
        raise ValueError("no token")
    return Token(Secret(made.token), made.expiry.replace(tzinfo=UTC) if made.expiry else None)


def _failure(about: str, exchange: Exchange, error: Exception, *, expires: bool) -> StorageError:
    kind: type[StorageError] = CredentialsUnavailableError
    code, status = exchange.code, exchange.status
    at, service = None, f"the token service that {about} names, and the proxy"
    if isinstance(error, StorageError) and error.http_status is None:
        status = None
        said, at = f"{about}: {error.message}", service
    elif status is not None and status != 200:
        said = f"{about}: refused by the token service: {code or 'no reason given'}, HTTP {status}"
        if expires and code == "invalid_grant":
            kind = ExpiredTokenError
            said += "; the consent is revoked or expired, log in again"
        elif "timeframe" in exchange.description:
            said, at = f"{said}; check the clock of this machine", "the clock of this machine"
    elif status == 200:
        said, at = f"{about}: what answered is no token service", service
    else:
        said = f"{about}: no token can be got: {type(error).__name__}"
    failure = kind(said, provider="gcs", code=code, http_status=status, effect="none", at=at)
    failure.__cause__ = error.__cause__ if isinstance(error, StorageError) else redacted(error)
    return failure
