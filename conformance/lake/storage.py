"""
Where the bytes of datasets lie: paths on the clouds underneath, and what goes into the answer of the control plane.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal, Self

Cloud = Literal["s3", "az", "gcs"]

REPO_TYPES: dict[Cloud, str] = {"s3": "s3", "az": "azure", "gcs": "gcs_token"}
"""What 4.7.4 reads beside `path`; after `gcs` it takes all of `creds` for a private key in JSON."""

_ALIASES: dict[str, Cloud] = {"s3": "s3", "az": "az", "azure": "az", "gcs": "gcs", "gs": "gcs", "gcp": "gcs"}
_PATH = re.compile(r"([a-z0-9]+)://(.+)", re.DOTALL)


class BadPath(ValueError):
    """A path that is of no cloud, or lacks a part."""


@dataclass(frozen=True, slots=True)
class Root:
    """A path on a cloud: `s3://bucket/prefix`, `az://account/container/prefix`, `gcs://bucket/prefix`; no prefix is empty."""

    cloud: Cloud
    account: str
    bucket: str
    prefix: str

    @classmethod
    def of(cls, path: str) -> Self:
        """Return the parts of a path; slashes at its end mean nothing.

        Raises:
            BadPath: it is of no cloud, lacks its bucket, account or container, or has an empty or a dot segment.
        """
        found = _PATH.fullmatch(path)
        cloud = _ALIASES.get(found[1]) if found else None
        if found is None or cloud is None:
            raise BadPath(f"a path begins with one of {', '.join(f'{word}://' for word in _ALIASES)}")
        segments = found[2].rstrip("/").split("/")
        needed = 2 if cloud == "az" else 1
        if len(segments) < needed or any(segment in ("", ".", "..") for segment in segments):
            raise BadPath("a path has a bucket, or an account and a container, and no empty or dot segment")
        account = segments.pop(0) if cloud == "az" else ""
        return cls(cloud, account, segments[0], "/".join(segments[1:]))

    def __str__(self) -> str:
        parts = [part for part in (self.account, self.bucket, self.prefix) if part]
        return f"{self.cloud}://{'/'.join(parts)}"

    def below(self, name: str) -> Root:
        """Return the path of a name below this one."""
        return Root(self.cloud, self.account, self.bucket, f"{self.prefix}/{name}" if self.prefix else name)

    def holds(self, other: Root) -> bool:
        """Whether another path is this one or below it, by whole segments."""
        same = (self.cloud, self.account, self.bucket) == (other.cloud, other.account, other.bucket)
        return same and (not self.prefix or f"{other.prefix}/".startswith(f"{self.prefix}/"))


@dataclass(frozen=True, slots=True)
class Storage:
    """A place for datasets, and how to sign for it.

    Attributes:
        root: `s3://bucket`, `az://account/container` or `gcs://bucket`, perhaps with a prefix.
        endpoint_url: the base URL of the service; for Azure without the account. None for the public one.
        region: of S3.
        access_key: the key id that assumes the role; of Azure the account, which `root` names anyway.
        secret_key: its secret; of Azure the account key in base64.
        role_arn: the role that is assumed.
        sts_url: where; the endpoint unless it is given.
        life_s: seconds that credentials live.
    """

    root: str
    endpoint_url: str | None = None
    region: str = "us-east-1"
    access_key: str = field(default="", repr=False)
    secret_key: str = field(default="", repr=False)
    role_arn: str = "arn:aws:iam::000000000000:role/deeplake"
    sts_url: str | None = None
    life_s: float = 3600.0

    def __post_init__(self) -> None:
        Root.of(self.root)

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """Keep Hypothesis, which prints dataclasses field by field, from showing keys."""
        printer.text(repr(self))

    @property
    def place(self) -> Root:
        """The root in parts."""
        return Root.of(self.root)


@dataclass(frozen=True, slots=True)
class Grant:
    """Short-lived credentials of one cloud.

    Attributes:
        access_key: key id of S3; account of Azure.
        secret_key: of S3.
        token: session token of S3, shared access signature of Azure, OAuth token of Google.
        expires_at: unix seconds.
    """

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    token: str = field(repr=False)
    expires_at: float


def creds_of(storage: Storage, grant: Grant) -> dict[str, Any]:
    """Return `creds` as the credentials of a dataset have them, without `expiration`."""
    match storage.place.cloud:
        case "s3":
            creds = {
                "aws_access_key_id": grant.access_key,
                "aws_secret_access_key": grant.secret_key,
                "aws_session_token": grant.token,
                "aws_region": storage.region,
            }
            return creds | _endpoint(storage.endpoint_url, "endpoint_url")
        case "az":
            account = storage.place.account
            base = f"{storage.endpoint_url}/{account}" if storage.endpoint_url else None
            creds = {"account_name": account, "sas_token": grant.token}
            return creds | _endpoint(base, "endpoint_url", "blob_endpoint")
        case "gcs":
            return {"gcs_oauth_token": grant.token} | _endpoint(storage.endpoint_url, "endpoint_url")


def managed_creds_of(storage: Storage, grant: Grant) -> dict[str, Any]:
    """Return `creds` as managed credentials have them: those of S3 under the names that 3.9.52 maps."""
    creds = creds_of(storage, grant)
    renamed = {
        "aws_access_key_id": "access_key",
        "aws_secret_access_key": "secret_key",
        "aws_session_token": "session_token",
        "aws_region": "region",
    }
    return {renamed.get(name, name): value for name, value in creds.items()}


def _endpoint(url: str | None, *names: str) -> dict[str, str]:
    return dict.fromkeys(names, url) if url else {}
