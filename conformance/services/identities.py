"""
Principals that a service must refuse: a wrong key, nobody it knows, nobody at all, somebody without rights or too late.

They are made anew for each run and never printed. Who is refused as what is said in `conformance/spec/errors.md`.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from conformance.services.native import new_credential
from conformance.services.running import REGION, RunningService

if TYPE_CHECKING:
    from collections.abc import Callable

TIMEOUT_S = 10.0

READS = ("s3:GetObject", "s3:ListBucket", "s3:GetBucketLocation")
WRITES = ("s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload")


class NoSuchIdentity(Exception):
    """The service cannot be given such a principal; the message says why."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A principal: the account that its URLs name, and its creds dictionary."""

    service: RunningService = field(repr=False)
    creds: dict[str, Any] = field(repr=False)

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """Keep Hypothesis, which prints dataclasses field by field, from showing the keys."""
        printer.text("Identity(...)")


def wrong_secret(service: RunningService, endpoint: str | None = None) -> Identity:
    """Return the root user with a key that is not its own."""
    _refuse_tokens(service)
    other = replace(service, secret_key=new_credential(service.prefix)[1])
    return Identity(other, other.creds(endpoint=endpoint))


def unknown(service: RunningService, endpoint: str | None = None) -> Identity:
    """Return a key id or account that the service never heard of."""
    _refuse_tokens(service)
    access_key, secret_key = new_credential(service.prefix)
    other = replace(service, access_key=access_key, secret_key=secret_key)
    return Identity(other, other.creds(endpoint=endpoint))


def anonymous(service: RunningService, endpoint: str | None = None) -> Identity:
    """Return nobody, which buckets and containers of the run do not let in."""
    return Identity(service, _address(service, endpoint) | {"anon": True})


def reader_only(service: RunningService, endpoint: str | None = None) -> Identity:
    """Return a principal that may read and list at most; raises `NoSuchIdentity`."""
    return _limited(service, endpoint, "rl", READS)


def writer_only(service: RunningService, endpoint: str | None = None) -> Identity:
    """Return a principal that may write at most; raises `NoSuchIdentity`."""
    return _limited(service, endpoint, "w", WRITES)


def expired(service: RunningService, endpoint: str | None = None) -> Identity:
    """Return a principal whose time is over; raises `NoSuchIdentity`."""
    if service.prefix != "az":
        raise NoSuchIdentity(f"{service.name} gives out nothing that is over within a quarter of an hour")
    sas = _sas(service, "rwdl", timedelta(hours=-1))
    return Identity(service, _address(service, endpoint) | {"sas_token": sas})


def _limited(service: RunningService, endpoint: str | None, letters: str, actions: tuple[str, ...]) -> Identity:
    where = _address(service, endpoint)
    if service.prefix == "az":
        return Identity(service, where | {"sas_token": _sas(service, letters, timedelta(hours=1))})
    if service.name == "minio":
        return Identity(service, where | _session(service, actions))
    if service.name == "versitygw":
        return Identity(service, where | _user(service))
    _refuse_tokens(service)
    # whoever accepts any key lets this one in as well, and has it as a divergence
    return unknown(service, endpoint)


def _address(service: RunningService, endpoint: str | None) -> dict[str, Any]:
    given = service.creds(endpoint=endpoint)
    return {name: given[name] for name in ("endpoint_url", "aws_region") if name in given}


def _refuse_tokens(service: RunningService) -> None:
    """Raise where a principal would be a token: a target that does not know it would ask beyond loopback who it is."""
    if service.prefix == "gcs":
        raise NoSuchIdentity(f"{service.name} checks no credential, so that no token is given out for it")


def _sas(service: RunningService, letters: str, lasts: timedelta) -> str:
    """Return a shared access signature for the whole account."""
    from azure.storage.blob import AccountSasPermissions, ResourceTypes, generate_account_sas

    now = datetime.now(UTC)
    sas: str = generate_account_sas(
        service.access_key,
        service.secret_key,
        resource_types=ResourceTypes(service=True, container=True, object=True),
        permission=AccountSasPermissions.from_string(letters),
        start=now - timedelta(hours=2),
        expiry=now + lasts,
    )
    return sas


def _session(service: RunningService, actions: tuple[str, ...]) -> dict[str, str]:
    """Return a session of the root user that a policy limits (AWS STS, AssumeRole)."""
    import boto3
    from botocore.config import Config

    from conformance.botocore_sessions import unprofiled

    session = boto3.session.Session(
        service.access_key, service.secret_key, region_name=REGION, botocore_session=unprofiled()
    )
    client = session.client(
        "sts",
        endpoint_url=service.url,
        config=Config(connect_timeout=TIMEOUT_S, read_timeout=TIMEOUT_S, retries={"total_max_attempts": 1}, proxies={}),
    )
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": ["arn:aws:s3:::*"]}
    answer = client.assume_role(
        RoleArn="arn:aws:iam::000000000000:role/conformance",
        RoleSessionName="conformance",
        DurationSeconds=900,
        Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )["Credentials"]
    return {
        "aws_access_key_id": answer["AccessKeyId"],
        "aws_secret_access_key": answer["SecretAccessKey"],
        "aws_session_token": answer["SessionToken"],
    }


def _user(service: RunningService) -> dict[str, str]:
    """Return a new user of versitygw, who owns no bucket and so may do nothing in those of others."""
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    access_key, secret_key = new_credential("s3")
    body = f"<Account><Access>{access_key}</Access><Secret>{secret_key}</Secret><Role>user</Role></Account>".encode()
    request = AWSRequest("PATCH", f"{service.url}/create-user", data=body)
    S3SigV4Auth(Credentials(service.access_key, service.secret_key), "s3", REGION).add_auth(request)
    sent = urllib.request.Request(  # noqa: S310 - the service's own http address
        request.url, body, dict(request.headers.items()), method="PATCH"
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        opener.open(sent, timeout=TIMEOUT_S).close()
    except urllib.error.HTTPError as error:
        raise NoSuchIdentity(f"versitygw makes no second user: HTTP {error.code}; it needs --iam-dir") from None
    return {"aws_access_key_id": access_key, "aws_secret_access_key": secret_key}


MAKERS: dict[str, Callable[[RunningService, str | None], Identity]] = {
    "wrong-secret": wrong_secret,
    "unknown-key-id": unknown,
    "anonymous": anonymous,
    "reader-only": reader_only,
    "writer-only": writer_only,
    "expired": expired,
}
"""How a principal is made, by the words of case labels."""
