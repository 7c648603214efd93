"""
Short-lived credentials of real storages: sessions of a role, shared access signatures, OAuth tokens.

What was made is handed out again while it has long enough to live, so that a credential costs one look and not one request to
the security token service. SDKs are imported where they are used.
"""

from __future__ import annotations

import json
import secrets
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from conformance.lake.plane import Order, StorageUnavailable
from conformance.lake.storage import Grant

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.lake.storage import Storage

TIMEOUT_S = 10.0

WRITES = ("s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")

SHORTEST_ROLE_S = 900.0
"""The shortest session that AssumeRole makes (STS API Reference)."""

KEPT = 10_000
"""Credentials that are kept; beyond, those that are over are dropped, then all."""

_Wanted = tuple[str, str, bool, str, int]


@dataclass(slots=True)
class _Slot:
    """One kind of credentials; the lock lets one request make what many wait for."""

    lock: threading.Lock
    grant: Grant | None = None


class CloudIssuer:
    """Makes credentials by the cloud of a storage, and keeps them while they are good."""

    def __init__(self) -> None:
        self._slots: dict[_Wanted, _Slot] = {}
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, str], Any] = {}

    def grant(self, order: Order) -> Grant:
        """Return credentials that live long enough, made now or before."""
        wanted = (order.creds_key or order.org, str(order.place), order.reading, order.storage.root, order.generation)
        with self._lock:
            if len(self._slots) >= KEPT and wanted not in self._slots:
                self._sweep(order.now)
            slot = self._slots.setdefault(wanted, _Slot(threading.Lock()))
        kept = slot.grant
        if kept is not None and is_long_enough(kept, order):
            return kept
        with slot.lock:
            kept = slot.grant
            if kept is None or not is_long_enough(kept, order):
                kept = slot.grant = self._made(order)
            return kept

    def expiration_of(self, grant: Grant) -> dict[str, Any]:
        """Return unix seconds as a text."""
        return {"expiration": str(int(grant.expires_at))}

    def _sweep(self, now: float) -> None:
        self._slots = {
            wanted: slot for wanted, slot in self._slots.items() if slot.grant and slot.grant.expires_at > now
        }
        if len(self._slots) >= KEPT:
            self._slots.clear()

    def _made(self, order: Order) -> Grant:
        makers: dict[str, Callable[[Order], Grant]] = {"s3": self._role, "az": shared_access, "gcs": oauth_token}
        return makers[order.place.cloud](order)

    def _role(self, order: Order) -> Grant:
        """Return a session of the storage's role, whose policy opens the dataset and nothing beside it."""
        from botocore.exceptions import BotoCoreError, ClientError

        storage = order.storage
        life_s = max(SHORTEST_ROLE_S, storage.life_s)
        try:
            answer = self._sts(storage).assume_role(
                RoleArn=storage.role_arn,
                RoleSessionName=session_name(order),
                DurationSeconds=int(life_s),
                Policy=json.dumps(policy_of(order)),
            )["Credentials"]
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", "?"))[:60]
            raise StorageUnavailable(f"AssumeRole was refused: {code}") from None
        except (BotoCoreError, ValueError) as error:
            raise StorageUnavailable(f"AssumeRole failed: {type(error).__name__}") from None
        ends = min(answer["Expiration"].timestamp(), order.now + life_s)
        return Grant(answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"], ends)

    def _sts(self, storage: Storage) -> Any:
        import boto3
        from botocore.config import Config

        from conformance.botocore_sessions import unprofiled

        where = storage.sts_url or storage.endpoint_url or ""
        with self._lock:
            if (where, storage.access_key) not in self._clients:
                session = boto3.session.Session(
                    storage.access_key,
                    storage.secret_key,
                    region_name=storage.region,
                    botocore_session=unprofiled(),
                )
                self._clients[where, storage.access_key] = session.client(
                    "sts",
                    endpoint_url=where or None,
                    config=Config(
                        connect_timeout=TIMEOUT_S,
                        read_timeout=TIMEOUT_S,
                        retries={"total_max_attempts": 2},
                        proxies={} if _is_loopback(where) else None,
                    ),
                )
            return self._clients[where, storage.access_key]


def is_long_enough(grant: Grant, order: Order) -> bool:
    """Whether credentials may be handed out again: a quarter of their life is left, and more than clients refresh before.

    The client of 4.7.4 asks again in the last 300 s; what it then gets must not send it back at once.
    """
    life_s = order.storage.life_s
    return grant.expires_at - order.now > max(life_s / 4, min(300.0, life_s / 2))


def session_name(order: Order) -> str:
    """Return a name by which the cloud's own logs tell who it was: letters, digits and `=,.@-`, at most 64."""
    kept = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in f"{order.org}-{order.user}")
    return kept[:64] or "deeplake"


def policy_of(order: Order) -> dict[str, Any]:
    """Return the session policy for one path: what may be done below it, and listing of nothing else."""
    bucket = f"arn:aws:s3:::{order.place.bucket}"
    # MinIO denies what the variables for `?` and `*` stand for; as they are they also mean other letters in their place
    prefix = order.place.prefix if order.storage.endpoint_url else literal(order.place.prefix)
    below = f"{bucket}/{prefix}/*" if prefix else f"{bucket}/*"
    listing: dict[str, Any] = {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [bucket]}
    if prefix:
        listing["Condition"] = {"StringLike": {"s3:prefix": [prefix, f"{prefix}/*"]}}
    actions = ("s3:GetObject",) if order.reading else ("s3:GetObject", *WRITES)
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": list(actions), "Resource": [below]},
            listing,
            {"Effect": "Allow", "Action": ["s3:GetBucketLocation"], "Resource": [bucket]},
        ],
    }


def literal(text: str) -> str:
    """Return a text in which no character of a policy means more than itself (IAM User Guide, "Policy variables")."""
    return "".join(f"${{{letter}}}" if letter in "*?$" else letter for letter in text)


def shared_access(order: Order) -> Grant:
    """Return a signature for the container: Azure has none for less, unless the account has directories."""
    from azure.storage.blob import ContainerSasPermissions, generate_container_sas

    ends = float(int(order.now + order.storage.life_s))
    try:
        token = generate_container_sas(
            account_name=order.place.account,
            container_name=order.place.bucket,
            account_key=order.storage.secret_key,
            permission=ContainerSasPermissions.from_string("rl" if order.reading else "racwdl"),
            expiry=datetime.fromtimestamp(ends, UTC),
        )
    except ValueError:
        raise StorageUnavailable("the account key of the storage is no base64") from None
    return Grant(order.place.account, "", token, ends)


def oauth_token(order: Order) -> Grant:
    """Return an opaque token for an emulator, which checks none; the public service takes only its own.

    Downscoping a real token needs a service account of Google's, which no run of this project has.
    """
    if not order.storage.endpoint_url or not _is_loopback(order.storage.endpoint_url):
        raise StorageUnavailable("tokens are made for an emulator on this machine only")
    return Grant("", "", "ya29." + secrets.token_urlsafe(64), order.now + order.storage.life_s)


def _is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")
