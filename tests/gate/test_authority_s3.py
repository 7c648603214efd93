"""
boto3 through a gate that decides, in front of moto, which accepts anything.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import secrets
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from conformance.certificates import RunCA
from conformance.gate import Authority, Gate, Tap
from conformance.gate.proofs import Request, sigv4
from conformance.gate.proofs.sigv4_body import EMPTY, Chain
from conformance.identities import Identity
from conformance.services import RunningService

LASTING = Identity("aws_env", "aws", f"AKIA{secrets.token_hex(8).upper()}", secrets.token_urlsafe(30))
SESSION = Identity(
    "aws_imds", "aws", f"ASIA{secrets.token_hex(8).upper()}", secrets.token_urlsafe(30), token=secrets.token_urlsafe(60)
)
EXPIRED = Identity(
    "aws_sso",
    "aws",
    f"ASIA{secrets.token_hex(8).upper()}",
    secrets.token_urlsafe(30),
    token=secrets.token_urlsafe(60),
    expires_at=time.time() - 1,
)
ODD_KEYS = ["a b", "a+b", "a%2Fb", "a//b", "é/ü", "a&b=c?d#e", "~'()*!$,;:@", "..", "a/../b", "日本", "a\tb", "%"]


@pytest.fixture(scope="module")
def bucket(moto: RunningService) -> str:
    name = f"b{secrets.token_hex(4)}"
    client_of(moto.url, LASTING).create_bucket(Bucket=name)
    return name


@pytest.fixture
def tap(gate: Gate, moto: RunningService, bucket: str) -> Iterator[Tap]:
    tap = gate.open(moto.url, authority=Authority("s3"))
    tap.know(LASTING, SESSION, EXPIRED)
    yield tap
    tap.close()


@pytest.fixture
def secure(gate: Gate, moto: RunningService, bucket: str, ca: RunCA) -> Iterator[Tap]:
    tap = gate.open(moto.url, authority=Authority("s3"), tls=ca.issue())
    tap.know(LASTING, SESSION, EXPIRED)
    yield tap
    tap.close()


def client_of(
    url: str, identity: Identity | None, *, region: str = "us-east-1", verify: Any = None, **changes: Any
) -> Any:
    import boto3
    from botocore import UNSIGNED
    from botocore.config import Config

    values: dict[str, Any] = {"name": "", "secret": "", "token": None}
    if identity is not None:
        values = {"name": identity.name, "secret": identity.secret, "token": identity.token}
    values |= changes
    session = boto3.session.Session(
        values["name"] or None, values["secret"] or None, values["token"], region_name=region
    )
    config = Config(
        signature_version="s3v4" if identity else UNSIGNED,
        s3={"addressing_style": "path"},
        retries={"total_max_attempts": 1},
    )
    return session.client("s3", endpoint_url=url, config=config, verify=verify)


def refusal(call: Any, **arguments: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize("identity", [LASTING, SESSION], ids=lambda identity: identity.label)
def test_a_known_key_is_let_in_and_named(tap: Tap, bucket: str, identity: Identity) -> None:
    """With a session token and without."""
    client = client_of(tap.url, identity)
    client.put_object(Bucket=bucket, Key="k", Body=b"v")

    assert client.get_object(Bucket=bucket, Key="k")["Body"].read() == b"v"
    assert tap.signers() == [identity.label] * 2
    assert [exchange.refused for exchange in tap.requests()] == [None, None]


@pytest.mark.parametrize("key", ODD_KEYS)
def test_odd_keys_keep_their_signature(tap: Tap, bucket: str, key: str) -> None:
    """What the SDK encodes is what is verified."""
    client = client_of(tap.url, LASTING)
    client.put_object(Bucket=bucket, Key=key, Body=b"v")

    assert client.get_object(Bucket=bucket, Key=key)["Body"].read() == b"v"
    assert client.list_objects_v2(Bucket=bucket, Prefix=key, Delimiter="/")["KeyCount"] >= 1
    assert tap.signers() == ["aws_env"] * 3


def test_large_bodies_multipart_and_removal_are_let_in(tap: Tap, bucket: str) -> None:
    """Every verb that the SDK's transfers use."""
    client = client_of(tap.url, SESSION)
    data = secrets.token_bytes(9 * 1024 * 1024)
    client.upload_fileobj(io.BytesIO(data), bucket, "large")
    got = io.BytesIO()
    client.download_fileobj(bucket, "large", got)
    client.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "large"}]})

    assert got.getvalue() == data
    assert set(tap.signers()) == {"aws_imds"}


