"""
How the tests of the AWS fakes ask: raw HTTP, and botocore in a process of its own whose world is empty but for the fakes.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from conformance.fakes import Fake, FakeServer
from conformance.identities import Identity, new_aws

BOTOCORE = """
import json
from botocore.session import Session
try:
    found = Session().get_credentials()
    keys = found and found.get_frozen_credentials()
    told = {"key": keys and keys.access_key, "token": bool(keys and keys.token), "method": found and found.method}
except Exception as error:
    told = {"error": type(error).__name__, "code": getattr(error, "response", {}).get("Error", {}).get("Code")}
print(json.dumps(told))
"""


@dataclass
class Minted:
    """Makes identities and keeps them, as the gate does."""

    identities: dict[str, Identity] = field(default_factory=dict)
    expires_at: float | None = None

    def __call__(self, label: str) -> Identity:
        """Make the identity of a label."""
        return self.keep(new_aws(label, session=True, expires_at=self.expires_at))

    def keep(self, identity: Identity) -> Identity:
        """Let an identity be known."""
        self.identities[identity.name] = identity
        return identity

    @property
    def labels(self) -> list[str]:
        """What was minted, in order."""
        return [each.label for each in self.identities.values()]


@dataclass(frozen=True)
class Reply:
    """What came back; headers by lower-case name."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    def json(self) -> Any:
        """Return the body's JSON value."""
        return json.loads(self.body)


def ask(
    server: FakeServer,
    method: str,
    target: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> Reply:
    """Ask over a connection of its own."""
    parts = urlsplit(server.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    try:
        connection.request(method, target, body, dict(headers or {}))
        answer = connection.getresponse()
        told = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, answer.read(), told)
    finally:
        connection.close()


@contextmanager
def serving(fake: Fake) -> Iterator[FakeServer]:
    """Give a fake a port."""
    with FakeServer(fake) as server:
        yield server


def botocore(home: Path, config: str = "", **environment: str) -> dict[str, Any]:
    """Return what botocore's own chain finds: key id, whether there is a token, and its name for the source, or an error."""
    folder = home / ".aws"
    folder.mkdir(exist_ok=True)
    (folder / "config").write_text(config, encoding="utf-8")
    world = {
        "PATH": os.defpath,
        "HOME": str(home),
        "NO_PROXY": "*",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
        **environment,
    }
    done = subprocess.run(
        [sys.executable, "-c", BOTOCORE],
        env=world,
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
