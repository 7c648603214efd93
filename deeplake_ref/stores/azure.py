"""
`az://account/container/name` on Azure Blob Storage, one client per handle.

Objects are block blobs. They are one request each way up to 8 MiB for reading and, as in the SDK, 64 MiB for writing.
Larger ones go up in parallel blocks, which nobody sees before they are committed, and come down in parallel ranges of
one version.
"""

from __future__ import annotations

import base64
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from deeplake_ref.credentials import azure
from deeplake_ref.credentials.azure_entra import PATIENCE_S
from deeplake_ref.errors import (
    StorageError,
    StorageInternalError,
    StorageKeyAlreadyExists,
    StorageKeyNotFound,
    StorageOperationUnsupported,
    StoragePreconditionFailed,
)
from deeplake_ref.secrets import SecretFields
from deeplake_ref.sessions import Deadline, MalformedAnswerError, RefusedError, content_range
from deeplake_ref.stores import CHUNK, THREADS, Buffer, Keys, Metas, ResourceMeta, azure_answers, ranges
from deeplake_ref.stores.azure_client import AzureClient
from deeplake_ref.stores.azure_errors import translated
from deeplake_ref.urls import DatasetURL, check_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from deeplake_ref.credentials.chain import Chain
    from deeplake_ref.retry import RetryPolicy

T = TypeVar("T")

LARGEST_PUT = 64 * 1024 * 1024
"""Bytes up to which the SDK, and so we, write in one request (`max_single_put_size`)."""

MOST_BLOCKS = 50_000
"""Blocks of one blob ("Scale targets for Blob Storage")."""

COMMITS = 3
"""Uploads that start again because another writer's commit threw away our uncommitted blocks."""


