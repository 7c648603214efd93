"""
From botocore's exceptions to our tree.

By code first, by status where there is none (Amazon S3 API reference, "Error responses"). Foreign texts and frames are
not kept: `SignatureDoesNotMatch` carries the string to sign, `ExpiredToken` the token itself.
"""

from __future__ import annotations

from typing import Any

from deeplake_ref import errors
from deeplake_ref.errors import StorageError, redacted
from deeplake_ref.sessions import IncompleteBodyError, MalformedAnswerError, retry_after_s

BY_CODE: dict[str, type[StorageError]] = {
    "NoSuchKey": errors.StorageKeyNotFound,
    "NoSuchBucket": errors.StorageBucketNotFound,
    "NoSuchUpload": errors.StorageInternalError,
    "AccessDenied": errors.StorageAccessDenied,
    "AllAccessDisabled": errors.StorageAccessDenied,
    "InvalidAccessKeyId": errors.AuthenticationError,
    "SignatureDoesNotMatch": errors.AuthenticationError,
    "InvalidToken": errors.AuthenticationError,
    "InvalidTokenId": errors.AuthenticationError,
    "AuthorizationHeaderMalformed": errors.AuthenticationError,
    "RequestTimeTooSkewed": errors.AuthenticationError,
    "ExpiredToken": errors.ExpiredTokenError,
    "PreconditionFailed": errors.StoragePreconditionFailed,
    "ConditionalRequestConflict": errors.StoragePreconditionFailed,
    "NotImplemented": errors.StorageOperationUnsupported,
    "KeyTooLongError": errors.InvalidURIError,
    "InvalidBucketName": errors.InvalidURIError,
    "InvalidObjectName": errors.InvalidURIError,
    "XMinioInvalidObjectName": errors.InvalidURIError,
    "ObjectParentIsFile": errors.InvalidURIError,
    "ExistingObjectIsDirectory": errors.InvalidURIError,
    "XMinioParentIsObject": errors.InvalidURIError,
    "XMinioObjectExistsAsDirectory": errors.InvalidURIError,
    "SlowDown": errors.StorageThrottledError,
    "ServiceUnavailable": errors.StorageThrottledError,
    "TooManyRequests": errors.StorageThrottledError,
    "RequestTimeout": errors.StorageNetworkConnectionError,
}
BY_STATUS: dict[int, type[StorageError]] = {
    403: errors.StorageAccessDenied,
    412: errors.StoragePreconditionFailed,
    429: errors.StorageThrottledError,
    501: errors.StorageOperationUnsupported,
    503: errors.StorageThrottledError,
}
ELSEWHERE = {
    "PermanentRedirect",
    "TemporaryRedirect",
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
    "301",
    "307",
}
"""Codes of a bucket that is in another region; some of them have other reasons too."""

HINTS = {
    "RequestTimeTooSkewed": "; this machine's clock is off",
    "NoSuchBucket": "; create the bucket first",
    "NoSuchKey": "; list shows what there is",
    "AccessDenied": "; the credentials are known and lack the permission",
    "InvalidAccessKeyId": "; the service does not know the key, check which credentials are used",
    "SignatureDoesNotMatch": "; check the secret key",
    "InvalidToken": "; check the session token",
    "AuthorizationHeaderMalformed": "; check aws_region and the key id",
    "ExpiredToken": "; get new temporary credentials",
    "PreconditionFailed": "; read it again",
}
WRITES = {"set", "remove", "remove_directory"}

OF_SIGNING = ("Assume", "GetRoleCredentials", "GetFederationToken", "GetSessionToken", "CreateToken")
"""Beginnings of operations of other services, which botocore asks for credentials on the way."""


class InBulkError(Exception):
    """One key's error inside the answer to a bulk delete."""

    def __init__(self, code: str, key: str) -> None:
        super().__init__(code)
        self.code = code
        self.key = key


def translated(
    error: Exception, operation: str, key: str, bucket: str, source: str | None, *, anonymous: bool = False
) -> StorageError:
    """Return our error for what boto3 raised; who is anonymous lacks an identity, not a permission."""
    response = getattr(error, "response", None)
    if isinstance(error, InBulkError):
        made = _of_code(error.code, 0)(
            f"{operation}: {error.key!r} in {bucket}: {error.code}{HINTS.get(error.code, '')}"
        )
        made.effect = "unknown"
        return _finished(made, error, operation, source, error.code, None)
    if isinstance(response, dict) and "Error" in response:
        answered = _answered(error, response, operation, key, bucket, source)
        if anonymous and isinstance(answered, errors.StorageAccessDenied):
            about = f"{operation}: {key!r} in {bucket}: HTTP {answered.http_status}"
            message = f"{about}; it is not public, anonymous requests are refused; give credentials"
            return answered.told_as(errors.AuthenticationError, message)
        return answered
    made = _unanswered(error, f"{operation}: {key!r} in {bucket}")
    made.effect = "unknown" if operation in WRITES and not _was_not_sent(error) else "none"
    return _finished(made, error, operation, source, type(error).__name__, None)


