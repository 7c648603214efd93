"""
How the control plane is asked for a lease: the credentials of a dataset, or those that an organisation keeps under a name.

What it answers is looked at here, so that a lease is of a cloud, has what signs there, and has not ended.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from deeplake_ref import urls
from deeplake_ref.credentials.activeloop_leases import Lease
from deeplake_ref.errors import (
    ExpiredTokenError,
    InvalidCredentialsError,
    InvalidURIError,
    StorageBucketNotFound,
    StorageInternalError,
)
from deeplake_ref.secrets import SecretFields

if TYPE_CHECKING:
    from collections.abc import Callable

    from deeplake_ref.credentials.activeloop_plane import ControlPlane

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
            failure = error.told_as(InvalidCredentialsError, message)
            failure.at = "`creds_key` of creds"
            raise failure from None
        provider = urls.PREFIXES.get(str(answer.get("provider")), "")
        if provider != self._url.prefix:
            message = f"`creds_key` of creds is for another cloud than {self._url.prefix}://"
            about: dict[str, Any] = {"provider": self._url.prefix, "source": self.source, "at": "`creds_key` of creds"}
            raise InvalidCredentialsError(message, effect="none", **about)
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
        raise ExpiredTokenError(message, provider="al", effect="none", at="")
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
