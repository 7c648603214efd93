"""
Mutants of handles at al://: how often the control plane is asked, what signs, what is done with rights that change.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from deeplake_ref import organisations, storage
from deeplake_ref.credentials import activeloop_lenders, activeloop_plane
from deeplake_ref.credentials.activeloop_leases import Lease, Leases
from deeplake_ref.credentials.activeloop_lenders import OfDataset, OfKey
from deeplake_ref.credentials.activeloop_plane import ControlPlane
from deeplake_ref.credentials.chain import check_dictionary
from deeplake_ref.errors import InvalidCredentialsError, StorageBucketNotFound, StorageError, StorageInternalError
from deeplake_ref.stores import activeloop as stores_activeloop
from deeplake_ref.stores import lent
from deeplake_ref.stores.activeloop import LentStore
from tests.mutants.registry import Replacements, mutant, replaced

if TYPE_CHECKING:
    from collections.abc import Iterator

PLACES = ("al-moto",)
WORLDS = "worlds.toml"


@mutant(kills="LAKE-17", places=PLACES, claims=WORLDS, cases=("dataset-activeloop_env",))
def the_token_is_told_in_the_user_agent(_target: Any) -> Replacements:
    """Sends the token in a header that everybody logs."""
    right = activeloop_plane._headers

    def headers(token: Any, data: Any) -> dict[str, str]:
        return {**right(token, data), "User-Agent": f"deeplake-ref {token.current()}"}

    return replaced(activeloop_plane, _headers=headers)


@mutant(kills="LAKE-17", places=PLACES, claims=WORLDS, cases=("dataset-activeloop_env",))
def what_was_lent_is_told_to_the_control_plane(_target: Any) -> Replacements:
    """Gives the control plane what it lent, when it asks for another."""
    right, given = ControlPlane.ask, dict[int, str]()

    def ask(self: Any, method: str, path: str, operation: str, **named: Any) -> Any:
        query = {**(named.pop("query", None) or {}), "old": given.get(id(self), "")}
        answer = right(self, method, path, operation, query=query, **named)
        given[id(self)] = str((answer.get("creds") or {}).get("aws_secret_access_key", ""))
        return answer

    return replaced(ControlPlane, ask=ask)


@mutant(kills="LAKE-18", places=PLACES, claims=WORLDS, cases=("dataset",))
def each_operation_asks_the_control_plane(_target: Any) -> Replacements:
    """Asks the control plane for each operation."""

    def current(self: Any) -> Lease:
        made: Lease = self.lender.get(once=False)
        return made

    return replaced(Leases, current=current)


@mutant(kills="LAKE-18", places=PLACES, claims=WORLDS, cases=("dataset",))
def each_thread_asks_the_control_plane(_target: Any) -> Replacements:
    """Lets each thread ask that finds nothing kept yet."""

    def current(self: Any) -> Lease:
        if self._kept is None:
            self._keep(self.lender.get(once=False))
        kept: Lease = self._kept.lease
        return kept

    return replaced(Leases, current=current)


@mutant(kills="LAKE-18", places=PLACES, claims=WORLDS, cases=("dataset",))
def a_handle_asks_when_it_is_opened(_target: Any) -> Replacements:
    """Asks the control plane when a handle is opened."""
    right = storage.Writer.__init__

    def init(self: Any, *arguments: Any, **named: Any) -> None:
        right(self, *arguments, **named)
        self._shared.store().lease()

    return replaced(storage.Writer, __init__=init)


@mutant("F120", kills="LAKE-18", places=PLACES, claims=WORLDS, cases=("absent", "null"))
def what_does_not_end_has_ended(_target: Any) -> Replacements:
    """Takes credentials without an end for ones that end at once."""
    right = activeloop_lenders._end

    def end(value: Any) -> float | None:
        found = right(value)
        return time.time() + 1 if found is None else found

    return replaced(activeloop_lenders, _end=end)


@mutant("F108", kills="LAKE-19", places=PLACES, claims=WORLDS, origin="activeloopai/deeplake#2465")
def handles_of_one_dataset_share_a_token(_target: Any) -> Replacements:
    """Asks with the token of the first handle at a path for all handles there."""
    planes: dict[str, ControlPlane] = {}
    right = stores_activeloop.open_dataset

    def open_dataset(url: Any, *arguments: Any, **named: Any) -> LentStore:
        store = right(url, *arguments, **named)
        plane = planes.setdefault(str(url), store.plane)
        store.plane = store._leases.lender._plane = plane  # type: ignore[attr-defined]
        return store

    return replaced(stores_activeloop, open_dataset=open_dataset)


@mutant(kills="LAKE-20", places=PLACES, claims=WORLDS, cases=("long",))
def a_revoked_token_ends_what_it_got(_target: Any) -> Replacements:
    """Looks whether the token is good before it uses what the control plane lent for it."""
    right = Leases.current

    def current(self: Any) -> Lease:
        if self._kept is not None:
            self.lender.get(once=True)
        return right(self)

    return replaced(Leases, current=current)


@mutant(kills="LAKE-20", places=PLACES, claims=WORLDS)
def what_cannot_be_replaced_is_of_an_unknown_class(_target: Any) -> Replacements:
    """Tells that nothing can be had for a rejected lease as a failure of the server."""
    right = Leases.renew

    def renew(self: Any, rejected: Lease) -> None:
        try:
            right(self, rejected)
        except StorageError as error:
            raise error.told_as(StorageInternalError, error.message) from None

    return replaced(Leases, renew=renew)


@mutant(kills="LAKE-21", places=PLACES, claims=WORLDS, cases=("set", "remove", "remove_directory"))
def who_may_only_read_is_told_nothing(_target: Any) -> Replacements:
    """Does nothing, and says nothing, where the owner of the token may only read."""
    right = {name: getattr(LentStore, name) for name in ("delete", "delete_many")}

    def quietly(name: str) -> Any:
        def call(self: Any, keys: Any) -> None:
            if self._leases.current().writes:
                right[name](self, keys)

        return call

    return replaced(LentStore, **{name: quietly(name) for name in right})


@mutant(kills="LAKE-21", places=PLACES, claims=WORLDS, cases=("set",))
def who_may_only_read_asks_for_reading_alone(_target: Any) -> Replacements:
    """Tells a write that is not allowed as one whose effect is unknown."""

    @contextmanager
    def writing(self: Any) -> Iterator[Any]:
        with self._reading() as store:
            if not self._leases.current().writes:
                raise StorageInternalError("not allowed", provider="al", effect="unknown")
            yield store

    return replaced(LentStore, _writing=writing)


@mutant(kills="LAKE-22", places=PLACES, claims=WORLDS, cases=("dataset",))
def keys_that_were_changed_are_not_got_anew(_target: Any) -> Replacements:
    """Keeps what the cloud does not know any more."""
    return replaced(Leases, renew=lambda _self, _rejected: None)


@mutant(kills="LAKE-23", places=PLACES, claims=WORLDS, cases=("activeloop_env",))
def keys_of_the_environment_before_managed_ones(_target: Any) -> Replacements:
    """Signs with the keys of the environment, whatever the organisation keeps."""
    right = lent._aws

    def aws(lease: Lease) -> Any:
        made = right(lease)
        key, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
        if key and secret:
            from botocore.credentials import Credentials

            return type(made)(Credentials(key, secret), made.settings)
        return made

    return replaced(lent, _aws=aws)


@mutant(
    kills="LAKE-24",
    places=PLACES,
    claims=WORLDS,
    cases=("activeloop_env+activeloop_creds_key(unknown)",),
)
def an_unknown_key_is_a_missing_bucket(_target: Any) -> Replacements:
    """Tells managed credentials that nobody knows as a bucket that is missing."""
    right = OfKey.get

    def get(self: Any, *, once: bool) -> Lease:
        try:
            return right(self, once=once)
        except InvalidCredentialsError as error:
            raise error.told_as(StorageBucketNotFound, error.message) from None

    return replaced(OfKey, get=get)


@mutant(
    kills="LAKE-24",
    places=PLACES,
    claims=WORLDS,
    cases=("activeloop_env+activeloop_creds_key(keys-beside)",),
)
def keys_beside_managed_credentials_are_ignored(_target: Any) -> Replacements:
    """Takes no notice of keys of a cloud beside `creds_key`."""
    right = check_dictionary

    def check(given: Any, **named: Any) -> Any:
        return right({name: given[name] for name in ("creds_key", "org_id") if name in given}, **named)

    return replaced(stores_activeloop, _beside=lambda _given: None, check_dictionary=check)


@mutant(kills="LAKE-27", places=PLACES, claims=WORLDS, cases=("3",))
def a_second_disconnect_is_an_error(_target: Any) -> Replacements:
    """Raises where there is nothing to disconnect any more."""
    return replaced(organisations, is_unknown_name=lambda _error: False)


@mutant(kills="LAKE-27", places=PLACES, claims=WORLDS, cases=("1",))
def disconnecting_removes_the_data(target: Any) -> Replacements:
    """Removes the data with the name."""
    right = target.disconnect

    def disconnect(url: str, token: str | None = None) -> None:
        target.delete(url, token=token)
        right(url, token)

    return replaced(target, disconnect=disconnect)


@mutant(kills="LAKE-28", places=PLACES, claims=WORLDS, cases=("set",))
def an_unknown_organisation_is_ones_own(_target: Any) -> Replacements:
    """Looks for a dataset in the organisation of the token's owner, where another one does not show it."""
    right = OfDataset.get

    def get(self: Any, *, once: bool) -> Lease:
        try:
            return right(self, once=once)
        except StorageBucketNotFound:
            from dataclasses import replace

            own = self._plane.ask("GET", "/api/user/profile", "open")["organizations"][0]
            self._url = replace(self._url, account=own)
            return right(self, once=once)

    return replaced(OfDataset, get=get)


@mutant(kills="LAKE-29", places=PLACES, claims=WORLDS, cases=("get",))
def a_reader_asks_for_everything(_target: Any) -> Replacements:
    """Asks for credentials that write, also to read."""
    right = OfDataset.__init__

    def init(self: Any, *arguments: Any, reads: bool) -> None:
        right(self, *arguments, reads=False)

    return replaced(OfDataset, __init__=init)


@mutant(kills="LAKE-30", places=PLACES, claims=WORLDS, cases=("dataset",))
def lists_are_unsigned(_target: Any) -> Replacements:
    """Lists without a signature."""

    def list_(self: Any, directory: str) -> Iterator[Any]:
        from deeplake_ref.stores.s3 import S3Store

        lease = self._leases.current()
        yield from S3Store(lease.url, {**lease.addressing(), "anon": True}, self._retry).list(directory)

    return replaced(LentStore, list=list_)