def _unanswered(error: Exception, about: str) -> StorageError:
    from http.client import HTTPException

    from botocore import exceptions as foreign
    from urllib3.exceptions import HTTPError

    name = type(error).__name__
    if isinstance(error, IncompleteBodyError | MalformedAnswerError | HTTPError | HTTPException):
        return errors.StorageNetworkConnectionError(
            f"{about}: the answer did not arrive whole, or is not one of S3; check endpoint_url"
        )
    if isinstance(error, foreign.SSLError):
        return errors.StorageTLSError(f"{about}: the connection is not secure; check the certificates, AWS_CA_BUNDLE")
    if isinstance(error, _of_credentials()):
        return errors.CredentialsUnavailableError(f"{about}: the credentials went away: {name}; get new ones")
    if isinstance(error, foreign.ParamValidationError):
        return errors.InvalidURIError(f"{about}: not a name that S3 can hold")
    if isinstance(error, foreign.HTTPClientError | foreign.BotoCoreError | OSError):
        return errors.StorageNetworkConnectionError(
            f"{about}: the service was not reached, or its answer did not arrive: {name}; check endpoint_url"
        )
    return errors.StorageInternalError(f"{about}: {name}")


def _of_credentials() -> tuple[Any, ...]:
    from botocore import exceptions as foreign

    return (
        foreign.NoCredentialsError,
        foreign.PartialCredentialsError,
        foreign.CredentialRetrievalError,
        foreign.MetadataRetrievalError,
        foreign.TokenRetrievalError,
        foreign.SSOError,
    )


def _was_not_sent(error: Exception) -> bool:
    from botocore import exceptions as foreign

    never: tuple[Any, ...] = (
        foreign.EndpointConnectionError,
        foreign.ConnectTimeoutError,
        foreign.ProxyConnectionError,
        foreign.SSLError,
        foreign.ParamValidationError,
        *_of_credentials(),
    )
    return isinstance(error, never)


def _of_code(code: str, status: int) -> type[StorageError]:
    return BY_CODE.get(code) or BY_STATUS.get(status) or errors.StorageInternalError


def _answered(
    error: Exception, response: dict[str, dict[str, Any]], operation: str, key: str, bucket: str, source: str | None
) -> StorageError:
    code = str(response["Error"].get("Code", ""))
    metadata = response.get("ResponseMetadata", {})
    status = int(metadata.get("HTTPStatusCode", 0))
    headers = metadata.get("HTTPHeaders", {})
    about = f"{operation}: {key!r} in {bucket}: {code or 'no code'}, HTTP {status}"
    asked = str(getattr(error, "operation_name", ""))
    region = response["Error"].get("Region") or headers.get("x-amz-bucket-region")
    if asked.startswith(OF_SIGNING):
        made: StorageError = errors.CredentialsUnavailableError(f"{about}: {asked} was refused; check the role")
    elif code in ELSEWHERE and (region or code != "AuthorizationHeaderMalformed"):
        where = f" {region}" if region else ""
        made = errors.StorageInternalError(f"{about}; the bucket is in another region{where}, set aws_region")
    elif status == 404 and code not in BY_CODE:
        made = errors.StorageInternalError(f"{about}; not an answer of S3, check endpoint_url")
    else:
        kind = _of_code(code, status)
        # who is not believed or not allowed wants to know who that was
        about_whom = issubclass(kind, errors.CredentialsError | errors.StorageAccessDenied)
        signed = f", signed by {source}" if source and about_whom else ""
        made = kind(f"{about}{signed}{HINTS.get(code, '')}")
    done = status in (200, 408) or (status >= 500 and status != 501)
    made.effect = "unknown" if operation in WRITES and done else "none"
    made.retry_after_s = retry_after_s({"Retry-After": headers["retry-after"]}) if "retry-after" in headers else None
    return _finished(made, error, operation, source, code, status)


def _finished(
    made: StorageError, error: Exception, operation: str, source: str | None, code: str, status: int | None
) -> StorageError:
    made.provider = "s3"
    made.operation = operation
    made.code = code or None
    made.http_status = status or None
    made.source = source
    made.__cause__ = redacted(error, code=code or None, http_status=status or None)
    # the foreign exception would otherwise hang on as context, with its text and frames
    made.__suppress_context__ = True
    return made
