"""
What the control plane lends, as a handle keeps it: where a dataset lies, and credentials of the cloud there, which end.

They are asked for once for however many threads, and again before they end. One that is rejected is dropped; one that cannot
be replaced is used until it ends, and not a moment longer.
"""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from deeplake_ref.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from deeplake_ref import urls
    from deeplake_ref.secrets import SecretFields

NEAR_S = 300.0
"""Seconds before its end when a lease is replaced, as in deeplake 4.7.4; half of its life for shorter ones."""

PAUSE_S = 30.0
"""Seconds until the next try where a lease could not be replaced and is still good."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Where data lie, and credentials for them.

    Attributes:
        url: of a cloud.
        fields: the credentials, named as in a creds dictionary.
        ends: unix seconds, None if they do not say.
        writes: whether its owner may write.
    """

    url: urls.DatasetURL
    fields: SecretFields = field(repr=False)
    ends: float | None = None
    writes: bool = True

    @property
    def expires_at(self) -> datetime | None:
        """When it ends, aware and in UTC."""
        return None if self.ends is None else datetime.fromtimestamp(self.ends, UTC)

    def secret(self, name: str) -> str | None:
        """Return one field, to be sent to the cloud and to nobody else."""
        fields: Any = self.fields.reveal()
        value: str | None = fields.get(name)
        return value

    def addressing(self) -> dict[str, str]:
        """Return the fields that are no credentials."""
        named = ((name, self.secret(name)) for name in ("endpoint_url", "aws_region"))
        return {name: value for name, value in named if value}


class Lender(Protocol):
    """Who gets a lease."""

    @property
    def source(self) -> str | None:
        """Whose token it was, None before the first request."""
        ...

    def get(self, *, once: bool) -> Lease:
        """Return a new one; raises `StorageError`."""
        ...


@dataclass(slots=True)
class _Kept:
    lease: Lease
    due: float


class Leases:
    """The lease of one handle, replaced in time.

    Args:
        lender: gets them.
        clock: unix seconds.
    """

    def __init__(self, lender: Lender, clock: Callable[[], float] = time.time) -> None:
        self.lender = lender
        self._clock = clock
        self._lock = threading.Lock()
        self._tries = 0
        self._failure: StorageError | None = None
        self._kept: _Kept | None = None

    @property
    def source(self) -> str | None:
        """Whose token it was, None before the first request."""
        return self.lender.source

    def current(self) -> Lease:
        """Return one that is good; while the old one is, a failure to replace it is not told.

        Raises:
            StorageError: what the control plane says, or that it was not reached.
        """
        seen, tries = self._kept, self._tries
        if seen is not None and self._clock() < seen.due:
            return seen.lease
        with self._lock:
            # who waited takes what another thread got, a failure too
            if self._kept is seen and self._tries == tries:
                self._replace(seen)
            if self._kept is not None:
                return self._kept.lease
            failure = self._failure
        assert failure is not None  # noqa: S101 - nothing is kept after a failure only
        raise failure.told_as(type(failure), failure.message)

    def renew(self, rejected: Lease) -> None:
        """Drop a lease that the cloud rejected, and get another, once for all threads; raises as `current` does."""
        tries = self._tries
        with self._lock:
            if self._kept is not None and self._kept.lease is not rejected:
                return
            # who waited for a try that failed does not make one of its own: they would add up
            if self._kept is None and self._tries != tries and self._failure is not None:
                raise self._failure.told_as(type(self._failure), self._failure.message)
            self._kept = None
            try:
                self._keep(self.lender.get(once=False))
            except StorageError as error:
                self._failure = error
                raise
            finally:
                # at its end, so that who came while it was under way has its outcome too
                self._tries += 1

    def _replace(self, old: _Kept | None) -> None:
        try:
            # while the old one is good, nobody waits long for another
            self._keep(self.lender.get(once=old is not None and self._is_good(old.lease)))
        except StorageError as error:
            # looked at anew: it may have ended while the control plane was silent
            if old is not None and old.lease.ends is not None and self._is_good(old.lease):
                old.due = min(self._clock() + PAUSE_S, old.lease.ends)
            else:
                self._kept, self._failure = None, error
        finally:
            self._tries += 1

    def _is_good(self, lease: Lease) -> bool:
        return lease.ends is None or self._clock() < lease.ends

    def _keep(self, lease: Lease) -> None:
        due = math.inf
        if lease.ends is not None:
            left = lease.ends - self._clock()
            # the first one may be near its end by chance; where its successor is, all of them are short
            is_near = self._kept is not None and left <= 2 * NEAR_S
            due = lease.ends - (left / 2 if is_near else NEAR_S)
        self._kept = _Kept(lease, due)
