"""
V4 signed URLs of Google Cloud Storage, signed with the RSA key of a service account.

https://cloud.google.com/storage/docs/authentication/signatures and .../canonical-requests. HMAC keys and V2 URLs are
refused: nothing in a run hands them out.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_to_bytes

from conformance.gate.proofs.request import Proven, Refused, Request, basic_time, collapsed, told
from conformance.gate.proofs.rsa import is_signed_by

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conformance.identities import Identity

ALGORITHM = "GOOG4-RSA-SHA256"
LONGEST_S = 604_800
"""Seconds that a signed URL lives at most: seven days."""

_NAMES = ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
_HEX = re.compile(r"[0-9a-fA-F]+")


def carries(request: Request) -> bool:
    """Whether there is anything of a signed URL in the query."""
    return any(
        name.lower() in ("x-goog-algorithm", "x-goog-credential", "x-goog-signature", "googleaccessid")
        for name in request.decoded()
    )


def verify(request: Request, identities: Iterable[Identity], *, max_skew_s: float) -> Proven:
    """Return whose key signed; raises `Refused` with the code of the XML API."""
    query = request.decoded()
    found = {name: query.get(f"X-Goog-{name}", "") for name in _NAMES}
    if not all(found.values()) or found["Algorithm"] != ALGORITHM or not _HEX.fullmatch(found["Signature"]):
        raise Refused(
            "InvalidSecurity", "The provided security credentials are not valid: a V4 signed URL is expected."
        )
    name, _, scope = found["Credential"].rpartition("@")
    domain, _, scope = scope.partition("/")
    email = f"{name}@{domain}"
    _check_scope(scope, found["Date"])
    signed = found["SignedHeaders"].split(";")
    _check_signed_headers(request, signed)
    canonical = canonical_request(request, signed)
    string = "\n".join((ALGORITHM, found["Date"], scope, hashlib.sha256(canonical).hexdigest()))
    for each in identities:
        if each.kind == "google_key" and each.name == email:
            try:
                signature = binascii.unhexlify(found["Signature"])
            except binascii.Error:
                break
            if is_signed_by(each.secret, signature, string.encode("latin-1", "replace")):
                _check_time(found, request.now, max_skew_s, each)
                return Proven(each.label)
    raise Refused(
        "SignatureDoesNotMatch", fields={"StringToSign": string, "CanonicalRequest": canonical.decode("latin-1")}
    )


def _check_scope(scope: str, date: str) -> None:
    day, _, rest = scope.partition("/")
    _location, _, ends = rest.partition("/")
    if ends != "storage/goog4_request" or day != date[:8]:
        raise Refused("InvalidArgument", "The credential scope is malformed, or not of the day of the request.")


def _check_signed_headers(request: Request, signed: list[str]) -> None:
    left_out = {name for name, _ in request.headers if name.startswith("x-goog-")} - set(signed)
    if "host" not in signed or left_out:
        raise Refused("SignatureDoesNotMatch", "Headers that have to be signed were not signed.")


def _check_time(found: dict[str, str], now: float, max_skew_s: float, identity: Identity) -> None:
    sent = basic_time(found["Date"])
    if sent is None or not found["Expires"].isdecimal() or int(found["Expires"]) > LONGEST_S:
        raise Refused("InvalidArgument", "X-Goog-Date or X-Goog-Expires is malformed.", label=identity.label)
    if sent - now > max_skew_s:
        raise Refused("AccessDenied", "Request is not yet valid", label=identity.label)
    ends = sent + int(found["Expires"])
    if ends <= now or (identity.expires_at is not None and identity.expires_at <= now):
        raise Refused(
            "ExpiredToken", fields={"Details": f"Request signature expired at: {told(ends)}"}, label=identity.label
        )


def canonical_request(request: Request, signed: list[str]) -> bytes:
    """Return the canonical request; the path counts as what it decodes to."""
    parameters = sorted(
        (_encoded(name), _encoded(value)) for name, value in request.parameters() if name != "X-Goog-Signature"
    )
    text = "\n".join(
        (
            request.method,
            quote(unquote_to_bytes(request.path.encode("latin-1")), safe="/-_.~"),
            "&".join(f"{name}={value}" for name, value in parameters),
            "".join(f"{name}:{collapsed(request.header(name) or '')}\n" for name in signed),
            ";".join(signed),
            request.header("x-goog-content-sha256") or "UNSIGNED-PAYLOAD",
        )
    )
    return text.encode("latin-1", "replace")


def _encoded(text: str) -> str:
    return quote(unquote_to_bytes(text.encode("latin-1")), safe="-_.~")
