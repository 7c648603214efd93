"""
The official SDKs as a user would call them, one class per cloud with the same verbs; no retries, connections reused.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from conformance.services import RunningService

POOL = 32


class RawSdk(Protocol):
    """The verbs that are compared."""

    def make(self) -> None:
        """Make the bucket."""

    def put(self, key: str, value: bytes) -> None:
        """Store by the plain single request."""

    def get(self, key: str) -> bytes:
        """Read by the plain single request."""

    def head(self, key: str) -> int:
        """Ask for the size."""

    def range(self, key: str, start: int, end: int) -> bytes:
        """Read a range."""

    def list(self, prefix: str) -> int:
        """Count the entries below a prefix."""

    def managed_put(self, key: str, value: bytes) -> None:
        """Store by the SDK's own managed transfer."""

    def managed_get(self, key: str) -> bytes:
        """Read by the SDK's own managed transfer."""


class S3:
    """boto3."""

    def __init__(self, service: RunningService, bucket: str, endpoint: str | None = None) -> None:
        self.bucket = bucket
        self.client = self._client(service.creds(endpoint), "when_supported")
        self.unnamed = self._client(service.creds(endpoint), "when_required")

    @staticmethod
    def _client(creds: dict[str, str], checksums: Literal["when_supported", "when_required"]) -> Any:
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=creds["endpoint_url"],
            aws_access_key_id=creds["aws_access_key_id"],
            aws_secret_access_key=creds["aws_secret_access_key"],
            region_name=creds["aws_region"],
            config=Config(
                max_pool_connections=POOL,
                retries={"total_max_attempts": 1},
                s3={"addressing_style": "path"},
                request_checksum_calculation=checksums,
            ),
        )

    def make(self) -> None:
        """Make the bucket."""
        self.client.create_bucket(Bucket=self.bucket)

    def put(self, key: str, value: bytes) -> None:
        """`put_object`."""
        self.client.put_object(Bucket=self.bucket, Key=key, Body=value)

    def get(self, key: str) -> bytes:
        """`get_object`."""
        return bytes(self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read())

    def head(self, key: str) -> int:
        """`head_object`."""
        return int(self.client.head_object(Bucket=self.bucket, Key=key)["ContentLength"])

    def range(self, key: str, start: int, end: int) -> bytes:
        """`get_object` with a Range."""
        answer = self.client.get_object(Bucket=self.bucket, Key=key, Range=f"bytes={start}-{end - 1}")
        return bytes(answer["Body"].read())

    def list(self, prefix: str) -> int:
        """The paginator of `list_objects_v2`."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return sum(len(page.get("Contents", [])) for page in pages)

    def managed_put(self, key: str, value: bytes) -> None:
        """`upload_fileobj`."""
        self.client.upload_fileobj(io.BytesIO(value), self.bucket, key)

    def unnamed_put(self, key: str, value: bytes) -> None:
        """`upload_fileobj` without a checksum algorithm, as stores like S3 need it; moto completes that more slowly."""
        self.unnamed.upload_fileobj(io.BytesIO(value), self.bucket, key)

    def managed_get(self, key: str) -> bytes:
        """`download_fileobj`."""
        target = io.BytesIO()
        self.client.download_fileobj(self.bucket, key, target)
        return target.getvalue()


class Azure:
    """azure-storage-blob."""

    def __init__(self, service: RunningService, container: str, endpoint: str | None = None) -> None:
        from azure.storage.blob import ContainerClient

        creds = service.creds(endpoint)
        self.client: Any = ContainerClient(
            creds["endpoint_url"], container, credential=creds["account_key"], retry_total=0
        )

    def make(self) -> None:
        """Make the container."""
        self.client.create_container()

    def put(self, key: str, value: bytes) -> None:
        """`upload_blob`, one stream."""
        self.client.upload_blob(key, value, overwrite=True)

    def get(self, key: str) -> bytes:
        """`download_blob`, one stream."""
        return bytes(self.client.download_blob(key).readall())

    def head(self, key: str) -> int:
        """`get_blob_properties`."""
        return int(self.client.get_blob_client(key).get_blob_properties().size)

    def range(self, key: str, start: int, end: int) -> bytes:
        """`download_blob` with offset and length."""
        return bytes(self.client.download_blob(key, offset=start, length=end - start).readall())

    def list(self, prefix: str) -> int:
        """`list_blobs`."""
        return sum(1 for _ in self.client.list_blobs(name_starts_with=prefix))

    def managed_put(self, key: str, value: bytes) -> None:
        """`upload_blob` with eight connections."""
        self.client.upload_blob(key, value, overwrite=True, max_concurrency=8)

    def managed_get(self, key: str) -> bytes:
        """`download_blob` with eight connections."""
        return bytes(self.client.download_blob(key, max_concurrency=8).readall())


class Gcs:
    """google-cloud-storage."""

    def __init__(self, service: RunningService, bucket: str, endpoint: str | None = None) -> None:
        from google.api_core.client_options import ClientOptions
        from google.auth.credentials import AnonymousCredentials
        from google.cloud.storage import Client

        options = ClientOptions(api_endpoint=service.creds(endpoint)["endpoint_url"])
        self.client: Any = Client(project="p", credentials=AnonymousCredentials(), client_options=options)
        self.name = bucket
        self.bucket: Any = self.client.bucket(bucket)

    def make(self) -> None:
        """Make the bucket."""
        self.client.create_bucket(self.name)

    def put(self, key: str, value: bytes) -> None:
        """`upload_from_string`."""
        self.bucket.blob(key).upload_from_string(value, retry=None)

    def get(self, key: str) -> bytes:
        """`download_as_bytes`."""
        return bytes(self.bucket.blob(key).download_as_bytes(retry=None))

    def head(self, key: str) -> int:
        """`get_blob`."""
        return int(self.bucket.get_blob(key, retry=None).size)

    def range(self, key: str, start: int, end: int) -> bytes:
        """`download_as_bytes` with start and end."""
        return bytes(self.bucket.blob(key).download_as_bytes(start=start, end=end - 1, retry=None))

    def list(self, prefix: str) -> int:
        """`list_blobs`."""
        return sum(1 for _ in self.client.list_blobs(self.name, prefix=prefix, retry=None))

    def managed_put(self, key: str, value: bytes) -> None:
        """`upload_from_file`."""
        self.bucket.blob(key).upload_from_file(io.BytesIO(value), size=len(value), retry=None)

    def managed_get(self, key: str) -> bytes:
        """`download_to_file`."""
        target = io.BytesIO()
        self.bucket.blob(key).download_to_file(target, retry=None)
        return target.getvalue()


RAW: dict[str, type[S3 | Azure | Gcs]] = {"s3": S3, "az": Azure, "gcs": Gcs}
