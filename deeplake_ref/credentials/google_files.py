"""
Key files of Google: what is in one, what is wrong with it, and google-auth's class for its type.

Sources: https://google.aip.dev/auth/4112 (service accounts), /4113 (users), /4117 (external accounts); the fields that
are required are those that google-auth 2.62.2 requires. The file's own URLs count in every type: google-auth ignores
`token_uri` of users (`oauth2/credentials.py`, "always overrides") and the host of `service_account_impersonation_url`.
"""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deeplake_ref.credentials.google_exchange import Exchange, checked_url, fetching, refreshed
from deeplake_ref.credentials.google_tokens import GoogleCredentials, Signer, Token
from deeplake_ref.errors import InvalidCredentialsError, redacted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"

TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
"""Where users' refresh tokens go if the file does not say."""

LONGEST_FILE = 1024 * 1024

REQUIRED: dict[str, dict[str, type]] = {
    "service_account": {"client_email": str, "private_key": str, "token_uri": str},
    "authorized_user": {"client_id": str, "client_secret": str, "refresh_token": str},
    "external_account": {"audience": str, "subject_token_type": str, "token_url": str, "credential_source": dict},
    "impersonated_service_account": {"service_account_impersonation_url": str, "source_credentials": dict},
}
"""The types, and the fields without which there are no credentials."""

OPTIONAL: dict[str, type] = {
    **dict.fromkeys(
        (
            "account",
            "auth_provider_x509_cert_url",
            "auth_uri",
            "client_id",
            "client_secret",
            "client_x509_cert_url",
            "private_key_id",
            "project_id",
            "quota_project_id",
            "rapt_token",
            "service_account_impersonation_url",
            "token_info_url",
            "token_uri",
            "universe_domain",
            "workforce_pool_user_project",
        ),
        str,
    ),
    "delegates": list,
    "scopes": list,
    "service_account_impersonation": dict,
}
"""What else they may hold."""

FIELDS = {name: kind for fields in (OPTIONAL, *REQUIRED.values()) for name, kind in fields.items()} | {"type": str}
"""Every field of a key file, with its type."""

URLS = ("token_uri", "token_url", "service_account_impersonation_url", "token_info_url")


def read(path: str, where: str) -> dict[str, Any]:
    """Return the JSON object in a file; a byte order mark is fine.

    Args:
        path: as it is opened.
        where: how messages name the file.

    Raises:
        InvalidCredentialsError: it is missing, no file, cannot be read, or holds something else.
    """
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):
            raise invalid(f"{where} is a directory, or something else that is no file")
        with Path(path).open("rb") as file:
            content = file.read(LONGEST_FILE + 1)
    except FileNotFoundError:
        failure = invalid(f"{where} is missing")
    except (OSError, ValueError) as error:
        failure = invalid(f"{where} cannot be read: {type(error).__name__}")
        failure.__cause__ = redacted(error)
    else:
        if len(content) > LONGEST_FILE:
            raise invalid(f"{where} is too long for a key file")
        return parsed(content, where)
    raise failure


def parsed(content: bytes | str, where: str) -> dict[str, Any]:
    """Return a JSON object; raises `InvalidCredentialsError`, which says where the text is from and nothing of it."""
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content.removeprefix("\ufeff")
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        failure = invalid(f"{where} is not JSON in UTF-8: {type(error).__name__}")
    else:
        if isinstance(found, dict):
            return found
        failure = invalid(f"{where} is not a JSON object")
    raise failure


def credentials(info: Mapping[str, Any], where: str) -> GoogleCredentials:
    """Return the credentials that the content of a key file makes.

    Args:
        info: the content.
        where: how messages name the file.

    Raises:
        InvalidCredentialsError: the type is unknown, or a field is missing, blank, of the wrong type or of no use; it is
            named, its value is not.
    """
    kind, made = _made(info, where)
    signer = Signer(info["client_email"], made.sign_bytes) if kind == "service_account" else None
    about = f"{where} ({kind})"
    consented = "authorized_user" in (kind, info.get("source_credentials", {}).get("type"))
    services = frozenset(_services(info))
    fetch = fetching(about, services, lambda exchange: refreshed(made, exchange), expires=consented)
    return GoogleCredentials(fetch=fetch, signer=signer)


def user_token(client: Mapping[str, str], refresh_token: str, exchange: Exchange) -> Token:
    """Return an access token for a refresh token of a person; `client` has `client_id`, `client_secret`, `token_uri`."""
    return refreshed(_user({**client, "refresh_token": refresh_token}), exchange)


