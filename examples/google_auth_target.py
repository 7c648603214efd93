"""
google-cloud-storage as a target for gcs://, with the credentials that google-auth finds or is given.

    deeplake-conformance run --target examples/google_auth_target.py

`creds` is the path of a key file, its content as a dictionary or as JSON, 'anon', or None for `google.auth.default`;
`endpoint_url` may be in the dictionary. Names and error classes are translated here, behaviour is left as it is.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from threading import Lock
from traceback import walk_tb
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import google.auth
import requests
from google.api_core import exceptions as of_api
from google.auth import exceptions as of_auth
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage as sdk
from google.cloud.storage.retry import DEFAULT_RETRY
from google.oauth2.credentials import Credentials

if TYPE_CHECKING:
    from collections.abc import Iterator

__version__ = sdk.__version__

SCOPES = ("https://www.googleapis.com/auth/devstorage.read_write",)
TIMES: Any = {"timeout": (5, 15), "retry": DEFAULT_RETRY.with_timeout(20)}  # by itself it tries for 120 s


class StorageError(Exception):
    """Root of the errors that the suite asks for; their names are those of deeplake."""


# fmt: off
class CredentialsError(StorageError): ...
class CredentialsNotFoundError(CredentialsError): ...
class CredentialsUnavailableError(CredentialsError): ...
class InvalidCredentialsError(CredentialsError): ...
class AuthenticationError(CredentialsError): ...
class ExpiredTokenError(AuthenticationError): ...
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
    (of_auth.InvalidValue, InvalidCredentialsError),
    (of_auth.RefreshError, CredentialsUnavailableError),
    (of_auth.TransportError, CredentialsUnavailableError),
    (of_auth.DefaultCredentialsError, InvalidCredentialsError),
    (of_auth.GoogleAuthError, CredentialsUnavailableError),
    (requests.exceptions.InvalidHeader, InvalidCredentialsError),  # the only one that is the caller's is Authorization
    (requests.RequestException, StorageNetworkConnectionError),
)
NOWHERE = "Your default credentials were not found"
BARE = "do not contain the necessary fields"
"""What a refresh of a token alone fails with, which is tried because the service rejected it."""

LOADING = "google.auth._default"
"""The module that is on the way of an error in a key file, which may be of any class: IsADirectoryError, TypeError ..."""

REFRESHING = "google.auth.credentials"
"""The module that is on the way of an error in an answer that should hold a token, which may be of any class too."""


@contextmanager
def _translated(missing: type[StorageError] = StorageKeyNotFound) -> Iterator[None]:
    try:
        yield
    except StorageError:
        raise
    except of_api.NotFound as error:
        raise missing(str(error)) from error
    except Exception as error:
        # what it tried again until its time was over
        last = error.cause if isinstance(error, of_api.RetryError) and isinstance(error.cause, Exception) else error
        kind = _meaning(last)
        if kind is None:
            raise
        raise kind(f"{type(last).__name__}: {last}") from error


def _meaning(error: Exception) -> type[StorageError] | None:
    if isinstance(error, of_auth.DefaultCredentialsError) and str(error).startswith(NOWHERE):
        return CredentialsNotFoundError
    if isinstance(error, of_auth.RefreshError) and BARE in str(error):
        return AuthenticationError
    known = next((kind for of_google, kind in BY_CLASS if isinstance(error, of_google)), None)
    if known is not None:
        return known
    on_the_way = {frame.f_globals.get("__name__") for frame, _ in walk_tb(error.__traceback__)}
    if LOADING in on_the_way:
        return InvalidCredentialsError
    return CredentialsUnavailableError if REFRESHING in on_the_way else None


def _credentials(creds: Any) -> Any:
    if creds == "anon" or (isinstance(creds, dict) and creds.get("anon")):
        return AnonymousCredentials()
    if isinstance(creds, str) and creds != "ENV":
        if not creds.lstrip().startswith("{"):
            return google.auth.load_credentials_from_file(creds, scopes=SCOPES)[0]
        try:
            creds = json.loads(creds)
        except ValueError as error:
            raise InvalidCredentialsError(f"creds is no JSON: {error}") from error
    given = creds if isinstance(creds, dict) else {}
    known = {name: value for name, value in given.items() if name != "endpoint_url" and value is not None}
    if "gcs_oauth_token" in known:
        return Credentials(known["gcs_oauth_token"])
    if known:
        return google.auth.load_credentials_from_dict(known, scopes=SCOPES)[0]
    return google.auth.default(scopes=SCOPES)[0]


def _client(creds: Any) -> Any:
    endpoint = creds.get("endpoint_url") if isinstance(creds, dict) else None
    options = {"api_endpoint": endpoint} if endpoint else None
    return sdk.Client(project="none", credentials=_credentials(creds), client_options=options)


class _Handle:
    def __init__(self, url: str, creds: Any = None, token: str | None = None) -> None:
        scheme, _, rest = url.partition("://")
        name, _, path = rest.removesuffix("/").partition("/")
        if scheme not in ("gcs", "gs", "gcp") or not name:
            raise InvalidURIError(f"not a path of this target: {url!r}")
        self._root = f"{path}/" if path else ""
        # what a handle keeps of its creds is a function, so that they do not stand among its attributes
        self._make = lambda: _client(creds)
        self._reader = lambda: Reader(url.removesuffix("/"), creds)
        self._name = name
        self._opening = Lock()
        self._made: Any = None

    @property
    def _bucket(self) -> Any:
        """The bucket of a client that is made at the first operation, and at the next one where that failed."""
        with self._opening:
            if self._made is None:
                with _translated():
                    self._made = self._make().bucket(self._name)
            return self._made

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
        return self._reader()


storage = SimpleNamespace(Reader=Reader, Writer=Writer)
