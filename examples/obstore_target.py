"""
obstore (the Rust crate object_store in Python) as a target: mem://, file://, s3:// and az://.

    deeplake-conformance run --target examples/obstore_target.py

It is not for gcs://: its writes use Google's XML API, which fake-gcs-server does not serve. What differs between obstore
and the storage API is translated here (names, error classes, bounds past the end); what obstore does itself is left as it
is, and stands with its reason in obstore_target.toml.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import obstore
from obstore import exceptions
from obstore.store import AzureStore, LocalStore, MemoryStore, S3Store

__version__ = obstore.__version__


class StorageError(Exception):
    """Root of the errors that the suite asks for."""


class AuthenticationError(StorageError): ...


class StorageAccessDenied(StorageError): ...


class StorageKeyNotFound(StorageError, KeyError): ...


class StorageBucketNotFound(StorageError): ...


class StorageKeyAlreadyExists(StorageError): ...


class StoragePreconditionFailed(StorageError): ...


class StorageNetworkConnectionError(StorageError, ConnectionError): ...


class StorageOperationUnsupported(StorageError): ...


class StorageInternalError(StorageError): ...


class InvalidURIError(StorageError, ValueError): ...


_CLASSES: dict[type[BaseException], type[StorageError]] = {
    exceptions.AlreadyExistsError: StorageKeyAlreadyExists,
    exceptions.InvalidPathError: InvalidURIError,
    exceptions.NotFoundError: StorageKeyNotFound,
    FileNotFoundError: StorageKeyNotFound,
    exceptions.NotSupportedError: StorageOperationUnsupported,
    exceptions.PermissionDeniedError: StorageAccessDenied,
    exceptions.PreconditionError: StoragePreconditionFailed,
    exceptions.UnauthenticatedError: AuthenticationError,
    NotImplementedError: StorageOperationUnsupported,
    ValueError: InvalidURIError,  # "Could not parse path"
    TypeError: InvalidURIError,  # what `obstore.delete` says of a path that it cannot parse
}
_MISSING = (exceptions.NotFoundError, FileNotFoundError)
_BUCKET = ("NoSuchBucket", "ContainerNotFound")
_UNSTORABLE = ("(os error 20)", "(os error 21)", "(os error 36)")  # not a directory, is a directory, name too long
_NETWORK = ("error sending request", "Connection refused", "client error (Connect)", "operation timed out")


@contextmanager
def _translated() -> Iterator[None]:
    """Raise the suite's classes; the service's code is only in the text of obstore's errors."""
    try:
        yield
    except (exceptions.BaseError, *_CLASSES) as error:
        text = str(error)
        kind = next((name for known, name in _CLASSES.items() if isinstance(error, known)), StorageInternalError)
        if any(word in text for word in _BUCKET):
            kind = StorageBucketNotFound
        elif kind is StorageInternalError and any(word in text for word in _UNSTORABLE):
            kind = InvalidURIError
        elif kind is StorageInternalError and any(word in text for word in _NETWORK):
            kind = StorageNetworkConnectionError
        raise kind(text.partition("\n")[0]) from error


@dataclass(frozen=True)
class ResourceMeta:
    """What is known of one object."""

    path: str
    size: int
    etag: str | None
    last_modified: datetime | None


_OPTIONS: Any = {
    "client_options": {"allow_http": True, "timeout": "20s", "connect_timeout": "5s"},
    "retry_config": {"max_retries": 3, "retry_timeout": timedelta(seconds=20)},
}
_memories: dict[str, MemoryStore] = {}
_lock = threading.Lock()


def _open(url: str, creds: Mapping[str, Any]) -> tuple[Any, str]:
    """Return obstore's store for a URL, and the key of the URL's root in it with a slash at its end."""
    if re.match(r"\w[\w+.-]*:/(?!/)", url):
        raise InvalidURIError(f"a prefix has two slashes: {url!r}")
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "file", url
    account, _, below = rest.partition("/")
    bucket, _, key = below.partition("/") if scheme in ("az", "azure") else (account, "", below)
    if not rest.strip() or (not bucket.strip() and scheme != "file"):
        raise InvalidURIError(f"a name is missing: {url!r}")
    root = f"{key.removesuffix('/')}/" if key else ""
    if scheme == "mem":
        with _lock:
            return _memories.setdefault(account, MemoryStore()), root
    if scheme == "file":
        return LocalStore(Path(rest).expanduser(), mkdir=True, automatic_cleanup=True), ""
    if scheme == "s3":
        config = {
            "access_key_id": creds.get("aws_access_key_id"),
            "secret_access_key": creds.get("aws_secret_access_key"),
            "session_token": creds.get("aws_session_token"),
            "region": creds.get("aws_region", "us-east-1"),
            "endpoint": creds.get("endpoint_url"),
        }
        return S3Store(bucket, config=_given(config), **_OPTIONS), root
    if scheme in ("az", "azure"):
        config = {
            "account_name": account,
            "account_key": creds.get("account_key"),
            "sas_key": creds.get("sas_token"),
            "endpoint": creds.get("endpoint_url"),
        }
        return AzureStore(bucket, config=_given(config), **_OPTIONS), root
    raise InvalidURIError(f"not a prefix of this target: {scheme}://")


