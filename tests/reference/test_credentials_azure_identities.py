"""Which identity of Entra ID wins on az://, which are broken, and what is told of it."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deeplake_ref import errors
from deeplake_ref.credentials.azure_texts import AzureCredentials
from tests.reference.azure_world import CLIENT, TENANT, World, free_port, new_secret, new_token, of_json, refusal
from tests.reference.scripted import HANG, RESET, Asked, Reply, Scripted

ORDER = [
    "azure_env_key",
    "azure_service_principal",
    "azure_workload_identity",
    "azure_managed_identity",
    "azure_cli",
]

PLANTED: dict[str, Callable[[World], object]] = {
    "azure_env_key": lambda world: world.set(AZURE_STORAGE_KEY="a2V5"),
    "azure_service_principal": World.service_principal,
    "azure_workload_identity": World.workload_identity,
    "azure_managed_identity": World.virtual_machine,
    "azure_cli": World.az,
}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    """A machine without identities."""
    with World(monkeypatch, tmp_path) as made:
        yield made


def text_of(credentials: AzureCredentials) -> str:
    """Return the token that requests would have."""
    assert credentials.tokens is not None
    return credentials.tokens.text()


def told_of(error: BaseException, caplog: pytest.LogCaptureFixture) -> str:
    """Return all that is told of an error, anywhere."""
    shown = "".join(traceback.format_exception(error))
    attributes = [vars(each) for each in (error, error.__cause__, error.__context__) if each is not None]
    return f"{shown}{error!r}{attributes}{error.__cause__!r}{error.__context__!r}{caplog.text}"


# ---- the order


@pytest.mark.parametrize("mask", range(2 ** len(ORDER)), ids=lambda mask: f"{mask:05b}")
def test_the_first_configured_source_wins(world: World, mask: int) -> None:
    """For every subset; who comes later is asked nothing."""
    entra = world.entra()
    planted = {name: PLANTED[name](world) for at, name in enumerate(ORDER) if mask >> at & 1}
    if not planted:
        with pytest.raises(errors.CredentialsNotFoundError) as caught:
            world.chain().resolve()
        assert all(name in str(caught.value) for name in ORDER)
        return
    winner = next(iter(planted))
    resolved = world.chain().resolve()

    assert resolved.source == winner
    if winner != "azure_env_key":
        assert text_of(resolved.credentials) in world.secrets
    if winner not in ("azure_service_principal", "azure_workload_identity"):
        assert entra.asked == []
    machine, calls = planted.get("azure_managed_identity"), planted.get("azure_cli")
    assert machine is None or (len(machine.asked) == (winner == "azure_managed_identity"))  # type: ignore[attr-defined]
    assert calls is None or calls.exists() == (winner == "azure_cli")  # type: ignore[attr-defined]


def test_each_identity_asks_for_a_token_of_storage(world: World) -> None:
    """In the form of its service."""
    entra = world.entra()
    world.service_principal()
    world.chain().resolve()
    proof = world.secrets[0]

    assert [asked.path for asked in entra.asked] == [
        f"/{TENANT}/v2.0/.well-known/openid-configuration",
        f"/{TENANT}/oauth2/v2.0/token",
    ]
    body = entra.asked[-1].body.decode()
    assert "scope=https%3A%2F%2Fstorage.azure.com%2F.default" in body
    assert f"client_id={CLIENT}" in body
    assert proof[:20] in body


def test_an_app_service_is_asked_by_its_variables(world: World) -> None:
    """A virtual machine is not asked then."""
    machine, service = world.virtual_machine(), world.app_service()
    world.set(AZURE_CLIENT_ID=CLIENT)
    resolved = world.chain().resolve()

    assert resolved.source == "azure_managed_identity"
    assert machine.asked == []
    assert service.asked[0].query == {
        "api-version": "2019-08-01",
        "resource": "https://storage.azure.com",
        "client_id": CLIENT,
    }
    assert service.asked[0].headers["X-IDENTITY-HEADER"] in world.secrets


def test_a_virtual_machine_is_asked_in_one_request(world: World) -> None:
    """`AZURE_CLIENT_ID` alone names the identity, and is no half service principal."""
    machine = world.virtual_machine()
    world.set(AZURE_CLIENT_ID=CLIENT, HTTP_PROXY=f"http://127.0.0.1:{free_port()}")
    resolved = world.chain().resolve()

    assert text_of(resolved.credentials) in world.secrets
    assert [asked.query for asked in machine.asked] == [
        {"api-version": "2018-02-01", "resource": "https://storage.azure.com", "client_id": CLIENT}
    ]


def test_az_is_called_once_without_a_secret(world: World) -> None:
    """For the resource of storage."""
    calls = world.az()
    resolved = world.chain().resolve()

    assert text_of(resolved.credentials) in world.secrets
    assert resolved.credentials.expires_at is not None
    assert calls.read_text(encoding="utf-8").splitlines() == [
        "account get-access-token --output json --resource https://storage.azure.com"
    ]


@pytest.mark.parametrize("blank", ["", "  ", "\n"])
def test_blank_variables_are_unset(world: World, blank: str) -> None:
    """Also those that azure-identity would take for an App Service."""
    machine = world.virtual_machine()
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
        world.set(**{name: blank})

    assert world.chain().resolve().source == "azure_managed_identity"
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
def test_the_switch_of_azure_identity_leaves_sources_out(world: World, value: str, winner: str) -> None:
    """They are asked nothing."""
    world.entra()
    for name in ORDER[1:]:
        PLANTED[name](world)
    world.set(AZURE_TOKEN_CREDENTIALS=value)

    assert world.chain().resolve().source == winner


def test_a_bogus_switch_is_broken(world: World) -> None:
    """Its value is not told; a key does not care."""
    world.set(AZURE_TOKEN_CREDENTIALS="sEcReT")
    with pytest.raises(errors.InvalidCredentialsError, match="AZURE_TOKEN_CREDENTIALS") as caught:
        world.chain().resolve()

    assert "sEcReT" not in str(caught.value)
    assert world.chain({"account_key": "a2V5"}).resolve().source == "azure_dict_account_key"


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
def test_some_of_the_variables_are_broken(world: World, variables: dict[str, str], source: str, named: str) -> None:
    """The missing one is named, and nobody later is asked."""
    entra, machine, calls = world.entra(), world.virtual_machine(), world.az()
    world.set(**variables)
    with pytest.raises(errors.InvalidCredentialsError) as caught:
        world.chain().resolve()

    assert caught.value.source == source
    assert named in str(caught.value)
    assert "sEcReT" not in str(caught.value)
    assert (entra.asked, machine.asked, calls.exists()) == ([], [], False)


@pytest.mark.parametrize("variables", [{"AZURE_CLIENT_ID": CLIENT}, {"AZURE_TENANT_ID": TENANT}])
def test_tenant_or_client_alone_prove_nobody(world: World, variables: dict[str, str]) -> None:
    """They are for others to read."""
    world.virtual_machine()
    world.set(**variables)

    assert world.chain().resolve().source == "azure_managed_identity"


@pytest.mark.parametrize("content", [None, "", "  \n"])
def test_a_token_file_that_is_missing_or_empty_is_broken(world: World, content: str | None) -> None:
    """Nobody later is asked."""
    entra, calls = world.entra(), world.az()
    path = world.workload_identity()
    path.unlink() if content is None else path.write_text(content, encoding="utf-8")
    with pytest.raises(errors.InvalidCredentialsError, match="AZURE_FEDERATED_TOKEN_FILE") as caught:
        world.chain().resolve()

    assert caught.value.source == "azure_workload_identity"
    assert (entra.asked, calls.exists()) == ([], False)


def test_a_certificate_proves_a_service_principal(world: World, tmp_path: Path) -> None:
    """A file that is none is broken."""
    import trustme

    entra = world.entra()
    path = tmp_path / "certificate.pem"
    leaf = trustme.CA(key_type=trustme.KeyType.RSA).issue_cert("app.test", key_type=trustme.KeyType.RSA)
    leaf.private_key_and_cert_chain_pem.write_to_path(path)
    world.set(AZURE_TENANT_ID=TENANT, AZURE_CLIENT_ID=CLIENT, AZURE_CLIENT_CERTIFICATE_PATH=str(path))

    assert world.chain().resolve().source == "azure_service_principal"
    assert b"client_assertion=" in entra.asked[-1].body
    path.write_text("sEcReT", encoding="utf-8")
    with pytest.raises(errors.InvalidCredentialsError, match="AZURE_CLIENT_CERTIFICATE_PATH") as caught:
        world.chain().resolve()
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
    world: World, caplog: pytest.LogCaptureFixture, planted: str, status: int, error: str, number: int, hint: str
) -> None:
    """Its code is kept, its description is not."""
    caplog.set_level(logging.DEBUG)
    entra, calls = world.entra(lambda _form: refusal(status, error, number)), world.az()
    PLANTED[planted](world)
    walked = world.chain()
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
    assert not [secret for secret in ("sEcReT", *world.secrets) if secret in told]
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
    world: World, caplog: pytest.LogCaptureFixture, planted: str, fault: Reply, requests: int
) -> None:
    """After another request, where that may help."""
    caplog.set_level(logging.DEBUG)
    entra, calls = world.entra(lambda _form: fault), world.az()
    PLANTED[planted](world)
    with pytest.raises(errors.CredentialsUnavailableError) as caught:
        world.chain().resolve()

    assert caught.value.source == planted
    assert sum(asked.method == "POST" for asked in entra.asked) == requests
    assert not [secret for secret in ("sEcReT", *world.secrets) if secret in told_of(caught.value, caplog)]
    assert not calls.exists()


def test_a_token_endpoint_is_asked_again_where_it_failed_once(world: World) -> None:
    """At once."""
    replies = [Reply(503), of_json({"token_type": "Bearer", "expires_in": 3600, "access_token": "second"})]
    world.entra(lambda _form: replies.pop(0))
    world.workload_identity()

    assert text_of(world.chain().resolve().credentials) == "second"


@pytest.mark.parametrize("planted", ["azure_service_principal", "azure_workload_identity"])
def test_a_token_endpoint_that_hangs_ends(world: World, planted: str) -> None:
    """It is asked once."""
    entra = world.run(lambda _asked: HANG, secure=True)
    world.set(AZURE_AUTHORITY_HOST=entra.url)
    PLANTED[planted](world)
    with pytest.raises(errors.CredentialsUnavailableError, match="not reached"):
        world.chain(patience_s=0.3).resolve()

    assert len(entra.asked) == 1


def test_a_token_endpoint_that_is_not_there_stops(world: World) -> None:
    """And so does one that nobody vouches for."""
    world.service_principal()
    with pytest.raises(errors.CredentialsUnavailableError, match="AZURE_AUTHORITY_HOST"):
        world.chain().resolve()
    world.entra()
    world.monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(errors.CredentialsUnavailableError, match="REQUESTS_CA_BUNDLE"):
        world.chain().resolve()
    world.set(CURL_CA_BUNDLE=str(world.directory / "ca.pem"))

    assert world.chain().resolve().source == "azure_service_principal"


@pytest.mark.parametrize("host", ["http://127.0.0.1:1", "https://u:sEcReT@127.0.0.1:1", "https://", "ftp://x"])
def test_an_authority_is_https(world: World, host: str) -> None:
    """It is not told."""
    world.service_principal()
    world.set(AZURE_AUTHORITY_HOST=host)
    with pytest.raises(errors.InvalidCredentialsError, match="AZURE_AUTHORITY_HOST") as caught:
        world.chain().resolve()

    assert "sEcReT" not in str(caught.value)


ABSENT = {
    "reset": RESET,
    "hang": HANG,
    "identity-not-found": of_json({"error": "invalid_request", "error_description": "Identity not found"}, 400),
    "another-cloud": Reply(404, {"Content-Type": "text/html"}, b"<html>404"),
    "another-cloud-denies": Reply(401),
    "proxy": Reply(403, {"Content-Type": "text/plain"}, b"connecting to 169.254.169.254:80: unreachable"),
}


@pytest.mark.parametrize("answer", ABSENT.values(), ids=ABSENT.keys())
def test_a_machine_without_identity_is_not_mine(world: World, answer: Reply) -> None:
    """It is asked once, and `az` next."""
    machine = world.virtual_machine(lambda _asked: answer)
    world.az()
    walked = world.chain(patience_s=0.5 if answer is HANG else 10)

    assert walked.resolve().source == "azure_cli"
    assert len(machine.asked) == 1


FAILING = {
    "500": Reply(500, {}, b"sEcReT"),
    "429": of_json({"error": "sEcReT"}, 429),
    "forbidden": of_json({"error": "sEcReT"}, 403),
    "page": Reply(200, {"Content-Type": "text/html"}, b"<html>sEcReT"),
    "empty": Reply(200),
    "no-token": of_json({"access_token": " ", "expires_on": "9999999999"}),
    "no-end": of_json({"access_token": "sEcReT"}),
    "odd-end": of_json({"access_token": "sEcReT", "expires_on": "tomorrow sEcReT"}),
    "list": of_json(["sEcReT"]),
}


@pytest.mark.parametrize("answer", FAILING.values(), ids=FAILING.keys())
@pytest.mark.parametrize("place", [World.virtual_machine, World.app_service], ids=["machine", "app-service"])
def test_a_managed_identity_that_fails_stops(
    world: World,
    caplog: pytest.LogCaptureFixture,
    place: Callable[[World, Callable[[Asked], Reply]], Scripted],
    answer: Reply,
) -> None:
    """In one request."""
    caplog.set_level(logging.DEBUG)
    service, calls = place(world, lambda _asked: answer), world.az()
    with pytest.raises(errors.CredentialsUnavailableError) as caught:
        world.chain().resolve()

    assert (caught.value.source, len(service.asked), calls.exists()) == ("azure_managed_identity", 1, False)
    assert not [secret for secret in ("sEcReT", *world.secrets) if secret in told_of(caught.value, caplog)]


@pytest.mark.parametrize("answer", ABSENT.values(), ids=ABSENT.keys())
def test_an_app_service_that_is_configured_and_fails_stops(world: World, answer: Reply) -> None:
    """Whatever would say that a virtual machine is not there."""
    world.app_service(lambda _asked: answer)
    world.az()
    with pytest.raises(errors.CredentialsUnavailableError, match="IDENTITY_ENDPOINT"):
        world.chain(patience_s=0.5 if answer is HANG else 10).resolve()


# ---- az


def test_az_without_sign_in_is_not_mine(world: World) -> None:
    """The error says what to do."""
    world.az("echo \"ERROR: Please run 'az login' to setup account.\" >&2; exit 1")
    with pytest.raises(errors.CredentialsNotFoundError, match="run `az login`"):
        world.chain().resolve()


COMPACT = '{"accessToken":"sEcReT","expiresOn":"never"}'
NOT_SO = {
    "fails": "echo 'sEcReT' >&2; exit 1",
    "compact": f"echo '{COMPACT}'",
    "compact-on-stderr": f"echo '{COMPACT}' >&2; exit 1",
    "noise": 'echo \'an update is there\'; echo \'{"accessToken": "sEcReT", "expires_on": 9999999999}\'',
    "silent": "true",
    "list": "echo '[\"sEcReT\"]'",
    "number": 'echo \'{"accessToken": 7, "expires_on": 9999999999}\'',
    "no-interpreter": "exit 127",
    "sign-in-expired": "echo 'AADSTS700082: sEcReT. Please run: az login' >&2; exit 1",
}


@pytest.mark.parametrize("script", NOT_SO.values(), ids=NOT_SO.keys())
def test_az_that_fails_stops_and_its_output_is_not_told(
    world: World, caplog: pytest.LogCaptureFixture, script: str
) -> None:
    """Neither in the error nor in a log."""
    caplog.set_level(logging.DEBUG)
    calls = world.az(script)
    walked = world.chain()
    with pytest.raises(errors.CredentialsUnavailableError) as caught:
        walked.resolve()

    assert caught.value.source == "azure_cli"
    assert caught.value.code == ("AADSTS700082" if "AADSTS" in script else None)
    assert "sEcReT" not in told_of(caught.value, caplog) + repr(walked.attempts)
    assert len(calls.read_text(encoding="utf-8").splitlines()) == 1


def test_az_that_hangs_stops(world: World) -> None:
    """After its time."""
    world.az("exec /bin/sleep 60")
    with pytest.raises(errors.CredentialsUnavailableError, match=r"within 0\.3 s"):
        world.chain(patience_s=0.3).resolve()


def test_az_may_answer_on_one_line_or_in_the_old_form(world: World) -> None:
    """Its own older versions have no `expires_on`."""
    world.az('echo \'{"accessToken":"compact","expires_on":9999999999}\'')
    assert text_of(world.chain().resolve().credentials) == "compact"
    world.az('echo \'{"accessToken": "old", "expiresOn": "2999-01-01 00:00:00.000000"}\'')
    assert text_of(world.chain().resolve().credentials) == "old"


@pytest.mark.parametrize("place", ["azure_managed_identity", "azure_cli"])
def test_a_token_that_has_expired_is_not_used(world: World, place: str) -> None:
    """Though the source hands it out."""
    if place == "azure_cli":
        world.az(life_s=-5)
    else:
        world.virtual_machine(world.machine_answer(-5))
    with pytest.raises(errors.ExpiredTokenError) as caught:
        world.chain().resolve()

    assert caught.value.source == place
    assert not [secret for secret in world.secrets if secret in str(caught.value)]


# ---- where tokens go


@pytest.mark.parametrize("planted", ORDER[1:])
@pytest.mark.parametrize("by", ["`endpoint_url` of creds", "AZURE_STORAGE_ENDPOINT"])
def test_no_token_is_asked_for_an_http_endpoint(world: World, planted: str, by: str) -> None:
    """Who says http is named; a virtual machine is asked whether it is there, and for no token."""
    entra = world.entra()
    made = PLANTED[planted](world)
    url = f"http://127.0.0.1:{free_port()}/acct"
    creds = {"endpoint_url": url} if "creds" in by else None
    if creds is None:
        world.set(AZURE_STORAGE_ENDPOINT=url)
    with pytest.raises(errors.InvalidCredentialsError) as caught:
        world.chain(creds).resolve()

    assert caught.value.source == planted
    assert by in str(caught.value)
    assert entra.asked == []
    if isinstance(made, Scripted):
        assert [asked.headers.get("Metadata") for asked in made.asked] == [None]
    if isinstance(made, Path):
        assert not (made.name == "az.calls" and made.exists())


def test_nothing_is_found_for_an_http_endpoint_where_nothing_is(world: World) -> None:
    """That tokens do not go there matters only to who has some."""
    with pytest.raises(errors.CredentialsNotFoundError):
        world.chain({"endpoint_url": "http://127.0.0.1:1/acct"}).resolve()


def test_credentials_with_tokens_do_not_print_or_pickle(world: World) -> None:
    """Neither does what holds them."""
    import pickle

    world.virtual_machine()
    walked = world.chain()
    resolved = walked.resolve()
    shown = f"{resolved!r}{resolved.credentials!r}{resolved.credentials.tokens!r}{walked.sources!r}{walked.attempts!r}"

    assert not [secret for secret in world.secrets if secret in shown]
    assert json.dumps(shown)
    with pytest.raises(TypeError):
        pickle.dumps(resolved.credentials)


def test_others_may_log_what_they_ask(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Only our questions are silent."""
    from azure.identity import AzureCliCredential

    caplog.set_level(logging.DEBUG)
    world.az()
    world.chain().resolve()
    ours = [record for record in caplog.records if record.name.startswith(("azure.identity", "msal"))]
    AzureCliCredential().get_token_info("https://storage.azure.com/.default")
    theirs = [record for record in caplog.records if record.name.startswith("azure.identity")]

    assert (ours, bool(theirs)) == ([], True)


def test_secrets_of_a_test_differ() -> None:
    """Of every run and every source."""
    made: list[Any] = [new_secret(), new_secret(), new_token(), new_token()]

    assert len(set(made)) == 4


def test_the_first_question_of_a_process_is_not_logged(world: World) -> None:
    """The libraries are imported by it, and make their loggers then."""
    world.entra(lambda _form: refusal(401, "invalid_client", 7000215))
    world.service_principal()
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
    assert not [secret for secret in ("sEcReT", *world.secrets) if secret in run.stderr]
