"""
What to do about a failure, by its class and the service's code; the message says what happened, this says what helps.

It names what is at fault as its user knows it: the variable, field or file that the error names, else what the source is
made of. What they hold is never told.

Permissions are named as the services do: "Actions, resources, and condition keys for Amazon S3", "Create a service SAS"
and the built-in roles of Azure Storage, "IAM permissions for Cloud Storage".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deeplake_ref import errors, setups

if TYPE_CHECKING:
    from deeplake_ref.errors import StorageError

PERMISSIONS = {
    "s3": {"list": "s3:ListBucket", "read": "s3:GetObject", "write": "s3:PutObject", "remove": "s3:DeleteObject"},
    "az": {
        "list": "the role Storage Blob Data Reader",
        "read": "the role Storage Blob Data Reader",
        "write": "the role Storage Blob Data Contributor",
        "remove": "the role Storage Blob Data Contributor",
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

LETTERS = {"list": "l", "read": "r", "write": "cw", "remove": "d"}
"""What a shared access signature needs in its `sp`; an account key may do everything."""

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

PERHAPS_OF_THE_CLOCK = ("SignatureDoesNotMatch", "AuthenticationFailed")
"""Codes for a proof that is wrong, which a clock can make it too."""

SKEW = "the services accept 15 minutes"

BUNDLES = {
    "s3": "AWS_CA_BUNDLE, or `ca_bundle` of the profile",
    "az": "REQUESTS_CA_BUNDLE",
    "gcs": "REQUESTS_CA_BUNDLE",
    "al": "SSL_CERT_FILE",
}
"""Where a further certificate authority is named."""

_VARIABLE = re.compile(r"[A-Z0-9_]+( or [A-Z0-9_]+)?")


def advise(
    error: StorageError,
    *,
    action: str = "",
    source: str | None = None,
    endpoint: str | None = None,
    storage: str | None = None,
) -> str:
    """Return what to do about an error, empty where the message says all there is to say.

    Args:
        error: what was raised.
        action: `list`, `read`, `write` or `remove`, if that was tried.
        source: the credential source in use, or the broken one.
        endpoint: where requests went, and where that was read from.
        storage: where the control plane says that the bytes lie, if the credentials that were used there are lent by it.
    """
    if error.at == "":
        return ""
    if error.code in OF_THE_CLOCK:
        return f"set this machine's clock; {SKEW}"
    source = source or error.source
    if isinstance(error, errors.InvalidCredentialsError):
        return _corrected(error, source)
    if isinstance(error, errors.StorageThrottledError):
        return "wait, and try again"
    if storage is not None:
        return _of_lent(error, action, source, storage)
    if error.provider == "al":
        return _of_control_plane(error, action, source, endpoint)
    return _of_cloud(error, action, source, endpoint)


def _corrected(error: StorageError, source: str | None) -> str:
    """Advise about what is set up wrongly; the error may know which part of it, or that it is something else."""
    setup = setups.of(source)
    if error.at is None:
        return f"correct {setup.named}{_or_without(source)}"
    if _VARIABLE.fullmatch(error.at):
        return f"correct {error.at}, or unset it"
    return f"correct {error.at}, or " + ("take it away" if error.at.startswith("the file") else "leave it out")


def _checked(error: StorageError, source: str | None) -> str:
    return f"check {error.at}" if error.at else f"check {setups.of(source).named}{_or_without(source)}"


def _or_without(source: str | None) -> str:
    undone = setups.of(source).undone
    if source not in setups.OF_SOURCES or source in setups.LAST:
        return f", or {undone}"
    return f"; or {undone}, so that the sources behind {source} are asked"


def _of_cloud(error: StorageError, action: str, source: str | None, endpoint: str | None) -> str:
    setup, prefix = setups.of(source), error.provider or ""
    if prefix == "s3" and error.code in OF_THE_REGION:
        return "set `aws_region` of creds, or AWS_REGION, to the region of the bucket"
    match error:
        case errors.ExpiredTokenError():
            return setup.renewed or (
                f"get new credentials for {setup.named}, or let a source deliver them that renews them"
            )
        case errors.AuthenticationError() if _is_anonymous(error, source):
            return "pass credentials in place of `anon` of creds, or make the place public"
        case errors.AuthenticationError():
            clock = f", and that this machine's clock is right ({SKEW})"
            told = f"the service does not believe the proof: check {setup.named}"
            return told + (clock if error.code in PERHAPS_OF_THE_CLOCK else "")
        case errors.StorageAccessDenied():
            return _granted(error, action, source)
        case errors.StorageBucketNotFound():
            return "create the bucket or container, or correct its name in the path"
        case errors.CredentialsUnavailableError():
            return _checked(error, source)
        case errors.StorageNetworkConnectionError():
            return _reached(error, endpoint, BUNDLES.get(prefix, "the system's store"))
    return ""


def _is_anonymous(error: StorageError, source: str | None) -> bool:
    """Whether nobody signed; S3 has one source for keys and `anon`, and of keys it says something else."""
    return source in ("azure_dict", "gcs_anon") or (source == "aws_dict" and error.code in ("AccessDenied", "403"))


def _granted(error: StorageError, action: str, source: str | None) -> str:
    named = setups.of(source).named
    if error.provider == "az" and error.code == "KeyBasedAuthenticationNotPermitted":
        return f"let the account allow account keys, or use an identity of Entra ID in place of {named}"
    if error.provider == "az" and source in ("azure_env_key", "azure_dict_account_key"):
        return f"check the network rules (firewall) of the account: {named} has all permissions"
    if error.provider == "az" and source in ("azure_env_sas_token", "azure_dict_sas_token"):
        letters = LETTERS.get(action, "the permission")
        return f"put a shared access signature with `{letters}` in its `sp` into {named}, or use another identity"
    needed = PERMISSIONS.get(error.provider or "", {}).get(action, "the permission")
    return f"grant {needed} to the identity of {source or 'the source'} ({named}), or use another one"


def _reached(error: StorageError, endpoint: str | None, bundle: str) -> str:
    if isinstance(error, errors.StorageTLSError):
        told = f"check the host name of {endpoint or 'the endpoint'}"
        return f"{told}; name the authority of its certificate in {bundle}"
    return f"check that {endpoint or 'the endpoint'} is right and reachable from here, and the proxy"


def _of_control_plane(error: StorageError, action: str, source: str | None, endpoint: str | None) -> str:
    """Advise about what the control plane says, or that it says nothing."""
    setup, where = setups.of(source), endpoint or "client.endpoint"
    match error:
        case errors.AuthenticationError():
            renewed = setup.renewed or f"check {setup.named}"
            return f"{renewed}; or correct the address of the control plane, if it is not {where}"
        case errors.StorageAccessDenied():
            needed = PERMISSIONS["al"].get(action, "the role that this needs")
            return f"let an admin of the organisation grant {needed} to the owner of {setup.named}"
        case errors.StorageBucketNotFound():
            return "create or connect the dataset, or correct organisation and name in the path"
        case errors.CredentialsUnavailableError():
            return _checked(error, source)
        case errors.StorageNetworkConnectionError():
            return _reached(error, endpoint, BUNDLES["al"])
        case errors.StorageInternalError() if error.transient:
            return f"wait, and try again; if it stays, tell who runs {where}"
        case errors.StorageInternalError():
            return f"check that {where} is Deep Lake's control plane"
    return ""


def _of_lent(error: StorageError, action: str, source: str | None, storage: str) -> str:
    """Advise about a cloud that is asked with what the control plane lends, which its user cannot change."""
    prefix = storage.partition(":")[0]
    kept = f"the credentials that the organisation keeps for {storage}"
    match error:
        case errors.StorageAccessDenied() if error.http_status is None:
            return _of_control_plane(error, action, source, None)
        case errors.StorageAccessDenied():
            needed = PERMISSIONS.get(prefix, {}).get(action, "the permission")
            return f"let an admin of the organisation grant {needed} to {kept}"
        case errors.AuthenticationError():
            region = "region and keys" if error.code in OF_THE_REGION else "keys"
            return f"let an admin of the organisation check {kept}: their {region} are not those of the bucket"
        case errors.StorageBucketNotFound():
            return f"create the bucket or container of {storage}, where the control plane says that the data lie"
        case errors.StorageNetworkConnectionError():
            there = f"the endpoint of {storage}, which the control plane names,"
            return _reached(error, there, BUNDLES.get(prefix, "the system's store"))
    return ""
