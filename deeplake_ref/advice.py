"""
What to do about a failure, by its class and the service's code; the message says what happened, this says what helps.

Permissions are named as the services do: "Actions, resources, and condition keys for Amazon S3", "Create a service SAS"
and the built-in roles of Azure Storage, "IAM permissions for Cloud Storage".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deeplake_ref import errors

if TYPE_CHECKING:
    from deeplake_ref.errors import StorageError

PERMISSIONS = {
    "s3": {"list": "s3:ListBucket", "read": "s3:GetObject", "write": "s3:PutObject", "remove": "s3:DeleteObject"},
    "az": {
        "list": "the role Storage Blob Data Reader, or `l` in a SAS",
        "read": "the role Storage Blob Data Reader, or `r` in a SAS",
        "write": "the role Storage Blob Data Contributor, or `cw` in a SAS",
        "remove": "the role Storage Blob Data Contributor, or `d` in a SAS",
    },
    "gcs": {
        "list": "storage.objects.list",
        "read": "storage.objects.get",
        "write": "storage.objects.create and storage.objects.delete",
        "remove": "storage.objects.delete",
    },
    "al": {
        "list": "the role read in the organisation",
        "read": "the role read in the organisation",
        "write": "the role write in the organisation",
        "remove": "the role write in the organisation",
    },
}
"""What an identity needs to list, read, write and remove."""

OF_THE_REGION = (
    "PermanentRedirect",
    "TemporaryRedirect",
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
    "301",
    "307",
)
"""Codes of S3 for a bucket that is in another region."""

OF_THE_CLOCK = ("RequestTimeTooSkewed",)
"""Codes for a clock that is off."""

SKEW = "the services accept 15 minutes"

BUNDLES = {
    "s3": "AWS_CA_BUNDLE, or `ca_bundle` of the profile",
    "az": "REQUESTS_CA_BUNDLE",
    "gcs": "REQUESTS_CA_BUNDLE",
    "al": "SSL_CERT_FILE",
}
"""Where a further certificate authority is named."""

_BY_CLASS: tuple[tuple[type[StorageError], str], ...] = (
    (errors.ExpiredTokenError, "get new credentials for {source}, or let a source deliver them that renews them"),
    (
        errors.AuthenticationError,
        "the service does not believe {source}: check its keys, and that this machine's clock is right ({skew})",
    ),
    (errors.StorageBucketNotFound, "create the bucket or container, or correct its name in the path"),
    (errors.StorageThrottledError, "wait, and try again"),
    (
        errors.InvalidCredentialsError,
        "correct {source}, or take it away: while it is broken, nobody behind it is asked",
    ),
    (
        errors.CredentialsUnavailableError,
        "repair {source}, or take it away: while it is configured, nobody behind it is asked",
    ),
    (errors.StorageTLSError, "check the host name of the endpoint; name the authority of its certificate in {bundle}"),
    (errors.StorageNetworkConnectionError, "check that {endpoint} is right and reachable from here, and the proxy"),
)


def advise(error: StorageError, *, action: str = "", source: str | None = None, endpoint: str | None = None) -> str:
    """Return what to do about an error, empty where the message says all there is to say.

    Args:
        error: what was raised.
        action: `list`, `read`, `write` or `remove`, if that was tried.
        source: the credential source in use, or the broken one.
        endpoint: where requests went, and where that was read from.
    """
    prefix = error.provider or ""
    if error.code in OF_THE_CLOCK:
        return f"set this machine's clock; {SKEW}"
    if prefix == "s3" and error.code in OF_THE_REGION:
        return "set `aws_region` of creds, or AWS_REGION, to the region of the bucket"
    if prefix == "al" and isinstance(error, errors.StorageBucketNotFound) and (error.code or "").islower():
        return "create or connect the dataset, or correct organisation and name in the path"
    if isinstance(error, errors.StorageAccessDenied):
        needed = PERMISSIONS.get(prefix, {}).get(action, "the permission")
        return f"grant {needed} to the identity of {source}, or use another one"
    words = {
        "source": source or error.source or "the source",
        "endpoint": endpoint or "the endpoint",
        "bundle": BUNDLES.get(prefix, "the system's store"),
        "skew": SKEW,
    }
    return next((text.format(**words) for kind, text in _BY_CLASS if isinstance(error, kind)), "")