def checked(info: Mapping[str, Any], where: str) -> str:
    """Return the type of a key file whose fields are as they must be; raises `InvalidCredentialsError`."""
    kind = info.get("type")
    if not isinstance(kind, str) or kind not in REQUIRED:
        told = "has no `type`" if kind is None else "has a `type` that is unknown"
        raise invalid(f"{where} {told}; known: {', '.join(REQUIRED)}")
    for name, expected in REQUIRED[kind].items():
        if info.get(name) is None:
            raise invalid(f"{where} ({kind}) has no `{name}`")
        _check(info[name], name, expected, where)
    for name, expected in OPTIONAL.items():
        # gcloud writes some of them empty, such as `account`
        if info.get(name) not in (None, "") and name not in REQUIRED[kind]:
            _check(info[name], name, expected, where)
    for name in URLS:
        if info.get(name) is not None:
            checked_url(info[name], f"`{name}` of {where}")
    return kind


def invalid(message: str, at: str | None = None) -> InvalidCredentialsError:
    """Return an error of this cloud, of which no request was made; `at` names what is wrong, if its source is not."""
    return InvalidCredentialsError(message, provider="gcs", effect="none", at=at)


def _services(info: Mapping[str, Any]) -> Iterator[str]:
    """Yield the URLs that a token is got from."""
    match info["type"]:
        case "service_account":
            yield info["token_uri"].strip()
        case "authorized_user":
            yield (info.get("token_uri") or TOKEN_URI).strip()
        case "external_account":
            named = (info["token_url"], info["credential_source"].get("url"))
            yield from (url.strip() for url in (*named, info.get("service_account_impersonation_url")) if url)
        case _:
            yield info["service_account_impersonation_url"].strip()
            yield from _services(info["source_credentials"])


def _check(value: object, name: str, expected: type, where: str) -> None:
    if not isinstance(value, expected):
        raise invalid(f"`{name}` of {where} is a {expected.__name__}: {type(value).__name__}")
    if isinstance(value, str) and not value.strip():
        raise invalid(f"`{name}` of {where} is blank")


def _made(info: Mapping[str, Any], where: str) -> tuple[str, Any]:
    """Return the type and google-auth's object."""
    kind = checked(info, where)
    match kind:
        case "service_account":
            return kind, _service_account(info, where)
        case "authorized_user":
            return kind, _user(info)
        case "external_account":
            return kind, _external(info, where)
        case _:
            return kind, _impersonated(info, where)


def _service_account(info: Mapping[str, Any], where: str) -> Any:
    from google.oauth2.service_account import Credentials

    if "\\n" in info["private_key"]:
        # what becomes of the file in a variable, or in a template
        raise invalid(f"`private_key` of {where} has a backslash and an n in place of line breaks")
    try:
        return Credentials.from_service_account_info(dict(info), scopes=[SCOPE])
    except Exception as error:  # noqa: BLE001 - the libraries below raise what they like, with the key in it
        failure = invalid(f"`private_key` of {where} is not a private key in PEM")
        failure.__cause__ = redacted(error)
    raise failure


def _user(info: Mapping[str, Any]) -> Any:
    from google.oauth2.credentials import Credentials

    # no scopes: what the person consented to is what there is
    return Credentials(
        None,
        refresh_token=info["refresh_token"],
        client_id=info["client_id"],
        client_secret=info["client_secret"],
        token_uri=(info.get("token_uri") or TOKEN_URI).strip(),
    )


def _external(info: Mapping[str, Any], where: str) -> Any:
    from google.auth.identity_pool import Credentials

    origin = info["credential_source"]
    kinds = [name for name in ("file", "url") if isinstance(origin.get(name), str) and origin[name].strip()]
    if len(kinds) != 1:
        raise invalid(f"`credential_source` of {where} has neither `file` nor `url`, or both; others are not supported")
    if kinds == ["url"]:
        checked_url(origin["url"], f"`url` in `credential_source` of {where}")
    try:
        return Credentials.from_info(dict(info), scopes=[SCOPE])
    except Exception as error:  # noqa: BLE001 - as above
        failure = invalid(f"`credential_source` of {where} cannot be used: {type(error).__name__}")
        failure.__cause__ = redacted(error)
    raise failure


def _impersonated(info: Mapping[str, Any], where: str) -> Any:
    from google.auth.impersonated_credentials import Credentials

    url = info["service_account_impersonation_url"].strip()
    principal = re.search(r"/([^/:]+):generateAccessToken$", url)
    if principal is None:
        message = f"`service_account_impersonation_url` of {where} does not end in /<account>:generateAccessToken"
        raise invalid(message)
    origin = f"`source_credentials` of {where}"
    if info["source_credentials"].get("type") == "impersonated_service_account":
        raise invalid(f"{origin} are impersonated themselves; name the accounts in between in `delegates`")
    return Credentials(
        _made(info["source_credentials"], origin)[1],
        principal[1],
        [SCOPE],
        delegates=info.get("delegates"),
        iam_endpoint_override=url,
    )
