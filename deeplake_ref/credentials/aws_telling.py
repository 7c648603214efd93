"""
What is told when credentials of AWS cannot be had: classes of ours, names of fields and codes, never a foreign text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from deeplake_ref.errors import (
    CredentialsError,
    CredentialsUnavailableError,
    InvalidCredentialsError,
    StorageError,
    redacted,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

# what no key has would end up in a header, and from there in a message
_KEY = re.compile(r"[!-~]+")
_CODE = re.compile(r"[A-Za-z0-9.]{1,64}")

ENDPOINTS = "the endpoint of the identity service (AWS_ENDPOINT_URL_STS, AWS_ENDPOINT_URL_SSO, `region`) and the proxy"
"""What is at fault where nobody answers."""

LOGIN_HINT = "; log in again, `aws sso login` with that profile"

SECTIONS_HINT = (
    "check that the sections which it names (`source_profile`, `sso_session`) are there, and no field is missing"
)


def problem(values: Mapping[str, Any]) -> str | None:
    """Return the name of the first value that no header can carry: blank, no text, or with a space or an odd character.

    Args:
        values: key id, secret key and perhaps session token, by the name that a message may tell.
    """
    return next(
        (name for name, value in values.items() if not (isinstance(value, str) and _KEY.fullmatch(value))), None
    )


def static(found: Any, names: tuple[str, str, str], subject: str, kind: type[CredentialsError]) -> Any:
    """Return botocore's credentials.

    Args:
        found: the credentials, None where a field that names where they are is blank.
        names: what key id, secret key and session token are called where they stand.
        subject: whose they are.
        kind: what to raise if one of them cannot go into a header.
    """
    if found is None:
        raise kind(f"{subject}: a field of it is blank")
    values = dict(zip(names, (found.access_key, found.secret_key, found.token), strict=True))
    if not found.token:
        # files and processes often have the field and nothing in it, and botocore sends no blank token
        del values[names[2]]
    odd = problem(values)
    if odd:
        raise kind(f"{subject}: {odd} is blank, or has a space, a line break or another odd character in it")
    return found


def told(error: Exception, subject: str, source: str) -> StorageError:
    """Return our error for what a provider of botocore's raised, without its text, which may hold secrets."""
    from botocore import exceptions as foreign

    if isinstance(error, StorageError):
        error.provider, error.source, error.effect = "s3", source, error.effect or "none"
        return error
    kind, what = _of_botocore(error, foreign)
    unreached = isinstance(error, foreign.HTTPClientError | foreign.ConnectionError)
    about: dict[str, Any] = {"provider": "s3", "source": source, "at": ENDPOINTS if unreached else None}
    made = kind(f"{subject}: {what}", effect="none", **about)
    response = getattr(error, "response", None)
    code, status = _answer(response) if isinstance(response, dict) else (None, None)
    made.code, made.http_status = code, status
    made.__cause__ = redacted(error, code=code, http_status=status)
    made.__suppress_context__ = True
    return made


def _of_botocore(error: Exception, foreign: Any) -> tuple[type[CredentialsError], str]:
    name = type(error).__name__
    kwargs = getattr(error, "kwargs", {})
    if isinstance(error, foreign.PartialCredentialsError):
        return InvalidCredentialsError, f"it is incomplete, {kwargs.get('cred_var')} is missing"
    if isinstance(error, foreign.InfiniteLoopConfigError):
        return InvalidCredentialsError, "its source_profile leads back to itself"
    if isinstance(error, foreign.InvalidConfigError | foreign.ProfileNotFound | foreign.ConfigParseError):
        return InvalidCredentialsError, f"the profile says what cannot be: {name}; {SECTIONS_HINT}"
    if isinstance(error, foreign.InvalidIMDSEndpointError | foreign.InvalidRegionError):
        return InvalidCredentialsError, f"an address is not valid: {name}"
    if isinstance(error, foreign.ClientError):
        code, status = _answer(error.response)
        asked = getattr(error, "operation_name", "the request")
        hint = LOGIN_HINT if asked in ("GetRoleCredentials", "CreateToken") else "; check the role and who may take it"
        return CredentialsUnavailableError, f"{asked} was refused: {code or 'no code'}, HTTP {status}{hint}"
    if isinstance(error, foreign.SSOError | foreign.TokenRetrievalError):
        return CredentialsUnavailableError, f"there is no valid login: {name}{LOGIN_HINT}"
    if isinstance(error, foreign.CredentialRetrievalError | foreign.MetadataRetrievalError):
        return CredentialsUnavailableError, "what answers gives no credentials, or nothing answers"
    if isinstance(error, foreign.HTTPClientError | foreign.ConnectionError):
        return CredentialsUnavailableError, f"the identity service was not reached: {name}"
    return CredentialsUnavailableError, f"it gives no credentials: {name}"


def _answer(response: Mapping[str, Any]) -> tuple[str | None, int | None]:
    code = str(response.get("Error", {}).get("Code", ""))
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return code if _CODE.fullmatch(code) else None, status
