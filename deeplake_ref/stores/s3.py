"""
`s3://bucket/name` by boto3's client, one per handle.

Small objects are one request each way. Large ones go up in parallel parts, which are aborted if one fails, and come down
in parallel ranges of one version. Path-style addresses are used for every custom endpoint, as MinIO and its like expect.
"""

from __future__ import annotations

import math
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from deeplake_ref.credentials import aws
from deeplake_ref.credentials.aws_quiet import QUIET
from deeplake_ref.errors import (
    AuthenticationError,
    CredentialsError,
    StorageError,
    StorageKeyAlreadyExists,
    StorageKeyNotFound,
    StorageOperationUnsupported,
    StoragePreconditionFailed,
)
from deeplake_ref.secrets import SecretFields
from deeplake_ref.sessions import Deadline
from deeplake_ref.stores import CHUNK, THREADS, Buffer, Keys, Metas, ResourceMeta, ranges, s3_checksums
from deeplake_ref.stores.s3_client import Body, bodiless, complete, connect
from deeplake_ref.stores.s3_errors import InBulkError, translated
from deeplake_ref.stores.s3_ranges import Fetch as _Fetch
from deeplake_ref.urls import DatasetURL, check_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from deeplake_ref.credentials.chain import Chain
    from deeplake_ref.retry import RetryPolicy

CONNECT_S = 10.0
READ_S = 20.0
"""Seconds of one attempt at most; both are a quarter of a short deadline."""

BULK = 1000
"""Keys of one DeleteObjects request (S3 API reference)."""

MOST_PARTS = 10_000
"""Parts of one upload (S3 user guide, "Multipart upload limits")."""

LONGEST_SIGNED_S = 7 * 24 * 3600
"""Seconds that a signature version 4 may be valid for."""

BEGIN_AGAIN = {"ConditionalRequestConflict", "NoSuchUpload"}
"""Answers after which the S3 API reference says that an upload is to be begun again."""

UPLOADS = 3
"""Uploads that are begun for one write."""

RENEWED = {"ExpiredToken", "InvalidToken", "InvalidAccessKeyId"}
"""Answers after which credentials that renew themselves are dropped and asked for again."""

_ETAG = re.compile(r'"(?!\*")[!#-~]+"|[0-9A-Za-z_-]+')
"""One etag, in quotes or, as some servers answer it, without; `*`, lists and weak ones have a meaning of their own."""

_OF_HEAD = ("ContentLength", "ETag", "LastModified")

_NOT_IN_XML = re.compile("[\x00-\x08\x0a-\x1f\x7f\ufffe\uffff]")


