"""
How the tests of Google's fakes ask: one request without a socket, google-auth's transport, and processes of their own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from conformance.fakes import Answer, Fake, Request
from conformance.identities import Identity, new_google_bearer

NOW = 1_800_000_000.0

HOST = "127.0.0.1:4321"
"""What requests without a socket are addressed to."""


@dataclass
class Minted:
    """Makes tokens that live an hour from `now`, and keeps them, as the gate does."""

    now: float = NOW
    identities: list[Identity] = field(default_factory=list)

    def __call__(self, label: str) -> Identity:
        """Make the identity of a label."""
        self.identities.append(new_google_bearer(label, life_s=3600, now=self.now))
        return self.identities[-1]

    @property
    def labels(self) -> list[str]:
        """What was made, in order."""
        return [each.label for each in self.identities]

    def whose(self, token: str) -> Identity | None:
        """Return the identity of a token."""
        return next((each for each in self.identities if each.secret == token), None)


def asked(
    fake: Fake,
    method: str,
    target: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    now: float = NOW,
) -> Answer:
    """Return what a fake says to one request."""
    answer = fake.answer(Request(method, target, {"host": HOST, **(headers or {})}, body, now))
    assert answer is not None
    return answer


def posted(
    fake: Fake,
    target: str,
    form: Mapping[str, str],
    *,
    headers: Mapping[str, str] | None = None,
    now: float = NOW,
) -> tuple[int, dict[str, Any]]:
    """Return status and JSON value of the answer to a form."""
    answer = asked(fake, "POST", target, headers=headers, body=urlencode(form).encode(), now=now)
    return answer.status, json.loads(answer.body)


def transport(*, proxy: str | None = None, ca: Path | None = None) -> Any:
    """Return google-auth's transport, which minds no variable of this process."""
    import google.auth.transport.requests
    import requests

    session = requests.Session()
    session.trust_env = False
    if proxy is not None:
        session.proxies = {"https": proxy}
        session.verify = str(ca)
    return google.auth.transport.requests.Request(session)


def child(program: str, home: Path, *arguments: str, **environment: str) -> Any:
    """Return the JSON value that a program prints, in a world that is empty but for these variables."""
    world = {"PATH": str(home / "bin"), "HOME": str(home), "NO_PROXY": "127.0.0.1", "LANG": "C.UTF-8", **environment}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore::ResourceWarning", "-c", program, *arguments],
        env=world,
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
