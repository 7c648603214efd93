"""What the tests of `explain` share: a scripted S3, tries of it, and what can be seen of an explanation."""

from __future__ import annotations

import base64
import json
import secrets
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

from deeplake_ref import __main__ as command
from deeplake_ref.explanation import Explanation, explain
from tests.reference.scripted import Asked, Reply, scripted

if TYPE_CHECKING:
    from collections.abc import Callable

NOT_FOUND = b"<Error><Code>NoSuchKey</Code></Error>"
EMPTY = b"<ListBucketResult><Name>b</Name><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>"

KEYS = {"aws_access_key_id": "AKIDICT", "aws_secret_access_key": "of-this-test"}


def forms(secret: str) -> set[str]:
    """Return what a secret looks like on its way: as it is, and encoded for URLs, in base64 and in hex."""
    encoded = base64.b64encode(secret.encode()).decode()
    safe = base64.urlsafe_b64encode(secret.encode()).decode()
    return {
        secret,
        quote(secret, safe=""),
        quote_plus(secret),
        encoded,
        encoded.rstrip("="),
        safe,
        secret.encode().hex(),
    }


def canary() -> str:
    """Return a secret of this run, with characters that encodings change."""
    return f"c@n/ary+{secrets.token_hex(12)}=="


def texts(found: Explanation) -> str:
    """Return everything that can be seen of an explanation."""
    return "\n".join([repr(found), str(found), json.dumps(found.as_dict()), *command.told(found)])


VERBS = {"GET": "read", "HEAD": "read", "PUT": "write", "DELETE": "remove"}


def s3_answers(**statuses: tuple[int, bytes]) -> Callable[[Asked], Reply]:
    """Return a service that answers listings, reads, writes and removals as told, else as an empty bucket does."""
    usual = {"list": (200, EMPTY), "read": (404, NOT_FOUND), "write": (200, b""), "remove": (204, b"")}

    def answer(asked: Asked) -> Reply:
        verb = "list" if "list-type" in asked.query else VERBS[asked.method]
        status, body = (usual | statuses)[verb]
        headers = {"ETag": '"7"'} if verb == "write" else {}
        return Reply(status, headers, body)

    return answer


def probed(answer: Callable[[Asked], Reply], *, write: bool = False) -> tuple[Explanation, list[str]]:
    """Explain and try a bucket behind a service, and return what the service was asked to do."""
    with scripted(answer) as service:
        creds = {**KEYS, "endpoint_url": service.url}
        found = explain("s3://b/x", creds, probe=True, write=write)
        return found, [asked.method for asked in service.asked]


def refusal(code: str) -> bytes:
    """Return the body of a refusal."""
    return f"<Error><Code>{code}</Code><Message>told by the service</Message></Error>".encode()
