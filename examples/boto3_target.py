"""
boto3 as a target for s3://, with its own chain of credentials.

    deeplake-conformance run --target examples/boto3_target.py

`creds` has keys or a `profile_name`, and `endpoint_url` and `aws_region`; without keys boto3 looks on the machine by itself.
Names and error classes are translated here, behaviour is left as it is.
"""

from __future__ import annotations

from contextlib import contextmanager
from threading import Lock
from traceback import walk_tb
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
from botocore import UNSIGNED
from botocore import exceptions as of_botocore
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Iterator

__version__ = boto3.__version__


class StorageError(Exception):
    """Root of the errors that the suite asks for; their names are those of deeplake."""


# fmt: off
class CredentialsError(StorageError): ...
class CredentialsNotFoundError(CredentialsError): ...
class InvalidCredentialsError(CredentialsError): ...
class CredentialsUnavailableError(CredentialsError): ...
class AuthenticationError(CredentialsError): ...
class ExpiredTokenError(AuthenticationError): ...
class StorageAccessDenied(StorageError): ...
class StorageKeyNotFound(StorageError, KeyError): ...
class StorageBucketNotFound(StorageError): ...
class StorageNetworkConnectionError(StorageError, ConnectionError): ...
class StorageInternalError(StorageError): ...
class InvalidURIError(StorageError, ValueError): ...
# fmt: on

BY_CODE: dict[str, type[StorageError]] = {
    **dict.fromkeys(("NoSuchKey", "404"), StorageKeyNotFound),
    **dict.fromkeys(("AccessDenied", "403"), StorageAccessDenied),
    **dict.fromkeys(("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken"), AuthenticationError),
    "RequestTimeTooSkewed": AuthenticationError,
    "ExpiredToken": ExpiredTokenError,
    "NoSuchBucket": StorageBucketNotFound,
}
OF_CREDENTIALS: dict[type[Exception], type[StorageError]] = {
    of_botocore.NoCredentialsError: CredentialsNotFoundError,
    of_botocore.PartialCredentialsError: InvalidCredentialsError,
    of_botocore.ProfileNotFound: InvalidCredentialsError,
    of_botocore.ConfigParseError: InvalidCredentialsError,
    of_botocore.InvalidConfigError: InvalidCredentialsError,
    of_botocore.InvalidIMDSEndpointError: InvalidCredentialsError,
    of_botocore.CredentialRetrievalError: CredentialsUnavailableError,
    of_botocore.MetadataRetrievalError: CredentialsUnavailableError,
    of_botocore.SSOError: CredentialsUnavailableError,
    of_botocore.TokenRetrievalError: CredentialsUnavailableError,
}
OF_REQUESTS: dict[type[Exception], type[StorageError]] = {
    of_botocore.ConnectionError: StorageNetworkConnectionError,
    of_botocore.HTTPClientError: StorageNetworkConnectionError,
    of_botocore.ParamValidationError: InvalidURIError,
    of_botocore.BotoCoreError: StorageInternalError,
    ValueError: InvalidURIError,  # "Invalid endpoint"
}

LOOKING = {"botocore.credentials", "botocore.tokens"}
"""Modules that are on the way of an error in the search, which may be of any class: ValueError, FileNotFoundError ..."""

SIGNING = {"botocore.auth"}
"""Modules that cannot sign with a key that is no text."""


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except StorageError:
        raise
    except Exception as error:
        kind = _meaning(error)
        if kind is None:
            raise
        raise kind(_said(error)) from error


def _meaning(error: Exception) -> type[StorageError] | None:
    known = next((kind for of_boto, kind in OF_CREDENTIALS.items() if isinstance(error, of_boto)), None)
    if known is not None:
        return known
    on_the_way = {frame.f_globals.get("__name__") for frame, _ in walk_tb(error.__traceback__)}
    if on_the_way & LOOKING:
        refused = type(error) is ValueError  # "Unsupported host" of a container's address
        return InvalidCredentialsError if refused else CredentialsUnavailableError
    if on_the_way & SIGNING or "Invalid header value" in str(error):
        return InvalidCredentialsError
    if isinstance(error, of_botocore.ClientError):
        return BY_CODE.get(error.response["Error"].get("Code", ""), StorageInternalError)
    return next((kind for of_boto, kind in OF_REQUESTS.items() if isinstance(error, of_boto)), None)


