"""
Assertions: what a service account signs with its private key to get an access token.

Source: https://developers.google.com/identity/protocols/oauth2/service-account (the claim set, "JWT error codes").
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any

from conformance.fakes.google_refusals import Refused, refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conformance.identities import GoogleKey

AUDIENCE = "https://oauth2.googleapis.com/token"
"""Whom an assertion is for. google-auth 2.62.2 names it whatever the key file's `token_uri` is; other libraries, Go's among
them, name that `token_uri`, which is the same at Google and the fake's own address here."""

LONGEST_LIFE_S = 3600

SKEW_S = 300
"""Seconds that a clock may be ahead of Google's, which does not publish the number; people report refusals from 5 minutes."""

SCOPES = ("https://www.googleapis.com/auth/", "openid", "email", "profile")
"""What scopes begin with."""

TIMEFRAME = (
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
    "Check your iat and exp values in the JWT claim."
)


def check_assertion(assertion: str, keys: Mapping[str, GoogleKey], now: float, *, address: str) -> GoogleKey:
    """
    Return the key that signed; raises `Refused`.

    `keys` are by key id; `address` is where the assertion was sent to, host and path.
    """
    header, claims, signed, signature = _parts(assertion)
    if header.get("alg") != "RS256":
        raise Refused(refusal(400, "invalid_grant", "Invalid JWT Signature."))
    account = claims.get("iss")
    if account not in {key.client_email for key in keys.values()}:
        raise Refused(refusal(400, "invalid_grant", "Invalid grant: account not found"))
    key = keys.get(str(header.get("kid")))
    if key is None or key.client_email != account or not _signed_by(key, signed, signature):
        raise Refused(refusal(400, "invalid_grant", "Invalid JWT Signature."))
    if claims.get("aud") not in (AUDIENCE, f"http://{address}", f"https://{address}"):
        message = f"Invalid JWT: Failed audience check. The right audience is {AUDIENCE}"
        raise Refused(refusal(400, "invalid_grant", message))
    if not _timely(claims.get("iat"), claims.get("exp"), now):
        raise Refused(refusal(400, "invalid_grant", TIMEFRAME))
    if claims.get("sub", account) != account:
        # acting for a person of the domain needs a delegation, and nobody gave one
        message = (
            "Client is unauthorized to retrieve access tokens using this method, "
            "or client not authorized for any of the scopes requested."
        )
        raise Refused(refusal(401, "unauthorized_client", message))
    scopes = claims.get("scope")
    if not isinstance(scopes, str) or not _are_scopes(scopes.split()):
        raise Refused(refusal(400, "invalid_scope", "Invalid OAuth scope or ID token audience provided."))
    return key


def issuer_of(assertion: str) -> str:
    """Return who says to have signed, "" if nobody does."""
    try:
        return str(_parts(assertion)[1].get("iss", ""))
    except Refused:
        return ""


def _are_scopes(names: list[str]) -> bool:
    return bool(names) and all(name.startswith(SCOPES) for name in names)


def _parts(assertion: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    try:
        header, claims, signature = assertion.split(".")
        head, body = json.loads(_decoded(header)), json.loads(_decoded(claims))
        proof = _decoded(signature)
    except (ValueError, binascii.Error):
        head = body = proof = None
    if not isinstance(head, dict) or not isinstance(body, dict) or proof is None:
        raise Refused(refusal(400, "invalid_grant", "Bad Request"))
    return head, body, assertion.rpartition(".")[0].encode(), proof


def _decoded(part: str) -> bytes:
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)


def _timely(issued: object, expires: object, now: float) -> bool:
    if not isinstance(issued, int | float) or not isinstance(expires, int | float):
        return False
    lasts = expires - issued
    return 0 < lasts <= LONGEST_LIFE_S and issued <= now + SKEW_S and expires > now


def _signed_by(key: GoogleKey, signed: bytes, signature: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    public = serialization.load_pem_public_key(key.identity.secret.encode())
    if not isinstance(public, rsa.RSAPublicKey):
        return False
    try:
        public.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True
