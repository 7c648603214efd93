"""
AWS Signature Version 4 for S3: in the Authorization header, or in the query of a presigned URL.

The rules are those of "Authenticating Requests (AWS Signature Version 4)",
https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html; bodies that are signed are checked by
`sigv4_body`. S3 signs the decoded path encoded once, so a path counts as what it decodes to.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_to_bytes

from conformance.gate.proofs.request import Proven, Refused, Request, basic_time, collapsed, http_time, same, told
from conformance.gate.proofs.sigv4_body import Chain, body_check

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conformance.identities import Identity

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
LONGEST_S = 604_800
"""Seconds that a presigned URL lives at most: seven days."""

_PLAIN = re.compile(r"[A-Za-z0-9/_.~-]*")
_HEX64 = re.compile(r"[0-9a-f]{64}")
_QUERY = ("Algorithm", "Credential", "Signature", "Date", "SignedHeaders", "Expires")


@dataclass(frozen=True, slots=True)
class Claim:
    """What a request says of its signature; `lasts_s` is set for a presigned URL."""

    key_id: str
    scope: tuple[str, str, str, str]
    signed: tuple[str, ...]
    signature: str
    date: str
    token: str | None
    lasts_s: int | None = None

    @property
    def is_query(self) -> bool:
        """Whether it came in the query."""
        return self.lasts_s is not None


def carries(request: Request) -> bool:
    """Whether there is anything that wants to be a proof for S3."""
    if request.header("authorization") is not None:
        return True
    return bool(request.query) and any(
        name.lower() in ("x-amz-algorithm", "x-amz-signature", "x-amz-credential", "signature", "awsaccesskeyid")
        for name in request.decoded()
    )


def verify(request: Request, identities: Iterable[Identity], *, region: str, max_skew_s: float) -> Proven:
    """Return whose signature it is; raises `Refused` with S3's code."""
    claim = _claim(request)
    _check_scope(claim, region)
    _check_time(claim, request, max_skew_s)
    known = [each for each in identities if each.name == claim.key_id]
    if not known:
        raise Refused("InvalidAccessKeyId", fields={"AWSAccessKeyId": claim.key_id})
    bearers = _with_the_token(claim, known)
    payload = _payload(claim, request)
    _check_signed_headers(claim, request)
    canonical = canonical_request(request, claim, payload)
    string = string_to_sign(claim, canonical)
    for each in bearers:
        key = signing_key(each.secret, *claim.scope[:3])
        if same(hmac.new(key, string, hashlib.sha256).hexdigest(), claim.signature):
            if each.expires_at is not None and each.expires_at <= request.now:
                # S3 gives the token back in its answer, which is why clients have to mask it
                fields = {"Token-0": claim.token} if claim.token else {}
                raise Refused("ExpiredToken", fields=fields, label=each.label)
            chain = Chain(key, claim.date, "/".join(claim.scope), claim.signature)
            return Proven(each.label, body_check(payload, chain, request, each.label))
    raise Refused(
        "SignatureDoesNotMatch",
        fields={
            "AWSAccessKeyId": claim.key_id,
            "StringToSign": string.decode("latin-1"),
            "SignatureProvided": claim.signature,
        },
    )


def _claim(request: Request) -> Claim:
    header = request.header("authorization")
    query = request.decoded()
    in_query = any(name.lower().startswith("x-amz-") for name in query if name[6:] in _QUERY)
    if header is not None and in_query:
        raise Refused(
            "InvalidArgument",
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter "
            "or the Authorization header should be specified",
        )
    if header is not None:
        return _claim_of_header(request, header)
    if not in_query:
        raise Refused("InvalidRequest", "Signature Version 2 is not supported. Please use AWS4-HMAC-SHA256.")
    return _claim_of_query(query)


def _claim_of_header(request: Request, header: str) -> Claim:
    algorithm, _, rest = header.partition(" ")
    if algorithm != ALGORITHM:
        raise Refused("InvalidRequest")
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    credential = parts.get("Credential", "").split("/")
    signature, signed = parts.get("Signature", ""), parts.get("SignedHeaders", "")
    if len(credential) < 5 or not signature or not signed:
        raise Refused("AuthorizationHeaderMalformed")
    date = request.header("x-amz-date")
    if date is None:
        sent = http_time(request.header("date") or "")
        if sent is None:
            raise Refused("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header")
        date = told(sent).replace("-", "").replace(":", "")
    return Claim(
        key_id="/".join(credential[:-4]),
        scope=(credential[-4], credential[-3], credential[-2], credential[-1]),
        signed=tuple(signed.split(";")),
        signature=signature,
        date=date,
        token=request.header("x-amz-security-token"),
    )


def _claim_of_query(query: dict[str, str]) -> Claim:
    found = {name: query.get(f"X-Amz-{name}", "") for name in _QUERY}
    if not all(found.values()):
        raise Refused("AuthorizationQueryParametersError")
    credential = found["Credential"].split("/")
    if found["Algorithm"] != ALGORITHM:
        raise Refused("AuthorizationQueryParametersError", 'X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"')
    if len(credential) < 5:
        raise Refused(
            "AuthorizationQueryParametersError",
            'Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/'
            'REGION/SERVICE/aws4_request".',
        )
    if not found["Expires"].isdecimal() or not found["Expires"].isascii():
        raise Refused("AuthorizationQueryParametersError", "X-Amz-Expires should be a number")
    if int(found["Expires"]) > LONGEST_S:
        raise Refused(
            "AuthorizationQueryParametersError",
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than "
            "604800 seconds",
        )
    return Claim(
        key_id="/".join(credential[:-4]),
        scope=(credential[-4], credential[-3], credential[-2], credential[-1]),
        signed=tuple(found["SignedHeaders"].split(";")),
        signature=found["Signature"],
        date=found["Date"],
        token=query.get("X-Amz-Security-Token"),
        lasts_s=int(found["Expires"]),
    )


