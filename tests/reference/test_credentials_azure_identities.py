"""Which identity of Entra ID wins on az://, what it is asked for, and where its tokens go."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deeplake_ref import errors
from tests.reference.azure_identities import ORDER, PLANTED, text_of
from tests.reference.azure_world import CLIENT, TENANT, World, free_port, new_secret, new_token, refusal
from tests.reference.scripted import Scripted


@pytest.mark.parametrize("mask", range(2 ** len(ORDER)), ids=lambda mask: f"{mask:05b}")
def test_the_first_configured_source_wins(azure_world: World, mask: int) -> None:
    """For every subset; who comes later is asked nothing."""
    entra = azure_world.entra()
    planted = {name: PLANTED[name](azure_world) for at, name in enumerate(ORDER) if mask >> at & 1}
    if not planted:
        with pytest.raises(errors.CredentialsNotFoundError) as caught:
            azure_world.chain().resolve()
        assert all(name in str(caught.value) for name in ORDER)
        return
    winner = next(iter(planted))
    resolved = azure_world.chain().resolve()

    assert resolved.source == winner
    if winner != "azure_env_key":
        assert text_of(resolved.credentials) in azure_world.secrets
    if winner not in ("azure_service_principal", "azure_workload_identity"):
        assert entra.asked == []
    machine, calls = planted.get("azure_managed_identity"), planted.get("azure_cli")
    assert machine is None or (len(machine.asked) == (winner == "azure_managed_identity"))  # type: ignore[attr-defined]
    assert calls is None or calls.exists() == (winner == "azure_cli")  # type: ignore[attr-defined]


def test_each_identity_asks_for_a_token_of_storage(azure_world: World) -> None:
    """In the form of its service."""
    entra = azure_world.entra()
    azure_world.service_principal()
    azure_world.chain().resolve()
    proof = azure_world.secrets[0]

    assert [asked.path for asked in entra.asked] == [
        f"/{TENANT}/v2.0/.well-known/openid-configuration",
        f"/{TENANT}/oauth2/v2.0/token",
    ]
    body = entra.asked[-1].body.decode()
    assert "scope=https%3A%2F%2Fstorage.azure.com%2F.default" in body
    assert f"client_id={CLIENT}" in body
    assert proof[:20] in body


def test_an_app_service_is_asked_by_its_variables(azure_world: World) -> None:
    """A virtual machine is not asked then."""
    machine, service = azure_world.virtual_machine(), azure_world.app_service()
    azure_world.set(AZURE_CLIENT_ID=CLIENT)
    resolved = azure_world.chain().resolve()

    assert resolved.source == "azure_managed_identity"
    assert machine.asked == []
    assert service.asked[0].query == {
        "api-version": "2019-08-01",
        "resource": "https://storage.azure.com",
        "client_id": CLIENT,
    }
    assert service.asked[0].headers["X-IDENTITY-HEADER"] in azure_world.secrets


def test_a_virtual_machine_is_asked_in_one_request(azure_world: World) -> None:
    """`AZURE_CLIENT_ID` alone names the identity, and is no half service principal."""
    machine = azure_world.virtual_machine()
    azure_world.set(AZURE_CLIENT_ID=CLIENT, HTTP_PROXY=f"http://127.0.0.1:{free_port()}")
    resolved = azure_world.chain().resolve()

    assert text_of(resolved.credentials) in azure_world.secrets
    assert [asked.query for asked in machine.asked] == [
        {"api-version": "2018-02-01", "resource": "https://storage.azure.com", "client_id": CLIENT}
    ]


def test_az_is_called_once_without_a_secret(azure_world: World) -> None:
    """For the resource of storage."""
    calls = azure_world.az()
    resolved = azure_world.chain().resolve()

    assert text_of(resolved.credentials) in azure_world.secrets
    assert resolved.credentials.expires_at is not None
    assert calls.read_text(encoding="utf-8").splitlines() == [
        "account get-access-token --output json --resource https://storage.azure.com"
    ]


@pytest.mark.parametrize("blank", ["", "  ", "\n"])
def test_blank_variables_are_unset(azure_world: World, blank: str) -> None:
    """Also those that azure-identity would take for an App Service."""
    machine = azure_world.virtual_machine()
    for name in (
        "AZURE_TENANT_ID",
        "AZURE_CLIENT_ID",
        "AZURE_CLIENT_SECRET",
        "AZURE_CLIENT_CERTIFICATE_PATH",
        "AZURE_FEDERATED_TOKEN_FILE",
        "AZURE_TOKEN_CREDENTIALS",
        "IDENTITY_ENDPOINT",
        "IDENTITY_HEADER",
        "MSI_ENDPOINT",
    ):
        azure_world.set(**{name: blank})

    assert azure_world.chain().resolve().source == "azure_managed_identity"
    assert "client_id" not in machine.asked[0].query


@pytest.mark.parametrize(
    ("value", "winner"),
    [
        ("dev", "azure_cli"),
        ("prod", "azure_service_principal"),
        ("ManagedIdentityCredential", "azure_managed_identity"),
        ("AzureCliCredential", "azure_cli"),
    ],
)
def test_the_switch_of_azure_identity_leaves_sources_out(azure_world: World, value: str, winner: str) -> None:
    """They are asked nothing."""
    azure_world.entra()
    for name in ORDER[1:]:
        PLANTED[name](azure_world)
    azure_world.set(AZURE_TOKEN_CREDENTIALS=value)

    assert azure_world.chain().resolve().source == winner


def test_a_bogus_switch_is_broken(azure_world: World) -> None:
    """Its value is not told; a key does not care."""
    azure_world.set(AZURE_TOKEN_CREDENTIALS="sEcReT")
    with pytest.raises(errors.InvalidCredentialsError, match="AZURE_TOKEN_CREDENTIALS") as caught:
        azure_world.chain().resolve()

    assert "sEcReT" not in str(caught.value)
    assert azure_world.chain({"account_key": "a2V5"}).resolve().source == "azure_dict_account_key"


# ---- where tokens go


@pytest.mark.parametrize("planted", ORDER[1:])
@pytest.mark.parametrize("by", ["`endpoint_url` of creds", "AZURE_STORAGE_ENDPOINT"])
def test_no_token_is_asked_for_an_http_endpoint(azure_world: World, planted: str, by: str) -> None:
    """Who says http is named; a virtual machine is asked whether it is there, and for no token."""
    entra = azure_world.entra()
    made = PLANTED[planted](azure_world)
    url = f"http://127.0.0.1:{free_port()}/acct"
    creds = {"endpoint_url": url} if "creds" in by else None
    if creds is None:
        azure_world.set(AZURE_STORAGE_ENDPOINT=url)
    with pytest.raises(errors.InvalidCredentialsError) as caught:
        azure_world.chain(creds).resolve()

    assert caught.value.source == planted
    assert by in str(caught.value)
    assert entra.asked == []
    if isinstance(made, Scripted):
        assert [asked.headers.get("Metadata") for asked in made.asked] == [None]
    if isinstance(made, Path):
        assert not (made.name == "az.calls" and made.exists())


def test_nothing_is_found_for_an_http_endpoint_where_nothing_is(azure_world: World) -> None:
    """That tokens do not go there matters only to who has some."""
    with pytest.raises(errors.CredentialsNotFoundError):
        azure_world.chain({"endpoint_url": "http://127.0.0.1:1/acct"}).resolve()


def test_credentials_with_tokens_do_not_print_or_pickle(azure_world: World) -> None:
    """Neither does what holds them."""
    import pickle

    azure_world.virtual_machine()
    walked = azure_world.chain()
    resolved = walked.resolve()
    shown = f"{resolved!r}{resolved.credentials!r}{resolved.credentials.tokens!r}{walked.sources!r}{walked.attempts!r}"

    assert not [secret for secret in azure_world.secrets if secret in shown]
    assert json.dumps(shown)
    with pytest.raises(TypeError):
        pickle.dumps(resolved.credentials)


def test_others_may_log_what_they_ask(azure_world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Only our questions are silent."""
    from azure.identity import AzureCliCredential

    caplog.set_level(logging.DEBUG)
    azure_world.az()
    azure_world.chain().resolve()
    ours = [record for record in caplog.records if record.name.startswith(("azure.identity", "msal"))]
    AzureCliCredential().get_token_info("https://storage.azure.com/.default")
    theirs = [record for record in caplog.records if record.name.startswith("azure.identity")]

    assert (ours, bool(theirs)) == ([], True)


def test_secrets_of_a_test_differ() -> None:
    """Of every run and every source."""
    made: list[Any] = [new_secret(), new_secret(), new_token(), new_token()]

    assert len(set(made)) == 4


def test_the_first_question_of_a_process_is_not_logged(azure_world: World) -> None:
    """The libraries are imported by it, and make their loggers then."""
    azure_world.entra(lambda _form: refusal(401, "invalid_client", 7000215))
    azure_world.service_principal()
    program = (
        "import logging\n"
        "logging.basicConfig(level=logging.DEBUG)\n"
        "from deeplake_ref.credentials import azure\n"
        "from deeplake_ref.secrets import SecretFields\n"
        "try:\n    azure.chain(SecretFields(None), 'acct').resolve()\n"
        "except Exception as error:\n    print(error.code)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)

    assert run.stdout == "AADSTS7000215\n"
    assert not [secret for secret in ("sEcReT", *azure_world.secrets) if secret in run.stderr]
