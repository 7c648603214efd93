"""
Who we are on Azure Blob Storage: the order of the sources.

The creds dictionary, the storage variables, and then identities of Entra ID, which prove themselves by tokens. Nothing
found is an error: anonymous requests are made only for `{"anon": True}`. The account name always comes from the path, and
the endpoint is no credential: it combines with any winner.

The names and the order of the storage variables are those of the Azure CLI (azure-cli, `storage/_validators.py`,
`validate_client_parameters`), the order of the identities that of azure-identity (`_credentials/default.py`).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from deeplake_ref.credentials import azure_texts
from deeplake_ref.credentials.azure_addresses import Address, Destination, address, endpoint
from deeplake_ref.credentials.azure_applications import ServicePrincipal, WorkloadIdentity
from deeplake_ref.credentials.azure_arguments import FIELDS, Dictionary, DictionaryField, checked
from deeplake_ref.credentials.azure_entra import PATIENCE_S
from deeplake_ref.credentials.azure_login import AzureLogin
from deeplake_ref.credentials.azure_machine import ManagedIdentity
from deeplake_ref.credentials.azure_texts import Answer, AzureCredentials
from deeplake_ref.credentials.chain import Chain, NotMine, Source

if TYPE_CHECKING:
    from deeplake_ref.secrets import SecretFields

__all__ = ["FIELDS", "Address", "AzureCredentials", "Variable", "address", "chain", "checked", "endpoint", "renew"]

HINT = (
    "Pass creds={'account_key': ...} or {'sas_token': ...}, set AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_KEY or "
    "AZURE_STORAGE_SAS_TOKEN, run `az login`, or ask for anonymous reads with {'anon': True}."
)


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


def chain(creds: SecretFields, account: str, patience_s: float = PATIENCE_S) -> Chain[AzureCredentials]:
    """Return the ordered sources of one handle; a new source takes its place in this tuple.

    Args:
        creds: what the caller gave.
        account: the one in the path.
        patience_s: seconds that an identity service is waited for.
    """
    there = Destination(creds, account)
    sources: tuple[Source[AzureCredentials], ...] = (
        Dictionary(creds),
        DictionaryField("azure_dict_account_key", "account_key", creds),
        DictionaryField("azure_dict_sas_token", "sas_token", creds),
        Variable("azure_env_connection_string", "AZURE_STORAGE_CONNECTION_STRING", "connection_string", account),
        Variable("azure_env_key", "AZURE_STORAGE_KEY", "account_key", account),
        Variable("azure_env_sas_token", "AZURE_STORAGE_SAS_TOKEN", "sas_token", account),
        ServicePrincipal(there, patience_s),
        WorkloadIdentity(there, patience_s),
        ManagedIdentity(there, patience_s),
        AzureLogin(there, patience_s),
    )
    return Chain("az", sources, HINT, renew)


def renew(credentials: AzureCredentials) -> AzureCredentials | None:
    """Return credentials with another token of the same source; None for keys and signatures, and if there is no other."""
    if credentials.tokens is None or not credentials.tokens.renew():
        return None
    return replace(credentials)
