"""
Temporary credentials of AWS that renew themselves near their end.

botocore's `RefreshableCredentials` asks once for however many threads: in the last 15 minutes without holding anybody
up, in the last 10 with everybody waiting, where a failure is raised (1.44, `credentials.py`). Here an answer is checked
before it replaces what is there, a failure is raised when that has ended, and what is raised is ours. Imported where it is
used, since its class is botocore's.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.credentials import DeferredRefreshableCredentials
from dateutil.parser import parse

from deeplake_ref.credentials.aws_quiet import QUIET
from deeplake_ref.credentials.aws_telling import problem, told
from deeplake_ref.errors import CredentialsUnavailableError, ExpiredTokenError

if TYPE_CHECKING:
    from collections.abc import Mapping

ADVISORY_S = 15 * 60.0
MANDATORY_S = 10 * 60.0
"""Seconds before the end from which on others are asked for, and from which on everybody waits for them."""

PAUSE_S = 30.0
"""Seconds until the next try where others could not be had, and those that are there are still good."""


class Renewing(DeferredRefreshableCredentials):  # type: ignore[misc] # botocore has no types
    """Credentials that know when they end.

    Args:
        found: the `RefreshableCredentials` of a provider of botocore's, which may have asked already.
        subject: what they are credentials of, for messages, such as `the role of profile 'dev'`.
        source: the name of the source, for errors.
    """

    def __init__(self, found: Any, subject: str, source: str) -> None:
        super().__init__(self._fetched, found.method)
        # botocore has no other way to what fetches, and to what was fetched
        self._fetch = found._refresh_using  # noqa: SLF001
        frozen = found._frozen_credentials  # noqa: SLF001
        end = found._expiry_time  # noqa: SLF001
        self._first = None if frozen is None else {**frozen._asdict(), "expiry_time": end.isoformat()}
        self._subject = subject
        self._source = source
        self._short = 0

    @property
    def expires_at(self) -> datetime | None:
        """When they end, in UTC; None before they are had."""
        end: datetime | None = self._expiry_time
        return end.astimezone(UTC) if end else None

    def _fetched(self) -> dict[str, Any]:
        """Return an answer that can be used; botocore holds the lock."""
        first, self._first = self._first, None
        try:
            with QUIET:
                return self._heeded(_checked(first or self._fetch(), self._subject))
        except Exception as error:  # noqa: BLE001 - processes and services fail in many ways, with secrets in the text
            failure = told(error, self._subject, self._source)
        still_good = self._still_good()
        if still_good is None:
            raise failure
        return still_good

    def _still_good(self) -> dict[str, Any] | None:
        """Return what is there if it has not ended, and let it be for a while; the next try is nobody's to wait for."""
        end = self.expires_at
        if end is None or end <= datetime.now(UTC):
            return None
        self._advisory_refresh_timeout = (end - datetime.now(UTC)).total_seconds() - PAUSE_S
        self._mandatory_refresh_timeout = 0.0
        return {**self._frozen_credentials._asdict(), "expiry_time": end.isoformat()}

    def _heeded(self, metadata: dict[str, Any]) -> dict[str, Any]:
        """Look at how long they live: who gives short ones again and again is not asked for every request."""
        left = (datetime.fromisoformat(metadata["expiry_time"]) - datetime.now(UTC)).total_seconds()
        self._short = self._short + 1 if left < ADVISORY_S else 0
        short = self._short > 1
        self._advisory_refresh_timeout = left / 2 if short else ADVISORY_S
        self._mandatory_refresh_timeout = left / 4 if short else MANDATORY_S
        return metadata


def _checked(metadata: Mapping[str, Any], subject: str) -> dict[str, Any]:
    """Return an answer that is complete, can be sent, and has not expired."""
    names = ("access_key", "secret_key", "token")
    values = {name: metadata.get(name) for name in names}
    if not values["token"]:
        del values["token"]
    if problem(values):
        raise CredentialsUnavailableError(f"{subject}: what came back lacks a key, or has an odd character in it")
    end = _time(metadata.get("expiry_time"))
    if end is None:
        raise CredentialsUnavailableError(f"{subject}: what came back does not say when it expires")
    if end <= datetime.now(UTC):
        message = f"{subject}: expired at {end:%Y-%m-%dT%H:%M:%SZ}; get new ones, or set the clock of this machine"
        raise ExpiredTokenError(message)
    return {**values, "token": values.get("token"), "expiry_time": end.isoformat()}


def _time(text: object) -> datetime | None:
    try:
        end: datetime = parse(text)
    except (TypeError, ValueError, OverflowError):
        return None
    return (end if end.tzinfo else end.replace(tzinfo=UTC)).astimezone(UTC)