def test_a_body_in_chunks_is_let_in_over_tls(secure: Tap, bucket: str, ca: RunCA) -> None:
    """`STREAMING-UNSIGNED-PAYLOAD-TRAILER`, which boto3 sends where TLS protects the body."""
    client = client_of(secure.url, LASTING, verify=str(ca.ca_pem))
    client.put_object(Bucket=bucket, Key="chunked", Body=io.BytesIO(b"x" * 300_000), ChecksumAlgorithm="CRC32")

    assert client.head_object(Bucket=bucket, Key="chunked")["ContentLength"] == 300_000
    assert secure.requests()[0].header("x-amz-content-sha256") == "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    assert secure.url.startswith("https://localhost:")
    assert secure.signers() == ["aws_env"] * 2


@pytest.mark.parametrize("key", ODD_KEYS[:4])
@pytest.mark.parametrize("identity", [LASTING, SESSION], ids=lambda identity: identity.label)
def test_a_presigned_url_is_let_in(tap: Tap, bucket: str, identity: Identity, key: str) -> None:
    """By a bare GET."""
    client = client_of(tap.url, identity)
    client.put_object(Bucket=bucket, Key=key, Body=b"signed")
    url = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=60)
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert answer.read() == b"signed"

    assert tap.signers() == [identity.label] * 2
    assert "X-Amz-Signature=***" in tap.requests()[1].target


@pytest.mark.parametrize(
    ("identity", "changes", "expected"),
    [
        pytest.param(LASTING, {"secret": "wrong"}, ("SignatureDoesNotMatch", 403), id="wrong-secret"),
        pytest.param(LASTING, {"name": "AKIAUNKNOWN"}, ("InvalidAccessKeyId", 403), id="unknown-key"),
        pytest.param(LASTING, {"token": "surplus"}, ("InvalidToken", 400), id="surplus-token"),
        pytest.param(SESSION, {"token": "wrong"}, ("InvalidToken", 400), id="wrong-token"),
        pytest.param(SESSION, {"token": None}, ("InvalidAccessKeyId", 403), id="token-missing"),
        pytest.param(EXPIRED, {}, ("ExpiredToken", 400), id="expired"),
        pytest.param(None, {}, ("AccessDenied", 403), id="anonymous"),
    ],
)
def test_a_refusal_reaches_the_sdk(
    tap: Tap, bucket: str, identity: Identity | None, changes: dict[str, Any], expected: tuple[str, int]
) -> None:
    """Under the provider's code, with and without a body in the answer; nothing is stored."""
    client = client_of(tap.url, identity, **changes)
    key = secrets.token_hex(8)
    label = "aws_sso" if expected[0] == "ExpiredToken" else None

    assert refusal(client.put_object, Bucket=bucket, Key=key, Body=b"x" * 2_000_000) == expected
    assert refusal(client.head_object, Bucket=bucket, Key=key) == (str(expected[1]), expected[1])
    # after a HEAD with 400 boto3 asks once more, for the region
    assert {(each.refused, each.identity) for each in tap.requests()} == {(expected[0], label)}
    assert refusal(client_of(tap.url, LASTING).get_object, Bucket=bucket, Key=key)[0] == "NoSuchKey"


def test_the_wrong_region_is_told_the_right_one(tap: Tap, bucket: str) -> None:
    """From the hint boto3 mends it by itself."""
    client_of(tap.url, LASTING, region="eu-west-1").list_objects_v2(Bucket=bucket)

    first, *_, last = tap.requests()
    assert (first.refused, first.status, first.identity) == ("AuthorizationHeaderMalformed", 400, None)
    assert (last.refused, last.status, last.identity) == (None, 200, "aws_env")


@pytest.mark.parametrize("clock_s", [-1000.0, 1000.0])
def test_a_clock_that_is_off_is_refused(gate: Gate, moto: RunningService, bucket: str, clock_s: float) -> None:
    """The gate's clock is moved, never the client's."""
    tap = gate.open(moto.url, authority=Authority("s3", clock_s=clock_s))
    tap.know(LASTING)
    try:
        assert refusal(client_of(tap.url, LASTING).list_objects_v2, Bucket=bucket) == ("RequestTimeTooSkewed", 403)
    finally:
        tap.close()


