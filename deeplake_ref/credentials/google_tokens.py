"""
Access tokens of Google: used until they are near their end, then got anew, once for however many threads.

google-auth's own classes refresh in every thread that finds a token stale, and ten times in a row where the new one is
expired already (measured, google-auth 2.62.2); here one thread fetches and the others take what it got.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from deeplake_ref.errors import CredentialsUnavailableError, ExpiredTokenError

if TYPE_CHECKING:
    from collections.abc import Callable

    from deeplake_ref.secrets import Secret

NEAR = timedelta(minutes=3, seconds=45)
"""How long before its end a token is replaced; google-auth's number (`_helpers.REFRESH_THRESHOLD`)."""

FETCH_S = 20.0
"""Seconds that getting a token may take, repetitions included."""

PAUSE_S = 10.0
"""Seconds without another try after a refresh failed while the token at hand is still good."""


@dataclass(frozen=True, slots=True)
class Token:
    """An access token; `expires_at` is aware and in UTC, None if it does not say."""

    text: Secret = field(repr=False)
    expires_at: datetime | None = None

    def ends_within(self, span: timedelta) -> bool:
        """Whether it is expired, or will be after this time."""
        return self.expires_at is not None and self.expires_at - span <= datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Signer:
    """The private key of a service account, which signs texts without showing itself."""

    email: str
    sign: Callable[[bytes], bytes] = field(repr=False)


class GoogleCredentials:
    """What proves who we are: an access token that is replaced in time, one that is not, or nothing (anonymous).

    Args:
        token: what is at hand.
        fetch: gets a token within the seconds it is given, and raises our errors; None if there is nowhere to get one.
        signer: what signs URLs, None if the source has no key.
    """

    def __init__(
        self,
        token: Token | None = None,
        fetch: Callable[[float], Token] | None = None,
        signer: Signer | None = None,
    ) -> None:
        self.signer = signer
        self._token = token
        self._fetch = fetch
        self._lock = threading.Lock()
        self._fetched = 0
        self._quiet_until = 0.0

    def __repr__(self) -> str:
        return f"{type(self).__name__}(anonymous={self.is_anonymous}, expires_at={self.expires_at})"

    def __reduce_ex__(self, _protocol: object) -> Any:
        raise TypeError("credentials are not pickled")

    @property
    def is_anonymous(self) -> bool:
        """Whether requests carry no proof."""
        return self._token is None and self._fetch is None

    @property
    def expires_at(self) -> datetime | None:
        """When the token at hand ends; None if there is none yet, or it does not say."""
        token = self._token
        return token.expires_at if token else None

    def headers(self, within_s: float = FETCH_S) -> dict[str, str]:
        """Return the headers that prove who we are; a token is fetched first if there is none, or its end is near.

        Raises:
            CredentialsUnavailableError: there is no token to be had.
            ExpiredTokenError: the one that was got is expired, or what it is got for is.
        """
        if self.is_anonymous:
            return {}
        return {"Authorization": f"Bearer {self._current(within_s).text.reveal()}"}

    def renewed(self) -> GoogleCredentials | None:
        """Get another token in place of a rejected one; None if there is nowhere to get one, or none was at hand.

        Raises:
            CredentialsUnavailableError, ExpiredTokenError: as `headers`.
        """
        with self._lock:
            if self._fetch is None or self._token is None:
                return None
            self._token = None
            self._replace(self._fetch, FETCH_S)
        return self

    def _current(self, within_s: float) -> Token:
        before, token = self._fetched, self._token
        if token is not None and (self._fetch is None or not token.ends_within(NEAR)):
            return token
        with self._lock:
            token = self._token
            if token is not None and self._is_good_enough(token, before):
                return token
            assert self._fetch is not None  # noqa: S101 - without it there is a token
            try:
                return self._replace(self._fetch, min(within_s, FETCH_S))
            except CredentialsUnavailableError:
                if token is None or token.ends_within(timedelta(0)):
                    raise
                self._token, self._quiet_until = token, time.monotonic() + PAUSE_S
                return token

    def _is_good_enough(self, token: Token, before: int) -> bool:
        if not token.ends_within(NEAR):
            return True
        # another thread asked while this one waited, or nobody answered a moment ago
        asked = self._fetched != before or time.monotonic() < self._quiet_until
        return asked and not token.ends_within(timedelta(0))

    def _replace(self, fetch: Callable[[float], Token], within_s: float) -> Token:
        token = fetch(within_s)
        if token.ends_within(timedelta(0)):
            self._token = None
            message = "the access token that was just got is expired already; check the clock of this machine"
            raise ExpiredTokenError(message, provider="gcs", effect="none")
        self._token = token
        self._fetched += 1
        return token