class S3Store:
    """One root in a bucket."""

    def __init__(
        self,
        url: DatasetURL,
        creds: Mapping[str, Any] | str | None,
        retry: RetryPolicy,
        chain: Chain[aws.AwsCredentials] | None = None,
    ) -> None:
        import boto3  # noqa: F401 - a missing SDK is told when the handle is opened

        self._bucket = url.bucket
        self._root = f"{url.path}/" if url.path else ""
        self._creds = SecretFields(creds)
        self._chain = chain or aws.chain(self._creds, retry.deadline_s)
        self._connect_s = min(CONNECT_S, retry.deadline_s / 4)
        self._read_s = min(READ_S, retry.deadline_s / 4)
        self._retry = replace(retry, attempt_s=self._connect_s + self._read_s)
        self._lock = threading.Lock()
        self._client: Any = None
        self._pool: ThreadPoolExecutor | None = None
        self._closed = False
        self.etags_are_md5 = True

    # ---- the client

    def _connected(self) -> Any:
        client = self._client
        if client is None:
            with self._lock:
                self._check_open()
                if self._client is None:
                    self._client = connect(self._chain, self._creds, self._connect_s, self._read_s)
                client = self._client
        return client

    def _check_open(self) -> None:
        if self._closed:
            raise StorageError("the handle is closed, open another one", provider="s3", effect="none")

    def _threads(self) -> ThreadPoolExecutor:
        with self._lock:
            self._check_open()
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
        unknown = False

        def attempt() -> Any:
            nonlocal unknown
            try:
                with QUIET:
                    return request(client)
            except CredentialsError as error:
                # it comes out of botocore's signing, whose frames hold keys
                failure: StorageError = error.with_traceback(None)
            except StorageError:
                raise
            except Exception as error:  # noqa: BLE001 - every foreign exception is translated, none leaks
                failure = translated(
                    error, operation, key, self._bucket, self._chain.source, anonymous=self._is_anonymous()
                )
            # a later attempt that surely did nothing says nothing of an earlier one
            unknown = unknown or failure.effect == "unknown"
            failure.effect = "unknown" if unknown else failure.effect
            # raised out here, so that the foreign exception does not hang on as context, with its text and frames
            raise failure

        return self._renewing(lambda: self._retry.run(attempt, safe=safe))

    def _renewing(self, request: Callable[[], Any]) -> Any:
        """Make a request, and once more if its credentials are rejected and others are to be had."""
        refused: AuthenticationError | None = None

        def renewable() -> Any:
            nonlocal refused
            refused = None
            try:
                return request()
            except AuthenticationError as error:
                if error.code in RENEWED:
                    raise
                refused = error

        answer = self._chain.call(renewable)
        if refused is not None:
            raise refused
        return answer

    def _is_anonymous(self) -> bool:
        return self._chain.resolve().credentials.anonymous

    def body_deadline(self) -> Deadline:
        """Return when a body must have arrived; one that trickles in would outlast the time-outs of its connection."""
        return Deadline(max(self._retry.deadline_s - self._read_s, self._read_s))

    # ---- reading

    def get(self, key: str, start: int | None = None, end: int | None = None) -> Buffer:
        """Return a slice, in parallel ranges if it is large."""
        full = check_key(self._root + key, "s3")
        low, high = start or 0, ranges.LARGEST if end is None else end
        if low >= min(high, ranges.LARGEST):
            return self._nothing(key)
        return ranges.read(_Fetch(self, full, key), self._threads, low, high)

    def _nothing(self, key: str) -> bytes:
        """Return no bytes of an object that must exist all the same."""
        if self.head(key) is None:
            message = f"get: no object {key!r} in {self._bucket}"
            raise StorageKeyNotFound(message, provider="s3", operation="get", source=self._chain.source, effect="none")
        return b""

    def head(self, key: str) -> ResourceMeta | None:
        """Ask for size, etag and time.

        An answer to HEAD has no body, so an error is asked for once more by a ranged GET, whose body tells a missing
        key from a missing bucket, from a page that is not the service's, and a denied one from a rejected credential.
        """
        full = check_key(self._root + key, "s3")

        def request(client: Any) -> Any:
            from botocore.exceptions import ClientError

            try:
                return complete(client.head_object(Bucket=self._bucket, Key=full), *_OF_HEAD)
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] not in (301, 400, 403, 404):
                    raise
            client.get_object(Bucket=self._bucket, Key=full, Range="bytes=0-0")["Body"].close()
            # it has come into being meanwhile
            return complete(client.head_object(Bucket=self._bucket, Key=full), *_OF_HEAD)

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
            conditions["IfMatch"] = _etag(if_match, key)
        uploads = 0
        while True:
            uploads += 1
            try:
                return ResourceMeta(key, len(value), self._put_whole(full, key, value, conditions), None)
            except StorageError as error:
                failure = self._lost(error, key, conditions)
                again = failure.code in BEGIN_AGAIN and (not conditions or failure.effect == "none")
                if not again or uploads == UPLOADS:
                    raise failure from failure.__cause__

    def _lost(self, error: StorageError, key: str, conditions: dict[str, str]) -> StorageError:
        """Return what the failure of a conditional write means."""
        if "IfNoneMatch" in conditions and isinstance(error, StoragePreconditionFailed):
            return error.told_as(StorageKeyAlreadyExists, f"set: {key!r} in {self._bucket} exists already")
        if "IfMatch" in conditions and isinstance(error, StorageKeyNotFound):
            # S3 says 404 where there is nothing to compare with
            return error.told_as(StoragePreconditionFailed, error.message)
        return error

    def _put_whole(self, full: str, key: str, value: Buffer, conditions: dict[str, str]) -> str:
        if len(value) > CHUNK:
            return self._put_parts(full, key, memoryview(value), conditions)

        def send(client: Any) -> Any:
            # each attempt reads a body from its start
            body = value if isinstance(value, bytes) else Body(memoryview(value))
            return complete(client.put_object(Bucket=self._bucket, Key=full, Body=body, **conditions), "ETag")

        answer = self._call("set", key, send, safe=_effectless if conditions else None)
        etag: str = answer["ETag"]
        return etag

    def _put_parts(self, full: str, key: str, view: memoryview, conditions: dict[str, str]) -> str:
        where = {"Bucket": self._bucket, "Key": full}
        size = max(CHUNK, math.ceil(len(view) / MOST_PARTS))
        are_checked = s3_checksums.are_wanted(self._chain.resolve().credentials.settings)
        begin = {**where, **(s3_checksums.ALGORITHM if are_checked else {})}
        begun = self._invisibly(key, lambda client: complete(client.create_multipart_upload(**begin), "UploadId"))
        where["UploadId"] = begun["UploadId"]

        def send(number: int) -> dict[str, Any]:
            piece = view[(number - 1) * size : number * size]
            checksum = s3_checksums.of(piece) if are_checked else {}

            def request(client: Any) -> Any:
                return complete(client.upload_part(**where, **checksum, PartNumber=number, Body=Body(piece)), "ETag")

            return {"PartNumber": number, "ETag": self._invisibly(key, request)["ETag"], **checksum}

        numbers = range(1, math.ceil(len(view) / size) + 1)
        pending = [self._threads().submit(send, number) for number in numbers]
        try:
            parts = ranges.gathered(pending)
            answer = self._call(
                "set",
                key,
                lambda client: complete(
                    client.complete_multipart_upload(**where, MultipartUpload={"Parts": parts}, **conditions), "ETag"
                ),
                safe=_effectless if conditions else None,
            )
        except BaseException as error:
            if not isinstance(error, StorageError) or error.code != "NoSuchUpload":
                with suppress(Exception), QUIET:
                    # once: the time is spent, and lifecycle rules take what is left over
                    self._connected().abort_multipart_upload(**where)
            raise
        etag: str = answer["ETag"]
        return etag

    def _invisibly(self, key: str, request: Callable[[Any], Any]) -> Any:
        """Make a request for a part, which nobody sees before the upload is complete."""
        try:
            return self._call("set", key, request)
        except StorageError as error:
            error.effect = "none"
            raise

    def delete(self, key: str) -> None:
        """Remove an object; S3 answers the same whether there was one."""
        full = check_key(self._root + key, "s3")
        self._delete("remove", full, key)

    def _delete(self, operation: str, full: str, key: str) -> None:
        with suppress(StorageKeyNotFound):
            self._call(operation, key, lambda client: bodiless(client.delete_object(Bucket=self._bucket, Key=full)))

    def delete_many(self, keys: Keys) -> None:
        """Remove objects in bulk; a key that could not be removed is an error, in an answer of 200 too."""
        in_bulk = [self._root + key for key in keys if not _NOT_IN_XML.search(key)]
        for at in range(0, len(in_bulk), BULK):
            self._delete_bulk(in_bulk[at : at + BULK])
        for key in keys:
            if _NOT_IN_XML.search(key):
                self._delete("remove_directory", self._root + key, key)

    def _delete_bulk(self, keys: Keys) -> None:
        objects = {"Objects": [{"Key": key} for key in keys], "Quiet": True}

        def request(client: Any) -> None:
            answer = client.delete_objects(Bucket=self._bucket, Delete=objects)
            for failed in answer.get("Errors", []):
                if failed.get("Code") != "NoSuchKey":
                    raise InBulkError(failed.get("Code", ""), failed.get("Key", ""))

        self._call("remove_directory", keys[0].removeprefix(self._root), request)

    # ---- listing

    def list(self, directory: str) -> Iterator[Metas]:
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

            def request(client: Any, asked: dict[str, str] = asked) -> Any:
                return complete(client.list_objects_v2(**asked), "IsTruncated")

            answer = self._call("list", directory, request)
            yield answer
            if not answer.get("IsTruncated"):
                return
            asked = {**asked, "ContinuationToken": answer["NextContinuationToken"]}

    # ---- the rest

    def sign_url(self, key: str, expires_s: float) -> str:
        """Return a presigned GET; signed here, without a request."""
        full = check_key(self._root + key, "s3")
        if expires_s > LONGEST_SIGNED_S:
            raise ValueError(f"a signed URL on s3:// lives for {LONGEST_SIGNED_S} seconds at most: {expires_s}")
        if self._is_anonymous():
            message = f"sign_url: anonymous requests cannot sign for {key!r}, give credentials"
            raise StorageOperationUnsupported(
                message, provider="s3", operation="sign_url", source=self._chain.source, effect="none"
            )
        params = {"Bucket": self._bucket, "Key": full}
        url: str = self._call(
            "sign_url",
            key,
            lambda client: client.generate_presigned_url("get_object", Params=params, ExpiresIn=math.ceil(expires_s)),
        )
        return url

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


def _etag(etag: str, key: str) -> str:
    """Return an etag as `If-Match` takes it; what cannot be one never matches."""
    if not _ETAG.fullmatch(etag):
        message = f"set: {key!r} has not the etag {etag!r}"
        raise StoragePreconditionFailed(message, provider="s3", operation="set", effect="none")
    return etag


def _effectless(error: StorageError) -> bool:
    """Whether a conditional write may be sent again: it would lose against its own first try otherwise."""
    return error.effect == "none"
