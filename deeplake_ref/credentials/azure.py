"""
Who we are on Azure Blob Storage, and where the account is.

Order: `account_key` of the dictionary, its `sas_token`, then `AZURE_STORAGE_CONNECTION_STRING`, `AZURE_STORAGE_KEY`,
`AZURE_STORAGE_SAS_TOKEN`. Nothing found is an error: anonymous requests are made only for `{"anon": True}`. The account
name always comes from the path, and the endpoint is no credential: it combines with any winner.

The names and the order of the variables are those of the Azure CLI (azure-cli, `storage/_validators.py`,
`validate_client_parameters`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deeplake_ref.credentials import azure_texts
from deeplake_ref.credentials.azure_texts import Answer, AzureCredentials
from deeplake_ref.credentials.chain import Chain, Found, NotMine, Source, check_dictionary
from deeplake_ref.credentials.endpoints import checked_endpoint
from deeplake_ref.errors import InvalidURIError

if TYPE_CHECKING:
    from deeplake_ref.secrets import SecretFields

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
class Dictionary:
    """The creds dictionary as a whole: broken if any field of it is, and the winner if it asks for no identity."""

    creds: SecretFields
    name: str = "azure_dict"

    def look(self) -> Answer:
        """Answer with nothing for `anon`."""
        anonymous = checked(self.creds).get("anon")
        return Found(AzureCredentials()) if anonymous else NotMine("creds does not ask for anonymous requests")


@dataclass(frozen=True, slots=True)
class DictionaryField:
    """One secret of the creds dictionary."""

    name: str
    field_name: str
    creds: SecretFields

    def look(self) -> Answer:
        """Answer with the field, if it is there."""
        value = checked(self.creds).get(self.field_name)
        if value is None:
            return NotMine(f"no {self.field_name} in creds")
        return azure_texts.from_secret(self.field_name, value, f"`{self.field_name}` of creds")


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
            return NotMine(
                f"{self.variable} is for the account {owner!r} of AZURE_STORAGE_ACCOUNT, not {self.account!r}"
            )
        if self.field_name == "connection_string":
            return azure_texts.from_connection_string(value, self.account, self.variable)
        return azure_texts.from_secret(self.field_name, value, self.variable)


def chain(creds: SecretFields, account: str) -> Chain[AzureCredentials]:
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


def checked(creds: SecretFields) -> dict[str, Any]:
    """Return the fields that are set; "ENV" is None, ambient sources only; raises `InvalidCredentialsError`."""
    fields = creds.reveal()
    if fields is None or fields == "ENV":
        return {}
    if not isinstance(fields, Mapping):
        raise azure_texts.invalid(f"creds for az:// is a dictionary, or 'ENV': {type(fields).__name__}")
    given = check_dictionary(fields, provider="az", own=FIELDS, foreign=FOREIGN, types={"anon": bool})
    if given.get("anon") and ("account_key" in given or "sas_token" in given):
        raise azure_texts.invalid("`anon` and keys exclude each other")
    return given


def endpoint(creds: SecretFields, credentials: AzureCredentials, account: str) -> str:
    """Return the base URL of the account, without trailing slash.

    Raises:
        InvalidURIError: what is configured is no base URL, or the account no account name.
    """
    given = checked(creds)
    if "endpoint_url" in given:
        return checked_endpoint(given["endpoint_url"], "`endpoint_url` of creds", "az")
    if credentials.blob_endpoint is not None:
        return checked_endpoint(credentials.blob_endpoint, "the endpoint of AZURE_STORAGE_CONNECTION_STRING", "az")
    configured = os.environ.get("AZURE_STORAGE_ENDPOINT", "").strip()
    if configured:
        return checked_endpoint(configured, "AZURE_STORAGE_ENDPOINT", "az")
    if not re.fullmatch(r"[a-z0-9]{3,24}(-secondary)?", account):
        # it becomes part of a host name, which must not be anybody else's
        raise InvalidURIError(
            f"an account has 3 to 24 lower-case letters and digits: {account!r}", provider="az", effect="none"
        )
    return PUBLIC_ENDPOINT.format(account=account)
