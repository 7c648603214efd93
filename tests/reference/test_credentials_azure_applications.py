"""Applications of Entra ID that are half configured, and token endpoints that refuse and fail."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from deeplake_ref import errors
from tests.reference.azure_identities import PLANTED, text_of, told_of
from tests.reference.azure_world import CLIENT, TENANT, World, of_json, refusal
from tests.reference.scripted import HANG, RESET, Reply

# ---- half configured


@pytest.mark.parametrize(
    ("variables", "source", "named"),
    [
        ({"AZURE_CLIENT_SECRET": "sEcReT"}, "azure_service_principal", "AZURE_TENANT_ID and AZURE_CLIENT_ID"),
        ({"AZURE_CLIENT_SECRET": "sEcReT", "AZURE_CLIENT_ID": CLIENT}, "azure_service_principal", "AZURE_TENANT_ID"),
        ({"AZURE_CLIENT_SECRET": "sEcReT", "AZURE_TENANT_ID": TENANT}, "azure_service_principal", "AZURE_CLIENT_ID"),
        ({"AZURE_CLIENT_ID": CLIENT, "AZURE_TENANT_ID": TENANT}, "azure_service_principal", "AZURE_CLIENT_SECRET"),
        ({"AZURE_CLIENT_CERTIFICATE_PATH": "/nowhere"}, "azure_service_principal", "AZURE_CLIENT_CERTIFICATE_PATH"),
        ({"AZURE_FEDERATED_TOKEN_FILE": "/nowhere"}, "azure_workload_identity", "AZURE_FEDERATED_TOKEN_FILE"),
        (
            {"AZURE_FEDERATED_TOKEN_FILE": "/nowhere", "AZURE_CLIENT_ID": CLIENT},
            "azure_workload_identity",
            "AZURE_TENANT_ID",
        ),
        ({"IDENTITY_ENDPOINT": "http://127.0.0.1:1/"}, "azure_managed_identity", "IDENTITY_HEADER"),
        (
            {"IDENTITY_ENDPOINT": "http://u:sEcReT@127.0.0.1:1/", "IDENTITY_HEADER": "x"},
            "azure_managed_identity",
            "IDENTITY_ENDPOINT",
        ),
        (
            {"AZURE_CLIENT_SECRET": "x", "AZURE_CLIENT_ID": CLIENT, "AZURE_TENANT_ID": "sEcReT/../x"},
            "azure_service_principal",
            "AZURE_TENANT_ID",
        ),
    ],
)
def test_some_of_the_variables_are_broken(
    azure_world: World, variables: dict[str, str], source: str, named: str
) -> None:
    """The missing one is named, and nobody later is asked."""
    entra, machine, calls = azure_world.entra(), azure_world.virtual_machine(), azure_world.az()
    azure_world.set(**variables)
    with pytest.raises(errors.InvalidCredentialsError) as caught:
        azure_world.chain().resolve()

    assert caught.value.source == source
    assert named in str(caught.value)
    assert "sEcReT" not in str(caught.value)
    assert (entra.asked, machine.asked, calls.exists()) == ([], [], False)


@pytest.mark.parametrize("variables", [{"AZURE_CLIENT_ID": CLIENT}, {"AZURE_TENANT_ID": TENANT}])
def test_tenant_or_client_alone_prove_nobody(azure_world: World, variables: dict[str, str]) -> None:
    """They are for others to read."""
    azure_world.virtual_machine()
    azure_world.set(**variables)

    assert azure_world.chain().resolve().source == "azure_managed_identity"


@pytest.mark.parametrize("content", [None, "", "  \n"])
def test_a_token_file_that_is_missing_or_empty_is_broken(azure_world: World, content: str | None) -> None:
    """Nobody later is asked."""
    entra, calls = azure_world.entra(), azure_world.az()
    path = azure_world.workload_identity()
    path.unlink() if content is None else path.write_text(content, encoding="utf-8")
    with pytest.raises(errors.InvalidCredentialsError, match="AZURE_FEDERATED_TOKEN_FILE") as caught:
        azure_world.chain().resolve()

    assert caught.value.source == "azure_workload_identity"
    assert (entra.asked, calls.exists()) == ([], False)


def test_a_certificate_proves_a_service_principal(azure_world: World, tmp_path: Path) -> None:
    """A file that is none is broken."""
    import trustme

    entra = azure_world.entra()
    path = tmp_path / "certificate.pem"
    leaf = trustme.CA(key_type=trustme.KeyType.RSA).issue_cert("app.test", key_type=trustme.KeyType.RSA)
    leaf.private_key_and_cert_chain_pem.write_to_path(path)
    azure_world.set(AZURE_TENANT_ID=TENANT, AZURE_CLIENT_ID=CLIENT, AZURE_CLIENT_CERTIFICATE_PATH=str(path))

    assert azure_world.chain().resolve().source == "azure_service_principal"
    assert b"client_assertion=" in entra.asked[-1].body
    path.write_text("sEcReT", encoding="utf-8")
    with pytest.raises(errors.InvalidCredentialsError, match="AZURE_CLIENT_CERTIFICATE_PATH") as caught:
        azure_world.chain().resolve()
    assert "sEcReT" not in str(caught.value)


# ---- services that refuse and fail


@pytest.mark.parametrize("planted", ["azure_service_principal", "azure_workload_identity"])
@pytest.mark.parametrize(
    ("status", "error", "number", "hint"),
    [
        (401, "invalid_client", 7000215, "AZURE_CLIENT_SECRET"),
        (401, "invalid_client", 700024, "clock"),
        (400, "invalid_request", 90002, "AZURE_TENANT_ID"),
        (400, "unauthorized_client", 700016, "AZURE_CLIENT_ID"),
    ],
)
def test_a_refusal_of_entra_stops(
    azure_world: World, caplog: pytest.LogCaptureFixture, planted: str, status: int, error: str, number: int, hint: str
) -> None:
    """Its code is kept, its description is not."""
    caplog.set_level(logging.DEBUG)
    entra, calls = azure_world.entra(lambda _form: refusal(status, error, number)), azure_world.az()
    PLANTED[planted](azure_world)
    walked = azure_world.chain()
    with pytest.raises(errors.CredentialsUnavailableError) as caught:
        walked.resolve()

    assert (caught.value.source, caught.value.code, caught.value.http_status, caught.value.provider) == (
        planted,
        f"AADSTS{number}",
        status,
        "az",
    )
    assert hint in str(caught.value)
    told = told_of(caught.value, caplog) + repr(walked.attempts)
    assert not [secret for secret in ("sEcReT", *azure_world.secrets) if secret in told]
    assert sum(asked.method == "POST" for asked in entra.asked) == 1
    assert not calls.exists()


@pytest.mark.parametrize("planted", ["azure_service_principal", "azure_workload_identity"])
@pytest.mark.parametrize(
    ("fault", "requests"),
    [
        (Reply(500, {}, b"sEcReT"), 2),
        (Reply(429, {"Retry-After": "3600"}, b"sEcReT"), 1),
        (RESET, 2),
        (Reply(200, {"Content-Type": "text/html"}, b"<html>sEcReT"), 1),
        (Reply(200, {"Content-Type": "application/json"}, b'{"token":"sEcReT"}'), 1),
        (Reply(200), 1),
        (Reply(404, {}, b"sEcReT"), 1),
    ],
    ids=["500", "429", "reset", "page", "no-token", "empty", "404"],
)
def test_a_token_endpoint_that_fails_stops(
    azure_world: World, caplog: pytest.LogCaptureFixture, planted: str, fault: Reply, requests: int
) -> None:
    """After another request, where that may help."""
    caplog.set_level(logging.DEBUG)
    entra, calls = azure_world.entra(lambda _form: fault), azure_world.az()
    PLANTED[planted](azure_world)
    with pytest.raises(errors.CredentialsUnavailableError) as caught:
        azure_world.chain().resolve()

    assert caught.value.source == planted
    assert sum(asked.method == "POST" for asked in entra.asked) == requests
    assert not [secret for secret in ("sEcReT", *azure_world.secrets) if secret in told_of(caught.value, caplog)]
    assert not calls.exists()


def test_a_token_endpoint_is_asked_again_where_it_failed_once(azure_world: World) -> None:
    """At once."""
    replies = [Reply(503), of_json({"token_type": "Bearer", "expires_in": 3600, "access_token": "second"})]
    azure_world.entra(lambda _form: replies.pop(0))
    azure_world.workload_identity()

    assert text_of(azure_world.chain().resolve().credentials) == "second"


@pytest.mark.parametrize("planted", ["azure_service_principal", "azure_workload_identity"])
def test_a_token_endpoint_that_hangs_ends(azure_world: World, planted: str) -> None:
    """It is asked once."""
    entra = azure_world.run(lambda _asked: HANG, secure=True)
    azure_world.set(AZURE_AUTHORITY_HOST=entra.url)
    PLANTED[planted](azure_world)
    with pytest.raises(errors.CredentialsUnavailableError, match="not reached"):
        azure_world.chain(patience_s=0.3).resolve()

    assert len(entra.asked) == 1


def test_a_token_endpoint_that_is_not_there_stops(azure_world: World) -> None:
    """And so does one that nobody vouches for."""
    azure_world.service_principal()
    with pytest.raises(errors.CredentialsUnavailableError, match="AZURE_AUTHORITY_HOST"):
        azure_world.chain().resolve()
    azure_world.entra()
    azure_world.monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(errors.CredentialsUnavailableError, match="REQUESTS_CA_BUNDLE"):
        azure_world.chain().resolve()
    azure_world.set(CURL_CA_BUNDLE=str(azure_world.directory / "ca.pem"))

    assert azure_world.chain().resolve().source == "azure_service_principal"


@pytest.mark.parametrize("host", ["http://127.0.0.1:1", "https://u:sEcReT@127.0.0.1:1", "https://", "ftp://x"])
def test_an_authority_is_https(azure_world: World, host: str) -> None:
    """It is not told."""
    azure_world.service_principal()
    azure_world.set(AZURE_AUTHORITY_HOST=host)
    with pytest.raises(errors.InvalidCredentialsError, match="AZURE_AUTHORITY_HOST") as caught:
        azure_world.chain().resolve()

    assert "sEcReT" not in str(caught.value)
