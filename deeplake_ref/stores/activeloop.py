"""
`al://org/name`, and paths of a cloud with managed credentials: the control plane says where the bytes lie and who signs.

The bytes go to the cloud itself, through the store of its prefix; the control plane sees none of them. A token goes to the
control plane only, what it lends to the cloud only.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from deeplake_ref.credentials import activeloop
from deeplake_ref.credentials.activeloop_leases import Leases, Lender
from deeplake_ref.credentials.activeloop_lenders import MANAGED, OfDataset, OfDatasetByKey, OfKey
from deeplake_ref.credentials.activeloop_plane import ControlPlane
from deeplake_ref.credentials.chain import check_dictionary, shown
from deeplake_ref.errors import (
    InvalidCredentialsError,
    StorageAccessDenied,
    StorageError,
    StorageInternalError,
    StorageProviderMissingError,
)
from deeplake_ref.secrets import SecretFields
from deeplake_ref.stores.lent import open_lent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deeplake_ref.credentials.activeloop_leases import Lease
    from deeplake_ref.retry import RetryPolicy
    from deeplake_ref.stores import Buffer, Keys, Metas, ResourceMeta, Store
    from deeplake_ref.urls import DatasetURL

ORGANISATION = "ACTIVELOOP_ORG_ID"
"""The variable with the organisation whose managed credentials are meant (deeplake 4.7.4)."""


OWN = ("creds_key", "org_id")
"""The fields of creds that name managed credentials."""


class LentStore:
    """One root at a cloud, reached by what the control plane lends; `plane` is asked with the handle's token."""

    def __init__(self, told: DatasetURL, plane: ControlPlane, lender: Lender, retry: RetryPolicy) -> None:
        self.plane = plane
        self._told = told
        self._leases = Leases(lender)
        self._retry = retry
        self._lock = threading.Lock()
        self._inner: Store | None = None
        self._url: DatasetURL | None = None

    def _store(self, lease: Lease) -> Store:
        with self._lock:
            if self._inner is None:
                self._inner = _opened(self._leases, lease, self._retry)
                self._url = lease.url
            elif lease.url != self._url:
                message = f"{self._told} lies elsewhere since this handle was opened; open another one"
                raise StorageInternalError(message, provider=self._told.prefix, effect="none")
            return self._inner

    @contextmanager
    def _reading(self) -> Iterator[Store]:
        """Give the store of the cloud; its errors are those of the path that the caller knows."""
        try:
            yield self._store(self._leases.current())
        except StorageError as error:
            error.provider = self._told.prefix
            raise

    @contextmanager
    def _writing(self) -> Iterator[Store]:
        with self._reading() as store:
            if not self._leases.current().writes:
                message = f"{self._told} can only be read: the owner of the token has not the role to write"
                raise StorageAccessDenied(message, source=self._leases.source, effect="none")
            yield store

    def get(self, key: str, start: int | None = None, end: int | None = None) -> Buffer:
        """Return a slice."""
        with self._reading() as store:
            return store.get(key, start, end)

    def put(self, key: str, value: Buffer, *, if_absent: bool = False, if_match: str | None = None) -> ResourceMeta:
        """Replace a whole object."""
        with self._writing() as store:
            return store.put(key, value, if_absent=if_absent, if_match=if_match)

    def head(self, key: str) -> ResourceMeta | None:
        """Return what is known of an object."""
        with self._reading() as store:
            return store.head(key)

    def delete(self, key: str) -> None:
        """Remove an object."""
        with self._writing() as store:
            store.delete(key)

    def delete_many(self, keys: Keys) -> None:
        """Remove objects."""
        with self._writing() as store:
            store.delete_many(keys)

    def list(self, directory: str) -> Iterator[Metas]:
        """Yield pages."""
        with self._reading() as store:
            yield from store.list(directory)

    def list_dirs(self, directory: str) -> Iterator[str]:
        """Yield child directories."""
        with self._reading() as store:
            yield from store.list_dirs(directory)

    def sign_url(self, key: str, expires_s: float) -> str:
        """Return a URL of the cloud that reads an object; it ends with the credentials that sign it."""
        with self._reading() as store:
            return store.sign_url(key, expires_s)

    def is_root_of_bucket(self) -> bool:
        """Whether the root is a whole bucket."""
        with self._reading() as store:
            return store.is_root_of_bucket()

    @property
    def source(self) -> str | None:
        """Whose token it was, or that credentials of the organisation sign; None before the first request."""
        return self._leases.source

    def lease(self) -> Lease:
        """Return what is lent now, for explanations."""
        return self._leases.current()

    def close(self) -> None:
        """Close the store of the cloud."""
        with self._lock:
            if self._inner is not None:
                self._inner.close()