def test_a_session_expires_by_the_gates_clock(gate: Gate, moto: RunningService, bucket: str) -> None:
    """The clock may be ahead of the identity's end."""
    ends = Identity("e", "aws", SESSION.name, SESSION.secret, token=SESSION.token, expires_at=time.time() + 100)
    for clock_s, expected in ((0.0, None), (200.0, "ExpiredToken")):
        tap = gate.open(moto.url, authority=Authority("s3", clock_s=clock_s))
        tap.know(ends)
        client = client_of(tap.url, ends)
        if expected is None:
            client.list_objects_v2(Bucket=bucket)
        else:
            assert refusal(client.list_objects_v2, Bucket=bucket) == (expected, 400)
        tap.close()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("X-Amz-Expires=60", "X-Amz-Expires=61"), "SignatureDoesNotMatch"),
        (("X-Amz-Expires=60", "X-Amz-Expires=700000"), "AuthorizationQueryParametersError"),
        (("us-east-1", "us-west-1"), "AuthorizationQueryParametersError"),
        (("X-Amz-SignedHeaders=host&", ""), "AuthorizationQueryParametersError"),
        (("/k?", "/other?"), "SignatureDoesNotMatch"),
    ],
)
def test_an_altered_presigned_url_is_refused(tap: Tap, bucket: str, change: tuple[str, str], expected: str) -> None:
    """Each part of it."""
    client = client_of(tap.url, LASTING)
    url = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=60)
    assert change[0] in url
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url.replace(*change), timeout=10)
    with caught.value as error:
        assert f"<Code>{expected}</Code>" in error.read().decode()


def test_a_presigned_url_ends(gate: Gate, moto: RunningService, bucket: str) -> None:
    """And says so."""
    tap = gate.open(moto.url, authority=Authority("s3", clock_s=61))
    tap.know(LASTING)
    client = client_of(tap.url, LASTING)
    url = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=60)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url, timeout=10)
    with caught.value as error:
        text = error.read().decode()
    tap.close()
    assert (caught.value.code, "Request has expired" in text) == (403, True)


@pytest.mark.parametrize("size", [10, 400_000, 5_000_000])
def test_an_altered_body_is_never_stored(tap: Tap, bucket: str, size: int) -> None:
    """However long it is: its last bytes do not reach the service."""
    client = client_of(tap.url, LASTING)
    key = secrets.token_hex(8)

    def alter(request: Any, **_: Any) -> None:
        request.body = b"x" * (size - 1) + b"y"

    client.meta.events.register("before-send.s3.PutObject", alter)

    assert refusal(client.put_object, Bucket=bucket, Key=key, Body=b"x" * size) == ("XAmzContentSHA256Mismatch", 400)
    assert refusal(client.get_object, Bucket=bucket, Key=key)[0] == "NoSuchKey"
    first, _ = tap.requests()
    assert (first.refused, first.status, first.identity) == ("XAmzContentSHA256Mismatch", 400, "aws_env")
    assert first.request_bytes == size


def test_a_missing_body_is_an_altered_one(tap: Tap, bucket: str) -> None:
    """A head that announces nothing is not forwarded before it was seen that nothing was signed."""
    client = client_of(tap.url, LASTING)

    def alter(request: Any, **_: Any) -> None:
        request.body = b""
        request.headers["Content-Length"] = "0"

    client.meta.events.register("before-send.s3.PutObject", alter)

    assert refusal(client.put_object, Bucket=bucket, Key="void", Body=b"x") == ("XAmzContentSHA256Mismatch", 400)
    assert refusal(client.get_object, Bucket=bucket, Key="void")[0] == "NoSuchKey"


def test_what_is_forgotten_is_refused(tap: Tap, bucket: str) -> None:
    """A key that was revoked; the others stay."""
    tap.forget("aws_env")

    assert refusal(client_of(tap.url, LASTING).list_objects_v2, Bucket=bucket) == ("InvalidAccessKeyId", 403)
    client_of(tap.url, SESSION).list_objects_v2(Bucket=bucket)
    assert tap.signers() == [None, "aws_imds"]


