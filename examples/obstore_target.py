"""
obstore (the Rust crate object_store in Python) as a target: mem://, file://, s3:// and az://.

    deeplake-conformance run --target examples/obstore_target.py

What differs between obstore and the storage API is translated here: names, error classes, bounds past the end. What
obstore does itself is left as it is, and stands with its reason in obstore_target.toml. It is not for gcs://: it writes by
Google's XML API, which fake-gcs-server does not serve.
"""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import obstore
from obstore import exceptions
from obstore.store import AzureStore, LocalStore, MemoryStore, S3Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__version__ = obstore.__version__


class StorageError(Exception):
    """Root of the errors that the suite asks for; their names are those of deeplake."""


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


_CLASSES: dict[type[Exception], type[StorageError]] = {
    FileNotFoundError: StorageKeyNotFound,
    NotImplementedError: StorageOperationUnsupported,
    ValueError: InvalidURIError,  # "Could not parse path"
    TypeError: InvalidURIError,  # what `obstore.delete` says of a path that it cannot parse
    exceptions.AlreadyExistsError: StorageKeyAlreadyExists,
    exceptions.InvalidPathError: InvalidURIError,
    exceptions.NotSupportedError: StorageOperationUnsupported,
    exceptions.PermissionDeniedError: StorageAccessDenied,
    exceptions.PreconditionError: StoragePreconditionFailed,
    exceptions.UnauthenticatedError: AuthenticationError,
    exceptions.BaseError: StorageInternalError,
}
_BUCKET = re.compile("NoSuchBucket|ContainerNotFound")
_UNSTORABLE = re.compile(r"KeyTooLongError|\(os error (20|21|36)\)")  # (not) a directory, name too long
_NETWORK = re.compile("error sending request|Connection refused|operation timed out")


@contextmanager
def _translated() -> Iterator[None]:
    """Raise the suite's classes; the service's code is only in the text of obstore's errors."""
    try:
        yield
    except tuple(_CLASSES) as error:
        text = str(error).partition("\n")[0]
        kind = next(wanted for known, wanted in _CLASSES.items() if isinstance(error, known))
        if _BUCKET.search(str(error)):
            kind = StorageBucketNotFound
        elif kind is StorageInternalError and _UNSTORABLE.search(str(error)):
            kind = InvalidURIError
        elif kind is StorageInternalError and _NETWORK.search(str(error)):
            kind = StorageNetworkConnectionError
        raise kind(text) from error


@dataclass(frozen=True)
class ResourceMeta:
    """What is known of one object."""

    path: str
    size: int
    etag: str | None
    last_modified: datetime | None


@dataclass(frozen=True)
class _Place:
    """One of obstore's stores, and the prefix of a handle in it, empty or with a slash at its end."""

    store: Any
    root: str = ""

    def at(self, path: str) -> str:
        if not path:
            raise InvalidURIError("a key is not empty")
        return self.root + path

    def below(self, path: str) -> _Place:
        return replace(self, root=f"{self.root}{path.removesuffix('/')}/" if path else self.root)

    def meta(self, found: Any) -> ResourceMeta:
        path = found["path"].removeprefix(self.root)
        return ResourceMeta(path, found["size"], found["e_tag"], found["last_modified"])


_OPTIONS: Any = {
    "client_options": {"allow_http": True, "timeout": "20s", "connect_timeout": "5s"},
    "retry_config": {"max_retries": 3, "retry_timeout": timedelta(seconds=20)},
}
_memories: dict[str, MemoryStore] = {}
_lock = threading.Lock()


def _open(url: str, creds: Mapping[str, Any]) -> _Place:
    if re.match(r"\w[\w+.-]*:/(?!/)", url):
        raise InvalidURIError(f"a prefix has two slashes: {url!r}")
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "file", url
    names = rest.split("/", 2 if scheme in ("az", "azure") else 1)
    if not rest.strip() or (scheme != "file" and not all(names[: 2 if scheme in ("az", "azure") else 1])):
        raise InvalidURIError(f"a name is missing: {url!r}")
    match scheme, names:
        case "file", _:
            return _Place(LocalStore(Path(rest).expanduser(), mkdir=True, automatic_cleanup=True))
        case "mem", [name, *key]:
            with _lock:
                return _Place(_memories.setdefault(name, MemoryStore())).below("".join(key))
        case "s3", [bucket, *key]:
            config = {
                "access_key_id": creds.get("aws_access_key_id"),
                "secret_access_key": creds.get("aws_secret_access_key"),
                "session_token": creds.get("aws_session_token"),
                "region": creds.get("aws_region", "us-east-1"),
                "endpoint": creds.get("endpoint_url"),
                "skip_signature": creds.get("anon"),
            }
            return _Place(S3Store(bucket, config=_given(config), **_OPTIONS)).below("".join(key))
        case "az" | "azure", [account, container, *key]:
            config = {
                "account_name": account,
                "account_key": creds.get("account_key"),
                "sas_key": creds.get("sas_token"),
                "endpoint": creds.get("endpoint_url"),
                "skip_signature": creds.get("anon"),
            }
            return _Place(AzureStore(container, config=_given(config), **_OPTIONS)).below("".join(key))
    raise InvalidURIError(f"not a path of this target: {url!r}")


