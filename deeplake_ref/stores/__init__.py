"""
Where bytes live, one file per place, behind one protocol: keys relative to the root, bytes in, bytes out, our errors.

SDKs are imported when a store is opened, so that `mem://` and `file://` need none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from deeplake_ref.errors import StorageOperationUnsupported, StorageProviderMissingError
from deeplake_ref.secrets import SecretFields

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from deeplake_ref.retry import RetryPolicy
    from deeplake_ref.urls import DatasetURL

Buffer = bytes | bytearray | memoryview
"""What is stored, and what is read: large objects come in a bytearray, so that ranges arrive in place."""

Keys = list[str]
Metas = list["ResourceMeta"]

CHUNK = 8 * 1024 * 1024
"""Bytes of one part or range; the SDKs' managed transfers use the same."""

THREADS = 8
"""Parts or ranges of one object on the way at once."""

EXTRAS = {"s3": "s3", "az": "azure", "gcs": "gcs"}
"""The extra that installs a prefix's SDK."""


@dataclass(frozen=True, slots=True, order=True)
class ResourceMeta:
    """What is known of one object: `path` relative to the handle's root, `size` in bytes.

    `etag` is opaque, stable while the object is unchanged. `last_modified` is aware and in UTC, None where the service
    does not answer it.
    """

    path: str
    size: int
    etag: str | None = None
    last_modified: datetime | None = None


class Store(Protocol):
    """One place. Callers pass keys that `urls.check_key` has not seen yet; the store checks them before any request."""

    def get(self, key: str, start: int | None = None, end: int | None = None) -> Buffer:
        """Return `value[start:end]`; bounds are not negative, start is not after end; raises `StorageKeyNotFound`."""
        ...

    def put(self, key: str, value: Buffer, *, if_absent: bool = False, if_match: str | None = None) -> ResourceMeta:
        """Replace a whole object, all or nothing visible; a condition is atomic, or refused where it cannot be."""
        ...

    def head(self, key: str) -> ResourceMeta | None:
        """Return what is known of an object, None only if it does not exist."""
        ...

    def delete(self, key: str) -> None:
        """Remove exactly this object; a missing one is no error."""
        ...

    def delete_many(self, keys: Keys) -> None:
        """Remove these objects; the first that cannot be removed is raised."""
        ...

    def list(self, directory: str) -> Iterator[Metas]:
        """Yield all objects below a directory (empty for the root) in pages, in UTF-8 order."""
        ...

    def list_dirs(self, directory: str) -> Iterator[str]:
        """Yield the keys of the immediate child directories, in order, without trailing slash."""
        ...

    def sign_url(self, key: str, expires_s: float) -> str:
        """Return a URL that reads the object without credentials, or raise `StorageOperationUnsupported`."""
        ...

    def is_root_of_bucket(self) -> bool:
        """Whether the root is a whole bucket or container."""
        ...

    def close(self) -> None:
        """Give back connections and threads; calling it again does nothing."""
        ...


def open_store(
    url: DatasetURL,
    creds: Mapping[str, Any] | str | None,
    retry: RetryPolicy,
    token: str | None = None,
    *,
    reads: bool = False,
) -> Store:
    """Return the store of a URL; no request is made before the first operation.

    Args:
        url: where it points.
        creds: what the caller gave.
        retry: for its requests.
        token: of Deep Lake, for `al://` and for managed credentials.
        reads: whether nothing is to be written.

    Raises:
        StorageProviderMissingError: the SDK is not installed; the message names the extra.
    """
    try:
        if url.prefix in EXTRAS and isinstance(creds, Mapping) and creds.get("creds_key") is not None:
            from deeplake_ref.stores.activeloop import open_managed

            return open_managed(url, SecretFields(creds), SecretFields(token), retry)
        match url.prefix:
            case "mem":
                from deeplake_ref.stores.memory import MemoryStore

                return MemoryStore(url)
            case "file":
                from deeplake_ref.stores.local import LocalStore

                return LocalStore(url)
            case "s3":
                from deeplake_ref.stores.s3 import S3Store

                return S3Store(url, creds, retry)
            case "az":
                from deeplake_ref.stores.azure import AzureStore

                return AzureStore(url, creds, retry)
            case "gcs":
                from deeplake_ref.stores.gcs import GcsStore

                return GcsStore(url, creds, retry)
            case "al":
                from deeplake_ref.stores.activeloop import open_dataset

                return open_dataset(url, SecretFields(creds), SecretFields(token), retry, reads=reads)
            case _:
                pass
    except ModuleNotFoundError as error:
        extra = EXTRAS.get(url.prefix)
        if extra is None or (error.name or "").startswith("deeplake_ref"):
            raise
        message = f'{url.prefix}:// needs an extra: pip install "deeplake-conformance[{extra}]"'
        raise StorageProviderMissingError(message, provider=url.prefix, effect="none") from None
    raise StorageOperationUnsupported(f"{url.prefix}:// is not implemented", provider=url.prefix, effect="none")
