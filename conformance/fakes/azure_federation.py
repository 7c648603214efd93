"""
Tokens that stand for a federated identity at Entra ID, as Kubernetes projects them into a pod.

Entra knows those that it was told of, by their whole text; nothing verifies a signature here.

Source: https://learn.microsoft.com/entra/workload-id/workload-identity-federation and
https://azure.github.io/azure-workload-identity/docs/concepts.html (issuer, subject, audience).
"""

from __future__ import annotations

import base64
import json
import secrets
import uuid
from typing import Any

EXCHANGE = "api://AzureADTokenExchange"
"""The audience of a token that stands for a federated identity."""


class FederatedTokens:
    """The tokens that one application may show."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, int]] = {}

    def new(self, *, life_s: float, now: float) -> str:
        """Return a token that may be shown from `now` on, for `life_s` seconds; with a negative life it is over."""
        starts, ends = int(min(now, now + life_s)), int(now + life_s)
        token = unknown_federated_token(starts=starts, ends=ends)
        self._known[token] = (starts, ends)
        return token

    def clear(self) -> None:
        """Let none of them be shown any more."""
        self._known.clear()

    def validity(self, token: str) -> tuple[int, int] | None:
        """Return the unix seconds from and until which a token may be shown, None for one that is not known."""
        return self._known.get(token)


def unknown_federated_token(*, starts: int, ends: int) -> str:
    """Return a token of the form that a federated identity shows, which no application has registered."""
    claims = {
        "aud": [EXCHANGE],
        "iss": f"https://oidc.cluster.test/{uuid.uuid4()}/",
        "sub": "system:serviceaccount:conformance:target",
        "iat": starts,
        "nbf": starts,
        "exp": ends,
        "jti": str(uuid.uuid4()),
    }
    head = {"alg": "RS256", "kid": secrets.token_urlsafe(20)}
    parts = (json.dumps(head).encode(), json.dumps(claims).encode(), secrets.token_bytes(256))
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def claims_of(token: str) -> dict[str, Any] | None:
    """Return the claims of a JWT, unverified; None if it is none."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return None
    return claims if isinstance(claims, dict) else None
