"""
boto3 as the witness of an S3 service.

Its own checksums are off (a `Content-MD5`-less, plain PUT), its retries too; keys travel URL-encoded in listings, which
botocore asks for and undoes.
"""

from __future__ import annotations

import functools
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from conformance.botocore_sessions import unprofiled
from conformance.witnesses import THREADS, TIMEOUT_S, WitnessUnreachable, timed, utf8_sorted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from conformance.services import RunningService

P = ParamSpec("P")
R = TypeVar("R")

MISSING = {"NoSuchKey", "404", "NotFound"}


def _reached(method: Callable[P, R]) -> Callable[P, R]:
    """Tell a lost service from every other error."""

    @functools.wraps(method)
    def call(*arguments: P.args, **keywords: P.kwargs) -> R:
        from botocore.exceptions import HTTPClientError

        try:
            return method(*arguments, **keywords)
        except HTTPClientError as error:
            raise WitnessUnreachable(f"the S3 service does not answer: {type(error).__name__}") from None

    return call


class S3Witness:
    """A bucket, or a root below it, through one boto3 client."""

    kind = "boto3"

    def __init__(self, service: RunningService, bucket: str, root: str = "", client: Any = None) -> None:
        self._service = service
        self._bucket = bucket
        self._prefix = f"{root}/" if root else ""
        self._client = client or client_for(service)

    def at(self, root: str) -> S3Witness:
        """Return a witness for another root of the same bucket."""
        return S3Witness(self._service, self._bucket, root, self._client)

    @timed
    @_reached
    def create_root(self) -> None:
        """Make the bucket."""
        self._client.create_bucket(Bucket=self._bucket)

    @timed
    def put(self, key: str, value: bytes) -> None:
        """Store an object."""
        self._put(key, value)

    @_reached
    def _put(self, key: str, value: bytes) -> None:
        self._client.put_object(Bucket=self._bucket, Key=self._prefix + key, Body=value)

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
        from botocore.exceptions import ClientError

        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)
            return bytes(answer["Body"].read())
        except ClientError as error:
            if error.response["Error"]["Code"] in MISSING:
                return None
            raise

    @timed
    @_reached
    def size(self, key: str) -> int | None:
        """Return the size in bytes of an object, None if there is none."""
        from botocore.exceptions import ClientError

        try:
            return int(self._client.head_object(Bucket=self._bucket, Key=self._prefix + key)["ContentLength"])
        except ClientError as error:
            if error.response["Error"]["Code"] in MISSING:
                return None
            raise

    @timed
    @_reached
    def keys(self, prefix: str = "") -> list[str]:
        """Return all keys that start with `prefix`, sorted by UTF-8 bytes."""
        return utf8_sorted([key.removeprefix(self._prefix) for page in self._pages(prefix) for key in page])

    def _pages(self, prefix: str = "") -> Iterator[list[str]]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix + prefix
        )
        for page in pages:
            yield [entry["Key"] for entry in page.get("Contents", [])]

    @timed
    @_reached
    def begin_upload(self, key: str) -> None:
        """Begin a multipart upload and send its first part."""
        where = {"Bucket": self._bucket, "Key": self._prefix + key}
        upload = self._client.create_multipart_upload(**where)["UploadId"]
        self._client.upload_part(**where, UploadId=upload, PartNumber=1, Body=b"part")

    @timed
    @_reached
    def put_in_parts(self, key: str, value: bytes, *, if_match: str) -> None:
        """Store an object by an upload in parts that must lose unless the object has this etag."""
        where = {"Bucket": self._bucket, "Key": self._prefix + key}
        where["UploadId"] = self._client.create_multipart_upload(**where)["UploadId"]
        part = self._client.upload_part(**where, PartNumber=1, Body=value)
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        self._client.complete_multipart_upload(**where, MultipartUpload=parts, IfMatch=if_match)

    @timed
    @_reached
    def delete(self, key: str) -> None:
        """Remove an object; a missing one is no error."""
        self._client.delete_object(Bucket=self._bucket, Key=self._prefix + key)

    @timed
    @_reached
    def delete_all(self) -> None:
        """Remove every object below the root, one by one: bulk deletes send keys as XML, which cannot hold them all."""
        for page in list(self._pages()):
            for key in page:
                self._client.delete_object(Bucket=self._bucket, Key=key)

    def sign_url(self, key: str, expires_s: int) -> str:
        """Return a presigned GET, for probes of what the service verifies."""
        where = {"Bucket": self._bucket, "Key": self._prefix + key}
        return str(self._client.generate_presigned_url("get_object", Params=where, ExpiresIn=expires_s))

    def as_stranger(self) -> S3Witness:
        """Return a witness of the same root that signs with a wrong secret."""
        return S3Witness(replace(self._service, secret_key=secrets.token_hex(20)), self._bucket, self._prefix[:-1])

    @timed
    @_reached
    def remove_root(self) -> None:
        """Remove every object, and the bucket where the root is one."""
        self.delete_all()
        if not self._prefix:
            self._client.delete_bucket(Bucket=self._bucket)


def client_for(service: RunningService, creds: Mapping[str, Any] | None = None) -> Any:
    """Return a client of the root user, or of those whose creds are given."""
    import boto3
    from botocore import UNSIGNED
    from botocore.config import Config

    creds = creds or service.creds()
    session = boto3.session.Session(
        botocore_session=unprofiled(),
        aws_access_key_id=creds.get("aws_access_key_id"),
        aws_secret_access_key=creds.get("aws_secret_access_key"),
        aws_session_token=creds.get("aws_session_token"),
        region_name=creds["aws_region"],
    )
    return session.client(
        "s3",
        endpoint_url=creds["endpoint_url"],
        config=Config(
            signature_version=UNSIGNED if creds.get("anon") else "s3v4",
            s3={"addressing_style": "path"},
            retries={"total_max_attempts": 1},
            connect_timeout=TIMEOUT_S,
            read_timeout=TIMEOUT_S,
            max_pool_connections=THREADS * 2,
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            proxies={},
        ),
    )
