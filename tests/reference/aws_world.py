"""A machine with any of the sources that AWS credentials come from, whose services are one server on loopback."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from tests.reference.scripted import Asked, Reply, Scripted, scripted

if TYPE_CHECKING:
    import pytest

AMBIENT = (
    "aws_env",
    "aws_assume_role",
    "aws_web_identity",
    "aws_sso",
    "aws_shared_file",
    "aws_process",
    "aws_config_file",
    "aws_container",
    "aws_imds",
)
OF_SERVICES = {
    "aws_assume_role": "AssumeRole",
    "aws_web_identity": "AssumeRoleWithWebIdentity",
    "aws_sso": "sso",
    "aws_container": "container",
    "aws_imds": "imds",
}
"""Sources that ask a service, with what it is asked for."""

START_URL = "https://login.example.test/start"
LONG_S = 6 * 3600


class World:
    """What is planted, and what the services answer.

    Attributes:
        home: the home directory.
        lives_s: how long the credentials of a service live, by what is asked for; six hours where it is not said.
        answers: what a service says instead, by what is asked for.
        served: how often credentials were given, by what was asked for.
        secrets: all that no message may hold.
    """

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home = home
        self.lives_s: dict[str, float | Callable[[int], float]] = {}
        self.answers: dict[str, Reply] = {}
        self.served: Counter[str] = Counter()
        self.secrets: list[str] = []
        self.store: Callable[[Asked], Reply] = lambda _asked: Reply(404)
        self.service: Scripted
        self._monkeypatch = monkeypatch
        self._run = uuid.uuid4().hex[:8].upper()

    # ---- identities

    def key(self, source: str, generation: int = 1) -> str:
        """Return the key id of a source."""
        return f"AKIA{self._run}{source.upper().replace('_', '')}{generation}"

    def secret(self, source: str, what: str = "secret") -> str:
        """Return a secret of a source, which is kept in mind."""
        made = f"{what}/+={hashlib.sha256(f'{self._run}{source}'.encode()).hexdigest()}"
        self.secrets.append(made)
        return made

    def until(self, what: str) -> str:
        """Return the end of the credentials that are given now."""
        lives = self.lives_s.get(what, LONG_S)
        seconds = lives(self.served[what]) if callable(lives) else lives
        return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")

    # ---- planting

    def env(self, **variables: str) -> None:
        """Set variables."""
        for name, value in variables.items():
            self._monkeypatch.setenv(name, value)

    def unset(self, *names: str) -> None:
        """Remove variables."""
        for name in names:
            self._monkeypatch.delenv(name, raising=False)

    def config(self, text: str) -> None:
        """Add lines to the config file; without a section they belong to `[default]`."""
        self._add("config", text)

    def credentials(self, text: str) -> None:
        """Add lines to the shared credentials file."""
        self._add("credentials", text)

    def _add(self, name: str, text: str) -> None:
        path = self.home / name
        before = path.read_text() if path.exists() else "[default]\n"
        own, _, sections = text.partition("[")
        head, _, tail = before.partition("\n\n")
        path.write_text(f"{head.rstrip()}\n{own.strip()}\n\n{tail}" + (f"[{sections}\n" if sections else ""))

    def plant(self, *sources: str) -> None:
        """Configure sources, all of them in the default profile where they are of a profile."""
        for source in sources:
            getattr(self, f"_plant{source.removeprefix('aws')}")()

    def _plant_env(self) -> None:
        self.env(
            AWS_ACCESS_KEY_ID=self.key("aws_env"),
            AWS_SECRET_ACCESS_KEY=self.secret("aws_env"),
            AWS_SESSION_TOKEN=self.secret("aws_env", "token"),
        )

    def _plant_assume_role(self) -> None:
        self.config(
            "role_arn = arn:aws:iam::123456789012:role/test\nsource_profile = base\n"
            f"[profile base]\naws_access_key_id = {self.key('base')}\naws_secret_access_key = {self.secret('base')}\n"
        )

    def _plant_web_identity(self) -> None:
        token = self.home / "token"
        token.write_text(self.secret("web", "jwt"))
        self.env(AWS_WEB_IDENTITY_TOKEN_FILE=str(token), AWS_ROLE_ARN="arn:aws:iam::123456789012:role/web")

    def _plant_sso(self) -> None:
        self.config(
            "sso_session = here\nsso_account_id = 123456789012\nsso_role_name = test\n"
            f"[sso-session here]\nsso_start_url = {START_URL}\nsso_region = eu-west-1\n"
        )
        self.log_in(3600)

    def log_in(self, lives_s: float, **more: str) -> None:
        """Leave the login that `aws sso login` leaves."""
        cache = self.home / ".aws" / "sso" / "cache"
        cache.mkdir(parents=True, exist_ok=True)
        end = (datetime.now(UTC) + timedelta(seconds=lives_s)).strftime("%Y-%m-%dT%H:%M:%SZ")
        login = {"accessToken": self.secret("sso", "login"), "expiresAt": end, **more}
        (cache / f"{hashlib.sha1(b'here', usedforsecurity=False).hexdigest()}.json").write_text(json.dumps(login))

    def _plant_shared_file(self) -> None:
        source = "aws_shared_file"
        self.credentials(f"aws_access_key_id = {self.key(source)}\naws_secret_access_key = {self.secret(source)}\n")

    def _plant_process(self) -> None:
        answer = {"Version": 1, "AccessKeyId": self.key("aws_process"), "SecretAccessKey": self.secret("aws_process")}
        self.process(json.dumps(answer))

    def process(self, output: str) -> None:
        """Configure a process that prints this."""
        (self.home / "printed").write_text(output)
        self.config(f"credential_process = cat {self.home / 'printed'}\n")

    def _plant_config_file(self) -> None:
        source = "aws_config_file"
        self.config(f"aws_access_key_id = {self.key(source)}\naws_secret_access_key = {self.secret(source)}\n")

    def _plant_container(self) -> None:
        self.env(AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{self.service.url}/container")

    def _plant_imds(self) -> None:
        self.unset("AWS_EC2_METADATA_DISABLED")

    # ---- services

    def answer(self, asked: Asked) -> Reply:
        """Answer as whichever service is asked."""
        what = self._what(asked)
        if what in self.answers:
            return self.answers[what]
        match what:
            case "imds-token":
                return Reply(body=self.secret("imds", "token").encode())
            case "imds-role":
                return Reply(body=b"test-role")
            case "imds":
                return _json({"Code": "Success", **self._keys("imds", "aws_imds", "Token")})
            case "container":
                return _json(self._keys("container", "aws_container", "Token"))
            case "sso":
                keys = self._keys("sso", "aws_sso", "SessionToken")
                given = {name[0].lower() + name[1:]: value for name, value in keys.items()}
                end = datetime.fromisoformat(given["expiration"]).timestamp()
                return _json({"roleCredentials": {**given, "expiration": int(end * 1000)}})
            case "oidc":
                return _json({"accessToken": self.secret("sso", "renewed"), "expiresIn": 3600, "tokenType": "Bearer"})
            case "AssumeRole" | "AssumeRoleWithWebIdentity":
                source = "aws_assume_role" if what == "AssumeRole" else "aws_web_identity"
                fields = "".join(f"<{k}>{v}</{k}>" for k, v in self._keys(what, source, "SessionToken").items())
                body = f"<Credentials>{fields}</Credentials>"
                return Reply(body=f"<{what}Response><{what}Result>{body}</{what}Result></{what}Response>".encode())
        return self.store(asked)

    def _what(self, asked: Asked) -> str:
        if asked.path.rstrip("/") == "/sts":
            return parse_qs(asked.body.decode())["Action"][0]
        return {
            ("PUT", "/imds/latest/api/token"): "imds-token",
            ("GET", "/imds/latest/meta-data/iam/security-credentials/"): "imds-role",
            ("GET", "/imds/latest/meta-data/iam/security-credentials/test-role"): "imds",
            ("GET", "/container"): "container",
            ("GET", "/sso/federation/credentials"): "sso",
            ("POST", "/oidc/token"): "oidc",
        }.get((asked.method, asked.path), "store")

    def _keys(self, what: str, source: str, token: str) -> dict[str, str]:
        self.served[what] += 1
        return {
            "AccessKeyId": self.key(source, self.served[what]),
            "SecretAccessKey": self.secret(source),
            token: self.secret(source, "token"),
            "Expiration": self.until(what),
        }

    def asked(self) -> set[str]:
        """Return what services were asked for."""
        return {self._what(asked) for asked in self.service.asked} - {"store"}


def _json(values: object) -> Reply:
    return Reply(headers={"Content-Type": "application/json"}, body=json.dumps(values).encode())


@contextmanager
def world(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Run the services of a machine on which nothing is configured yet."""
    made = World(home, monkeypatch)
    with scripted(made.answer) as service:
        made.service = service
        made.env(
            AWS_EC2_METADATA_SERVICE_ENDPOINT=f"{service.url}/imds",
            AWS_ENDPOINT_URL_STS=f"{service.url}/sts",
            AWS_ENDPOINT_URL_SSO=f"{service.url}/sso",
            AWS_ENDPOINT_URL_SSO_OIDC=f"{service.url}/oidc",
        )
        yield made
