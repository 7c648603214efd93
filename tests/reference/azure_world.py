"""
A machine with as many identities of Azure as a test says: Entra ID, an App Service, a virtual machine, and a command `az`.

Everything is on loopback: the probe of a virtual machine goes to a port where nobody listens, unless a test puts somebody
there, and `PATH` has only what the test wrote.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import ssl
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs

import trustme

from deeplake_ref.credentials import azure
from deeplake_ref.secrets import SecretFields
from tests.reference.scripted import Asked, Reply, Scripted, scripted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from deeplake_ref.credentials.azure_texts import AzureCredentials
    from deeplake_ref.credentials.chain import Chain

FOREIGN = ("AZURE_", "IDENTITY_", "MSI_", "IMDS_", "REQUESTS_", "CURL_", "SSL_")

TENANT, CLIENT = "11111111-2222-3333-4444-555555555555", "66666666-7777-8888-9999-000000000000"

AUTHORITY = trustme.CA()
"""Signs the certificates of the services; new in every process."""


def tls() -> ssl.SSLContext:
    """Return what a service on loopback speaks https with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return context


def free_port() -> int:
    """Return a port where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def new_secret() -> str:
    """Return a secret with what escaping goes wrong at."""
    return f"{secrets.token_urlsafe(24)}/+=~"


def new_token() -> str:
    """Return a bearer token of this run."""
    return f"ey{secrets.token_urlsafe(40)}"


def form(asked: Asked) -> dict[str, str]:
    """Return the fields of a form that was sent."""
    return {name: values[-1] for name, values in parse_qs(asked.body.decode()).items()}


def of_json(values: object, status: int = 200) -> Reply:
    """Return an answer in JSON."""
    return Reply(status, {"Content-Type": "application/json"}, json.dumps(values).encode())


def refusal(status: int, error: str, code: int) -> Reply:
    """Return a refusal of Entra ID, whose description repeats what nobody should."""
    described = f"AADSTS{code}: sEcReT was sent. Trace ID: 0"
    return of_json({"error": error, "error_description": described, "error_codes": [code]}, status)


class World:
    """The machine; its services run until the block ends."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
        self.monkeypatch = monkeypatch
        self.directory = directory
        self.bin = directory / "bin"
        self.bin.mkdir()
        self.secrets: list[str] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        for name in list(os.environ):
            if name.startswith(FOREIGN) or name.lower().endswith("_proxy"):
                self.monkeypatch.delenv(name)
        bundle = self.directory / "ca.pem"
        AUTHORITY.cert_pem.write_to_path(bundle)
        self.set(
            PATH=str(self.bin),
            REQUESTS_CA_BUNDLE=str(bundle),
            AZURE_POD_IDENTITY_AUTHORITY_HOST=f"http://127.0.0.1:{free_port()}",
            AZURE_AUTHORITY_HOST=f"https://127.0.0.1:{free_port()}",
        )
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stack.close()

    def set(self, **variables: str) -> None:
        """Set variables of the environment."""
        for name, value in variables.items():
            self.monkeypatch.setenv(name, value)

    def run(self, answer: Callable[[Asked], Reply], *, secure: bool = False) -> Scripted:
        """Run a service."""
        return self._stack.enter_context(scripted(answer, tls() if secure else None))

    def secret(self, made: str) -> str:
        """Remember a secret that must not be told."""
        self.secrets.append(made)
        return made

    # ---- the sources

    def entra(self, answer: Callable[[dict[str, str]], Reply] | None = None, life_s: float = 3600) -> Scripted:
        """Run Entra ID: discovery, and a token endpoint that answers to a form, with a new token if nothing else."""

        def told(asked: Asked) -> Reply:
            if asked.path.endswith("openid-configuration"):
                base = f"{service.url}/{TENANT}"
                return of_json(
                    {
                        "token_endpoint": f"{base}/oauth2/v2.0/token",
                        "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                        "issuer": f"{base}/v2.0",
                    }
                )
            if answer is not None:
                return answer(form(asked))
            return of_json({"token_type": "Bearer", "expires_in": life_s, "access_token": self.secret(new_token())})

        service = self.run(told, secure=True)
        self.set(AZURE_AUTHORITY_HOST=service.url)
        return service

    def service_principal(self) -> None:
        """Set the variables of a service principal."""
        self.set(AZURE_TENANT_ID=TENANT, AZURE_CLIENT_ID=CLIENT, AZURE_CLIENT_SECRET=self.secret(new_secret()))

    def workload_identity(self) -> Path:
        """Set the variables of a workload identity; return its token file."""
        path = self.directory / "federated"
        path.write_text(self.secret(new_token()), encoding="utf-8")
        self.set(AZURE_TENANT_ID=TENANT, AZURE_CLIENT_ID=CLIENT, AZURE_FEDERATED_TOKEN_FILE=str(path))
        return path

    def machine_answer(self, life_s: float = 3600) -> Callable[[Asked], Reply]:
        """Return the answer of a metadata service with a new token for each question."""

        def told(asked: Asked) -> Reply:
            if asked.headers.get("Metadata") != "true" and "X-IDENTITY-HEADER" not in asked.headers:
                return of_json({"error": "bad_request_102"}, 400)
            ends = str(int(time.time() + life_s))
            return of_json({"access_token": self.secret(new_token()), "expires_on": ends, "token_type": "Bearer"})

        return told

    def virtual_machine(self, answer: Callable[[Asked], Reply] | None = None) -> Scripted:
        """Run the metadata service of a virtual machine."""
        service = self.run(answer or self.machine_answer())
        self.set(AZURE_POD_IDENTITY_AUTHORITY_HOST=service.url)
        return service

    def app_service(self, answer: Callable[[Asked], Reply] | None = None) -> Scripted:
        """Run the token service of an App Service."""
        service = self.run(answer or self.machine_answer())
        self.set(IDENTITY_ENDPOINT=f"{service.url}/msi/token", IDENTITY_HEADER=self.secret(new_secret()))
        return service

    def az(self, script: str | None = None, life_s: float = 3600, token: str | None = None) -> Path:
        """Put a command `az` on `PATH`; return the file with the arguments of its calls."""
        calls = self.directory / "az.calls"
        answer = self.directory / "az.json"
        told = {"accessToken": token or self.secret(new_token()), "expires_on": int(time.time() + life_s)}
        answer.write_text(json.dumps(told), encoding="utf-8")
        command = self.bin / "az"
        said = f"/bin/cat '{answer}'" if script is None else script
        command.write_text(f"#!/bin/sh\necho \"$@\" >> '{calls}'\n{said}\n", encoding="utf-8")
        command.chmod(0o755)
        return calls

    def chain(self, creds: Any = None, patience_s: float = 10) -> Chain[AzureCredentials]:
        """Return the chain of a handle for the account `acct`."""
        return azure.chain(SecretFields(creds), "acct", patience_s)
