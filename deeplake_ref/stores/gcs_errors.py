"""
From what the session raises and the JSON API answers to our tree.

By reason first, by status where there is none ("HTTP status and error codes for JSON", Cloud Storage). Foreign texts
and frames are not kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deeplake_ref import errors, sessions
from deeplake_ref.errors import StorageError, redacted
from deeplake_ref.stores.gcs_client import NO_BUCKET, NO_OBJECT

if TYPE_CHECKING:
    from deeplake_ref.stores.gcs_client import GcsClient

BY_REASON: dict[str, type[StorageError]] = {
    NO_OBJECT: errors.StorageKeyNotFound,
    NO_BUCKET: errors.StorageBucketNotFound,
    "rateLimitExceeded": errors.StorageThrottledError,
    "userRateLimitExceeded": errors.StorageThrottledError,
}
BY_STATUS: dict[int, type[StorageError]] = {
    # of a resumable upload: not all of the body has arrived
    308: errors.StorageNetworkConnectionError,
    401: errors.AuthenticationError,
    403: errors.StorageAccessDenied,
    # of a request about the bucket itself
    404: errors.StorageBucketNotFound,
    412: errors.StoragePreconditionFailed,
    429: errors.StorageThrottledError,
    501: errors.StorageOperationUnsupported,
    503: errors.StorageThrottledError,
}
WRITES = {"set", "remove", "remove_directory"}


def translated(
    error: Exception, operation: str, key: str, bucket: str, source: str | None, client: GcsClient
) -> StorageError:
    """Return our error for what a request raised."""
    about = f"{operation}: {key!r} in {bucket}"
    if isinstance(error, sessions.RefusedError):
        made = _refused(error, about, client)
        code, status = error.code, error.status
        made.effect = "unknown" if operation in WRITES and status >= 500 else "none"
        made.retry_after_s = sessions.retry_after_s(error.headers)
    else:
        made = _failed(error, about)
        code, status = type(error).__name__, None
        made.effect = "unknown" if operation in WRITES and not sessions.was_not_sent(error) else "none"
    made.provider = "gcs"
    made.operation = operation
    made.code = code
    made.http_status = status
    made.source = source
    made.__cause__ = redacted(error, code=code if status else None, http_status=status)
    return made


def _refused(error: sessions.RefusedError, about: str, client: GcsClient) -> StorageError:
    code, status = error.code or "", error.status
    kind = BY_REASON.get(code) or BY_STATUS.get(status) or errors.StorageInternalError
    said = f"{about}: {code or 'no reason given'}, HTTP {status}"
    if status == 404 and not code:
        return errors.StorageInternalError(f"{said}; not an answer of Cloud Storage, check endpoint_url")
    if client.credentials.is_anonymous and status == 401:
        return errors.AuthenticationError(f"{said}; it is not public, anonymous requests are refused")
    if status == 401:
        return errors.AuthenticationError(
            f"{said}; the token is not accepted: expired, revoked, or of somebody unknown; check this machine's clock"
        )
    if kind is errors.StorageBucketNotFound:
        return kind(f"{said}; create the bucket first")
    if kind is errors.StorageAccessDenied:
        return kind(f"{said}; the identity lacks the permission, grant it a role on the bucket")
    return kind(said)


def _failed(error: Exception, about: str) -> StorageError:
    name = type(error).__name__
    if isinstance(error, sessions.MalformedAnswerError):
        return errors.StorageNetworkConnectionError(f"{about}: not an answer of Cloud Storage; check endpoint_url")
    if isinstance(error, sessions.IncompleteBodyError):
        return errors.StorageNetworkConnectionError(f"{about}: the answer did not arrive whole, or not in time")
    if sessions.is_untrusted(error):
        return errors.StorageTLSError(f"{about}: the connection is not secure; check the certificates")
    if sessions.is_network_failure(error):
        return errors.StorageNetworkConnectionError(f"{about}: the service was not reached: {name}; check endpoint_url")
    return errors.StorageInternalError(f"{about}: {name}")