def _said(error: Exception) -> str:
    if isinstance(error, of_botocore.ClientError):
        return f"{error.response['Error'].get('Code', '')}: {error.operation_name}"
    return str(error) or type(error).__name__


def _client(creds: dict[str, Any]) -> Any:
    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token", "profile_name")
    config = Config(
        connect_timeout=5,
        read_timeout=15,
        retries={"total_max_attempts": 3},
        s3={"addressing_style": "path"} if creds.get("endpoint_url") else {},
        signature_version=UNSIGNED if creds.get("anon") else None,
    )
    session = boto3.Session(**{name: creds[name] for name in names if name in creds})
    region = creds.get("aws_region") or session.region_name or "us-east-1"
    return session.client("s3", region_name=region, endpoint_url=creds.get("endpoint_url"), config=config)


class _Handle:
    def __init__(self, url: str, creds: dict[str, Any] | None = None, token: str | None = None) -> None:
        scheme, _, rest = url.partition("://")
        self._bucket, _, path = rest.removesuffix("/").partition("/")
        if scheme != "s3" or not self._bucket:
            raise InvalidURIError(f"not a path of this target: {url!r}")
        self._root = f"{path}/" if path else ""
        # what a handle keeps of its creds is a function, so that they do not stand among its attributes
        self._make = lambda: _client(creds or {})
        self._reader = lambda: Reader(url.removesuffix("/"), creds)
        self._opening = Lock()
        self._made: Any = None

    @property
    def _client(self) -> Any:
        """The client, made at the first operation, and at the next one where that failed: boto3 looks for keys then."""
        with self._opening:
            if self._made is None:
                self._made = self._make()
            return self._made

    def _at(self, path: str) -> dict[str, str]:
        if not path:
            raise InvalidURIError("a key is not empty")
        return {"Bucket": self._bucket, "Key": self._root + path}


class Reader(_Handle):
    """Reads by boto3."""

    def get(self, path: str, start: int | None = None, end: int | None = None) -> bytes:
        first = start or 0
        if first < 0 or (end is not None and end < first):
            raise ValueError(f"not a range: {start}, {end}")
        if end is not None and end == first:
            return self.get(path)[:0]
        span = {"Range": f"bytes={first}-{'' if end is None else end - 1}"} if first or end is not None else {}
        with _translated():
            try:
                return bytes(self._client.get_object(**self._at(path), **span)["Body"].read())
            except of_botocore.ClientError as error:
                if error.response["Error"].get("Code") != "InvalidRange":  # the storage API clips
                    raise
                return b""

    def length(self, path: str) -> int:
        meta = self.metadata(path)
        return -1 if meta is None else int(meta.size)

    def metadata(self, path: str) -> Any:
        try:
            with _translated():
                found = self._client.head_object(**self._at(path))
        except StorageKeyNotFound:
            return None
        return _meta(path, found["ContentLength"], found)

    def list(self, path: str = "") -> Any:
        return [each for page in self.list_iter(path) for each in page]

    def list_iter(self, path: str = "") -> Any:
        below = f"{path.removesuffix('/')}/" if path else ""
        with _translated():
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._root + below):
                found = page.get("Contents", ())
                yield [_meta(each["Key"].removeprefix(self._root), each["Size"], each) for each in found]


class Writer(_Handle):
    """Writes by boto3."""

    def set(self, path: str, content: Any) -> Any:
        value = memoryview(content).tobytes()
        with _translated():
            answer = self._client.put_object(**self._at(path), Body=value)
        return _meta(path, len(value), answer)

    def remove(self, path: str) -> None:
        with _translated():
            self._client.delete_object(**self._at(path))

    def get_reader(self) -> Reader:
        return self._reader()


def _meta(path: str, size: int, answer: dict[str, Any]) -> Any:
    return SimpleNamespace(path=path, size=size, etag=answer["ETag"], last_modified=answer.get("LastModified"))


storage = SimpleNamespace(Reader=Reader, Writer=Writer)
