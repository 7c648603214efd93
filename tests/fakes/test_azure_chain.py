"""
All identity services of Azure in one world, as DefaultAzureCredential goes through them.
"""

from __future__ import annotations

import os
import secrets
import ssl
import time
import uuid
from pathlib import Path

import pytest
import trustme

from conformance.fakes import FakeServer
from conformance.fakes.azure_cli import AzureCli
from conformance.fakes.azure_entra import Application, Entra
from conformance.fakes.azure_managed_identity import VirtualMachine
from conformance.identities import Identity, new_azure_bearer

LIFE_S = 3600
ORDER = ("azure_service_principal", "azure_workload_identity", "azure_managed_identity", "azure_cli")


def mint(label: str) -> Identity:
    """Return a new identity."""
    return new_azure_bearer(label, life_s=LIFE_S, now=time.time())


@pytest.mark.parametrize("winner", ORDER)
def test_the_first_source_answers_and_the_later_ones_are_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, winner: str
) -> None:
    """With those before it taken away. Service principal and workload identity are one application with two proofs."""
    from azure.identity import DefaultAzureCredential

    for name in list(os.environ):
        if name.startswith(("AZURE_", "IDENTITY_", "IMDS_", "MSI_")) or name.lower().endswith(("_proxy", "_ca_bundle")):
            monkeypatch.delenv(name)
    sources = ORDER[ORDER.index(winner) :]
    tenant, client_id, client_secret = str(uuid.uuid4()), str(uuid.uuid4()), secrets.token_urlsafe(24)
    minted: list[Identity] = []

    def kept(label: str) -> Identity:
        minted.append(mint(label))
        return minted[-1]

    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    entra = Entra(kept, tenant=tenant, application=Application(client_id, client_secret), life_s=LIFE_S)
    # a client id in the environment is that of the managed identity, too
    machine = VirtualMachine("azure_managed_identity", kept, LIFE_S, [client_id])
    az = AzureCli(tmp_path, tenant=tenant, subscription=str(uuid.uuid4()))
    by_az = mint("azure_cli")
    az.answer_with(by_az)
    (tmp_path / "federated").write_text(entra.new_federated_token(life_s=LIFE_S, now=time.time()))

    with FakeServer(entra, tls=tls) as entra_server, FakeServer(machine) as machine_server:
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
        monkeypatch.setenv("AZURE_AUTHORITY_HOST", entra_server.url)
        if "azure_workload_identity" in sources:
            monkeypatch.setenv("AZURE_TENANT_ID", tenant)
            monkeypatch.setenv("AZURE_CLIENT_ID", client_id)
            monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(tmp_path / "federated"))
        if "azure_service_principal" in sources:
            monkeypatch.setenv("AZURE_CLIENT_SECRET", client_secret)
        if "azure_managed_identity" in sources:
            monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", machine_server.url)
        with DefaultAzureCredential(
            disable_instance_discovery=True,
            exclude_managed_identity_credential="azure_managed_identity" not in sources,
            exclude_visual_studio_code_credential=True,
            exclude_shared_token_cache_credential=True,
            exclude_powershell_credential=True,
            exclude_developer_cli_credential=True,
            exclude_broker_credential=True,
        ) as credential:
            token = credential.get_token("https://storage.azure.com/.default").token

    won = by_az if winner == "azure_cli" else minted[0]
    assert (won.label, won.secret) == (winner, token)
    exchanges = [asked for asked in entra_server.asked if asked.method == "POST"]
    assert len(exchanges) == (winner in {"azure_service_principal", "azure_workload_identity"})
    assert exchanges or not entra_server.asked
    assert len(machine_server.asked) == (winner == "azure_managed_identity")
    assert len(az.calls()) == (winner == "azure_cli")
