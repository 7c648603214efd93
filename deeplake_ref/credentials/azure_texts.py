"""
The texts that Azure hands out: account keys, shared access signatures, connection strings.

Each is checked before any request, and named in errors by where it stood, never by what it holds. Sources: "Configure
Azure Storage connection strings", "Create a service SAS" (Microsoft Learn).
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from deeplake_ref.credentials.chain import Broken, Found, NotMine
from deeplake_ref.errors import ExpiredTokenError, InvalidCredentialsError, StorageError
from deeplake_ref.secrets import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deeplake_ref.credentials.azure_tokens import Tokens


@dataclass(frozen=True, slots=True)
class AzureCredentials:
    """What proves who asks: an account key, a shared access signature, tokens, or nothing, which is anonymous.

    Attributes:
        account_key: signs requests.
        sas_token: without a leading question mark.
        sas_ends: when it ends, None if it does not say so.
        tokens: of Entra ID.
        signatures: gives the shared access signature of a moment, where they are lent.
        blob_endpoint: where a connection string says that its account is.
        endpoint_field: the field that says so.
    """

    account_key: Secret | None = None
    sas_token: Secret | None = None
    sas_ends: datetime | None = None
    tokens: Tokens | None = None
    signatures: Callable[[], Secret] | None = field(default=None, repr=False)
    blob_endpoint: str | None = field(default=None, repr=False)
    endpoint_field: str = "BlobEndpoint"

    @property
    def is_anonymous(self) -> bool:
        """Whether requests carry no proof."""
        return not (self.account_key or self.sas_token or self.tokens or self.signatures)

    @property
    def expires_at(self) -> datetime | None:
        """When the proof ends, in UTC; None for an account key, and where nobody knows."""
        return self.sas_ends if self.tokens is None else self.tokens.expires_at

    @property
    def is_expired(self) -> bool:
        """Whether a shared access signature or the token in use tells that its time is over."""
        return self.expires_at is not None and self.expires_at <= datetime.now(UTC)


Answer = Found[AzureCredentials] | NotMine | Broken


def from_secret(field_name: str, value: str, where: str) -> Answer:
    """Answer with a key or a signature, or say what is wrong with it."""
    text = value.strip()
    try:
        if field_name == "account_key":
            return Found(AzureCredentials(account_key=_account_key(text, where)))
        token, expires_at = _sas_token(text, where)
    except StorageError as error:
        return Broken(error)
    found = AzureCredentials(sas_token=token, sas_ends=expires_at)
    if found.is_expired:
        message = f"{where} expired at {expires_at:%Y-%m-%d %H:%M:%S} UTC; get a new shared access signature"
        return Broken(ExpiredTokenError(message, provider="az", effect="none"))
    return Found(found)


def _account_key(text: str, where: str) -> Secret:
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    if not decoded:
        raise invalid(f"{where} is not base64")
    return Secret(text)


def _sas_token(text: str, where: str) -> tuple[Secret, datetime | None]:
    token = text.removeprefix("?")
    fields = dict(parse_qsl(token, keep_blank_values=True))
    if not fields.get("sig") or not re.fullmatch(r"[!-~]+", token) or re.search(r"[#?]", token):
        raise invalid(f"{where} is not a shared access signature, which is a query string with a `sig`")
    if not fields.get("se"):
        return Secret(token), None  # a stored access policy of the container says when it ends
    expires_at = _time(fields["se"])
    if expires_at is None:
        raise invalid(f"{where} has an end (`se`) that is not a time")
    return Secret(token), expires_at


def _time(text: str) -> datetime | None:
    """Return an instant, None if the text is none; an error would repeat it."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def from_connection_string(text: str, account: str, where: str) -> Answer:
    """Answer with what a connection string holds, unless it is that of another account.

    Args:
        text: `Name=value;Name=value`; names are read in any case.
        account: the account that is asked for.
        where: the variable it came from, for messages.
    """
    pairs = [part.partition("=") for part in text.split(";") if part.strip()]
    fields = {name.strip().lower(): value.strip() for name, _, value in pairs}
    if any(not separator for _, separator, _ in pairs) or len(fields) < len(pairs):
        return Broken(invalid(f"{where} is malformed: it is a list of `Name=value;` with each name once"))
    if fields.get("usedevelopmentstorage", "").lower() == "true":
        return Broken(invalid(f"{where} has UseDevelopmentStorage, write out AccountName, AccountKey and BlobEndpoint"))
    owner = fields.get("accountname")
    if owner and owner != account:
        return NotMine(f"{where} is for the account {owner!r}, not {account!r}")
    if fields.get("accountkey"):
        if not owner:
            return Broken(invalid(f"{where} is malformed: it has AccountKey without AccountName"))
        answer = from_secret("account_key", fields["accountkey"], f"AccountKey of {where}")
    elif fields.get("sharedaccesssignature"):
        answer = from_secret("sas_token", fields["sharedaccesssignature"], f"SharedAccessSignature of {where}")
    else:
        return Broken(invalid(f"{where} is malformed: it has neither AccountKey nor SharedAccessSignature"))
    if not isinstance(answer, Found):
        return answer
    if fields.get("blobendpoint"):
        return Found(replace(answer.credentials, blob_endpoint=fields["blobendpoint"]))
    derived = _derived_endpoint(fields, account)
    return Found(replace(answer.credentials, blob_endpoint=derived, endpoint_field="EndpointSuffix"))


def _derived_endpoint(fields: Mapping[str, str], account: str) -> str | None:
    suffix = fields.get("endpointsuffix")
    if not suffix:
        return None
    return f"{fields.get('defaultendpointsprotocol') or 'https'}://{account}.blob.{suffix}"


def invalid(message: str, at: str | None = None) -> InvalidCredentialsError:
    """Return the error for something that is there and cannot be used; `at` names it, if it is a part of its source."""
    return InvalidCredentialsError(message, provider="az", effect="none", at=at)
