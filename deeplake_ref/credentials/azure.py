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
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from deeplake_ref.credentials.chain import Broken, Chain, Found, NotMine, Source, check_dictionary
from deeplake_ref.credentials.endpoints import checked_endpoint
from deeplake_ref.errors import ExpiredTokenError, InvalidCredentialsError, StorageError
from deeplake_ref.secrets import Secret

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


Creds = Mapping[str, Any] | str | None

Answer = Found[AzureCredentials] | NotMine | Broken


@dataclass(frozen=True, slots=True)
class Dictionary:
    """The creds dictionary as a whole: broken if any field of it is, and the winner if it asks for no identity."""

    creds: Creds = field(repr=False)
    name: str = "azure_dict"

    def look(self) -> Answer:
        """Answer with nothing for `anon`."""
        try:
            given = checked(self.creds)
        except InvalidCredentialsError as error:
            return Broken(error)
        return Found(AzureCredentials()) if given.get("anon") else NotMine("creds does not ask for anonymous requests")


@dataclass(frozen=True, slots=True)
class DictionaryField:
    """One secret of the creds dictionary."""

    name: str
    field_name: str
    creds: Creds = field(repr=False)

    def look(self) -> Answer:
        """Answer with the field, if it is there."""
        value = checked(self.creds).get(self.field_name)
        return NotMine(f"no {self.field_name} in creds") if value is None else _answer(self.field_name, value, "creds")


@dataclass(frozen=True, slots=True)
class Variable:
    """A storage variable, for the account that `AZURE_STORAGE_ACCOUNT` names, or for any if that is not set."""

    name: str
    variable: str
    field_name: str
    account: str

    def look(self) -> Answer:
        """Answer with the variable, unless it is blank or belongs to another account."""
        value = os.environ.get(self.variable, "")
        if not value.strip():
            return NotMine(f"{self.variable} is not set")
        owner = os.environ.get("AZURE_STORAGE_ACCOUNT", "").strip()
        if owner and owner != self.account:
            return NotMine(f"{self.variable} is for the account {owner!r} of AZURE_STORAGE_ACCOUNT, not {self.account!r}")
        if self.field_name == "connection_string":
            return _from_connection_string(value, self.account, self.variable)
        return _answer(self.field_name, value, self.variable)


def chain(creds: Creds, account: str) -> Chain[AzureCredentials]:
    """Return the ordered sources of one handle; a new source takes its place in this tuple."""
    sources: tuple[Source[AzureCredentials], ...] = (
        Dictionary(creds),
        DictionaryField("azure_dict_account_key", "account_key", creds),
        DictionaryField("azure_dict_sas_token", "sas_token", creds),
        Variable("azure_env_connection_string", "AZURE_STORAGE_CONNECTION_STRING", "connection_string", account),
        Variable("azure_env_key", "AZURE_STORAGE_KEY", "account_key", account),
        Variable("azure_env_sas_token", "AZURE_STORAGE_SAS_TOKEN", "sas_token", account),
        # identities of Entra ID follow here: service principal, workload identity, managed identity, `az login`
    )
    return Chain("az", sources, HINT)


def checked(creds: Creds) -> dict[str, Any]:
    """Return the fields that are set; "ENV" means what None means: ambient sources only; raises `InvalidCredentialsError`."""
    if creds is None or creds == "ENV":
        return {}
    if not isinstance(creds, Mapping):
        raise _invalid(f"creds for az:// is a dictionary, or 'ENV': {type(creds).__name__}")
    given = check_dictionary(creds, provider="az", own=FIELDS, foreign=FOREIGN, types={"anon": bool})
    if given.get("anon") and ("account_key" in given or "sas_token" in given):
        raise _invalid("`anon` and keys exclude each other")
    return given


def endpoint(creds: Creds, credentials: AzureCredentials, account: str) -> str:
    """Return the base URL of the account, without trailing slash.

    Raises:
        InvalidURIError: it is not an http(s) URL, or it carries a user, a query or a fragment.
    """
    given = checked(creds)
    if "endpoint_url" in given:
        return checked_endpoint(given["endpoint_url"], "`endpoint_url` of creds", "az")
    if credentials.blob_endpoint is not None:
        return checked_endpoint(credentials.blob_endpoint, "the endpoint of AZURE_STORAGE_CONNECTION_STRING", "az")
    configured = os.environ.get("AZURE_STORAGE_ENDPOINT", "").strip()
    if configured:
        return checked_endpoint(configured, "AZURE_STORAGE_ENDPOINT", "az")
    return PUBLIC_ENDPOINT.format(account=account)


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
