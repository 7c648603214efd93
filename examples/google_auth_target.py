"""
google-cloud-storage as a target for gcs://, with the credentials that google-auth finds or is given.

    deeplake-conformance run --target examples/google_auth_target.py

`creds` is the path of a key file, its content as a dictionary or as JSON, 'anon', or None for `google.auth.default`;
`endpoint_url` may be in the dictionary. Names and error classes are translated here, behaviour is left as it is.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import google.auth
import requests
from google.api_core import exceptions as of_api
from google.auth import exceptions as of_auth
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage as sdk
from google.cloud.storage.retry import DEFAULT_RETRY

if TYPE_CHECKING:
    from collections.abc import Iterator

__version__ = sdk.__version__

SCOPES = ("https://www.googleapis.com/auth/devstorage.read_write",)
TIMES: Any = {"timeout": (5, 15), "retry": DEFAULT_RETRY.with_timeout(20)}  # by itself it tries for 120 s


class StorageError(Exception):
    """Root of the errors that the suite asks for; their names are those of deeplake."""


# fmt: off
class CredentialsNotFoundError(StorageError): ...
class CredentialsUnavailableError(StorageError): ...
class InvalidCredentialsError(StorageError): ...
class AuthenticationError(StorageError): ...
class StorageAccessDenied(StorageError): ...
class StorageKeyNotFound(StorageError, KeyError): ...
class StorageBucketNotFound(StorageError): ...
class StorageNetworkConnectionError(StorageError, ConnectionError): ...
class StorageInternalError(StorageError): ...
class InvalidURIError(StorageError, ValueError): ...
# fmt: on

BY_CLASS: tuple[tuple[type[Exception], type[StorageError]], ...] = (
    (of_api.Unauthorized, AuthenticationError),
    (of_api.Forbidden, StorageAccessDenied),
    (of_api.GoogleAPIError, StorageInternalError),
    (of_auth.MalformedError, InvalidCredentialsError),
    (of_auth.RefreshError, CredentialsUnavailableError),
    (of_auth.TransportError, CredentialsUnavailableError),
    (of_auth.DefaultCredentialsError, CredentialsNotFoundError),
    (of_auth.GoogleAuthError, CredentialsUnavailableError),
    (requests.RequestException, StorageNetworkConnectionError),
)


@contextmanager
def _translated(missing: type[StorageError] = StorageKeyNotFound) -> Iterator[None]:
    try:
        yield
    except of_api.NotFound as error:
        raise missing(str(error)) from error
    except tuple(known for known, _ in BY_CLASS) as error:
        last = (
            error.cause if isinstance(error, of_api.RetryError) else error
        )  # what it tried again until its time was over
        kind = next((kind for known, kind in BY_CLASS if isinstance(last, known)), StorageInternalError)
        raise kind(f"{type(last).__name__}: {last}") from error


def _credentials(creds: Any) -> Any:
    if creds == "anon" or (isinstance(creds, dict) and creds.get("anon")):
        return AnonymousCredentials()
    if isinstance(creds, str) and creds != "ENV":
        if not creds.lstrip().startswith("{"):
            return google.auth.load_credentials_from_file(creds, scopes=SCOPES)[0]
        creds = json.loads(creds)
    if isinstance(creds, dict) and "type" in creds:
        known = {name: value for name, value in creds.items() if name != "endpoint_url"}
        return google.auth.load_credentials_from_dict(known, scopes=SCOPES)[0]
    return google.auth.default(scopes=SCOPES)[0]


class _Handle:
    def __init__(self, url: str, creds: Any = None, token: str | None = None) -> None:
        scheme, _, rest = url.partition("://")
        name, _, path = rest.removesuffix("/").partition("/")
        if scheme not in ("gcs", "gs", "gcp") or not name:
            raise InvalidURIError(f"not a path of this target: {url!r}")
        self._root = f"{path}/" if path else ""
        self._opened = (url.removesuffix("/"), creds)
        endpoint = creds.get("endpoint_url") if isinstance(creds, dict) else None
        options = {"api_endpoint": endpoint} if endpoint else None
        with _translated():
            client = sdk.Client(project="none", credentials=_credentials(creds), client_options=options)
        self._bucket = client.bucket(name)

    def _at(self, path: str) -> Any:
        if not path:
            raise InvalidURIError("a key is not empty")
        return self._bucket.blob(self._root + path)

    def _meta(self, blob: Any) -> Any:
        path = blob.name.removeprefix(self._root)
        return SimpleNamespace(path=path, size=blob.size, etag=str(blob.generation), last_modified=blob.updated)


class Reader(_Handle):
    """Reads by google-cloud-storage."""

    def get(self, path: str, start: int | None = None, end: int | None = None) -> bytes:
        first = start or 0
        if first < 0 or (end is not None and end < first):
            raise ValueError(f"not a range: {start}, {end}")
        if end is not None and end == first:
            return self.get(path)[:0]
        with _translated():
            try:
                last = None if end is None else end - 1
                return bytes(self._at(path).download_as_bytes(start=start, end=last, raw_download=True, **TIMES))
            except of_api.RequestRangeNotSatisfiable:
                return b""  # the storage API clips

    def length(self, path: str) -> int:
        meta = self.metadata(path)
        return -1 if meta is None else int(meta.size)

    def metadata(self, path: str) -> Any:
        blob = self._at(path)
        try:
            with _translated():
                blob.reload(**TIMES)
        except StorageKeyNotFound:
            return None
        return self._meta(blob)

    def list(self, path: str = "") -> Any:
        return [each for page in self.list_iter(path) for each in page]

    def list_iter(self, path: str = "") -> Any:
        below = f"{path.removesuffix('/')}/" if path else ""
        with _translated(missing=StorageBucketNotFound):
            for page in self._bucket.list_blobs(prefix=self._root + below, **TIMES).pages:
                yield [self._meta(blob) for blob in page]


class Writer(_Handle):
    """Writes by google-cloud-storage."""

    def set(self, path: str, content: Any) -> Any:
        blob = self._at(path)
        with _translated(missing=StorageBucketNotFound):
            blob.upload_from_string(memoryview(content).tobytes(), **TIMES)
        return self._meta(blob)

    def remove(self, path: str) -> None:
        try:
            with _translated():
                self._at(path).delete(**TIMES)
        except StorageKeyNotFound:
            return

    def get_reader(self) -> Reader:
        return Reader(*self._opened)


storage = SimpleNamespace(Reader=Reader, Writer=Writer)
