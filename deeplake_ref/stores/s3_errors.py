"""
From botocore's exceptions to our tree.

By code first, by status where there is none (Amazon S3 API reference, "Error responses"). Foreign texts and frames are not
kept: `SignatureDoesNotMatch` carries the string to sign, `ExpiredToken` the token itself.
"""

from __future__ import annotations

from deeplake_ref import errors
from deeplake_ref.errors import StorageError, redacted

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
    404: errors.StorageKeyNotFound,
    412: errors.StoragePreconditionFailed,
    429: errors.StorageThrottledError,
    501: errors.StorageOperationUnsupported,
    503: errors.StorageThrottledError,
}
HINTS = {
    "RequestTimeTooSkewed": "; this machine's clock is off",
    "NoSuchBucket": "; create the bucket first",
    "AuthorizationHeaderMalformed": "; check aws_region, the bucket is in another region",
    "PermanentRedirect": "; check aws_region, the bucket is in another region",
    "InvalidAccessKeyId": "; check which credentials are used",
    "SignatureDoesNotMatch": "; check the secret key",
    "ExpiredToken": "; get new temporary credentials",
}
WRITES = {"set", "remove", "remove_directory"}


def translated(error: Exception, operation: str, key: str, bucket: str, source: str | None) -> StorageError:
    """Return our error for what boto3 raised."""
    from botocore import exceptions as foreign

    response = getattr(error, "response", None)
    if isinstance(response, dict) and "Error" in response:
        return _answered(error, response, operation, key, bucket, source)
    name = type(error).__name__
    about = f"{operation}: {key!r} in {bucket}"
    if isinstance(error, foreign.SSLError):
        made: StorageError = errors.StorageTLSError(f"{about}: the connection is not secure; check the certificates")
    elif isinstance(error, foreign.NoCredentialsError | foreign.PartialCredentialsError):
        made = errors.CredentialsUnavailableError(f"{about}: the credentials went away: {name}")
    elif isinstance(error, foreign.ParamValidationError):
        made = errors.InvalidURIError(f"{about}: not a name that S3 can hold")
    elif isinstance(error, ValueError) and not isinstance(error, foreign.BotoCoreError):
        made = errors.InvalidURIError(f"{about}: endpoint_url is not an http or https URL")
    elif isinstance(error, foreign.HTTPClientError | foreign.BotoCoreError | OSError):
        made = errors.StorageNetworkConnectionError(f"{about}: the service was not reached: {name}; check endpoint_url")
    else:
        made = errors.StorageInternalError(f"{about}: {name}")
    made.effect = (
        "unknown" if operation in WRITES and not isinstance(error, foreign.EndpointConnectionError) else "none"
    )
    return _finished(made, error, operation, source, name, None)


def _answered(
    error: Exception, response: dict[str, dict[str, object]], operation: str, key: str, bucket: str, source: str | None
) -> StorageError:
    code = str(response["Error"].get("Code", ""))
    status = int(str(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)))
    kind = BY_CODE.get(code) or BY_STATUS.get(status) or errors.StorageInternalError
    about = f"{operation}: {key!r} in {bucket}: {code or 'no code'}, HTTP {status}{HINTS.get(code, '')}"
    made = kind(about)
    if operation in WRITES:
        made.effect = "unknown" if status >= 500 or status == 200 else "none"
    else:
        made.effect = "none"
    headers = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    after = headers.get("retry-after") if isinstance(headers, dict) else None
    made.retry_after_s = float(after) if isinstance(after, str) and after.isdigit() else None
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
