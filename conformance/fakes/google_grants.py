"""
What Google's token endpoint may be shown: clients, refresh tokens, subject tokens of other clouds.

Each names the source that holds it, so that the access token it is traded for gets that source's label.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

STORAGE_SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"

STORAGE_SCOPES = "https://www.googleapis.com/auth/devstorage."
"""What the scopes of storage begin with."""

CLOUD_SCOPE = "https://www.googleapis.com/auth/cloud-platform"

AUDIENCE = "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/pool/providers/provider"
"""The provider of workload identity that is there, the only one."""


class _Unprinted:
    """Keeps Hypothesis, which prints dataclasses field by field, from showing secrets."""

    __slots__ = ()

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text(repr(self))


@dataclass(frozen=True, slots=True)
class OAuthClient(_Unprinted):
    """A desktop application that is registered with Google."""

    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RefreshToken(_Unprinted):
    """What a person consented to, held by one source; `scopes` are those it may be traded for."""

    label: str
    client: OAuthClient
    token: str = field(repr=False)
    scopes: frozenset[str] = frozenset({STORAGE_SCOPE, CLOUD_SCOPE})

    def covers(self, scope: str) -> bool:
        """Whether it may be traded for a scope: the whole of the cloud covers storage, whose client asks for that."""
        return scope in self.scopes or (CLOUD_SCOPE in self.scopes and scope.startswith(STORAGE_SCOPES))


@dataclass(frozen=True, slots=True)
class SubjectToken(_Unprinted):
    """The token of a workload elsewhere, which workload identity federation trades; a JWT to Google, a text to us."""

    label: str
    token: str = field(repr=False)
    audience: str = AUDIENCE
    token_type: str = "urn:ietf:params:oauth:token-type:jwt"  # noqa: S105 - a type


def new_oauth_client() -> OAuthClient:
    """Return a client in the form that Google's have."""
    number = secrets.randbelow(10**12)
    return OAuthClient(
        f"{number:012d}-{secrets.token_hex(16)}.apps.googleusercontent.com", "GOCSPX-" + secrets.token_urlsafe(21)
    )


def new_refresh_token(label: str, client: OAuthClient, *, scopes: frozenset[str] | None = None) -> RefreshToken:
    """Return a refresh token of a source; without `scopes` for storage and the whole of the cloud."""
    token = "1//" + secrets.token_urlsafe(64)
    return RefreshToken(label, client, token) if scopes is None else RefreshToken(label, client, token, scopes)


def new_subject_token(label: str) -> SubjectToken:
    """Return a subject token of a source."""
    return SubjectToken(label, ".".join(secrets.token_urlsafe(size) for size in (24, 120, 64)))
