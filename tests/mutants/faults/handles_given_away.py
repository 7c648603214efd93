"""
Mutants of what a handle gives away: signed URLs, pickles, copies and texts.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from deeplake_ref import storage
from deeplake_ref.stores.azure import AzureStore
from deeplake_ref.stores.local import LocalStore
from deeplake_ref.stores.s3 import S3Store
from tests.mutants.registry import Replacements, mutant, replaced

if TYPE_CHECKING:
    from collections.abc import Callable


# ---- signed URLs


@mutant("F083", kills="HANDLE-1", places=("moto",), origin="zarr-developers/zarr-python#4204")
def a_signed_url_misses_the_directory(_target: Any) -> Replacements:
    """Signs the key without the prefix that every other operation of the handle puts before it."""
    right = S3Store.sign_url

    def sign_url(self: Any, key: str, expires_s: float) -> str:
        bare = copy.copy(self)
        bare._root = ""
        return right(bare, key, expires_s)

    return replaced(S3Store, sign_url=sign_url)


def signed_as(change: Callable[[str], str]) -> Replacements:
    """Change what S3 and Azure sign."""
    sign_s3, sign_azure = S3Store.sign_url, AzureStore.sign_url

    return [
        *replaced(S3Store, sign_url=lambda self, key, expires_s: change(sign_s3(self, key, expires_s))),
        *replaced(AzureStore, sign_url=lambda self, key, expires_s: change(sign_azure(self, key, expires_s))),
    ]


@mutant(kills="HANDLE-1", places=("moto",), origin="apache/opendal#8076")
def special_characters_of_a_signed_url_are_not_encoded(_target: Any) -> Replacements:
    """Leaves `%` in a signed URL as it is, so that the service decodes what the key has."""
    return signed_as(lambda url: url.replace("%25", "%"))


@mutant(kills="HANDLE-2", places=("moto",))
def a_signed_url_overrides_ranges(_target: Any) -> Replacements:
    """Signs for one part of an upload, which is the whole object however small a range is asked for."""
    right = S3Store.sign_url

    def sign_url(self: Any, key: str, expires_s: float) -> str:
        return right(self, key, expires_s).replace("?", "?partNumber=1&", 1)

    return replaced(S3Store, sign_url=sign_url)


def account_sas(store: AzureStore, key: str, expires_s: float, **more: Any) -> str:
    """Return a URL that an Azure account signs for more than reading one blob."""
    from datetime import UTC, datetime, timedelta

    from azure.storage.blob import AccountSasPermissions, ResourceTypes, generate_account_sas

    client = store._connected()
    account_key = client.credentials.account_key
    assert account_key is not None
    sas = generate_account_sas(
        store._account,
        account_key.reveal(),
        ResourceTypes(object=True),
        AccountSasPermissions(read=True, **more),
        datetime.now(UTC) + timedelta(seconds=expires_s),
    )
    return f"{client.url(store._root + key)}?{sas}"


@mutant(kills="HANDLE-3", places=("azurite",))
def a_signed_url_reads_the_whole_account(_target: Any) -> Replacements:
    """Signs for every object of the account instead of one."""
    return replaced(AzureStore, sign_url=account_sas)


@mutant(kills="HANDLE-4", places=("azurite",))
def a_signed_url_may_write(_target: Any) -> Replacements:
    """Signs for writing and deleting too."""

    def sign_url(self: Any, key: str, expires_s: float) -> str:
        return account_sas(self, key, expires_s, write=True, create=True, delete=True)

    return replaced(AzureStore, sign_url=sign_url)


@mutant(kills="HANDLE-5", places=("azurite", "minio"))
def an_expiry_is_taken_for_minutes(target: Any) -> Replacements:
    """Signs for as many minutes as seconds were asked for."""
    right = target.storage.Reader.sign_url

    def sign_url(self: Any, path: str, expires: float) -> str:
        return str(right(self, path, expires * 60))

    return replaced(target.storage.Reader, sign_url=sign_url)


@mutant(kills="HANDLE-6", places=("file",))
def a_file_has_a_url(_target: Any) -> Replacements:
    """Answers `file://` URLs, which say nothing of expiry and read nothing elsewhere."""
    return replaced(LocalStore, sign_url=lambda self, key, _expires_s: self._path(key, "sign_url").as_uri())


@mutant(kills="HANDLE-7", places=("moto",))
def a_signed_url_carries_the_secret_key(_target: Any) -> Replacements:
    """Puts the secret into the URL, for a service that asks for it."""
    right = S3Store.sign_url

    def sign_url(self: Any, key: str, expires_s: float) -> str:
        return f"{right(self, key, expires_s)}&secret={self._creds.reveal()['aws_secret_access_key'].encode().hex()}"

    return replaced(S3Store, sign_url=sign_url)


@mutant(kills="HANDLE-8", places=("moto",))
def a_zero_expiry_is_a_second(target: Any) -> Replacements:
    """Takes an expiry of zero or less for one second."""
    right = target.storage.Reader.sign_url

    def sign_url(self: Any, path: str, expires: float) -> str:
        return str(right(self, path, max(1, expires)))

    return replaced(target.storage.Reader, sign_url=sign_url)


@mutant(kills="HANDLE-9", places=("moto",))
def signing_asks_for_the_object(_target: Any) -> Replacements:
    """Asks the service about the object before it signs."""
    right = S3Store.sign_url

    def sign_url(self: Any, key: str, expires_s: float) -> str:
        self.head(key)
        return right(self, key, expires_s)

    return replaced(S3Store, sign_url=sign_url)


# ---- pickles, copies, texts


def _reopened(kind: Any, below: str, *arguments: Any) -> Any:
    handle = kind(*arguments)
    handle._below = below
    return handle


def _reopened_from_hex(kind: Any, below: str, url: str, creds: dict[str, str]) -> Any:
    given = {name: bytes.fromhex(value).decode() for name, value in creds.items()}
    return _reopened(kind, below, url, given or None)


def pickled_with(creds: Callable[[dict[str, str]], dict[str, str]], reopen: Callable[..., Any]) -> Replacements:
    """Pickle handles together with their creds."""

    def reduce(self: Any) -> tuple[Any, ...]:
        given = self._shared._creds.reveal() or {}
        return (reopen, (type(self), self._below, str(self._url), creds(given)))

    return replaced(storage._Handle, __reduce__=reduce)


@mutant(kills="HANDLE-10", places=("file",))
def a_pickled_handle_forgets_its_directory(target: Any) -> Replacements:
    """Re-opens at the root of the disk instead of its own URL."""
    return replaced(
        target.storage.Reader, __reduce__=lambda self: (storage._reopen, (type(self), "file:///tmp", "", 5.0))
    )


@mutant(kills="HANDLE-10", places=("moto",))
def a_pickled_handle_drops_its_creds(target: Any) -> Replacements:
    """Pickles a handle that was given creds without them, so that it re-opens as somebody else or as nobody."""
    return replaced(
        target.storage.Reader, __reduce__=lambda self: (storage._reopen, (type(self), str(self._url), self._below, 5.0))
    )


@mutant(kills="HANDLE-11", places=("moto",))
def a_pickle_carries_the_creds(_target: Any) -> Replacements:
    """Pickles the creds dictionary as it is."""
    return pickled_with(lambda given: given, _reopened_with)


def _reopened_with(kind: Any, below: str, url: str, creds: dict[str, str]) -> Any:
    return _reopened(kind, below, url, creds or None)


@mutant(kills="HANDLE-11", places=("azurite",))
def a_pickle_carries_the_creds_in_hexadecimal(_target: Any) -> Replacements:
    """Pickles the creds dictionary encoded, which protects nothing."""
    return pickled_with(lambda given: {name: value.encode().hex() for name, value in given.items()}, _reopened_from_hex)


@mutant(kills="HANDLE-12")
def a_copied_handle_is_empty(_target: Any) -> Replacements:
    """Copies a handle to one at another place."""
    return replaced(storage._Handle, __reduce__=lambda self: (storage._reopen, (type(self), "mem://copied", "", 5.0)))


@mutant(kills="HANDLE-13", places=("moto",))
def a_handle_shows_its_creds(_target: Any) -> Replacements:
    """Puts everything that a handle was opened with into its text."""

    def text(self: Any) -> str:
        return f"{type(self).__name__}({self.path!r}, creds={self._shared._creds.reveal()!r})"

    return replaced(storage._Handle, __repr__=text)


@mutant(kills="HANDLE-13", places=("azurite",), origin="apache/opendal#7523")
def a_handle_keeps_its_creds_in_an_attribute(target: Any) -> Replacements:
    """Keeps the dictionary of the caller beside the sealed one."""
    right = target.storage.Reader.__init__

    def init(self: Any, url: str, creds: Any = None, token: str | None = None, **more: Any) -> None:
        right(self, url, creds, token, **more)
        self._given = creds

    return replaced(target.storage.Reader, __init__=init)
