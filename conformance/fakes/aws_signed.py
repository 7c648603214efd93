"""
Who signed a request to an AWS service: Signature Version 4 in the Authorization header, checked against known identities.

Source: IAM User Guide, "Create a signed AWS API request" and "Elements of an AWS API request signature". Signatures in the
query are not read: no SDK asks STS with one. The statuses and texts are those of STS, which refuses with 403: an unknown key
or a wrong session token with `InvalidClientTokenId`, an ended one with `ExpiredToken`, and with `SignatureDoesNotMatch` also
a wrong scope and a clock that is more than 15 minutes off.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote, urlsplit

if TYPE_CHECKING:
    from conformance.fakes.serving import Request
    from conformance.identities import Identity

ALGORITHM: Final = "AWS4-HMAC-SHA256"
SKEW: Final = timedelta(minutes=15)

IdentityOf = Callable[[str], "Identity | None"]
"""Returns the identity of a key id, None if nobody has it; asked anew for every request, since keys are minted all along."""

_AUTHORIZATION: Final = re.compile(
    ALGORITHM + r"\s+Credential=([^,\s]+)\s*,\s*SignedHeaders=([^,\s]+)\s*,\s*Signature=([0-9a-f]{64})"
)


class Refusal(Exception):
    """An answer that refuses: status, the service's code, and its text, which holds no secret."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class SignedRequests:
    """Requests to one service that known identities have signed."""

    identity_of: IdentityOf
    service: str = "sts"

    def signer_of(self, request: Request) -> Identity:
        """Return who signed; raises `Refusal`."""
        told = request.headers.get("authorization")
        if told is None:
            raise Refusal(403, "MissingAuthenticationToken", "Request is missing Authentication Token")
        found = _AUTHORIZATION.fullmatch(told.strip())
        if found is None:
            raise Refusal(403, "IncompleteSignature", "the Authorization header is not one of Signature Version 4")
        credential, listed, signature = found.groups()
        key, *scope = credential.split("/")
        names = listed.split(";")
        identity = self._identity(key, request)
        sent = self._instant(request, scope)
        required = {"host", "x-amz-date"} | ({"x-amz-security-token"} & request.headers.keys())
        if not required <= set(names):
            raise _mismatch(f"'{min(required - set(names))}' must be a 'SignedHeader' in the AWS Authorization.")
        text = "\n".join((ALGORITHM, sent, "/".join(scope), _digest(_canonical(request, names, listed))))
        if not hmac.compare_digest(_signature(identity.secret, scope, text), signature):
            raise _mismatch(
                "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
                "Access Key and signing method. Consult the service documentation for details."
            )
        return identity

    def _identity(self, key: str, request: Request) -> Identity:
        identity = self.identity_of(key)
        if identity is None or request.headers.get("x-amz-security-token") != identity.token:
            raise Refusal(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
        if identity.expires_at is not None and identity.expires_at <= request.now:
            raise Refusal(403, "ExpiredToken", "The security token included in the request is expired")
        return identity

    def _instant(self, request: Request, scope: list[str]) -> str:
        """Return X-Amz-Date if it is near the clock and in the scope, which has to be the service's."""
        if len(scope) != 4 or scope[3] != "aws4_request":
            raise _mismatch("Credential should be scoped with a valid terminator: 'aws4_request'.")
        if scope[2] != self.service:
            raise _mismatch(f"Credential should be scoped to correct service: '{self.service}'.")
        text = request.headers.get("x-amz-date", "")
        try:
            sent = datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        except ValueError:
            raise _mismatch("Date must be in ISO-8601 'basic format'.") from None
        if text[:8] != scope[0]:
            raise _mismatch("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP")
        now = datetime.fromtimestamp(request.now, UTC)
        if sent < now - SKEW:
            raise _mismatch(
                f"Signature expired: {text} is now earlier than {_basic(now - SKEW)} ({_basic(now)} - 15 min.)"
            )
        if sent > now + SKEW:
            raise _mismatch(
                f"Signature not yet current: {text} is still later than {_basic(now + SKEW)} ({_basic(now)} + 15 min.)"
            )
        return text


def _canonical(request: Request, names: list[str], listed: str) -> str:
    query = urlsplit(request.target).query
    pairs = [tuple(unquote(part) for part in pair.partition("=")[::2]) for pair in query.split("&") if pair]
    encoded = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in pairs)
    headers = "".join(f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in names)
    return "\n".join(
        (
            request.method,
            quote(request.path or "/", safe="/-_.~"),
            "&".join(f"{name}={value}" for name, value in encoded),
            headers,
            listed,
            hashlib.sha256(request.body).hexdigest(),
        )
    )


def _signature(secret: str, scope: list[str], text: str) -> str:
    key = b"AWS4" + secret.encode()
    for part in scope:
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _basic(instant: datetime) -> str:
    return instant.strftime("%Y%m%dT%H%M%SZ")


def _mismatch(message: str) -> Refusal:
    return Refusal(403, "SignatureDoesNotMatch", message)
