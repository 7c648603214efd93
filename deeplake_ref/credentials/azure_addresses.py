"""
Where an account of Azure Storage is, and who says so.

An endpoint is no credential: `endpoint_url` of the dictionary, the connection string if it is the winner, the variable
`AZURE_STORAGE_ENDPOINT`, and the public one of the account in the path, in this order, combine with any identity. Only a
token does not go everywhere: who reads it can use it, so that it is not sent without TLS (RFC 6750, 5.3; azure-core
`_enforce_https`).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deeplake_ref.credentials.azure_arguments import checked
from deeplake_ref.credentials.azure_texts import AzureCredentials, invalid
from deeplake_ref.credentials.azure_tokens import RESOURCE
from deeplake_ref.endpoints import checked_endpoint
from deeplake_ref.errors import InvalidCredentialsError, InvalidURIError

if TYPE_CHECKING:
    from deeplake_ref.secrets import SecretFields

PUBLIC_ENDPOINT = "https://{account}.blob.core.windows.net"


@dataclass(frozen=True, slots=True)
class Address:
    """The base URL of an account, without trailing slash, and the place that it was read from."""

    url: str
    origin: str


def address(creds: SecretFields, credentials: AzureCredentials, account: str) -> Address:
    """Return where an account is, and who says so.

    Raises:
        InvalidURIError: what is configured is no base URL, or the account no account name.
        InvalidCredentialsError: the dictionary is broken.
    """
    given = checked(creds)
    configured = os.environ.get("AZURE_STORAGE_ENDPOINT", "").strip()
    if "endpoint_url" in given:
        return _checked(given["endpoint_url"], "`endpoint_url` of creds")
    if credentials.blob_endpoint is not None:
        return _checked(credentials.blob_endpoint, f"{credentials.endpoint_field} of AZURE_STORAGE_CONNECTION_STRING")
    if configured:
        return _checked(configured, "AZURE_STORAGE_ENDPOINT")
    if not re.fullmatch(r"[a-z0-9]{3,24}(-secondary)?", account):
        # it becomes part of a host name, which must not be anybody else's
        raise InvalidURIError(
            f"an account has 3 to 24 lower-case letters and digits: {account!r}", provider="az", effect="none"
        )
    return Address(PUBLIC_ENDPOINT.format(account=account), "the account in the path")


def _checked(url: str, origin: str) -> Address:
    return Address(checked_endpoint(url, origin, "az"), origin)


def endpoint(creds: SecretFields, credentials: AzureCredentials, account: str) -> str:
    """Return the base URL of the account, without trailing slash; raises as `address` does."""
    return address(creds, credentials, account).url


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a token would be sent, and the resource that it is for."""

    creds: SecretFields
    account: str
    resource: str = RESOURCE

    @property
    def insecure(self) -> str | None:
        """Why no token is sent there, None if it may be."""
        found = address(self.creds, AzureCredentials(), self.account)
        if found.url.lower().startswith("https:"):
            return None
        return f"a token is sent over https only, and the endpoint is http: {found.origin}"

    def check(self) -> None:
        """Raise `InvalidCredentialsError` if no token is sent there; nobody was asked for one."""
        if self.insecure is not None:
            raise self.refusal()

    def refusal(self) -> InvalidCredentialsError:
        """Return the error that no token is sent there."""
        where = address(self.creds, AzureCredentials(), self.account).origin
        message = f"{self.insecure}; use an https endpoint, an account key or a shared access signature"
        return invalid(message, where)