def _given(config: dict[str, Any]) -> Any:
    return {name: value for name, value in config.items() if value is not None}


class _Handle:
    def __init__(self, url: str, creds: Mapping[str, Any] | None = None, token: str | None = None) -> None:
        with _translated():
            self._store, self._root = _open(url, creds or {})

    def _at(self, path: str) -> str:
        if not path:
            raise InvalidURIError("a key is not empty")
        return self._root + path

    def _made(self, kind: type[Any], root: str) -> Any:
        made = kind.__new__(kind)
        made._store, made._root = self._store, root
        return made

    def _list(self, path: str) -> list[ResourceMeta]:
        with _translated():
            found = [meta for page in obstore.list(self._store, self._root + path) for meta in page]
        metas = [self._meta(meta) for meta in found]
        return sorted(metas, key=lambda meta: meta.path.encode())

    def _meta(self, meta: Any) -> ResourceMeta:
        return ResourceMeta(meta["path"].removeprefix(self._root), meta["size"], meta["e_tag"], meta["last_modified"])

    def close(self) -> None:
        """Do nothing: obstore's stores have no close."""


class Reader(_Handle):
    """Reads through obstore."""

    def get(self, path: str, start: int | None = None, end: int | None = None) -> Any:
        if (start or 0) < 0 or (end is not None and end < (start or 0)):
            raise ValueError(f"not a range: {start}, {end}")
        key, bounds = self._at(path), {"offset": start or 0} if end is None else (start or 0, end)
        with _translated():
            if not start and end is None:
                return obstore.get(self._store, key).bytes()
            try:
                return obstore.get(self._store, key, options={"range": bounds}).bytes()  # type: ignore[typeddict-item]
            except exceptions.BaseError:
                # obstore refuses a range that is empty or begins past the end, which the storage API clips.
                size = obstore.head(self._store, key)["size"]
                if (start or 0) < min(size if end is None else end, size):
                    raise
                return b""

    def length(self, path: str) -> int:
        meta = self.metadata(path)
        return -1 if meta is None else meta.size

    def metadata(self, path: str) -> ResourceMeta | None:
        key = self._at(path)
        with _translated():
            try:
                return self._meta(obstore.head(self._store, key))
            except _MISSING as error:
                if any(word in str(error) for word in _BUCKET):
                    raise
                return None

    def list(self, path: str = "") -> list[ResourceMeta]:
        return self._list(path)

    def list_iter(self, path: str = "") -> Iterator[Any]:
        with _translated():
            for page in obstore.list(self._store, self._root + path):
                yield [self._meta(meta) for meta in page]

    def list_dirs(self, path: str = "") -> list[str]:
        with _translated():
            found = obstore.list_with_delimiter(self._store, self._root + path)["common_prefixes"]
        return sorted((name.removeprefix(self._root) for name in found), key=str.encode)

    def sign_url(self, path: str, expires: float) -> str:
        if isinstance(self._store, LocalStore | MemoryStore):
            raise StorageOperationUnsupported("no signed URLs here")
        with _translated():
            return obstore.sign(self._store, "GET", self._at(path), timedelta(seconds=expires))

    def subdir(self, path: str) -> Reader:
        reader: Reader = self._made(Reader, f"{self._root}{path.removesuffix('/')}/")
        return reader


class Writer(_Handle):
    """Writes through obstore."""

    def set(self, path: str, content: Any, *, if_absent: bool = False, if_match: str | None = None) -> ResourceMeta:
        mode: Any = "create" if if_absent else "overwrite" if if_match is None else {"e_tag": if_match}
        value = memoryview(content).tobytes()
        with _translated():
            stored = obstore.put(self._store, self._at(path), value, mode=mode)
        return ResourceMeta(path, len(value), stored["e_tag"], None)

    def remove(self, path: str) -> None:
        key = self._at(path)
        with _translated():
            try:
                obstore.delete(self._store, key)
            except _MISSING as error:
                if any(word in str(error) for word in _BUCKET):
                    raise

    def remove_directory(self, path: str) -> None:
        if not self._root + path.strip("/") and not isinstance(self._store, LocalStore | MemoryStore):
            raise StorageOperationUnsupported("a whole bucket is not removed")
        keys = [self._root + meta.path for meta in self._list(path)]
        if keys:
            with _translated():
                obstore.delete(self._store, keys)

    def subdir(self, path: str) -> Writer:
        writer: Writer = self._made(Writer, f"{self._root}{path.removesuffix('/')}/")
        return writer

    def get_reader(self) -> Reader:
        reader: Reader = self._made(Reader, self._root)
        return reader


storage = SimpleNamespace(Reader=Reader, Writer=Writer)
