"""
From what the Azure transport raises and the service answers to our tree.

By code first, by status where there is none ("Status and error codes" and "Blob service error codes" of the REST
reference). Foreign texts and frames are not kept: they may hold URLs with signatures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deeplake_ref import errors, sessions
from deeplake_ref.errors import StorageError, redacted

if TYPE_CHECKING:
    from deeplake_ref.stores.azure_client import AzureClient

BY_CODE: dict[str, type[StorageError]] = {
    "BlobNotFound": errors.StorageKeyNotFound,
    "ContainerNotFound": errors.StorageBucketNotFound,
    "ContainerBeingDeleted": errors.StorageBucketNotFound,
    "BlobAlreadyExists": errors.StorageKeyAlreadyExists,
    "ConditionNotMet": errors.StoragePreconditionFailed,
    "TargetConditionNotMet": errors.StoragePreconditionFailed,
    "LeaseIdMissing": errors.StorageAccessDenied,
    "BlobImmutableDueToPolicy": errors.StorageAccessDenied,
    "AuthenticationFailed": errors.AuthenticationError,
    "InvalidAuthenticationInfo": errors.AuthenticationError,
    "NoAuthenticationInformation": errors.AuthenticationError,
    "AuthorizationFailure": errors.StorageAccessDenied,
    # neither a blob nor a container: the account is unknown, or it hides its containers from who asks
    "ResourceNotFound": errors.AuthenticationError,
    "PublicAccessNotPermitted": errors.StorageAccessDenied,
    "InvalidResourceName": errors.InvalidURIError,
    "OutOfRangeInput": errors.InvalidURIError,
    "InvalidUri": errors.InvalidURIError,
    "ServerBusy": errors.StorageThrottledError,
}
BY_STATUS: dict[int, type[StorageError]] = {
    401: errors.AuthenticationError,
    403: errors.StorageAccessDenied,
    412: errors.StoragePreconditionFailed,
    429: errors.StorageThrottledError,
    501: errors.StorageOperationUnsupported,
    503: errors.StorageThrottledError,
}
HINTS = {
    "AuthorizationPermissionMismatch": "; the SAS or the role lacks the permission",
    "ContainerNotFound": "; create the container first",
    "AuthenticationFailed": "; check the account key, the SAS, and this machine's clock",
    "ResourceNotFound": "; check the account name, and whether the credentials may see the container",
    "KeyBasedAuthenticationNotPermitted": "; the account does not allow account keys",
    "AuthorizationProtocolMismatch": "; the SAS does not allow http",
    "PublicAccessNotPermitted": "; the account does not allow anonymous access",
    "LeaseIdMissing": "; somebody holds a lease on it",
}
WRITES = {"set", "remove", "remove_directory"}


def translated(
    error: Exception, operation: str, key: str, where: str, source: str | None, client: AzureClient
) -> StorageError:
    """Return our error for what a request raised; `where` names account and container."""
    about = f"{operation}: {key!r} in {where}"
    if isinstance(error, sessions.RefusedError):
        made = _refused(error, about, client)
        code, status = error.code, error.status
        made.effect = "unknown" if operation in WRITES and status >= 500 and code != "ServerBusy" else "none"
        made.retry_after_s = sessions.retry_after_s(error.headers)
    else:
        made = _failed(error, about)
        code, status = type(error).__name__, None
        made.effect = "unknown" if operation in WRITES and not sessions.was_not_sent(error) else "none"
    made.provider = "az"
    made.operation = operation
    made.code = code
    made.http_status = status
    made.source = source
    made.__cause__ = redacted(error, code=code if status else None, http_status=status)
    return made


def _refused(error: sessions.RefusedError, about: str, client: AzureClient) -> StorageError:
    code, status = error.code or "", error.status
    kind = BY_CODE.get(code) or BY_STATUS.get(status) or errors.StorageInternalError
    hint = HINTS.get(code, "")
    if client.credentials.tokens is not None and kind is errors.AuthenticationError and status in (401, 403):
        hint = "; the token was rejected, check this machine's clock, the tenant of the account, and who has signed in"
    said = f"{about}: {code or 'no code'}, HTTP {status}{hint}"
    if status in (401, 403) and client.credentials.is_expired:
        if client.credentials.tokens is not None:
            return errors.ExpiredTokenError(f"{said}; the token expired")
        return errors.ExpiredTokenError(f"{said}; the shared access signature expired, get a new one")
    if client.credentials.is_anonymous and kind in (errors.StorageAccessDenied, errors.AuthenticationError):
        return errors.AuthenticationError(f"{said}; it is not public, anonymous requests are refused")
    if kind is errors.StorageInternalError and not code:
        return kind(f"{said}; not an answer of Azure Storage, check endpoint_url")
    return kind(said)


def _failed(error: Exception, about: str) -> StorageError:
    name = type(error).__name__
    if isinstance(error, sessions.MalformedAnswerError):
        return errors.StorageNetworkConnectionError(f"{about}: not an answer of Azure Storage; check endpoint_url")
    if isinstance(error, sessions.IncompleteBodyError):
        return errors.StorageNetworkConnectionError(f"{about}: the answer did not arrive whole, or not in time")
    if sessions.is_untrusted(error):
        return errors.StorageTLSError(f"{about}: the connection is not secure; check the certificates")
    if sessions.is_network_failure(error):
        return errors.StorageNetworkConnectionError(f"{about}: the service was not reached: {name}; check endpoint_url")
    return errors.StorageInternalError(f"{about}: {name}")
