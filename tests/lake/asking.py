"""
How these tests ask a control plane: with the headers of the client of deeplake 4.7.4, some of them changed.
"""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from conformance.identities import Identity, new_aws

TIMEOUT_S = 10.0


@dataclass
class Minted:
    """Makes identities of AWS, and keeps them as the gate does."""

    identities: dict[str, Identity] = field(default_factory=dict)

    def __call__(self, label: str) -> Identity:
        """Return the identity of a label."""
        assert label not in self.identities, "every identity has a label of its own"
        made = self.identities[label] = new_aws(label, session=True, expires_at=time.time() + 3600)
        return made


@dataclass(frozen=True)
class Told:
    """An answer."""

    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The word of a refusal."""
        return str(self.json["error"])


def headers_of(token: str | None, **changed: str | None) -> dict[str, str]:
    """Return the headers of the client; `changed` ones by name with `_` for `-`, None takes one away."""
    headers: dict[str, str | None] = {
        "Authorization": f"Bearer {token or ''}",
        "X-Activeloop-Provider-Type": "activeloop",
        "Activeloop-Api-Version": "2024-10-01",
    }
    headers |= {name.replace("_", "-"): value for name, value in changed.items()}
    return {name: value for name, value in headers.items() if value is not None}


def ask(
    url: str,
    method: str,
    target: str,
    *,
    token: str | None = None,
    body: object = None,
    raw: bytes | None = None,
    headers: list[tuple[str, str]] | dict[str, str] | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Told:
    """Ask, and return what was answered."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout_s)
    sent = headers_of(token) if headers is None else headers
    pairs = list(sent.items()) if isinstance(sent, dict) else list(sent)
    content = raw if raw is not None else json.dumps(body).encode() if body is not None else None
    if content is not None:
        if not any(name.lower() == "content-type" for name, _ in pairs):
            pairs.append(("Content-Type", "application/json"))
        pairs.append(("Content-Length", str(len(content))))
    try:
        connection.putrequest(method, target)
        for name, value in pairs:
            connection.putheader(name, value)
        connection.endheaders(content)
        answer = connection.getresponse()
        return Told(answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()})
    finally:
        connection.close()


def creds_target(org: str, ds: str, mode: str | None = None) -> str:
    """Return the target of a request for the credentials of a dataset."""
    return f"/api/org/{org}/ds/{ds}/creds?no_cache=True" + (f"&mode={mode}" if mode else "")