def _check_scope(claim: Claim, region: str) -> None:
    """Compare the scope with the date of the request and with where this is."""
    day, claimed, service, end = claim.scope
    code = "AuthorizationQueryParametersError" if claim.is_query else "AuthorizationHeaderMalformed"
    begins = (
        "Error parsing the X-Amz-Credential parameter; the "
        if claim.is_query
        else "The authorization header is malformed; the "
    )
    if claimed != region:
        # https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html: the region tells where to go
        raise Refused(code, f"{begins}region '{claimed}' is wrong; expecting '{region}'", fields={"Region": region})
    if service != "s3":
        raise Refused(code, f"{begins}service '{service}' is wrong; expecting 's3'")
    if end != "aws4_request":
        raise Refused(code, f"{begins}terminator '{end}' is wrong; expecting 'aws4_request'")
    if day != claim.date[:8]:
        raise Refused(
            code, f'Invalid credential date "{day}". This date is not the same as X-Amz-Date: "{claim.date[:8]}".'
        )


def _check_time(claim: Claim, request: Request, max_skew_s: float) -> None:
    sent = basic_time(claim.date)
    if sent is None:
        if claim.is_query:
            raise Refused(
                "AuthorizationQueryParametersError",
                "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"",
            )
        raise Refused("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header")
    if claim.lasts_s is None:
        if abs(request.now - sent) > max_skew_s:
            raise Refused(
                "RequestTimeTooSkewed",
                fields={
                    "RequestTime": claim.date,
                    "ServerTime": told(request.now),
                    "MaxAllowedSkewMilliseconds": str(int(max_skew_s * 1000)),
                },
            )
        return
    if sent - request.now > max_skew_s:
        raise Refused("AccessDenied", "Request is not yet valid", fields={"ServerTime": told(request.now)})
    if sent + claim.lasts_s <= request.now:
        raise Refused(
            "AccessDenied",
            "Request has expired",
            fields={
                "X-Amz-Expires": str(claim.lasts_s),
                "Expires": told(sent + claim.lasts_s),
                "ServerTime": told(request.now),
            },
        )


def _with_the_token(claim: Claim, known: list[Identity]) -> list[Identity]:
    """Return the identities of a key id whose session token came; several may have the same id."""
    if claim.token is None:
        lasting = [each for each in known if each.token is None]
        if not lasting:
            # a temporary key is none without its token
            raise Refused("InvalidAccessKeyId", fields={"AWSAccessKeyId": claim.key_id})
        return lasting
    bearers = [each for each in known if each.token is not None and same(each.token, claim.token)]
    if not bearers:
        raise Refused("InvalidToken", fields={"Token-0": claim.token})
    return bearers


def _payload(claim: Claim, request: Request) -> str:
    """Return what the canonical request ends with: the hash of the payload, or how it is signed."""
    sent = request.header("x-amz-content-sha256")
    if claim.is_query:
        return sent or request.decoded().get("X-Amz-Content-Sha256", UNSIGNED)
    if sent is None:
        raise Refused("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
    if sent != UNSIGNED and not sent.startswith("STREAMING-") and not _HEX64.fullmatch(sent):
        raise Refused("InvalidArgument", "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, or a valid sha256 value.")
    return sent


def _check_signed_headers(claim: Claim, request: Request) -> None:
    """Demand that host and every x-amz- header are signed, and that what is signed was sent."""
    signed = set(claim.signed)
    sent = {name for name, _ in request.headers}
    left_out = {name for name in sent if name.startswith("x-amz-")} - signed
    if "host" not in signed or left_out:
        raise Refused(
            "AccessDenied",
            "There were headers present in the request which were not signed",
            fields={"HeadersNotSigned": ", ".join(sorted(left_out | ({"host"} - signed)))},
        )


def canonical_request(request: Request, claim: Claim, payload: str) -> bytes:
    """Return the canonical request of S3."""
    path = request.path
    if not _PLAIN.fullmatch(path):
        path = quote(unquote_to_bytes(path.encode("latin-1")), safe="/-_.~")
    parameters = sorted(
        (_encoded(name), _encoded(value)) for name, value in request.parameters() if name != "X-Amz-Signature"
    )
    headers = "".join(f"{name}:{collapsed(request.header(name) or '')}\n" for name in claim.signed)
    text = "\n".join(
        (
            request.method,
            path,
            "&".join(f"{name}={value}" for name, value in parameters),
            headers,
            ";".join(claim.signed),
            payload,
        )
    )
    return text.encode("latin-1", "replace")


def _encoded(text: str) -> str:
    if _PLAIN.fullmatch(text) and "/" not in text:
        return text
    return quote(unquote_to_bytes(text.encode("latin-1")), safe="-_.~")


def string_to_sign(claim: Claim, canonical: bytes) -> bytes:
    """Return what the signing key signs."""
    return "\n".join((ALGORITHM, claim.date, "/".join(claim.scope), hashlib.sha256(canonical).hexdigest())).encode(
        "latin-1"
    )


@lru_cache(maxsize=256)
def signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    """Return the key of a day, a region and a service."""
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
