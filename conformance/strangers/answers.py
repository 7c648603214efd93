"""
What strangers answer: pages of something else, and refusals as the three clouds document them.

Sources: Amazon S3 API reference, "Error responses"; Azure Storage REST reference, "Status and error codes"; Cloud Storage
JSON API, "HTTP status and error codes for JSON" (all read 2026-11).
"""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer to every request; the length of the body is added, and a HEAD is answered without it."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A documented error: the service's code, the answer that carries it, and the class that it means.

    `kind` is None where the contract has no class of its own for it; `code` None where the answer's is not one word.
    """

    code: str | None
    kind: str | None
    answer: Answer


def _page(title: str) -> bytes:
    return f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><p>{title}</p></body></html>\n".encode()


_HTML = (("Content-Type", "text/html; charset=utf-8"),)

SOMETHING_ELSE = {
    "html-200": Answer(200, _HTML, _page("Please sign in")),
    "html-404": Answer(404, _HTML, _page("Not Found")),
    "empty-200": Answer(200),
}
"""Answers that no storage service gives, by case label."""


def _s3(status: int, code: str, kind: str | None, *headers: tuple[str, str]) -> Refusal:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>refused</Message><RequestId>4442587FB7D0A2F9</RequestId></Error>"
    )
    common = (("Content-Type", "application/xml"), ("x-amz-request-id", "4442587FB7D0A2F9"))
    return Refusal(code, kind, Answer(status, (*common, *headers), body.encode()))


def _az(status: int, code: str, kind: str | None) -> Refusal:
    body = f'\ufeff<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>refused</Message></Error>'
    headers = (
        ("Content-Type", "application/xml"),
        ("x-ms-error-code", code),
        ("x-ms-request-id", "cc6cd1a1-c01e-0012-0000-000000000000"),
        ("x-ms-version", "2023-11-03"),
    )
    return Refusal(code, kind, Answer(status, headers, body.encode()))


def _gcs(status: int, reason: str, message: str, kind: str | None, *headers: tuple[str, str]) -> Refusal:
    entry = {"message": message, "domain": "global", "reason": reason}
    body = json.dumps({"error": {"code": status, "message": message, "errors": [entry]}}).encode()
    return Refusal(None, kind, Answer(status, (("Content-Type", "application/json; charset=UTF-8"), *headers), body))


REFUSALS: dict[str, dict[str, Refusal]] = {
    "s3": {
        "access-denied": _s3(403, "AccessDenied", "StorageAccessDenied"),
        "wrong-signature": _s3(403, "SignatureDoesNotMatch", "AuthenticationError"),
        "unknown-key-id": _s3(403, "InvalidAccessKeyId", "AuthenticationError"),
        "clock-skew": _s3(403, "RequestTimeTooSkewed", "AuthenticationError"),
        "expired-token": _s3(400, "ExpiredToken", "AuthenticationError"),
        "missing-bucket": _s3(404, "NoSuchBucket", "StorageBucketNotFound"),
        "another-region": _s3(301, "PermanentRedirect", None, ("x-amz-bucket-region", "eu-west-1")),
        "bad-request": _s3(400, "InvalidRequest", "StorageInternalError"),
    },
    "az": {
        "access-denied": _az(403, "AuthorizationPermissionMismatch", "StorageAccessDenied"),
        "wrong-signature": _az(403, "AuthenticationFailed", "AuthenticationError"),
        "bad-bearer": _az(401, "InvalidAuthenticationInfo", "AuthenticationError"),
        "missing-container": _az(404, "ContainerNotFound", "StorageBucketNotFound"),
        "bad-request": _az(400, "InvalidHeaderValue", "StorageInternalError"),
    },
    "gcs": {
        "access-denied": _gcs(403, "forbidden", "The caller lacks storage.objects.get access.", "StorageAccessDenied"),
        "bad-bearer": _gcs(
            401, "authError", "Invalid Credentials", "AuthenticationError", ("WWW-Authenticate", 'Bearer realm="x"')
        ),
        "missing-bucket": _gcs(404, "notFound", "The specified bucket does not exist.", "StorageBucketNotFound"),
        "bad-request": _gcs(400, "invalid", "Invalid argument.", "StorageInternalError"),
    },
}
"""Documented refusals by prefix and case label."""
