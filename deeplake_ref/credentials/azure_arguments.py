"""
What a caller says about Azure: the creds dictionary, its fields, and the sources that are in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deeplake_ref.credentials import azure_texts
from deeplake_ref.credentials.azure_texts import Answer, AzureCredentials
from deeplake_ref.credentials.chain import Found, NotMine, check_dictionary

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
    **dict.fromkeys(
        (
            "gcs_oauth_token",
            "type",
            "private_key",
            "private_key_id",
            "client_email",
            "refresh_token",
            "token_uri",
            "credential_source",
            "subject_token_type",
            "service_account_impersonation_url",
        ),
        "gcs",
    ),
    "creds_key": "al",
}
"""Fields of other places, which are never sent here."""


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


def checked(creds: SecretFields) -> dict[str, Any]:
    """Return the fields that are set; "ENV" is None, ambient sources only; raises `InvalidCredentialsError`."""
    fields = creds.reveal()
    if fields is None or fields == "ENV":
        return {}
    if not isinstance(fields, Mapping):
        raise azure_texts.invalid(f"creds for az:// is a dictionary, or 'ENV': {type(fields).__name__}", "creds")
    given = check_dictionary(fields, provider="az", own=FIELDS, foreign=FOREIGN, types={"anon": bool})
    if given.get("anon") and ("account_key" in given or "sas_token" in given):
        raise azure_texts.invalid("`anon` and keys exclude each other")
    return given
