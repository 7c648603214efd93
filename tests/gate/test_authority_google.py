"""
google-cloud-storage through a gate that decides, in front of fake-gcs-server, which checks nothing.
"""

from __future__ import annotations

import json
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from google.api_core.exceptions import ClientError, NotFound, Unauthorized

from conformance.certificates import RunCA
from conformance.gate import Authority, Gate, Tap
from conformance.identities import Identity
from conformance.services import RunningService

EMAIL = "worker@project.iam.gserviceaccount.com"
TOKEN = Identity("gcs_oauth_token", "google_bearer", "somebody@example.com", f"ya29.{secrets.token_urlsafe(40)}")
EXPIRED = Identity(
    "gcs_metadata", "google_bearer", "machine", f"ya29.{secrets.token_urlsafe(40)}", expires_at=time.time() - 1
)


class PrivateKey(str):
    """A private key that a failing test does not show."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "PrivateKey()"


@pytest.fixture(scope="module")
def private_key() -> PrivateKey:
    return new_key()


def new_key() -> PrivateKey:
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return PrivateKey(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


def public_of(private_key: PrivateKey) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    public = load_pem_private_key(private_key.encode(), None).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def service_account(private_key: PrivateKey) -> Any:
    from google.oauth2 import service_account as accounts

    class Account(accounts.Credentials):  # type: ignore[misc]
        """Never asks Google for a regional boundary."""

        def _is_regional_access_boundary_lookup_required(self) -> bool:
            return False

    info = {
        "type": "service_account",
        "client_email": EMAIL,
        "private_key_id": "k1",
        "private_key": private_key,
        "token_uri": "http://127.0.0.1:1/token",
    }
    return Account.from_service_account_info(info)


@pytest.fixture(scope="module")
def bucket(fake_gcs: RunningService) -> str:
    from google.auth.credentials import AnonymousCredentials

    name = f"b{secrets.token_hex(4)}"
    client_of(fake_gcs.url, AnonymousCredentials()).create_bucket(name)
    return name


Opened = Callable[..., Tap]


@pytest.fixture
def opened(gate: Gate, fake_gcs: RunningService, private_key: PrivateKey, ca: RunCA) -> Iterator[Opened]:
    taps: list[Tap] = []

    def open_tap(*, tls: bool = False, **rules: Any) -> Tap:
        tap = gate.open(fake_gcs.url, authority=Authority("gcs", **rules), tls=ca.issue() if tls else None)
        tap.know(TOKEN, EXPIRED, Identity("gcs_key_file", "google_key", EMAIL, public_of(private_key)))
        taps.append(tap)
        return tap

    yield open_tap
    for tap in taps:
        tap.close()


def client_of(url: str, credentials: Any) -> Any:
    from google.api_core.client_options import ClientOptions
    from google.cloud.storage import Client

    return Client(project="p", credentials=credentials, client_options=ClientOptions(api_endpoint=url))


def bearer(token: str) -> Any:
    from google.oauth2.credentials import Credentials

    return Credentials(token)


def use(client: Any, bucket: str, key: str, value: bytes = b"v") -> bytes:
    blob = client.bucket(bucket).blob(key)
    blob.upload_from_string(value, retry=None)
    return bytes(client.bucket(bucket).blob(key).download_as_bytes(retry=None))


@pytest.mark.parametrize("key", ["k", "a b+c%", "é/日本", "a//b", "a?b#c"])
def test_a_token_is_let_in_and_named(opened: Opened, bucket: str, key: str) -> None:
    """What a fake handed out."""
    tap = opened()

    assert use(client_of(tap.url, bearer(TOKEN.secret)), bucket, key) == b"v"
    assert set(tap.signers()) == {"gcs_oauth_token"}


def test_resumable_uploads_are_let_in_over_tls(
    opened: Opened, bucket: str, ca: RunCA, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address of the session leads through the gate again."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca.ca_pem))
    tap = opened(tls=True)
    client = client_of(tap.url, bearer(TOKEN.secret))
    blob = client.bucket(bucket).blob("large", chunk_size=256 * 1024)
    data = secrets.token_bytes(600 * 1024)
    blob.upload_from_string(data, retry=None)

    assert client.bucket(bucket).blob("large").download_as_bytes(retry=None) == data
    assert set(tap.signers()) == {"gcs_oauth_token"}
    assert tap.url.startswith("https://localhost:")


def test_the_address_of_a_resumable_upload_is_a_proof(opened: Opened, bucket: str) -> None:
    """Of whoever opened it; one that was never handed out is none."""
    tap = opened()
    client = client_of(tap.url, bearer(TOKEN.secret))
    session: str = client.bucket(bucket).blob("by-session").create_resumable_upload_session()

    def put(url: str) -> int:
        request = urllib.request.Request(url, data=b"v", method="PUT")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)

    assert put(session) == 200
    with pytest.raises(urllib.error.HTTPError, match="401"):
        put(session[:-1] + ("0" if session[-1] != "0" else "1"))
    assert tap.signers()[-2:] == ["gcs_oauth_token", None]


@pytest.mark.parametrize("claim", ["audience", "scope"])
def test_a_self_signed_token_is_let_in(opened: Opened, bucket: str, private_key: PrivateKey, claim: str) -> None:
    """Of a service account, whose public key is known."""
    credentials = service_account(private_key)
    if claim == "scope":
        credentials = credentials.with_scopes(["https://www.googleapis.com/auth/devstorage.read_write"])
    tap = opened()
    client = client_of(tap.url, credentials.with_always_use_jwt_access(True))

    assert use(client, bucket, "by-jwt") == b"v"
    assert set(tap.signers()) == {"gcs_key_file"}


@pytest.mark.parametrize("key", ["a-b", "a b/é"])
def test_a_signed_url_is_let_in(opened: Opened, bucket: str, private_key: PrivateKey, key: str) -> None:
    """Of version 4, made by the SDK with a private key."""
    tap = opened()
    use(client_of(tap.url, bearer(TOKEN.secret)), bucket, key, b"signed")
    with urllib.request.urlopen(signed_url(tap, bucket, key, private_key), timeout=10) as answer:
        assert answer.read() == b"signed"

    assert tap.signers()[-1] == "gcs_key_file"
    assert "X-Goog-Signature=***" in tap.requests()[-1].target


def signed_url(tap: Tap, bucket: str, key: str, private_key: PrivateKey) -> str:
    client = client_of(tap.url, service_account(private_key))
    blob = client.bucket(bucket).blob(key)
    url: str = blob.generate_signed_url(version="v4", expiration=timedelta(seconds=60), api_access_endpoint=tap.url)
    return url


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("X-Goog-Expires=60", "X-Goog-Expires=61"), (403, "SignatureDoesNotMatch")),
        (("/k?", "/other?"), (403, "SignatureDoesNotMatch")),
        (("worker%40", "nobody%40"), (403, "SignatureDoesNotMatch")),
        (("storage%2Fgoog4_request", "compute%2Fgoog4_request"), (400, "InvalidArgument")),
        (("X-Goog-SignedHeaders=host", "X-Goog-SignedHeaders=date"), (403, "SignatureDoesNotMatch")),
        (("GOOG4-RSA-SHA256", "GOOG4-HMAC-SHA256"), (403, "InvalidSecurity")),
    ],
)
def test_an_altered_signed_url_is_refused(
    opened: Opened, bucket: str, private_key: PrivateKey, change: tuple[str, str], expected: tuple[int, str]
) -> None:
    """Each part of it, in XML."""
    tap = opened()
    url = signed_url(tap, bucket, "k", private_key)
    assert change[0] in url

    assert refused_in_xml(url.replace(*change)) == expected
    assert tap.requests()[0].refused == expected[1]


@pytest.mark.parametrize(("clock_s", "expected"), [(61.0, (400, "ExpiredToken")), (-2000.0, (403, "AccessDenied"))])
def test_a_signed_url_has_its_time(
    opened: Opened, bucket: str, private_key: PrivateKey, clock_s: float, expected: tuple[int, str]
) -> None:
    """By the gate's clock; it stays somebody's."""
    tap = opened(clock_s=clock_s)

    assert refused_in_xml(signed_url(tap, bucket, "k", private_key)) == expected
    assert tap.signers() == ["gcs_key_file"]


def refused_in_xml(url: str) -> tuple[int, str]:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url, timeout=10)
    with caught.value as error:
        text = error.read().decode()
    return caught.value.code, text.partition("<Code>")[2].partition("</Code>")[0]


@pytest.mark.parametrize("kind", ["expired", "unknown", "anonymous", "foreign-jwt"])
def test_a_refusal_reaches_the_sdk(opened: Opened, bucket: str, kind: str) -> None:
    """With Google's reason, and nothing is stored."""
    from google.auth.credentials import AnonymousCredentials

    tap = opened()
    credentials = {
        "expired": lambda: bearer(EXPIRED.secret),
        "unknown": lambda: bearer("ya29.unknown"),
        "anonymous": AnonymousCredentials,
        "foreign-jwt": lambda: service_account(new_key()).with_always_use_jwt_access(True),
    }[kind]()
    name = secrets.token_hex(8)
    # google-auth takes a 401 for a token that is over and wants a new one, which these credentials cannot get
    with pytest.raises(Exception) as caught:  # noqa: PT011 - which of its errors depends on the kind
        client_of(tap.url, credentials).bucket(bucket).blob(name).upload_from_string(b"x" * 100_000, retry=None)

    reason = "required" if kind == "anonymous" else "authError"
    assert {exchange.refused for exchange in tap.requests()} == {reason}
    assert {exchange.status for exchange in tap.requests()} == {401}
    assert set(tap.signers()) == {"gcs_metadata" if kind == "expired" else None}
    assert caught.type.__name__ in ("RefreshError", "Unauthorized", "InvalidOperation", "InvalidResponse")
    with pytest.raises(NotFound):
        client_of(tap.url, bearer(TOKEN.secret)).bucket(bucket).blob(name).download_as_bytes(retry=None)


def test_the_body_of_a_refusal_is_googles(opened: Opened) -> None:
    """JSON with code, message and reason, and a challenge."""
    tap = opened()
    request = urllib.request.Request(f"{tap.url}/storage/v1/b/b", headers={"Authorization": "Bearer nobody"})
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=10)
    with caught.value as error:
        told = json.load(error)["error"]

    assert (told["code"], told["message"], told["errors"][0]["reason"]) == (401, "Invalid Credentials", "authError")
    assert error.headers["WWW-Authenticate"].startswith("Bearer ")
    assert refused_in_xml(f"{tap.url}/b/k") == (403, "AccessDenied")
    assert issubclass(Unauthorized, ClientError)


def test_anonymous_is_let_in_where_it_is_allowed(opened: Opened, bucket: str) -> None:
    """And named nobody; a wrong token is refused all the same."""
    from google.auth.credentials import AnonymousCredentials

    tap = opened(anonymous="allow")

    assert use(client_of(tap.url, AnonymousCredentials()), bucket, "open") == b"v"
    assert set(tap.signers()) == {None}