def test_anonymous_is_let_in_where_it_is_allowed(gate: Gate, moto: RunningService, bucket: str) -> None:
    """And named nobody."""
    tap = gate.open(moto.url, authority=Authority("s3", anonymous="allow"))
    client_of(tap.url, None).list_objects_v2(Bucket=bucket)

    assert (tap.signers(), tap.requests()[0].refused) == ([None], None)
    tap.close()


def test_a_rotated_key_with_the_same_id_is_tried_too(tap: Tap, bucket: str) -> None:
    """Two secrets of one key id are two identities."""
    other = Identity("aws_env#2", "aws", LASTING.name, "another")
    tap.know(other)
    client_of(tap.url, other).list_objects_v2(Bucket=bucket)
    client_of(tap.url, LASTING).list_objects_v2(Bucket=bucket)

    assert tap.signers() == ["aws_env#2", "aws_env"]


@pytest.mark.parametrize("is_altered", [False, True], ids=["whole", "altered"])
@pytest.mark.parametrize("is_framed", [False, True], ids=["by-length", "in-http-chunks"])
def test_signed_chunks_are_checked_on_their_way(tap: Tap, bucket: str, *, is_altered: bool, is_framed: bool) -> None:
    """`STREAMING-AWS4-HMAC-SHA256-PAYLOAD`, which boto3 never sends; what was altered is not stored."""
    host = tap.url.removeprefix("http://")
    head, body = signed_chunks(
        host, f"/{bucket}/signed-chunks-{is_altered}-{is_framed}", LASTING, [b"a" * 70_000, b"b" * 9]
    )
    if is_altered:
        body = body.replace(b"bbb", b"bcb")
    if is_framed:
        head += b"Transfer-Encoding: chunked\r\n"
        body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:50_000], body[50_000:])) + b"0\r\n\r\n"
    else:
        head += b"Content-Length: %d\r\n" % len(body)
    name, _, port = host.partition(":")
    with socket.create_connection((name, int(port)), timeout=10) as connection:
        connection.sendall(head + b"Connection: close\r\n\r\n" + body)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece

    client = client_of(tap.url, LASTING)
    get = {"Bucket": bucket, "Key": f"signed-chunks-{is_altered}-{is_framed}"}
    if is_altered:
        assert answer.startswith(b"HTTP/1.1 403 Forbidden\r\n")
        assert b"<Code>SignatureDoesNotMatch</Code>" in answer
        assert refusal(client.get_object, **get)[0] == "NoSuchKey"
    else:
        assert answer.startswith(b"HTTP/1.1 200")
        assert client.get_object(**get)["Body"].read() == b"a" * 70_000 + b"b" * 9
    assert tap.requests()[0].identity == "aws_env"


def signed_chunks(host: str, path: str, identity: Identity, parts: list[bytes]) -> tuple[bytes, bytes]:
    """Return the head, not yet ended, and the body of an upload whose chunks are signed."""
    date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    headers = {
        "content-encoding": "aws-chunked",
        "host": host,
        "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "x-amz-date": date,
        "x-amz-decoded-content-length": str(sum(map(len, parts))),
    }
    scope = (date[:8], "us-east-1", "s3", "aws4_request")
    claim = sigv4.Claim(identity.name, scope, tuple(headers), "", date, None)
    request = Request("PUT", path, "", tuple(headers.items()), time.time())
    canonical = sigv4.canonical_request(request, claim, headers["x-amz-content-sha256"])
    key = sigv4.signing_key(identity.secret, *scope[:3])
    seed = hmac.new(key, sigv4.string_to_sign(claim, canonical), hashlib.sha256).hexdigest()
    chain, body = Chain(key, date, "/".join(scope), seed), b""
    for part in (*parts, b""):
        signature = chain.next("PAYLOAD", EMPTY, hashlib.sha256(part).hexdigest())
        body += b"%x;chunk-signature=%s\r\n%s\r\n" % (len(part), signature.encode(), part)
    credential, signed = "/".join((identity.name, *scope)), ";".join(headers)
    proof = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={signed}, Signature={seed}"
    lines = [
        f"PUT {path} HTTP/1.1",
        *(f"{name}: {value}" for name, value in headers.items()),
        f"Authorization: {proof}",
    ]
    return ("\r\n".join(lines) + "\r\n").encode(), body
