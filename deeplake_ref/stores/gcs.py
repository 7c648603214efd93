"""
`gcs://bucket/name` on Google Cloud Storage, one client per handle.

Small objects are one request each way. Large ones go up in one resumable upload and come down in parallel ranges of one
generation. The generation is the etag: unlike the service's own etag it can be a condition of an upload.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast

from deeplake_ref.credentials import google
from deeplake_ref.errors import (
    AuthenticationError,
    CredentialsError,
    StorageError,
    StorageKeyAlreadyExists,
    StorageKeyNotFound,
    StorageNetworkConnectionError,
    StorageOperationUnsupported,
    StoragePreconditionFailed,
)
from deeplake_ref.secrets import SecretFields
from deeplake_ref.sessions import Deadline, MalformedAnswerError, RefusedError, content_range
from deeplake_ref.stores import CHUNK, THREADS, Buffer, Keys, Metas, ResourceMeta, gcs_answers, ranges
from deeplake_ref.stores.gcs_client import OBJECT_FIELDS, GcsClient
from deeplake_ref.stores.gcs_errors import translated
from deeplake_ref.stores.gcs_signing import LONGEST_SIGNED_S, signed_url
from deeplake_ref.urls import DatasetURL, check_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from deeplake_ref.credentials.chain import Chain
    from deeplake_ref.credentials.google_tokens import GoogleCredentials
    from deeplake_ref.retry import RetryPolicy

T = TypeVar("T")

PAGE = 1000
"""Entries of one page; the most that the service gives."""


class GcsStore:
    """One root in a bucket."""

    def __init__(
        self,
        url: DatasetURL,
        creds: Mapping[str, Any] | str | None,
        retry: RetryPolicy,
        chain: Chain[GoogleCredentials] | None = None,
    ) -> None:
        import google_crc32c  # noqa: F401 - a missing SDK is told when the handle is opened
        import requests  # noqa: F401
        from google.auth import credentials  # noqa: F401

        self._bucket = url.bucket
        self._root = f"{url.path}/" if url.path else ""
        self._creds = SecretFields(creds)
        self._chain = chain or google.chain(self._creds)
        self._retry = retry
        self._lock = threading.Lock()
        self._client: GcsClient | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._closed = False

    # ---- the client

    def _connected(self) -> GcsClient:
        client = self._client
        if client is None:
            with self._lock:
                self._check_open()
                if self._client is None:
                    resolved = self._chain.resolve().credentials
                    self._client = GcsClient(resolved, google.endpoint_for(self._creds, resolved), self._bucket)
                client = self._client
        return client

    def _check_open(self) -> None:
        if self._closed:
            raise StorageError("the handle is closed, open another one", provider="gcs", effect="none")

    def _threads(self) -> ThreadPoolExecutor:
        with self._lock:
            self._check_open()
            if self._pool is None:
                self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="deeplake_ref-gcs")
            return self._pool

    def _call(
        self,
        operation: str,
        key: str,
        request: Callable[[GcsClient, Deadline], T],
        *,
        safe: Callable[[StorageError], bool] | None = None,
    ) -> T:
        client = self._connected()
        deadline = Deadline(self._retry.deadline_s)
        effects: set[str | None] = set()

        def attempt() -> T:
            try:
                return request(client, deadline)
            except CredentialsError as error:
                # no token was to be had, so that nothing was sent; its frames hold what was exchanged
                failure: StorageError = error.with_traceback(None)
                failure.source = failure.source or self._chain.source
            except StorageError as error:
                failure = error
            except Exception as error:  # noqa: BLE001 - every foreign exception is translated, none leaks
                failure = translated(error, operation, key, self._bucket, self._chain.source, client)
            # what the first attempt may have done, a later one does not undo
            effects.add(failure.effect)
            if "unknown" in effects:
                failure.effect = "unknown"
            # raised here, since the foreign exception would hang on as context above
            raise failure

        def renewable() -> tuple[T | None, StorageError | None]:
            try:
                return self._retry.run(attempt, safe=safe), None
            except AuthenticationError as error:
                # what an earlier attempt may have done, sending it again could do twice
                if safe is None or safe(error):
                    raise
                return None, error

        answer, refused = self._chain.call(renewable)
        if refused is not None:
            raise refused
        return cast("T", answer)

    # ---- reading

    def get(self, key: str, start: int | None = None, end: int | None = None) -> Buffer:
        """Return a slice, in parallel ranges if it is large; a whole object is checked against its CRC32C."""
        full = self._full(key)
        low, high = start or 0, ranges.LARGEST if end is None else end
        if low >= min(high, ranges.LARGEST):
            return self._nothing(key)
        for _ in range(2):
            fetch = _Fetch(self, full, key)
            value = ranges.read(fetch, self._threads, low, high)
            if fetch.is_intact(value):
                return value
        message = f"get: {key!r} in {self._bucket}: the bytes do not have the object's CRC32C"
        raise StorageNetworkConnectionError(message, provider="gcs", operation="get", effect="none")

    def _full(self, key: str) -> str:
        return check_key(self._root + key, "gcs")

    def _nothing(self, key: str) -> bytes:
        """Return no bytes of an object that must exist all the same."""
        if self.head(key) is None:
            message = f"get: no object {key!r} in {self._bucket}"
            raise StorageKeyNotFound(message, provider="gcs", operation="get", source=self._chain.source, effect="none")
        return b""

    def head(self, key: str) -> ResourceMeta | None:
        """Ask for size, generation and time."""
        full = self._full(key)

        def request(client: GcsClient, deadline: Deadline) -> ResourceMeta:
            return gcs_answers.meta(client.metadata(full, deadline), path=key)

        try:
            return self._call("metadata", key, request)
        except StorageKeyNotFound:
            return None

    # ---- writing

    def put(self, key: str, value: Buffer, *, if_absent: bool = False, if_match: str | None = None) -> ResourceMeta:
        """Send one request, or above 8 MiB two: one that begins a resumable upload, one with the whole body."""
        full = self._full(key)
        conditions: dict[str, str] = {}
        if if_absent:
            conditions["ifGenerationMatch"] = "0"
        if if_match is not None:
            conditions["ifGenerationMatch"] = gcs_answers.condition(if_match)
        crc32c = gcs_answers.crc32c(value)
        put = self._upload if len(value) <= CHUNK else self._upload_resumable
        try:
            meta = put(full, key, value, crc32c, conditions)
        except StoragePreconditionFailed as error:
            if not if_absent:
                raise
            lost = error.told_as(StorageKeyAlreadyExists, f"set: {key!r} in {self._bucket} exists already")
        else:
            return meta
        raise lost

    def _upload(self, full: str, key: str, value: Buffer, crc32c: str, conditions: Mapping[str, str]) -> ResourceMeta:
        def request(client: GcsClient, deadline: Deadline) -> ResourceMeta:
            fields = client.upload(full, value, crc32c, conditions, deadline)
            return gcs_answers.meta(fields, path=key, size=len(value))

        return self._call("set", key, request, safe=_effectless if conditions else None)

    def _upload_resumable(
        self, full: str, key: str, value: Buffer, crc32c: str, conditions: Mapping[str, str]
    ) -> ResourceMeta:
        """Send the whole body in every attempt, in a session of its own: what a broken one has is seen by nobody."""

        def request(client: GcsClient, deadline: Deadline) -> ResourceMeta:
            try:
                location = client.begin(full, len(value), crc32c, conditions, deadline)
            except StorageError:
                raise
            except Exception as error:  # noqa: BLE001 - every foreign exception is translated, none leaks
                failure = translated(error, "set", key, self._bucket, self._chain.source, client)
                failure.effect = "none"  # an upload that only began changes nothing
            else:
                return gcs_answers.meta(client.finish(location, value, deadline), path=key, size=len(value))
            raise failure

        return self._call("set", key, request, safe=_effectless if conditions else None)

    def delete(self, key: str) -> None:
        """Remove an object; that there is none is fine."""
        self._full(key)
        self._delete("remove", key)

    def delete_many(self, keys: Keys) -> None:
        """Remove objects on several threads, by the names that a listing has; a batch is as many requests inside."""
        ranges.gathered([self._threads().submit(self._delete, "remove_directory", key) for key in keys])

    def _delete(self, operation: str, key: str) -> None:
        with suppress(StorageKeyNotFound):
            self._call(operation, key, lambda client, deadline: client.delete(self._root + key, deadline))

    # ---- listing

    def list(self, directory: str) -> Iterator[Metas]:
        """Yield one page per request; names that end with a slash are folders of other tools, not objects."""
        for page in self._pages(directory, fields=f"kind,nextPageToken,items({OBJECT_FIELDS})"):
            objects = (meta for meta in page.objects if not meta.path.endswith("/"))
            yield [replace(meta, path=meta.path.removeprefix(self._root)) for meta in objects]

    def list_dirs(self, directory: str) -> Iterator[str]:
        """Yield common prefixes; the service groups them, so that no deeper key is sent."""
        for page in self._pages(directory, delimiter="/", fields="kind,nextPageToken,prefixes"):
            for prefix in page.prefixes:
                name = prefix.removeprefix(self._root).removesuffix("/")
                if name and not name.endswith("/"):
                    yield name

    def _pages(self, directory: str, **parameters: str) -> Iterator[gcs_answers.Page]:
        prefix = self._root + (f"{directory}/" if directory else "")
        asked = {"prefix": prefix, "maxResults": str(PAGE), **parameters}
        token: str | None = ""
        while token is not None:
            if token:
                asked["pageToken"] = token
            page = self._call(
                "list", directory, lambda client, deadline: gcs_answers.page(client.page(deadline, **asked))
            )
            yield page
            token = page.token or None

    # ---- the rest

    def sign_url(self, key: str, expires_s: float) -> str:
        """Return a URL that the key of a service account signs, without a request; the other sources have no key."""
        full = self._full(key)
        if expires_s > LONGEST_SIGNED_S:
            raise ValueError(f"a signed URL on gcs:// lives for {LONGEST_SIGNED_S} seconds at most: {expires_s}")
        credentials = self._chain.resolve().credentials
        if credentials.signer is None:
            message = f"sign_url: {self._chain.source} has no key to sign with; use the key file of a service account"
            raise StorageOperationUnsupported(
                message, provider="gcs", operation="sign_url", source=self._chain.source, effect="none"
            )
        where = google.endpoint_for(self._creds, credentials)
        return signed_url(credentials.signer, where, self._bucket, full, expires_s, datetime.now(UTC))

    def is_root_of_bucket(self) -> bool:
        """Whether the root is the whole bucket."""
        return not self._root

    def close(self) -> None:
        """Close connections and threads."""
        with self._lock:
            self._closed = True
            pool, self._pool = self._pool, None
            client, self._client = self._client, None
        if pool is not None:
            pool.shutdown()
        if client is not None:
            client.close()


class _Fetch:
    """Ranged requests for one object."""

    def __init__(self, store: GcsStore, full: str, key: str) -> None:
        self._store = store
        self._full = full
        self._key = key
        self._total = -1
        self._crc32c: str | None = None

    def first(self, start: int, stop: int, begin: ranges.Begin) -> ranges.Part | None:
        """Ask for one chunk; 416 means that the object ends before it."""

        def request(client: GcsClient, deadline: Deadline) -> ranges.Part | None:
            try:
                answer = client.download(self._full, start, stop, deadline)
            except RefusedError as error:
                if error.status == 416:
                    return None
                raise
            with answer:
                etag = gcs_answers.generation(answer.headers)
                if answer.status == 206:
                    first, last, total = content_range(answer.headers)
                    begin(first, total, etag)
                    body = answer.body(deadline)
                else:
                    body = answer.body(deadline)
                    first, last, total = 0, len(body) - 1, len(body)
            if len(body) != last + 1 - first:
                raise MalformedAnswerError
            self._total, self._crc32c = total, gcs_answers.kept_crc32c(answer.headers)
            return ranges.Part(body, first, total, etag)

        return self._store._call("get", self._key, request)  # noqa: SLF001 - one thing in two classes

    def into(self, wanted: ranges.Wanted) -> None:
        """Read one range of a generation in place."""

        def request(client: GcsClient, deadline: Deadline) -> None:
            try:
                answer = client.download(self._full, wanted.start, wanted.stop, deadline, generation=wanted.etag)
            except RefusedError as error:
                if error.status != 404:
                    raise
                raise _replaced() from None
            with answer:
                if answer.status != 206 or content_range(answer.headers)[0] != wanted.start:
                    raise MalformedAnswerError
                if gcs_answers.generation(answer.headers) != wanted.etag:
                    raise _replaced()
                answer.body_into(wanted.room(), deadline)

        self._store._call("get", self._key, request)  # noqa: SLF001

    def is_intact(self, value: Buffer) -> bool:
        """Whether a whole object has the checksum that the service keeps for it; of a part it cannot be told."""
        return len(value) != self._total or self._crc32c is None or gcs_answers.crc32c(value) == self._crc32c


def _replaced() -> StoragePreconditionFailed:
    return StoragePreconditionFailed("get: the object was replaced", provider="gcs", operation="get")


def _effectless(error: StorageError) -> bool:
    """Whether a conditional write may be sent again: it would lose against its own first try otherwise."""
    return error.effect == "none"