class AzureStore:
    """One root in a container."""

    def __init__(
        self,
        url: DatasetURL,
        creds: Mapping[str, Any] | str | None,
        retry: RetryPolicy,
        chain: Chain[azure.AzureCredentials] | None = None,
    ) -> None:
        from azure.storage.blob import ContainerClient  # noqa: F401 - a missing SDK is told when the handle is opened

        self._account, self._container = url.account, url.bucket
        self._where = f"{url.account}/{url.bucket}"
        self._root = f"{url.path}/" if url.path else ""
        self._creds = SecretFields(creds)
        # an identity service that hangs leaves time to say so
        self._chain = chain or azure.chain(self._creds, url.account, min(PATIENCE_S, retry.deadline_s / 3))
        self._retry = retry
        self._lock = threading.Lock()
        self._client: AzureClient | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._closed = False

    # ---- the client

    def _connected(self) -> AzureClient:
        client = self._client
        if client is None:
            with self._lock:
                self._check_open()
                if self._client is None:
                    resolved = self._chain.resolve().credentials
                    endpoint = azure.endpoint(self._creds, resolved, self._account)
                    self._client = AzureClient(resolved, endpoint, self._account, self._container)
                client = self._client
        return client

    def _check_open(self) -> None:
        if self._closed:
            raise StorageError("the handle is closed, open another one", provider="az", effect="none")

    def _threads(self) -> ThreadPoolExecutor:
        with self._lock:
            self._check_open()
            if self._pool is None:
                self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="deeplake_ref-az")
            return self._pool

    def _call(
        self,
        operation: str,
        key: str,
        request: Callable[[AzureClient, Deadline], T],
        *,
        safe: Callable[[StorageError], bool] | None = None,
    ) -> T:
        client = self._connected()
        deadline = Deadline(self._retry.deadline_s)
        effects: set[str | None] = set()

        def attempt() -> T:
            try:
                return request(client, deadline)
            except StorageError as error:
                failure = error
            except Exception as error:  # noqa: BLE001 - every foreign exception is translated, none leaks
                failure = translated(error, operation, key, self._where, self._chain.source, client)
            # what the first attempt may have done, a later one does not undo
            effects.add(failure.effect)
            if "unknown" in effects:
                failure.effect = "unknown"
            # raised here, since the foreign exception would hang on as context above
            raise failure

        # a token that is rejected is dropped, and with another one the operation has its attempts again, in what is left
        # of its time
        return self._chain.call(lambda: self._retry.run(attempt, safe=safe))

    # ---- reading

    def get(self, key: str, start: int | None = None, end: int | None = None) -> Buffer:
        """Return a slice, in parallel ranges if it is large."""
        full = check_key(self._root + key, "az")
        low, high = start or 0, ranges.LARGEST if end is None else end
        if low >= min(high, ranges.LARGEST):
            return self._nothing(key)
        return ranges.read(_Fetch(self, full, key), self._threads, low, high)

    def _nothing(self, key: str) -> bytes:
        """Return no bytes of an object that must exist all the same."""
        if self.head(key) is None:
            message = f"get: no object {key!r} in {self._where}"
            raise StorageKeyNotFound(message, provider="az", operation="get", source=self._chain.source, effect="none")
        return b""

    def head(self, key: str) -> ResourceMeta | None:
        """Ask for size, etag and time; the code of an error comes in a header, so that a missing key can be told."""
        full = check_key(self._root + key, "az")

        def request(client: AzureClient, deadline: Deadline) -> ResourceMeta:
            headers = client.ask("HEAD", full, deadline)
            return azure_answers.meta(key, headers.get("Content-Length"), headers)

        try:
            return self._call("metadata", key, request)
        except StorageKeyNotFound:
            return None

    # ---- writing

    def put(self, key: str, value: Buffer, *, if_absent: bool = False, if_match: str | None = None) -> ResourceMeta:
        """Send one request, or parallel blocks above 64 MiB; conditions hold for both."""
        full = check_key(self._root + key, "az")
        conditions: dict[str, str] = {}
        if if_absent:
            conditions["If-None-Match"] = "*"
        if if_match is not None:
            conditions["If-Match"] = azure_answers.quoted(if_match)
        put = self._put_blob if len(value) <= LARGEST_PUT else self._put_blocks
        try:
            return put(full, key, value, conditions)
        except StoragePreconditionFailed as error:
            if not if_absent:
                raise
            lost = error.told_as(StorageKeyAlreadyExists, f"set: {key!r} in {self._where} exists already")
        raise lost

    def _put_blob(self, full: str, key: str, value: Buffer, conditions: dict[str, str]) -> ResourceMeta:
        headers = {"x-ms-blob-type": "BlockBlob", **conditions}

        def request(client: AzureClient, deadline: Deadline) -> ResourceMeta:
            return azure_answers.meta(key, len(value), client.ask("PUT", full, deadline, headers=headers, body=value))

        return self._call("set", key, request, safe=_effectless if conditions else None)

    def _put_blocks(self, full: str, key: str, value: Buffer, conditions: dict[str, str]) -> ResourceMeta:
        view = memoryview(value)
        size = max(CHUNK, -(-len(view) // MOST_BLOCKS))
        for _ in range(COMMITS):
            # two writers of one blob would fill each other's blocks if they numbered them alike
            upload = secrets.token_bytes(12)
            blocks = [
                (base64.b64encode(upload + number.to_bytes(3)).decode(), view[at : at + size])
                for number, at in enumerate(range(0, len(view), size))
            ]
            ranges.gathered([self._threads().submit(self._stage, full, key, *block) for block in blocks])
            try:
                return self._commit(full, key, len(view), [name for name, _ in blocks], conditions)
            except StorageInternalError as error:
                if error.code != "InvalidBlockList":
                    raise
        raise StorageInternalError(
            f"set: {key!r} in {self._where}: other writers commit faster than this one",
            provider="az",
            operation="set",
            source=self._chain.source,
            effect="none",
        )

    def _stage(self, full: str, key: str, name: str, block: memoryview) -> None:
        def request(client: AzureClient, deadline: Deadline) -> None:
            client.ask("PUT", full, deadline, query=f"comp=block&blockid={quote(name, safe='')}", body=block)

        try:
            self._call("set", key, request)
        except StorageError as error:
            error.effect = "none"  # nobody sees a block that is not committed
            raise

    def _commit(self, full: str, key: str, size: int, names: list[str], conditions: dict[str, str]) -> ResourceMeta:
        # "latest" finds the blocks again where the answer to a first commit was lost
        listed = "".join(f"<Latest>{name}</Latest>" for name in names)
        body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{listed}</BlockList>'.encode()

        def request(client: AzureClient, deadline: Deadline) -> ResourceMeta:
            answer = client.ask("PUT", full, deadline, query="comp=blocklist", headers=conditions, body=body)
            return azure_answers.meta(key, size, answer)

        return self._call("set", key, request, safe=_effectless if conditions else None)

    def delete(self, key: str) -> None:
        """Remove a blob; that there is none is fine."""
        check_key(self._root + key, "az")
        self._delete("remove", key)

    def delete_many(self, keys: Keys) -> None:
        """Remove blobs on several threads, by the names that a listing has; a batch would need more rights."""
        ranges.gathered([self._threads().submit(self._delete, "remove_directory", key) for key in keys])

    def _delete(self, operation: str, key: str) -> None:
        def request(client: AzureClient, deadline: Deadline) -> None:
            client.ask("DELETE", self._root + key, deadline)

        with suppress(StorageKeyNotFound):
            self._call(operation, key, request)

    # ---- listing

    def list(self, directory: str) -> Iterator[Metas]:
        """Yield one page per request; names that end with a slash are folders of other tools, not objects."""
        for page in self._pages(directory):
            blobs = (blob for blob in page.blobs if not blob.path.endswith("/"))
            yield [replace(blob, path=blob.path.removeprefix(self._root)) for blob in blobs]

    def list_dirs(self, directory: str) -> Iterator[str]:
        """Yield common prefixes; the service groups them, so that no deeper key is sent."""
        for page in self._pages(directory, "&delimiter=%2F"):
            for prefix in page.prefixes:
                name = prefix.removeprefix(self._root).removesuffix("/")
                if name and not name.endswith("/"):
                    yield name

    def _pages(self, directory: str, more: str = "") -> Iterator[azure_answers.Page]:
        prefix = self._root + (f"{directory}/" if directory else "")
        query = f"restype=container&comp=list&prefix={quote(prefix, safe='')}{more}"
        marker: str | None = ""
        while marker is not None:
            asked = f"{query}&marker={quote(marker, safe='')}" if marker else query

            def request(client: AzureClient, deadline: Deadline, asked: str = asked) -> azure_answers.Page:
                return azure_answers.page(client.send("GET", None, deadline, query=asked).body(deadline))

            page = self._call("list", directory, request)
            yield page
            marker = page.marker

    # ---- the rest

    def sign_url(self, key: str, expires_s: float) -> str:
        """Return a URL with a service SAS for reading; signed here by the SDK, without a request."""
        full = check_key(self._root + key, "az")
        client = self._connected()
        account_key = client.credentials.account_key
        if account_key is None:
            raise StorageOperationUnsupported(
                f"sign_url: {self._chain.source} has no account key to sign with",
                provider="az",
                operation="sign_url",
                source=self._chain.source,
                effect="none",
            )
        from azure.storage.blob import BlobSasPermissions, generate_blob_sas

        try:
            # a signature tells its end in whole seconds; the next one, so that it is never over at once
            expiry = (datetime.now(UTC) + timedelta(seconds=expires_s, microseconds=999_999)).replace(microsecond=0)
        except OverflowError:
            raise ValueError(f"a signed URL on az:// ends before the year 10000: {expires_s} seconds") from None
        sas = generate_blob_sas(
            self._account,
            self._container,
            full,
            account_key=account_key.reveal(),
            permission=BlobSasPermissions(read=True),
            expiry=expiry,
        )
        return f"{client.url(full)}?{sas}"

    def is_root_of_bucket(self) -> bool:
        """Whether the root is the whole container."""
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
    """Ranged requests for one blob."""

    def __init__(self, store: AzureStore, full: str, key: str) -> None:
        self._store = store
        self._full = full
        self._key = key

    def first(self, start: int, stop: int, begin: ranges.Begin) -> ranges.Part | None:
        """Ask for one chunk; 416 means that the blob ends before it."""

        def request(client: AzureClient, deadline: Deadline) -> ranges.Part | None:
            try:
                answer = client.send("GET", self._full, deadline, headers={"x-ms-range": f"bytes={start}-{stop - 1}"})
            except RefusedError as error:
                if error.status == 416:
                    return None
                raise
            with answer:
                etag = azure_answers.etag(answer.headers)
                if answer.status != 206:
                    body = answer.body(deadline)
                    return ranges.Part(body, 0, len(body), etag)
                first, last, total = content_range(answer.headers)
                begin(first, total, etag)
                body = answer.body(deadline)
            if len(body) != last + 1 - first:
                raise MalformedAnswerError
            # the MD5 of the whole blob comes with every range of it
            if len(body) == total and not azure_answers.has_its_md5(body, answer.headers):
                raise MalformedAnswerError
            return ranges.Part(body, first, total, etag)

        return self._store._call("get", self._key, request)  # noqa: SLF001 - one thing in two classes

    def into(self, wanted: ranges.Wanted) -> None:
        """Read one range of a version in place."""
        headers = {
            "x-ms-range": f"bytes={wanted.start}-{wanted.stop - 1}",
            "If-Match": azure_answers.quoted(wanted.etag),
        }

        def request(client: AzureClient, deadline: Deadline) -> None:
            with client.send("GET", self._full, deadline, headers=headers) as answer:
                if answer.status != 206 or content_range(answer.headers)[0] != wanted.start:
                    raise MalformedAnswerError
                if azure_answers.etag(answer.headers) != wanted.etag:
                    raise StoragePreconditionFailed("get: the blob was replaced", provider="az", operation="get")
                answer.body_into(wanted.room(), deadline)

        self._store._call("get", self._key, request)  # noqa: SLF001


def _effectless(error: StorageError) -> bool:
    """Whether a conditional write may be sent again: it would lose against its own first try otherwise."""
    return error.effect == "none"
