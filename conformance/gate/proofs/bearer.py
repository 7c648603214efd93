"""
Bearer tokens: of Entra ID and of Google, known to the run because its fakes handed them out; and JSON Web Tokens that a
Google service account signs itself.

https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory,
https://google.aip.dev/auth/4111 (self-signed JWT).
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any

from conformance.gate.proofs.request import Proven, Refused, Request, same
from conformance.gate.proofs.rsa import is_signed_by

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conformance.identities import Identity, Kind

LONGEST_S = 3600.0
"""Seconds that a self-signed token lives at most."""

AUDIENCE = "https://storage.googleapis.com"
SCOPES = ("https://www.googleapis.com/auth/devstorage.", "https://www.googleapis.com/auth/cloud-platform")


def token_of(request: Request) -> str | None:
    """Return the bearer token of a request, None if it has none."""
    scheme, _, token = (request.header("authorization") or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def verify_entra(request: Request, identities: Iterable[Identity]) -> Proven:
    """Return whose token it is; raises `Refused` with Azure's code."""
    token = token_of(request) or ""
    fields = {"tenant": str(claims_of(token).get("tid", ""))}
    if not request.is_tls:
        raise Refused(
            "AuthenticationFailed",
            fields={"AuthenticationErrorDetail": "Authentication scheme Bearer is only allowed over https."},
        )
    known = _known(token, "azure_bearer", identities)
    if known is None:
        raise Refused(
            "InvalidAuthenticationInfo",
            fields=fields | {"AuthenticationErrorDetail": "Signature validation failed. The token is not one of ours."},
        )
    if known.expires_at is not None and known.expires_at <= request.now:
        raise Refused(
            "InvalidAuthenticationInfo",
            fields=fields | {"AuthenticationErrorDetail": "Lifetime validation failed. The token is expired."},
            label=known.label,
        )
    return Proven(known.label)


def verify_google(request: Request, identities: Iterable[Identity], *, max_skew_s: float) -> Proven:
    """Return whose token it is, handed out or self-signed; raises `Refused` with Google's reason."""
    token = token_of(request) or ""
    everyone = list(identities)
    known = _known(token, "google_bearer", everyone)
    if known is not None:
        if known.expires_at is not None and known.expires_at <= request.now:
            raise Refused("authError", label=known.label)
        return Proven(known.label)
    return _self_signed(token, everyone, request.now, max_skew_s)


def _known(token: str, kind: Kind, identities: Iterable[Identity]) -> Identity | None:
    return next((each for each in identities if each.kind == kind and same(each.secret, token)), None)


def _self_signed(token: str, identities: list[Identity], now: float, max_skew_s: float) -> Proven:
    """Verify RS256 with the public key of who says to have signed."""
    claims, head = claims_of(token), _part(token, 0)
    issuer = claims.get("iss")
    signed, _, signature = token.rpartition(".")
    raw = _raw(signature)
    if head.get("alg") != "RS256" or not isinstance(issuer, str) or claims.get("sub", issuer) != issuer or not raw:
        raise Refused("authError")
    for each in identities:
        if (
            each.kind == "google_key"
            and each.name == issuer
            and is_signed_by(each.secret, raw, signed.encode("latin-1"))
        ):
            if not _is_valid(claims, now, max_skew_s) or (each.expires_at is not None and each.expires_at <= now):
                raise Refused("authError", label=each.label)
            return Proven(each.label)
    raise Refused("authError")


def _is_valid(claims: dict[str, Any], now: float, max_skew_s: float) -> bool:
    """Whether a token is for here and for now."""
    issued, expires = claims.get("iat"), claims.get("exp")
    if not isinstance(issued, int | float) or not isinstance(expires, int | float):
        return False
    audience, scope = claims.get("aud"), claims.get("scope")
    is_for_here = (isinstance(audience, str) and audience.rstrip("/") == AUDIENCE) or (
        isinstance(scope, str) and any(each.startswith(SCOPES) for each in scope.split())
    )
    return is_for_here and issued - max_skew_s <= now < expires and expires - issued <= LONGEST_S


def claims_of(token: str) -> dict[str, Any]:
    """Return the claims of a JSON Web Token, unverified; empty for anything else."""
    return _part(token, 1)


def _part(token: str, number: int) -> dict[str, Any]:
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        found = json.loads(_raw(parts[number]) or b"null")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _raw(text: str) -> bytes | None:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
