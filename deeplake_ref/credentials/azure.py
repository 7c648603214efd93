"""
Who we are on Azure Blob Storage, and where the account is.

Order: `account_key` of the dictionary, its `sas_token`, then `AZURE_STORAGE_CONNECTION_STRING`, `AZURE_STORAGE_KEY`,
`AZURE_STORAGE_SAS_TOKEN`. Nothing found is an error: anonymous requests are made only for `{"anon": True}`. The account
name always comes from the path, and the endpoint is no credential: it combines with any winner.

The names and the order of the variables are those of the Azure CLI (azure-cli, `storage/_validators.py`,
`validate_client_parameters`); the grammar of connection strings is that of "Configure Azure Storage connection strings".
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from deeplake_ref.credentials.chain import Broken, Chain, Found, NotMine, Source, check_dictionary
from deeplake_ref.errors import ExpiredTokenError, InvalidCredentialsError, InvalidURIError, StorageError
from deeplake_ref.secrets import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

FIELDS = ("account_key", "sas_token", "endpoint_url", "anon")
"""Every field of a creds dictionary for `az://`."""

FOREIGN = {
    **dict.fromkeys(
        (
            "aws_access_key_id",
            "aws_secret_access_key",
            "aws_session_token",
            "aws_region",
            "profile_name",
        ),
        "s3",
    ),
    **dict.fromkeys(("gcs_oauth_token", "type", "private_key", "client_email", "refresh_token", "token_uri"), "gcs"),
    "creds_key": "al",
}
"""Fields of other places, which are never sent here."""

PUBLIC_ENDPOINT = "https://{account}.blob.core.windows.net"

HINT = (
    "Pass creds={'account_key': ...} or {'sas_token': ...}, set AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_KEY or "
    "AZURE_STORAGE_SAS_TOKEN, or ask for anonymous reads with {'anon': True}."
)


@dataclass(frozen=True, slots=True)
class AzureCredentials:
    """What signs requests: an account key, a shared access signature, or nothing, which is anonymous.

    `blob_endpoint` is where a connection string says that its account is.
    """

    account_key: Secret | None = None
    sas_token: Secret | None = None
    expires_at: datetime | None = None
    blob_endpoint: str | None = field(default=None, repr=False)

    @property
    def is_anonymous(self) -> bool:
        """Whether requests carry no proof."""
        return self.account_key is None and self.sas_token is None

    @property
    def is_expired(self) -> bool:
        """Whether a shared access signature tells that its time is over."""
        return self.expires_at is not None and self.expires_at <= datetime.now(UTC)


Answer = Found[AzureCredentials] | NotMine | Broken


@dataclass(frozen=True, slots=True)
class FromDictionary:
    """A field of the creds dictionary."""

    name: str
    field_name: str
    given: Mapping[str, Any] = field(repr=False)

    def look(self) -> Answer:
        """Answer with the field, if it is there."""
        if self.field_name not in self.given:
            return NotMine(f"no {self.field_name} in creds")
        value = self.given[self.field_name]
        if self.field_name == "anon":
            return Found(AzureCredentials())
        return _answer(self.field_name, value, f"`{self.field_name}` of creds")


@dataclass(frozen=True, slots=True)
class FromEnvironment:
    """A storage variable, for the account that `AZURE_STORAGE_ACCOUNT` names, or for any if that is not set."""

    name: str
    variable: str
    field_name: str
    account: str

    def look(self) -> Answer:
        """Answer with the variable, unless it is blank or belongs to another account."""
        value = os.environ.get(self.variable, "").strip()
        if not value:
            return NotMine(f"{self.variable} is not set")
        owner = os.environ.get("AZURE_STORAGE_ACCOUNT", "").strip()
        if owner and owner != self.account:
            return NotMine(f"{self.variable} is for the account {owner!r} of AZURE_STORAGE_ACCOUNT, not {self.account!r}")
        if self.field_name == "connection_string":
            return _from_connection_string(value, self.account, self.variable)
        return _answer(self.field_name, value, self.variable)


def azure_chain(creds: Mapping[str, Any] | str | None, account: str) -> Chain[AzureCredentials]:
    """Return the ordered sources for one account; nothing is read from the environment before the first request.

    Raises:
        InvalidCredentialsError: the dictionary has a field that is unknown, of another cloud, blank or of the wrong type.
    """
    given = checked_fields(creds)
    sources: tuple[Source[AzureCredentials], ...] = (
        FromDictionary("azure_dict_anon", "anon", given),
        FromDictionary("azure_dict_account_key", "account_key", given),
        FromDictionary("azure_dict_sas_token", "sas_token", given),
        FromEnvironment("azure_env_connection_string", "AZURE_STORAGE_CONNECTION_STRING", "connection_string", account),
        FromEnvironment("azure_env_key", "AZURE_STORAGE_KEY", "account_key", account),
        FromEnvironment("azure_env_sas_token", "AZURE_STORAGE_SAS_TOKEN", "sas_token", account),
        # identities of Entra ID follow here: service principal, workload identity, managed identity, `az login`
    )
    return Chain("az", sources, HINT)


def checked_fields(creds: Mapping[str, Any] | str | None) -> dict[str, Any]:
    """Return the fields of a creds argument that are set; "ENV" means what None means: ambient sources only."""
    if creds is None or creds == "ENV":
        return {}
    if isinstance(creds, str):
        raise _invalid("creds for az:// is a dictionary or 'ENV', not another string")
    given = check_dictionary(creds, provider="az", own=FIELDS, foreign=FOREIGN, types={"anon": bool})
    if not given.get("anon", True):
        del given["anon"]
    if "anon" in given and ("account_key" in given or "sas_token" in given):
        raise _invalid("`anon` of creds excludes `account_key` and `sas_token`")
    return given


def endpoint_of(given: Mapping[str, Any], credentials: AzureCredentials, account: str) -> str:
    """Return the base URL of the account, without trailing slash.

    Raises:
        InvalidURIError: it is not an http(s) URL, or it carries a user, a query or a fragment.
    """
    if "endpoint_url" in given:
        return checked_endpoint(given["endpoint_url"], "`endpoint_url` of creds", "az")
    if credentials.blob_endpoint is not None:
        return checked_endpoint(credentials.blob_endpoint, "the endpoint of AZURE_STORAGE_CONNECTION_STRING", "az")
    configured = os.environ.get("AZURE_STORAGE_ENDPOINT", "").strip()
    if configured:
        return checked_endpoint(configured, "AZURE_STORAGE_ENDPOINT", "az")
    return PUBLIC_ENDPOINT.format(account=account)


def checked_endpoint(url: str, where: str, provider: str) -> str:
    """Return a base URL without trailing slash; the message of a refusal names where it came from, not what it holds."""
    stripped = url.strip()
    try:
        parts = urlsplit(stripped)
        well_formed = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        well_formed = False
    if not well_formed or re.search(r"[\s\x00-\x1f\x7f]", stripped):
        raise InvalidURIError(f"{where} is not a URL like https://host:port", provider=provider, effect="none")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise InvalidURIError(f"{where} has a user, a query or a fragment", provider=provider, effect="none")
    return stripped.rstrip("/")


def _answer(field_name: str, value: str, where: str) -> Answer:
    """Answer with a key or a signature, or say what is wrong with it."""
    text = value.strip()
    try:
        if field_name == "account_key":
            return Found(AzureCredentials(account_key=_account_key(text, where)))
        token, expires_at = _sas_token(text, where)
    except StorageError as error:
        return Broken(error)
    found = AzureCredentials(sas_token=token, expires_at=expires_at)
    if found.is_expired:
        message = f"the shared access signature in {where} expired at {expires_at:%Y-%m-%dT%H:%M:%SZ}, get a new one"
        return Broken(ExpiredTokenError(message, provider="az", effect="none"))
    return Found(found)


def _account_key(text: str, where: str) -> Secret:
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    if not decoded:
        raise _invalid(f"the account key in {where} is not base64")
    return Secret(text)


def _sas_token(text: str, where: str) -> tuple[Secret, datetime | None]:
    token = text.removeprefix("?")
    fields = dict(parse_qsl(token, keep_blank_values=True))
    if not fields.get("sig") or re.search(r"[\s\x00-\x1f\x7f#]", token) or "://" in token.partition("sig=")[0]:
        raise _invalid(f"the shared access signature in {where} is not a query string with a `sig`")
    if not fields.get("se"):
        return Secret(token), None  # a stored access policy of the container says when it ends
    try:
        expires_at = datetime.fromisoformat(fields["se"])
    except ValueError:
        raise _invalid(f"the `se` of the shared access signature in {where} is not a time") from None
    return Secret(token), expires_at if expires_at.tzinfo else expires_at.replace(tzinfo=UTC)


def _from_connection_string(text: str, account: str, where: str) -> Answer:
    pairs = [part.partition("=") for part in text.split(";") if part.strip()]
    fields = {name.strip().lower(): value.strip() for name, _, value in pairs}
    if any(not separator for _, separator, _ in pairs) or len(fields) < len(pairs):
        return Broken(_invalid(f"{where} is malformed: it is a list of `Name=value;` with each name once"))
    if fields.get("usedevelopmentstorage", "").lower() == "true":
        return Broken(_invalid(f"{where} has UseDevelopmentStorage, write out AccountName, AccountKey and BlobEndpoint"))
    owner = fields.get("accountname")
    if owner and owner != account:
        return NotMine(f"{where} is for the account {owner!r}, not {account!r}")
    if fields.get("accountkey"):
        if not owner:
            return Broken(_invalid(f"{where} is malformed: it has AccountKey without AccountName"))
        answer = _answer("account_key", fields["accountkey"], where)
    elif fields.get("sharedaccesssignature"):
        answer = _answer("sas_token", fields["sharedaccesssignature"], where)
    else:
        return Broken(_invalid(f"{where} is malformed: it has neither AccountKey nor SharedAccessSignature"))
    if not isinstance(answer, Found):
        return answer
    found = answer.credentials
    endpoint = fields.get("blobendpoint") or _derived_endpoint(fields, account)
    return Found(AzureCredentials(found.account_key, found.sas_token, found.expires_at, endpoint))


def _derived_endpoint(fields: Mapping[str, str], account: str) -> str | None:
    suffix = fields.get("endpointsuffix")
    if not suffix:
        return None
    return f"{fields.get('defaultendpointsprotocol') or 'https'}://{account}.blob.{suffix}"


def _invalid(message: str) -> InvalidCredentialsError:
    return InvalidCredentialsError(message, provider="az", effect="none")
