"""
azure-storage-blob as a target for az://, with DefaultAzureCredential of azure-identity for whoever gives no key.

    deeplake-conformance run --target examples/azure_identity_target.py

`creds` has `account_key` or `sas_token`, and `endpoint_url`. The variables AZURE_STORAGE_* are the Azure CLI's: neither
library reads them. Names and error classes are translated here, behaviour is left as it is.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from azure.core import exceptions as of_azure
from azure.storage.blob import ContainerClient, __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["__version__", "storage"]


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

BY_CODE: dict[str, type[StorageError]] = {
    "BlobNotFound": StorageKeyNotFound,
    **dict.fromkeys(("ContainerNotFound", "ContainerBeingDeleted"), StorageBucketNotFound),
    **dict.fromkeys(("AuthenticationFailed", "InvalidAuthenticationInfo"), AuthenticationError),
}
BY_STATUS: dict[int | None, type[StorageError]] = {401: AuthenticationError, 403: StorageAccessDenied}
EXPIRED = re.compile("token is expired|not valid in the specified time frame")
"""What the service says of a token and of a signature that are over, in the details of other codes."""

# by itself it waits 15 s, then 18 s and 24 s, before it tries again, also where nobody has credentials
TIMES: Any = {
    "connection_timeout": 5,
    "read_timeout": 15,
    "retry_total": 2,
    "initial_backoff": 1,
    "increment_base": 1,
}


@contextmanager
def _translated(chain: Any = None) -> Iterator[None]:
    try:
        yield
    except of_azure.HttpResponseError as error:
        raise _meaning(error, chain)(_said(error)) from error
    except (of_azure.ServiceRequestError, of_azure.ServiceResponseError) as error:
        raise StorageNetworkConnectionError(_said(error)) from error
    except of_azure.AzureError as error:
        raise StorageInternalError(_said(error)) from error


def _meaning(error: of_azure.HttpResponseError, chain: Any) -> type[StorageError]:
    if type(error).__name__ == "AzureSigningError":  # a key that is not base64
        return InvalidCredentialsError
    if error.response is None and isinstance(error, of_azure.ClientAuthenticationError):
        asked = re.findall(r"\n\t\w+", error.message)
        # all were asked if nobody is configured; a credential that is configured and fails ends the chain
        return CredentialsNotFoundError if len(asked) >= len(chain.credentials) else CredentialsUnavailableError
    known = BY_CODE.get(_code(error)) or BY_STATUS.get(error.status_code) or StorageInternalError
    return ExpiredTokenError if known is AuthenticationError and EXPIRED.search(str(error)) else known


def _code(error: Any) -> str:
    code = getattr(error, "error_code", None) or ""
    return str(getattr(code, "value", code))


def _said(error: Any) -> str:
    return f"{type(error).__name__} {_code(error)}: {str(error.message).partition(chr(10))[0]}"


def _credential(creds: dict[str, Any]) -> Any:
    if creds.get("anon"):
        return None
    if "account_key" in creds or "sas_token" in creds:
        return creds.get("account_key") or creds.get("sas_token")
    from azure.identity import DefaultAzureCredential

    # otherwise azure-identity asks the public cloud whether it knows an authority that is not its own
    return DefaultAzureCredential(disable_instance_discovery="AZURE_AUTHORITY_HOST" in os.environ)


class _Handle:
    def __init__(self, url: str, creds: dict[str, Any] | None = None, token: str | None = None) -> None:
        scheme, _, rest = url.partition("://")
        account, container, *path = [*rest.removesuffix("/").split("/", 2), ""][:3]
        if scheme not in ("az", "azure") or not account or not container:
            raise InvalidURIError(f"not a path of this target: {url!r}")
        self._root = f"{path[0]}/" if path[0] else ""
        # what a handle keeps of its creds is a function, so that they do not stand among its attributes
        self._reader = lambda: Reader(url.removesuffix("/"), creds)
        given = dict(creds or {})
        endpoint = given.get("endpoint_url") or f"https://{account}.blob.core.windows.net"
        try:
            credential = self._chain = _credential(given)
            if given.get("account_key"):
                credential = {"account_name": account, "account_key": given["account_key"]}
            self._client = ContainerClient(endpoint, container, credential=credential, **TIMES)
        except (ValueError, TypeError, AttributeError) as error:
            raise InvalidCredentialsError(str(error)) from error

    def _at(self, path: str) -> Any:
        if not path:
            raise InvalidURIError("a key is not empty")
        return self._client.get_blob_client(self._root + path)


class Reader(_Handle):
    """Reads by azure-storage-blob."""

    def get(self, path: str, start: int | None = None, end: int | None = None) -> bytes:
        first = start or 0
        if first < 0 or (end is not None and end < first):
            raise ValueError(f"not a range: {start}, {end}")
        if end is not None and end == first:
            return self.get(path)[:0]
        with _translated(self._chain):
            try:
                length = None if end is None else end - first
                return bytes(self._at(path).download_blob(first, length).readall())
            except of_azure.HttpResponseError as error:
                if _code(error) != "InvalidRange":  # the storage API clips
                    raise
                return b""

    def length(self, path: str) -> int:
        meta = self.metadata(path)
        return -1 if meta is None else int(meta.size)

    def metadata(self, path: str) -> Any:
        try:
            with _translated(self._chain):
                return self._meta(self._at(path).get_blob_properties())
        except StorageKeyNotFound:
            return None

    def list(self, path: str = "") -> Any:
        return [each for page in self.list_iter(path) for each in page]

    def list_iter(self, path: str = "") -> Any:
        below = f"{path.removesuffix('/')}/" if path else ""
        with _translated(self._chain):
            for page in self._client.list_blobs(self._root + below).by_page():
                yield [self._meta(each) for each in page]

    def _meta(self, found: Any) -> Any:
        return SimpleNamespace(
            path=found.name.removeprefix(self._root),
            size=found.size,
            etag=found.etag.strip('"'),  # listings have it without quotes
            last_modified=found.last_modified,
        )


class Writer(_Handle):
    """Writes by azure-storage-blob."""

    def set(self, path: str, content: Any) -> Any:
        value = memoryview(content).tobytes()
        with _translated(self._chain):
            answer = self._at(path).upload_blob(value, overwrite=True)
        return SimpleNamespace(
            path=path, size=len(value), etag=answer["etag"].strip('"'), last_modified=answer["last_modified"]
        )

    def remove(self, path: str) -> None:
        try:
            with _translated(self._chain):
                self._at(path).delete_blob()
        except StorageKeyNotFound:
            return

    def get_reader(self) -> Reader:
        return self._reader()


storage = SimpleNamespace(Reader=Reader, Writer=Writer)
