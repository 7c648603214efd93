"""
google-cloud-storage as the witness of a GCS service.

The client gets explicit anonymous credentials and a project, so that it never looks for either on the machine; downloads
go by `media` URLs of the JSON API.
"""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from conformance.witnesses import THREADS, TIMEOUT_S, WitnessUnreachable, timed, utf8_sorted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from conformance.services import RunningService

P = ParamSpec("P")
R = TypeVar("R")


def _reached(method: Callable[P, R]) -> Callable[P, R]:
    """Tell a lost service from every other error."""

    @functools.wraps(method)
    def call(*arguments: P.args, **keywords: P.kwargs) -> R:
        from requests.exceptions import ConnectionError as Refused
        from requests.exceptions import Timeout

        try:
            return method(*arguments, **keywords)
        except (Refused, Timeout) as error:
            raise WitnessUnreachable(f"the GCS service does not answer: {type(error).__name__}") from None

    return call


class GcsWitness:
    """A bucket, or a root below it, through one client."""

    kind = "google-cloud-storage"

    def __init__(self, service: RunningService, bucket: str, root: str = "", client: Any = None) -> None:
        self._service = service
        self._name = bucket
        self._prefix = f"{root}/" if root else ""
        self._client = client or client_for(service)
        self._bucket = self._client.bucket(bucket)

    def at(self, root: str) -> GcsWitness:
        """Return a witness for another root of the same bucket."""
        return GcsWitness(self._service, self._name, root, self._client)

    @timed
    @_reached
    def create_root(self) -> None:
        """Make the bucket."""
        self._client.create_bucket(self._name, timeout=TIMEOUT_S, retry=None)

    @timed
    def put(self, key: str, value: bytes) -> None:
        """Store an object by a multipart upload."""
        self._put(key, value)

    @_reached
    def _put(self, key: str, value: bytes) -> None:
        blob = self._bucket.blob(self._prefix + key)
        blob.upload_from_string(
            value, content_type="application/octet-stream", timeout=TIMEOUT_S, retry=None, checksum=None
        )

    @timed
    def put_many(self, values: Mapping[str, bytes]) -> None:
        """Store many objects, several at once."""
        if len(values) < THREADS:
            for key, value in values.items():
                self.put(key, value)
            return
        # the threads' own time is not counted again, only this call's
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(self._put, values.keys(), values.values()))

    @timed
    @_reached
    def get(self, key: str) -> bytes | None:
        """Return the bytes of an object, None if there is none."""
        from google.api_core.exceptions import NotFound

        try:
            blob = self._bucket.blob(self._prefix + key)
            return bytes(blob.download_as_bytes(timeout=TIMEOUT_S, retry=None, checksum=None, raw_download=True))
        except NotFound:
            return None

    @timed
    @_reached
    def size(self, key: str) -> int | None:
        """Return the size in bytes of an object, None if there is none."""
        blob = self._bucket.get_blob(self._prefix + key, timeout=TIMEOUT_S, retry=None)
        return None if blob is None else int(blob.size)

    @timed
    @_reached
    def keys(self, prefix: str = "") -> list[str]:
        """Return all names that start with `prefix`, sorted by UTF-8 bytes."""
        blobs = self._client.list_blobs(
            self._name, prefix=self._prefix + prefix, timeout=TIMEOUT_S, retry=None, fields="items(name),nextPageToken"
        )
        return utf8_sorted([blob.name.removeprefix(self._prefix) for blob in blobs])

    @timed
    @_reached
    def begin_upload(self, key: str) -> None:
        """Open a resumable session and send nothing."""
        blob = self._bucket.blob(self._prefix + key)
        blob.create_resumable_upload_session(content_type="application/octet-stream", timeout=TIMEOUT_S)

    @timed
    @_reached
    def delete(self, key: str) -> None:
        """Remove an object; a missing one is no error."""
        from google.api_core.exceptions import NotFound

        try:
            self._bucket.blob(self._prefix + key).delete(timeout=TIMEOUT_S, retry=None)
        except NotFound:
            return

    @timed
    @_reached
    def delete_all(self) -> None:
        """Remove every object below the root."""
        for key in self.keys():
            self.delete(key)

    @timed
    @_reached
    def remove_root(self) -> None:
        """Remove every object, and the bucket where the root is one."""
        self.delete_all()
        if not self._prefix:
            self._bucket.delete(timeout=TIMEOUT_S, retry=None)


def client_for(service: RunningService, _creds: Mapping[str, Any] | None = None) -> Any:
    """Return an anonymous client: nobody is somebody else on a service that checks no credential."""
    from google.api_core.client_options import ClientOptions
    from google.auth.credentials import AnonymousCredentials
    from google.cloud.storage import Client
    from requests import Session
    from requests.adapters import HTTPAdapter

    session = Session()
    session.trust_env = False
    session.mount("http://", HTTPAdapter(pool_maxsize=THREADS * 2))
    return Client(
        project="conformance",
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call,unused-ignore]
        client_options=ClientOptions(api_endpoint=service.creds()["endpoint_url"]),
        _http=session,
    )