def _given(config: dict[str, Any]) -> Any:
    return {name: value for name, value in config.items() if value is not None}


class _Handle:
    def __init__(self, url: str | _Place, creds: Mapping[str, Any] | None = None, token: str | None = None) -> None:
        with _translated():
            self._place = url if isinstance(url, _Place) else _open(url, creds or {})

    def _list(self, path: str) -> Any:
        place = self._place
        with _translated():
            found = [place.meta(meta) for page in obstore.list(place.store, place.root + path) for meta in page]
        return sorted(found, key=lambda meta: meta.path.encode())


class Reader(_Handle):
    """Reads through obstore."""

    def get(self, path: str, start: int | None = None, end: int | None = None) -> Any:
        if (start or 0) < 0 or (end is not None and end < (start or 0)):
            raise ValueError(f"not a range: {start}, {end}")
        store, key = self._place.store, self._place.at(path)
        bounds: Any = {"offset": start or 0} if end is None else (start or 0, end)
        with _translated():
            if not start and end is None:
                return obstore.get(store, key).bytes()
            try:
                return obstore.get(store, key, options={"range": bounds}).bytes()
            except exceptions.BaseError:
                # obstore refuses a range that is empty or begins past the end, which the storage API clips.
                size = obstore.head(store, key)["size"]
                if (start or 0) < min(size if end is None else end, size):
                    raise
                return b""

    def length(self, path: str) -> int:
        meta = self.metadata(path)
        return -1 if meta is None else meta.size

    def metadata(self, path: str) -> ResourceMeta | None:
        with _translated():
            try:
                return self._place.meta(obstore.head(self._place.store, self._place.at(path)))
            except FileNotFoundError as error:
                if _BUCKET.search(str(error)):
                    raise
                return None

    def list(self, path: str = "") -> Any:
        return self._list(path)

    def list_iter(self, path: str = "") -> Iterator[Any]:
        with _translated():
            for page in obstore.list(self._place.store, self._place.root + path):
                yield [self._place.meta(meta) for meta in page]

    def list_dirs(self, path: str = "") -> Any:
        with _translated():
            found = obstore.list_with_delimiter(self._place.store, self._place.root + path)["common_prefixes"]
        return sorted((name.removeprefix(self._place.root) for name in found), key=str.encode)

    def sign_url(self, path: str, expires: float) -> Any:
        if isinstance(self._place.store, LocalStore | MemoryStore):
            raise StorageOperationUnsupported("no signed URLs here")
        try:
            lifetime = timedelta(seconds=expires)
        except OverflowError:
            raise ValueError(f"not a lifetime: {expires} s") from None
        with _translated():
            return obstore.sign(self._place.store, "GET", self._place.at(path), lifetime)

    def subdir(self, path: str) -> Reader:
        return Reader(self._place.below(path))


class Writer(_Handle):
    """Writes through obstore."""

    def set(self, path: str, content: Any, *, if_absent: bool = False, if_match: str | None = None) -> ResourceMeta:
        if if_absent and if_match is not None:
            raise ValueError("obstore has one mode for a write: create, or update what has an etag")
        mode: Any = "create" if if_absent else "overwrite" if if_match is None else {"e_tag": if_match}
        value = memoryview(content).tobytes()
        with _translated():
            stored = obstore.put(self._place.store, self._place.at(path), value, mode=mode)
        return ResourceMeta(path, len(value), stored["e_tag"], None)

    def remove(self, path: str) -> None:
        with _translated():
            try:
                obstore.delete(self._place.store, self._place.at(path))
            except FileNotFoundError as error:
                if _BUCKET.search(str(error)):
                    raise

    def remove_directory(self, path: str) -> None:
        if not self._place.root + path.strip("/") and not isinstance(self._place.store, LocalStore | MemoryStore):
            raise StorageOperationUnsupported("a whole bucket is not removed")
        keys = [self._place.root + meta.path for meta in self._list(path)]
        if keys:
            with _translated():
                obstore.delete(self._place.store, keys)

    def subdir(self, path: str) -> Writer:
        return Writer(self._place.below(path))

    def get_reader(self) -> Reader:
        return Reader(self._place)


storage = SimpleNamespace(Reader=Reader, Writer=Writer)
