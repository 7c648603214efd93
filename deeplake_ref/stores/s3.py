"""
`s3://bucket/name` by boto3, one client per handle.

Small objects are one request each way. Large ones go up in parallel parts, which are aborted if one fails, and come down in
parallel ranges of one version. Path-style addresses are used for every custom endpoint, as MinIO and its like expect.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from deeplake_ref.credentials import aws
from deeplake_ref.errors import (
    StorageError,
    StorageKeyAlreadyExists,
    StorageKeyNotFound,
    StoragePreconditionFailed,
)
from deeplake_ref.stores import CHUNK, THREADS, Buffer, ResourceMeta, ranges
from deeplake_ref.stores.s3_errors import translated
from deeplake_ref.urls import DatasetURL, check_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from deeplake_ref.retry import RetryPolicy

CONNECT_S = 10
READ_S = 20
"""Seconds of one attempt; three fit into the default deadline of an operation."""

POOL = 32
"""Connections of one client: several threads with parallel transfers."""

BULK = 1000
"""Keys of one DeleteObjects request (S3 API reference)."""


class S3Store:
    """One root in a bucket."""

    def __init__(self, url: DatasetURL, creds: Mapping[str, Any] | str | None, retry: RetryPolicy) -> None:
        import boto3  # noqa: F401 - a missing SDK is told when the handle is opened

        self._bucket = url.bucket
        self._root = f"{url.path}/" if url.path else ""
        self._creds = None if isinstance(creds, str) else creds
        self._chain = aws.chain(self._creds)
        self._retry = retry
        self._lock = threading.Lock()
        self._client: Any = None
        self._pool: ThreadPoolExecutor | None = None

    # ---- the client

    def _connected(self) -> Any:
        client = self._client
        if client is None:
            with self._lock:
                if self._client is None:
                    self._client = self._connect()
                client = self._client
        return client

    def _connect(self) -> Any:
        from botocore import UNSIGNED
        from botocore.config import Config

        resolved = self._chain.resolve().credentials
        where = aws.addressing(self._creds)
        config = Config(
            signature_version=UNSIGNED if resolved.anonymous else "s3v4",
            s3={"addressing_style": "path" if where.endpoint_url else "auto"},
            retries={"total_max_attempts": 1},
            connect_timeout=CONNECT_S,
            read_timeout=READ_S,
            max_pool_connections=POOL,
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        region = where.region or resolved.session.region_name or aws.DEFAULT_REGION
        return resolved.session.client("s3", region_name=region, endpoint_url=where.endpoint_url, config=config)

    def _threads(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="deeplake_ref-s3")
            return self._pool

    def _call(
        self,
        operation: str,
        key: str,
        request: Callable[[Any], Any],
        *,
        safe: Callable[[StorageError], bool] | None = None,
    ) -> Any:
        client = self._connected()

        def attempt() -> Any:
            try:
                return request(client)
            except StorageError:
                raise
            except Exception as error:  # noqa: BLE001 - every foreign exception is translated, none leaks
                failure = translated(error, operation, key, self._bucket, self._chain.source)
            # raised out here, so that the foreign exception does not hang on as context, with its text and frames
            raise failure

        return self._retry.run(attempt, safe=safe)

    # ---- reading

    def get(self, key: str, start: int | None = None, end: int | None = None) -> Buffer:
        """Return a slice, in parallel ranges if it is large."""
        full = check_key(self._root + key, "s3")
        if end is not None and (start or 0) == end:
            return self._nothing(key)
        return ranges.read(_Fetch(self, full, key), self._threads, start, end)

    def _nothing(self, key: str) -> bytes:
        """Return no bytes of an object that must exist all the same."""
        if self.head(key) is None:
            raise StorageKeyNotFound(f"get: no object {key!r} in {self._bucket}", provider="s3", operation="get")
        return b""

    def head(self, key: str) -> ResourceMeta | None:
        """Ask for size, etag and time.

        An answer to HEAD has no body, so an error is asked for once more by a ranged GET, whose body tells a missing key
        from a missing bucket and a denied one from a rejected credential.
        """
        full = check_key(self._root + key, "s3")

        def request(client: Any) -> Any:
            from botocore.exceptions import ClientError

            try:
                return client.head_object(Bucket=self._bucket, Key=full)
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] not in (400, 403, 404):
                    raise
            answer = client.get_object(Bucket=self._bucket, Key=full, Range="bytes=0-0")
            answer["Body"].close()
            return client.head_object(Bucket=self._bucket, Key=full)

        try:
            answer = self._call("metadata", key, request)
        except StorageKeyNotFound:
            return None
        return ResourceMeta(key, answer["ContentLength"], answer["ETag"], answer["LastModified"])

    # ---- writing

    def put(self, key: str, value: Buffer, *, if_absent: bool = False, if_match: str | None = None) -> ResourceMeta:
        """Send one request, or parallel parts above 8 MiB; conditions hold for both."""
        full = check_key(self._root + key, "s3")
        conditions: dict[str, str] = {}
        if if_absent:
            conditions["IfNoneMatch"] = "*"
        if if_match is not None:
            conditions["IfMatch"] = if_match
        try:
            etag = self._put_whole(full, key, value, conditions)
        except StoragePreconditionFailed as error:
            if if_absent:
                message = f"set: {key!r} in {self._bucket} exists already"
                raise StorageKeyAlreadyExists(message, **error.attributes()) from None
            raise
        return ResourceMeta(key, len(value), etag, None)

    def _put_whole(self, full: str, key: str, value: Buffer, conditions: dict[str, str]) -> str:
        if len(value) > CHUNK:
            return self._put_parts(full, key, memoryview(value), conditions)
        body = bytes(value) if isinstance(value, memoryview) else value
        answer = self._call(
            "set",
            key,
            lambda client: client.put_object(Bucket=self._bucket, Key=full, Body=body, **conditions),
            safe=_effectless if conditions else None,
        )
        etag: str = answer["ETag"]
        return etag

    def _put_parts(self, full: str, key: str, view: memoryview, conditions: dict[str, str]) -> str:
        where = {"Bucket": self._bucket, "Key": full}
        upload = self._call("set", key, lambda client: client.create_multipart_upload(**where))["UploadId"]

        def send(number: int) -> dict[str, Any]:
            # botocore signs and sends bytes; one part at a time is copied per thread
            body = bytes(view[(number - 1) * CHUNK : number * CHUNK])
            answer = self._call(
                "set",
                key,
                lambda client: client.upload_part(**where, UploadId=upload, PartNumber=number, Body=body),
            )
            return {"PartNumber": number, "ETag": answer["ETag"]}

        try:
            parts = list(self._threads().map(send, range(1, -(-len(view) // CHUNK) + 1)))
            answer = self._call(
                "set",
                key,
                lambda client: client.complete_multipart_upload(
                    **where, UploadId=upload, MultipartUpload={"Parts": parts}, **conditions
                ),
                safe=_effectless,
            )
        except BaseException:
            with suppress(StorageError):
                self._call("abort", key, lambda client: client.abort_multipart_upload(**where, UploadId=upload))
            raise
        etag: str = answer["ETag"]
        return etag

    def delete(self, key: str) -> None:
        """Remove an object; S3 answers the same whether there was one."""
        full = check_key(self._root + key, "s3")
        with suppress(StorageKeyNotFound):
            self._call("remove", key, lambda client: client.delete_object(Bucket=self._bucket, Key=full))

    def delete_many(self, keys: list[str]) -> None:
        """Remove objects in bulk; a key that could not be removed is an error, in an answer of 200 too."""
        for at in range(0, len(keys), BULK):
            chunk = keys[at : at + BULK]
            if all(map(_fits_xml, chunk)):
                self._delete_bulk(chunk)
            else:
                for key in chunk:
                    self.delete(key)

    def _delete_bulk(self, keys: list[str]) -> None:
        listed = {"Objects": [{"Key": self._root + key} for key in keys], "Quiet": True}
        answer = self._call(
            "remove_directory", keys[0], lambda client: client.delete_objects(Bucket=self._bucket, Delete=listed)
        )
        for failed in answer.get("Errors", []):
            key = failed["Key"].removeprefix(self._root)
            error = _Failed(failed.get("Code", ""))
            raise translated(error, "remove_directory", key, self._bucket, self._chain.source)

    # ---- listing

    def list(self, directory: str) -> Iterator[list[ResourceMeta]]:
        """Yield one page per request; names that end with a slash are folders of other tools, not objects."""
        for answer in self._answers(directory):
            yield [
                ResourceMeta(entry["Key"].removeprefix(self._root), entry["Size"], entry["ETag"], entry["LastModified"])
                for entry in answer.get("Contents", [])
                if not entry["Key"].endswith("/")
            ]

    def list_dirs(self, directory: str) -> Iterator[str]:
        """Yield common prefixes; the service groups them, so that no deeper key is sent."""
        for answer in self._answers(directory, Delimiter="/"):
            for entry in answer.get("CommonPrefixes", []):
                name = entry["Prefix"].removeprefix(self._root).removesuffix("/")
                if name and not name.endswith("/"):
                    yield name

    def _answers(self, directory: str, **more: str) -> Iterator[dict[str, Any]]:
        asked = {"Bucket": self._bucket, "Prefix": self._root + (f"{directory}/" if directory else ""), **more}
        while True:
            answer = self._call("list", directory, lambda client: client.list_objects_v2(**asked))
            yield answer
            if not answer.get("IsTruncated"):
                return
            asked["ContinuationToken"] = answer["NextContinuationToken"]

    # ---- the rest

    def sign_url(self, key: str, expires_s: float) -> str:
        """Return a presigned GET; signed here, without a request."""
        full = check_key(self._root + key, "s3")
        url: str = self._call(
            "sign_url",
            key,
            lambda client: client.generate_presigned_url(
                "get_object", Params={"Bucket": self._bucket, "Key": full}, ExpiresIn=max(1, round(expires_s))
            ),
        )
        return url

    def is_root_of_bucket(self) -> bool:
        """Whether the root is the whole bucket."""
        return not self._root

    def close(self) -> None:
        """Close connections and threads."""
        with self._lock:
            pool, self._pool = self._pool, None
            client, self._client = self._client, None
        if pool is not None:
            pool.shutdown()
        if client is not None:
            client.close()


class _Fetch:
    """Ranged requests for one object."""

    def __init__(self, store: S3Store, full: str, key: str) -> None:
        self._store = store
        self._where = {"Bucket": store._bucket, "Key": full}  # noqa: SLF001 - one thing in two classes
        self._key = key

    def first(self, start: int, stop: int) -> ranges.Part | None:
        """Ask for one chunk; 416 means that the object ends before it."""

        def request(client: Any) -> ranges.Part | None:
            from botocore.exceptions import ClientError

            try:
                answer = client.get_object(**self._where, Range=f"bytes={start}-{stop - 1}")
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] == 416:
                    return None
                raise
            body: bytes = answer["Body"].read()
            span = answer.get("ContentRange")
            if span is None:
                return ranges.Part(body, 0, len(body), answer["ETag"])
            offset, total = _content_range(span)
            return ranges.Part(body, offset, total, answer["ETag"])

        part: ranges.Part | None = self._store._call("get", self._key, request)  # noqa: SLF001
        return part

    def into(self, view: memoryview, start: int, etag: str) -> None:
        """Read one range of a version in place."""

        def request(client: Any) -> None:
            answer = client.get_object(**self._where, Range=f"bytes={start}-{start + len(view) - 1}", IfMatch=etag)
            body = answer["Body"]
            filled = 0
            while filled < len(view) and (read := body.readinto(view[filled:])):
                filled += read
            if filled < len(view):
                raise ConnectionError("the body ended early")

        self._store._call("get", self._key, request)  # noqa: SLF001


class _Failed(Exception):
    """One key's error inside the answer to a bulk delete."""

    def __init__(self, code: str) -> None:
        self.response = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": 200}}
        super().__init__(code)


def _content_range(text: str) -> tuple[int, int]:
    """Return first byte and whole size of `bytes 0-9/10`."""
    span, _, total = text.removeprefix("bytes ").partition("/")
    return int(span.partition("-")[0]), int(total)


def _effectless(error: StorageError) -> bool:
    """Whether a conditional write may be sent again: it would lose against its own first try otherwise."""
    return error.effect == "none"


def _fits_xml(key: str) -> bool:
    """Whether XML 1.0, in which bulk deletes name their keys, can hold a key as it is."""
    return all((character >= " " and character not in "\x7f\ufffe\uffff") or character == "\t" for character in key)
