"""
Applications of Entra ID that prove themselves: service principal and workload identity.

    service principal    AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET (or AZURE_CLIENT_CERTIFICATE_PATH)
    workload identity    AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE

A source is configured if all of its variables are set, and broken if some are. The two share the first two variables, which
others read too, so that "some" means:

- the proof is there and tenant or client is not: it is broken, whatever else is set;
- tenant and client are there and no proof of either kind: it is a service principal without its secret, since the two name
  one. Whoever named it would be somebody else otherwise;
- AZURE_CLIENT_ID alone names a user-assigned managed identity, and AZURE_TENANT_ID alone nobody: not configured.

A secret outranks a certificate. The names are those of `EnvironmentCredential` and `WorkloadIdentityCredential`
(azure-identity, `_constants.py`), which skip what is half configured.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deeplake_ref.credentials.azure_entra import PATIENCE_S, answer, left_out, variable
from deeplake_ref.credentials.azure_exchange import authority, exchanged
from deeplake_ref.credentials.azure_texts import Answer, invalid
from deeplake_ref.credentials.chain import NotMine
from deeplake_ref.secrets import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from deeplake_ref.credentials.azure_addresses import Destination

TENANT, CLIENT = "AZURE_TENANT_ID", "AZURE_CLIENT_ID"
SECRET, CERTIFICATE, PASSWORD = (
    "AZURE_CLIENT_SECRET",
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "AZURE_CLIENT_CERTIFICATE_PASSWORD",
)
TOKEN_FILE = "AZURE_FEDERATED_TOKEN_FILE"  # noqa: S105 - the name of a variable

LONGEST_FILE = 64 * 1024


@dataclass(frozen=True, slots=True)
class ServicePrincipal:
    """An application with a client secret or a certificate."""

    destination: Destination
    patience_s: float = PATIENCE_S
    name: str = "azure_service_principal"

    def look(self) -> Answer:
        """Answer with its tokens, if all variables are set."""
        skipped = left_out(self.name)
        if skipped is not None:
            return skipped
        proof = SECRET if variable(SECRET) else CERTIFICATE
        if not variable(proof):
            if variable(TOKEN_FILE) or not (variable(TENANT) and variable(CLIENT)):
                return NotMine(f"{SECRET} is not set")
            raise invalid(f"{TENANT} and {CLIENT} are set, and neither {SECRET} nor {TOKEN_FILE} is")
        tenant, client = _application(proof)
        self.destination.check()
        make = _with_secret if proof == SECRET else _with_certificate
        return answer(
            self.name,
            partial(
                exchanged, self.name, authority(), make(tenant, client), self.patience_s, self.destination.resource
            ),
        )


def _with_secret(tenant: str, client: str) -> Callable[..., Any]:
    secret = Secret(variable(SECRET) or "")

    def make(**settings: Any) -> Any:
        from azure.identity import ClientSecretCredential

        return ClientSecretCredential(tenant, client, secret.reveal(), **settings)

    return make


def _with_certificate(tenant: str, client: str) -> Callable[..., Any]:
    path, password = Path(variable(CERTIFICATE) or ""), Secret(variable(PASSWORD) or "")

    def make(**settings: Any) -> Any:
        from azure.identity import CertificateCredential

        data = _read(path, CERTIFICATE)
        opened = {"certificate_data": data, "password": password.reveal() or None}
        try:
            return CertificateCredential(tenant, client, **opened, **settings)
        except (ValueError, TypeError):
            pass
        raise invalid(
            f"{CERTIFICATE} is not a certificate with its private key, or {PASSWORD} does not open it", CERTIFICATE
        )

    return make


@dataclass(frozen=True, slots=True)
class WorkloadIdentity:
    """An application that shows the token of a federated identity, which Kubernetes puts into a file."""

    destination: Destination
    patience_s: float = PATIENCE_S
    name: str = "azure_workload_identity"

    def look(self) -> Answer:
        """Answer with its tokens, if all variables are set; the file is read again for each."""
        skipped = left_out(self.name)
        if skipped is not None:
            return skipped
        path = variable(TOKEN_FILE)
        if path is None:
            return NotMine(f"{TOKEN_FILE} is not set")
        tenant, client = _application(TOKEN_FILE)
        self.destination.check()

        def make(**settings: Any) -> Any:
            from azure.identity import WorkloadIdentityCredential

            if not _read(Path(path), TOKEN_FILE).strip():
                raise invalid(f"the file of {TOKEN_FILE} is empty", TOKEN_FILE)
            return WorkloadIdentityCredential(tenant_id=tenant, client_id=client, token_file_path=path, **settings)

        ask = partial(exchanged, self.name, authority(), make, self.patience_s, self.destination.resource)
        return answer(self.name, ask)


def _application(proof: str) -> tuple[str, str]:
    """Return tenant and client that a proof belongs to; raises `InvalidCredentialsError`."""
    tenant, client = variable(TENANT), variable(CLIENT)
    if tenant is None or client is None:
        missing = " and ".join(name for name, value in ((TENANT, tenant), (CLIENT, client)) if value is None)
        raise invalid(f"{proof} is set without {missing}")
    # the one becomes part of a URL, and both come from the same hands
    for name, value in ((TENANT, tenant), (CLIENT, client)):
        if not re.fullmatch(r"[A-Za-z0-9.-]+", value):
            raise invalid(f"{name} is not an id: letters, digits, `-` and `.`", name)
    return tenant, client


def _read(path: Path, name: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(LONGEST_FILE)
    except OSError as error:
        reason = type(error).__name__
    raise invalid(f"the file of {name} cannot be read: {reason}", name)
