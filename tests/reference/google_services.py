"""
What Google's identity services answer, on one loopback port, and key files that lead there.

Every token tells what it was got for, and a number that counts up: `ya29.user/+=1`.
"""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.reference.scripted import Asked, Reply, Scripted, scripted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CANARY = "sEcReT/+="
"""Is part of every secret here."""

ACCOUNT = "robot@conformance.iam.gserviceaccount.com"

FLAVOUR = {"Metadata-Flavor": "Google"}


@cache
def private_key() -> rsa.RSAPrivateKey:
    """Return a key of this process."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem() -> str:
    """Return it as key files hold it."""
    return (
        private_key()
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        .decode()
    )


def of_json(values: Any, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    """Return an answer in JSON."""
    return Reply(status, {"Content-Type": "application/json", **(headers or {})}, json.dumps(values).encode())


@dataclass
class Services:
    """Token endpoint, security token service, IAM credentials and metadata server; each can be told to answer else."""

    url: str = ""
    lasts_s: float = 3600
    instead: Callable[[Asked], Reply | None] = lambda _asked: None
    scripted: Scripted = field(init=False)
    count: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, asked: Asked) -> Reply:
        """Answer."""
        other = self.instead(asked)
        if other is not None:
            return other
        form = {name: values[-1] for name, values in parse_qs(asked.body.decode()).items()}
        match asked.path:
            case "/token" if form["grant_type"] == "refresh_token":
                return of_json(self._token("user"))
            case "/token" if form["grant_type"] == "authorization_code":
                return of_json({**self._token("browser"), "refresh_token": f"1//browser-{CANARY}"})
            case "/token":
                return of_json(self._token("account"))
            case "/sts":
                return of_json({**self._token("sts"), "issued_token_type": "x"})
            case path if path.endswith(":generateAccessToken"):
                ends = datetime.now(UTC) + timedelta(seconds=self.lasts_s)
                token = self._token("impersonated")["access_token"]
                return of_json({"accessToken": token, "expireTime": f"{ends:%Y-%m-%dT%H:%M:%SZ}"})
            case path if path.startswith("/computeMetadata/"):
                return of_json(self._token("machine"), headers=FLAVOUR)
        return Reply(404)

    def _token(self, what: str) -> dict[str, Any]:
        with self.lock:
            self.count += 1
            return {"access_token": f"ya29.{what}-{CANARY}{self.count}", "expires_in": self.lasts_s}

    @property
    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [each.path for each in self.scripted.asked]

    # ---- key files

    def account(self) -> dict[str, Any]:
        """Return the key file of a service account."""
        return {
            "type": "service_account",
            "project_id": "conformance",
            "private_key_id": "0123",
            "private_key": pem(),
            "client_email": ACCOUNT,
            "client_id": "1",
            "token_uri": f"{self.url}/token",
        }

    def user(self, name: str = "user") -> dict[str, Any]:
        """Return the file of a person who logged in."""
        return {
            "account": "",
            "type": "authorized_user",
            "client_id": f"{name}.apps.googleusercontent.com",
            "client_secret": f"GOCSPX-{CANARY}",
            "refresh_token": f"1//{name}-{CANARY}",
            "token_uri": f"{self.url}/token",
            "quota_project_id": "conformance",
            "universe_domain": "googleapis.com",
        }

    def external(self, subject_token_file: str) -> dict[str, Any]:
        """Return the file of a workload elsewhere."""
        return {
            "type": "external_account",
            "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": f"{self.url}/sts",
            "credential_source": {"file": subject_token_file},
        }

    def impersonated(self, origin: dict[str, Any]) -> dict[str, Any]:
        """Return the file of one who acts as a service account."""
        return {
            "type": "impersonated_service_account",
            "service_account_impersonation_url": f"{self.url}/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken",
            "source_credentials": origin,
        }


@contextmanager
def google_services() -> Iterator[Services]:
    """Run them for as long as the block."""
    services = Services()
    with scripted(services.answer) as running:
        services.scripted, services.url = running, running.url
        yield services


def who(headers: dict[str, str]) -> str:
    """Return what a token was got for, and its number, such as `user 1`."""
    what, _, number = headers["Authorization"].removeprefix("Bearer ya29.").partition(f"-{CANARY}")
    return f"{what} {number}"


def leaks(error: BaseException) -> bool:
    """Whether an error, or what hangs on it, tells a secret, or keeps a frame that holds one."""
    import traceback

    told = (
        "".join(traceback.format_exception(error)) + repr(vars(error)) + repr(error.__cause__ and vars(error.__cause__))
    )
    return CANARY in told or "PRIVATE KEY" in told or pem().split("\n")[1] in told