def open_dataset(
    url: DatasetURL, creds: SecretFields, token: SecretFields, retry: RetryPolicy, *, reads: bool
) -> LentStore:
    """Return the store of `al://org/name`; `reads` asks for credentials that can only read."""
    plane = ControlPlane(activeloop.chain(token), retry)
    given = creds.reveal()
    if isinstance(given, dict) and given.get("creds_key") is not None:
        dataset = OfDataset(plane, url, SecretFields(None), reads=reads)
        return LentStore(url, plane, _Checked(plane, url, creds, dataset), retry)
    return LentStore(url, plane, OfDataset(plane, url, creds, reads=reads), retry)


def open_managed(url: DatasetURL, creds: SecretFields, token: SecretFields, retry: RetryPolicy) -> LentStore:
    """Return the store of a path of a cloud whose creds are `{"creds_key": name}`, with or without `org_id`."""
    plane = ControlPlane(activeloop.chain(token), retry)
    return LentStore(url, plane, _Checked(plane, url, creds), retry)


class _Checked:
    """Managed credentials, asked for once the creds dictionary has been looked at.

    The organisation is that of `org_id` or of the environment; of `al://org/name` it is the one in the path.
    """

    source: str | None = MANAGED

    def __init__(
        self, plane: ControlPlane, url: DatasetURL, creds: SecretFields, dataset: OfDataset | None = None
    ) -> None:
        self._plane = plane
        self._url = url
        self._creds = creds
        self._dataset = dataset
        self._lender: Lender | None = None

    def get(self, *, once: bool) -> Lease:
        """Ask for them."""
        if self._lender is None:
            self._lender = self._checked()
        return self._lender.get(once=once)

    def _checked(self) -> Lender:
        given: Any = self._creds.reveal()
        prefix = self._url.prefix
        beside = _beside(given)
        if beside is not None:
            told = f"{shown(beside)} and `creds_key` exclude each other: the control plane says who signs, and where"
            raise _invalid(told, prefix, shown(beside))
        fields = check_dictionary(given, provider=prefix, own=OWN, foreign={})
        key: str = fields["creds_key"]
        if self._dataset is not None:
            organisation = self._url.account
            if fields.get("org_id", organisation) != organisation:
                told = f"`org_id` of creds is another organisation than that of {self._url}"
                raise _invalid(told, prefix, "`org_id` of creds")
            return OfDatasetByKey(self._dataset, lambda url: OfKey(self._plane, url, organisation, key))
        named = fields.get("org_id") or os.environ.get(ORGANISATION, "").strip()
        if not named:
            told = f"`creds_key` of creds is of an organisation: name it by `org_id` of creds, or {ORGANISATION}"
            raise _invalid(told, prefix, "")
        return OfKey(self._plane, self._url, named, key)


def _invalid(message: str, prefix: str, at: str) -> InvalidCredentialsError:
    return InvalidCredentialsError(message, provider=prefix, effect="none", source=MANAGED, at=at)


def _beside(given: Mapping[Any, Any]) -> str | None:
    """Return a field that stands beside `creds_key` and would be another identity."""
    found = (name for name, value in given.items() if isinstance(name, str) and value is not None)
    return next((name for name in found if name not in OWN), None)


def _opened(leases: Leases, lease: Lease, retry: RetryPolicy) -> Store:
    from deeplake_ref.stores import EXTRAS

    try:
        return open_lent(leases, lease, retry)
    except ModuleNotFoundError as error:
        extra = EXTRAS[lease.url.prefix]
        if (error.name or "").startswith("deeplake_ref"):
            raise
        message = (
            f'the data lie at {lease.url.prefix}://, which needs an extra: pip install "deeplake-conformance[{extra}]"'
        )
        raise StorageProviderMissingError(message, effect="none") from None
