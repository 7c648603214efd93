"""
The example targets over the vendors' own SDKs: whose credentials they send, and that the suite judges them.

None may ask a metadata service: what cannot be pointed elsewhere is switched off in the environment of each process.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from conformance.targets import TargetError
from conformance.targets.selection import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.targets import Target

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
NEEDS = {"boto3": "boto3", "azure_identity": "azure.identity", "google_auth": "google.cloud.storage"}
PLACES = {"boto3": "moto", "azure_identity": "azurite", "google_auth": "fake-gcs-server"}
PATHS = {
    "boto3": "s3://bucket/root",
    "azure_identity": "az://account/container/root",
    "google_auth": "gcs://bucket/root",
}

CLOUDS = ("AWS_", "AZURE_", "GOOGLE_", "GCE_", "CLOUDSDK_", "STORAGE_EMULATOR", "IDENTITY_", "MSI_", "IMDS_")


def machine(home: Path, **variables: str) -> dict[str, str]:
    """Return the environment of a machine that knows nobody and has no metadata service."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(CLOUDS)}
    kept = {name: value for name, value in kept.items() if not name.lower().endswith("_proxy")}
    # dead ends for whoever asks nevertheless
    dead = "127.0.0.1:9"
    return kept | {
        "HOME": str(home),
        "PATH": str(home),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(home / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(home / "credentials"),
        "AZURE_TOKEN_CREDENTIALS": "AzureCliCredential",
        "CLOUDSDK_CONFIG": str(home / "gcloud"),
        "NO_GCE_CHECK": "true",
        "GCE_METADATA_HOST": dead,
        "GCE_METADATA_IP": dead,
        **variables,
    }


class Service:
    """A server that keeps what it was asked and refuses everything."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str]] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                service.seen.append((self.command, self.path, self.headers.get("Authorization", "")))
                body = b"" if self.command == "HEAD" else b"<Error><Code>AccessDenied</Code></Error>"
                self.send_response(403)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = answer  # noqa: N815 - names of http.server

            def log_message(self, *arguments: Any) -> None:
                return

        class Server(ThreadingHTTPServer):
            def handle_error(self, *arguments: Any) -> None:
                """Say nothing of a client that goes away, or begins a TLS connection here."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def service() -> Iterator[Service]:
    """The server, running."""
    running = Service()
    thread = Thread(target=running.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield running
    running.server.shutdown()
    thread.join(20)
    running.server.server_close()


def started(name: str, environment: dict[str, str]) -> Target:
    """Return an example in a process of its own."""
    pytest.importorskip(NEEDS[name])
    return resolve(str(EXAMPLES / f"{name}_target.py"), (), None, "stdio").start(environment)


ACCOUNT_KEY = base64.b64encode(b"an account key of this test, which is none").decode()


@pytest.mark.parametrize(
    ("name", "creds", "proof"),
    [
        ("boto3", {"aws_access_key_id": "AKIDICT", "aws_secret_access_key": "of-this-test"}, "Credential=AKIDICT/"),
        ("boto3", {"profile_name": "other"}, "Credential=AKIOTHER/"),
        ("boto3", {}, "Credential=AKIENV/"),
        ("boto3", {"anon": True}, ""),
        ("azure_identity", {"account_key": ACCOUNT_KEY}, "SharedKey account:"),
        ("azure_identity", {"sas_token": "sv=2023-11-03&sig=c2ln"}, ""),
        ("azure_identity", {"anon": True}, ""),
        ("google_auth", {"anon": True}, ""),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_who_was_given_is_sent(name: str, creds: dict[str, Any], proof: str, service: Service, tmp_path: Path) -> None:
    """Over what the machine has."""
    (tmp_path / "credentials").write_text(
        "[default]\naws_access_key_id=AKIFILE\naws_secret_access_key=f\n"
        "[other]\naws_access_key_id=AKIOTHER\naws_secret_access_key=o\n"
    )
    known = {"AWS_ACCESS_KEY_ID": "AKIENV", "AWS_SECRET_ACCESS_KEY": "of-this-test"}
    target = started(name, machine(tmp_path, **known))
    try:
        with pytest.raises(TargetError, match=r"StorageAccessDenied|AuthenticationError"):
            target.open_reader(PATHS[name], {**creds, "endpoint_url": service.url}).list()
    finally:
        target.close()

    assert service.seen
    assert {sent[: len(proof)] if not proof.startswith("Cred") else proof for _, _, sent in service.seen} == {proof}
    for _, asked, sent in service.seen:
        assert proof in sent
        assert ("sig=" in asked) == ("sas_token" in creds)


@pytest.mark.parametrize("name", list(NEEDS))
def test_who_is_nobody_is_told(name: str, service: Service, tmp_path: Path) -> None:
    """By the class, and the service is asked nothing: no SDK goes on without a name by itself."""
    creds = {"endpoint_url": service.url.replace("http://", "https://") if name == "azure_identity" else service.url}
    target = started(name, machine(tmp_path))
    try:
        with pytest.raises(TargetError) as caught:
            target.open_reader(PATHS[name], creds).list()
    finally:
        target.close()

    assert caught.value.class_name == "CredentialsNotFoundError"
    assert service.seen == []


def private_key() -> str:
    """Return an RSA key of this run, as a key file has it."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form, clear = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, clear).decode()


@pytest.mark.parametrize("form", ["file", "dictionary", "json", "variable"])
def test_a_key_of_google_is_used_in_every_form(form: str, service: Service, tmp_path: Path) -> None:
    """The token endpoint that it names is asked, which refuses here."""
    # a key of the type authorized_user would not do: its `token_uri` is not looked at, google-auth asks Google
    key = {
        "type": "service_account",
        "client_email": "somebody@example.org",
        "private_key_id": "1",
        "private_key": private_key(),
        "token_uri": f"{service.url}/token",
        "universe_domain": "googleapis.com",
    }
    file = tmp_path / "key.json"
    file.write_text(json.dumps(key))
    creds = {"file": str(file), "dictionary": key, "json": json.dumps(key), "variable": None}[form]
    variables = {"GOOGLE_APPLICATION_CREDENTIALS": str(file)} if form == "variable" else {}
    target = started("google_auth", machine(tmp_path, STORAGE_EMULATOR_HOST=service.url, **variables))
    try:
        with pytest.raises(TargetError) as caught:
            target.open_reader(PATHS["google_auth"], creds).list()
    finally:
        target.close()

    # google-cloud-storage drops the credentials where there is an emulator, unless they are handed to it
    assert caught.value.class_name == "CredentialsUnavailableError"
    assert {path for _, path, _ in service.seen} == {"/token"}


@pytest.mark.parametrize("name", list(NEEDS))
def test_the_suite_judges_it(name: str, tmp_path: Path) -> None:
    """A short run conforms, in a process of the target's own."""
    pytest.importorskip(NEEDS[name])
    only = ["--only", "OBJ-1,OBJ-9,RANGE-1,RANGE-3,LIST-1", "--places", PLACES[name], "--profile", "quick", "-n", "0"]
    target = ["--target", str(EXAMPLES / f"{name}_target.py"), "--door", "stdio", "--validate"]
    switched_off = {
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_GCE_CHECK": "true",
        "AZURE_TOKEN_CREDENTIALS": "AzureCliCredential",
    }
    done = subprocess.run(
        [sys.executable, "-m", "conformance", "run", *only, "--record", str(tmp_path), *target],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=tmp_path,
        env=os.environ | switched_off,
    )
    if "unreachable" in done.stdout and done.returncode == 3:
        pytest.skip(f"{PLACES[name]} is not to be had")

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{name.replace('_', '-')} conforms" in done.stdout


WORLDS = {
    "boto3": "AWS-2,AWS-3,AWS-7,AWS-15,AWS-18",
    "azure_identity": "AZURE-3,AZURE-7,AZURE-8,AZURE-10",
    "google_auth": "GOOGLE-3,GOOGLE-6,GOOGLE-24",
}
"""Requirements of credentials that take seconds each; one of each SDK is a known failure."""


@pytest.mark.parametrize("name", list(NEEDS))
def test_its_credentials_are_judged_in_worlds(name: str, tmp_path: Path) -> None:
    """What the SDK does otherwise is in the claims, and nothing else fails; each world is a private machine."""
    pytest.importorskip(NEEDS[name])
    chosen = ["--only", WORLDS[name], "--places", PLACES[name], "--profile", "quick", "-n", "0"]
    target = ["--target", str(EXAMPLES / f"{name}_target.py"), "--record", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "conformance", "run", *chosen, *target],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=tmp_path,
    )
    if "unreachable" in done.stdout and done.returncode == 3:
        pytest.skip(f"{PLACES[name]} is not to be had")

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{name.replace('_', '-')} conforms" in done.stdout
    assert "known-fail" in done.stdout
