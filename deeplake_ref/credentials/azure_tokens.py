"""
Tokens of Entra ID for Azure Storage, got again before they end, once for however many threads.

The credentials of azure-identity are asked by several threads at once (1.27.0: 16 threads, 7 to 16 token requests), and
keep a token that the service has rejected. So each is asked for one token and thrown away, and the token is kept here.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from deeplake_ref.errors import CredentialsUnavailableError, ExpiredTokenError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from deeplake_ref.secrets import Secret

RESOURCE = "https://storage.azure.com"
"""What tokens are for ("Authorize access to blobs using Microsoft Entra ID"): every account of every owner."""

NEAR_S = 300.0
"""Seconds before its end when a token is replaced, as in azure-core and MSAL."""

PAUSE_S = 30.0
"""Seconds until the next try where a token could not be replaced and is still good, as in azure-identity."""


def scope_of(resource: str) -> str:
    """Return what Entra ID is asked for: all that an application may do at a resource."""
    return f"{resource}/.default"


class NotThereError(Exception):
    """The source turns out not to be configured, for a reason that holds no secret."""


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token; `ends` is in unix seconds, by this machine's clock."""

    text: Secret
    ends: float


@dataclass(slots=True)
class _Kept:
    """A token in use; it is replaced from `due` on, but not before somebody had it."""

    token: Token
    due: float
    unused: bool = field(default=True)


class Tokens:
    """The tokens of one source, for one handle.

    Args:
        source: the name of the source, for errors.
        ask: gets a token from where it came from; raises `StorageError`, or `NotThereError` where nobody is there.
        clock: unix seconds.
    """

    def __init__(self, source: str, ask: Callable[[], Token], clock: Callable[[], float] = time.time) -> None:
        self.source = source
        self._ask = ask
        self._clock = clock
        self._lock = threading.Lock()
        self._tries = 0
        self._failure: StorageError | None = None
        self._kept: _Kept | None = None

    def __repr__(self) -> str:
        return f"Tokens({self.source!r})"

    @property
    def expires_at(self) -> datetime | None:
        """When the token in use ends, None if there is none."""
        kept = self._kept
        return None if kept is None else datetime.fromtimestamp(kept.token.ends, UTC)

    def start(self, ask: Callable[[], Token] | None = None) -> None:
        """Get the first token.

        Args:
            ask: gets it, if not as all later ones.

        Raises:
            NotThereError: the source is not configured.
            CredentialsUnavailableError: it cannot deliver.
            ExpiredTokenError: it delivered a token that had ended.
        """
        token = (ask or self._ask)()
        self._check(token)
        self._kept = _Kept(token, token.ends - NEAR_S)

    def text(self) -> str:
        """Return a token, to be sent and to nothing else; one that ends soon is replaced.

        While the old one is good, a failure to replace it is not told.

        Raises:
            CredentialsUnavailableError: there is none, or the one that there was has ended, and the source cannot deliver.
            ExpiredTokenError: it delivered a token that had ended.
        """
        seen, tries = self._kept, self._tries
        if seen is not None and not self._is_due(seen):
            return seen.token.text.reveal()
        with self._lock:
            # who waited takes what another thread got, a failure too
            if self._kept is seen and self._tries == tries:
                self._replace(seen)
            if self._kept is not None:
                return self._kept.token.text.reveal()
            failure = self._failure or self._unavailable("there is no token")
        raise failure.told_as(type(failure), failure.message)

    def renew(self) -> bool:
        """Drop the token, which was rejected, and get another; return whether it is another one.

        Raises as `text` does; then the next request asks again.
        """
        with self._lock:
            rejected, self._kept = self._kept, None
            if rejected is None:
                return False
            self._tries += 1
            token = self._asked()
            self._keep(token)
            return token.text != rejected.token.text

    def _is_due(self, kept: _Kept) -> bool:
        if kept.unused:
            kept.unused = False
            return self._clock() >= kept.token.ends
        return self._clock() >= kept.due

    def _replace(self, old: _Kept | None) -> None:
        self._tries += 1
        try:
            token = self._asked()
        except StorageError as error:
            now = self._clock()
            if old is not None and now < old.token.ends:
                old.due = min(now + PAUSE_S, old.token.ends)
            else:
                self._kept, self._failure = None, error
        else:
            self._keep(token)

    def _keep(self, token: Token) -> None:
        # a source whose tokens are all short would be asked before every request
        left = token.ends - self._clock()
        self._kept = _Kept(token, token.ends - (NEAR_S if left > NEAR_S else left / 2), unused=False)

    def _asked(self) -> Token:
        try:
            token = self._ask()
            self._check(token)
        except StorageError as error:
            error.provider, error.source, error.effect = "az", self.source, "none"
            raise
        except NotThereError as error:
            failure = self._unavailable(str(error))
        else:
            return token
        raise failure

    def _check(self, token: Token) -> None:
        if token.ends <= self._clock():
            message = f"{self.source} handed out a token that has expired; check this machine's clock, or sign in again"
            raise ExpiredTokenError(message, provider="az", source=self.source, effect="none")

    def _unavailable(self, reason: str) -> CredentialsUnavailableError:
        message = f"{self.source} cannot get a token any more: {reason}"
        return CredentialsUnavailableError(message, provider="az", source=self.source, effect="none")
