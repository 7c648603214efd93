"""
What the control plane lends: where a dataset lies, and credentials of the cloud there, which end.

They are asked for once for however many threads, and again before they end. One that is rejected is dropped; one that cannot
be replaced is used until it ends, and not a moment longer.
"""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from deeplake_ref import urls
from deeplake_ref.errors import (
    ExpiredTokenError,
    InvalidCredentialsError,
    InvalidURIError,
    StorageBucketNotFound,
    StorageError,
    StorageInternalError,
)
from deeplake_ref.secrets import SecretFields

if TYPE_CHECKING:
    from collections.abc import Callable

    from deeplake_ref.credentials.activeloop_plane import ControlPlane

NEAR_S = 300.0
"""Seconds before its end when a lease is replaced, as in deeplake 4.7.4; half of its life for shorter ones."""

PAUSE_S = 30.0
"""Seconds until the next try where a lease could not be replaced and is still good."""

MANAGED = "activeloop_creds_key"
"""The source of credentials that an organisation keeps under a name."""

NEEDED = {
    "s3": ("aws_access_key_id", "aws_secret_access_key"),
    "az": ("sas_token",),
    "gcs": ("gcs_oauth_token",),
}
"""The fields without which credentials of a cloud sign nothing."""

LENT = {
    "s3": (*NEEDED["s3"], "aws_session_token", "aws_region", "endpoint_url"),
    "az": (*NEEDED["az"], "endpoint_url"),
    "gcs": (*NEEDED["gcs"], "endpoint_url"),
}
"""The fields that are used; what else an answer has is not looked at."""

NAMES = {
    "access_key": "aws_access_key_id",
    "secret_key": "aws_secret_access_key",
    "session_token": "aws_session_token",
    "token": "aws_session_token",
    "region": "aws_region",
}
"""How managed credentials of S3 are named, and what the client of 3.9.52 takes them for."""


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


class OfDataset:
    """The credentials of a dataset at `al://`."""

    def __init__(self, plane: ControlPlane, url: urls.DatasetURL, creds: SecretFields, *, reads: bool) -> None:
        self._plane = plane
        self._url = url
        self._creds = creds
        self._reads = reads

    @property
    def source(self) -> str | None:
        """Whose token it was."""
        return self._plane.tokens.source

    def get(self, *, once: bool) -> Lease:
        """Ask where the dataset lies."""
        given = self._creds.reveal()
        if given not in (None, "ENV") and (not isinstance(given, dict) or any(v is not None for v in given.values())):
            message = "a dataset at al:// has its credentials from the control plane: pass token=, and no creds"
            raise InvalidCredentialsError(message, provider="al", effect="none", source="dictionary")
        url, answer = self.place(once=once)
        return _lease(url, answer.get("creds"), writes=answer.get("mode") != "r")

    def place(self, *, once: bool) -> tuple[urls.DatasetURL, dict[str, Any]]:
        """Return where the dataset lies, and the whole answer."""
        query = {"no_cache": "True"} | ({"mode": "r"} if self._reads else {})
        path = f"/api/org/{quote(self._url.account, safe='')}/ds/{quote(dataset_name(self._url), safe='')}/creds"
        answer = self._plane.ask("GET", path, "open", query=query, once=once)
        place = answer.get("path")
        try:
            url = urls.parse(place) if isinstance(place, str) else None
        except InvalidURIError:
            url = None
        if url is None or url.prefix not in NEEDED:
            raise _odd("it does not say at which cloud the dataset lies")
        return url, answer


class OfDatasetByKey:
    """The place of a dataset at `al://`, with the credentials that its organisation keeps under a name.

    The place is asked for once: it stays, while the credentials end.
    """

    source: str | None = MANAGED

    def __init__(self, dataset: OfDataset, managed: Callable[[urls.DatasetURL], OfKey]) -> None:
        self._dataset = dataset
        self._managed = managed
        self._place: tuple[OfKey, bool] | None = None

    def get(self, *, once: bool) -> Lease:
        """Ask for the credentials, at first also where the dataset lies; what else is lent for it is not used."""
        if self._place is None:
            url, answer = self._dataset.place(once=once)
            self._place = self._managed(url), answer.get("mode") != "r"
        key, writes = self._place
        return replace(key.get(once=once), writes=writes)


class OfKey:
    """The credentials that an organisation keeps under a name (managed credentials)."""

    source: str | None = MANAGED

    def __init__(self, plane: ControlPlane, url: urls.DatasetURL, organisation: str, key: str) -> None:
        self._plane = plane
        self._url = url
        self._organisation = organisation
        self._key = key

    def get(self, *, once: bool) -> Lease:
        """Ask for them."""
        path = f"/api/org/{quote(self._organisation, safe='')}/storage/name"
        try:
            answer = self._plane.ask("GET", path, "open", query={"query": self._key}, once=once)
        except (StorageBucketNotFound, StorageInternalError) as error:
            if error.http_status not in (404, 422):
                raise
            message = "the organisation has no credentials under this `creds_key`, or they have ended"
            raise error.told_as(InvalidCredentialsError, message) from None
        provider = urls.PREFIXES.get(str(answer.get("provider")), "")
        if provider != self._url.prefix:
            message = f"`creds_key` of creds is for another cloud than {self._url.prefix}://"
            raise InvalidCredentialsError(message, provider=self._url.prefix, effect="none", source=self.source)
        given = answer.get("creds")
        named = {NAMES.get(name, name): value for name, value in given.items()} if isinstance(given, dict) else None
        return _lease(self._url, named, writes=True)


def dataset_name(url: urls.DatasetURL) -> str:
    """Return the name of a dataset in its organisation: all that follows it."""
    return f"{url.bucket}/{url.path}" if url.path else url.bucket


def _lease(url: urls.DatasetURL, given: Any, *, writes: bool) -> Lease:
    if not isinstance(given, dict):
        raise _odd("it has no credentials")
    ends = _end(given.get("expiration"))
    lent = {name: given.get(name) for name in LENT[url.prefix]}
    fields = {name: value for name, value in lent.items() if value is not None and str(value).strip()}
    if not all(isinstance(value, str) and value.isprintable() for value in fields.values()):
        raise _odd("its credentials are no texts")
    missing = [name for name in NEEDED[url.prefix] if name not in fields]
    if missing:
        raise _odd(f"its credentials have no `{missing[0]}`")
    if ends is not None and ends <= time.time():
        message = "the control plane gave out credentials that have ended already; check this machine's clock"
        raise ExpiredTokenError(message, provider="al", effect="none")
    return Lease(url, SecretFields(fields), ends, writes)


def _end(value: Any) -> float | None:
    """Return unix seconds: a number, digits, or a date; None for nothing."""
    if value is None or value == "":
        return None
    try:
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
        if isinstance(value, str):
            if value.strip().replace(".", "", 1).isdigit():
                return float(value)
            parsed = datetime.fromisoformat(value)
            return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        pass
    raise _odd("the end of its credentials (`expiration`) is no time")


def _odd(what: str) -> StorageInternalError:
    message = f"the control plane's answer cannot be used: {what}"
    return StorageInternalError(message, provider="al", http_status=200, effect="none")


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

    def renew(self, rejected: Lease) -> bool:
        """Drop a lease that the cloud rejected, and get another, once for all threads; raises as `current` does."""
        tries = self._tries
        with self._lock:
            if self._kept is not None and self._kept.lease is not rejected:
                return True
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
            return True

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
