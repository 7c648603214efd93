"""
The verifiers of Google: tokens, self-signed tokens, V4 signed URLs.

The canonical request is that of https://cloud.google.com/storage/docs/authentication/canonical-requests.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from conformance.gate.proofs import Refused, Request, bearer, goog4
from conformance.identities import Identity

NOW = 1540588782.0  # 26 Oct 2018, 21:19:42 GMT
EMAIL = "example@example-project.iam.gserviceaccount.com"
HOST = ("host", "storage.googleapis.com")
QUERY = (
    "X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Credential=example%40example-project.iam.gserviceaccount.com"
    "%2F20181026%2Fus-central1%2Fstorage%2Fgoog4_request&X-Goog-Date=20181026T211942Z&X-Goog-Expires=3600"
    "&X-Goog-SignedHeaders=host"
)
URL = Request("GET", "/example-bucket/cat-pics/tabby.jpeg", QUERY, (HOST,), NOW)
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: rsa.RSAPrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


WORKER = Identity("gcs_key_file", "google_key", EMAIL, pem(KEY))


def signature(text: str, key: rsa.RSAPrivateKey = KEY) -> bytes:
    return key.sign(text.encode(), padding.PKCS1v15(), SHA256())


def test_the_published_canonical_request_comes_out() -> None:
    """Of a signed URL."""
    assert goog4.canonical_request(URL, ["host"]).decode() == (
        f"GET\n/example-bucket/cat-pics/tabby.jpeg\n{QUERY}\nhost:storage.googleapis.com\n\nhost\nUNSIGNED-PAYLOAD"
    )


def signed_url(request: Request = URL) -> Request:
    canonical = hashlib.sha256(goog4.canonical_request(request, ["host"])).hexdigest()
    string = f"GOOG4-RSA-SHA256\n20181026T211942Z\n20181026/us-central1/storage/goog4_request\n{canonical}"
    proof = binascii.hexlify(signature(string)).decode()
    return replace(request, query=f"{request.query}&X-Goog-Signature={proof}")


def url_code(request: Request, *identities: Identity) -> str | None:
    try:
        goog4.verify(request, identities or (WORKER,), max_skew_s=900)
    except Refused as refused:
        return refused.code
    return None


def test_a_signed_url_is_believed() -> None:
    """By the public key of its service account, and by no other."""
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    assert url_code(signed_url()) is None
    assert url_code(signed_url(), replace(WORKER, secret=pem(other))) == "SignatureDoesNotMatch"
    assert url_code(signed_url(), replace(WORKER, name="nobody@example.com")) == "SignatureDoesNotMatch"
    assert url_code(signed_url(), replace(WORKER, secret="no key")) == "SignatureDoesNotMatch"


@pytest.mark.parametrize("name", [*QUERY.split("&"), "X-Goog-Signature"], ids=lambda text: text.partition("=")[0])
def test_every_altered_parameter_is_refused(name: str) -> None:
    """And every one that is missing."""
    name = name.partition("=")[0]
    request = signed_url()
    parts = request.query.split("&")
    for altered in (
        [f"{part}1" if part.startswith(f"{name}=") else part for part in parts],
        [part for part in parts if not part.startswith(f"{name}=")],
    ):
        assert url_code(replace(request, query="&".join(altered))) is not None


@pytest.mark.parametrize(
    ("altered", "expected"),
    [
        (replace(signed_url(), method="DELETE"), "SignatureDoesNotMatch"),
        (replace(signed_url(), path="/example-bucket/other"), "SignatureDoesNotMatch"),
        (replace(signed_url(), query=signed_url().query + "&x=1"), "SignatureDoesNotMatch"),
        (replace(signed_url(), headers=(("host", "other"),)), "SignatureDoesNotMatch"),
        (replace(signed_url(), headers=(HOST, ("x-goog-acl", "public-read"))), "SignatureDoesNotMatch"),
        (replace(signed_url(), now=NOW + 3599), None),
        (replace(signed_url(), now=NOW + 3600), "ExpiredToken"),
        (replace(signed_url(), now=NOW - 901), "AccessDenied"),
    ],
)
def test_every_altered_part_is_refused(altered: Request, expected: str | None) -> None:
    """Method, path, host, an unsigned header, the time."""
    assert url_code(altered) == expected


def jwt(key: rsa.RSAPrivateKey = KEY, algorithm: str = "RS256", **changes: Any) -> str:
    claims = {"iss": EMAIL, "sub": EMAIL, "aud": "https://storage.googleapis.com/", "iat": NOW, "exp": NOW + 3600}
    text = ".".join(encoded(json.dumps(part).encode()) for part in ({"alg": algorithm, "kid": "k"}, claims | changes))
    return f"{text}.{encoded(signature(text, key))}"


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def token_code(token: str, *identities: Identity, now: float = NOW) -> str | None:
    request = Request("GET", "/storage/v1/b", "", (HOST, ("authorization", f"Bearer {token}")), now)
    try:
        bearer.verify_google(request, identities or (WORKER,), max_skew_s=900)
    except Refused as refused:
        return refused.code
    return None


SCOPE = "https://www.googleapis.com/auth/devstorage.full_control"


@pytest.mark.parametrize(
    ("token", "is_believed"),
    [
        (jwt(), True),
        (jwt(aud=None, scope=SCOPE), True),
        (jwt(sub="other@example.com"), False),
        (jwt(iss="other@example.com", sub="other@example.com"), False),
        (jwt(aud="https://pubsub.googleapis.com/"), False),
        (jwt(aud=None, scope="https://www.googleapis.com/auth/pubsub"), False),
        (jwt(exp=NOW), False),
        (jwt(exp=NOW + 3601), False),
        (jwt(iat=NOW + 1000, exp=NOW + 2000), False),
        (jwt(iat=None), False),
        (jwt(algorithm="none"), False),
        (jwt(rsa.generate_private_key(public_exponent=65537, key_size=2048)), False),
        (jwt()[:-1], False),
        (jwt().rpartition(".")[0] + ".", False),
        ("ya29.unknown", False),
        ("a.b.c", False),
        ("", False),
    ],
)
def test_a_self_signed_token_has_to_be_right(token: str, *, is_believed: bool) -> None:
    """Signature, issuer, audience or scope, and time."""
    assert token_code(token) == (None if is_believed else "authError")


def test_a_token_that_was_handed_out_has_its_time() -> None:
    """And is compared whole."""
    holder = Identity("gcs_metadata", "google_bearer", "machine", "ya29.t0ken", expires_at=NOW + 1)

    assert token_code("ya29.t0ken", holder) is None
    assert token_code("ya29.t0ke", holder) == "authError"
    assert token_code("ya29.t0ken", holder, now=NOW + 1) == "authError"
