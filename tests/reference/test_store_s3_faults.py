"""S3's store against a script: which requests it makes, what is retried, what is refused, what is told."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import threading
import time
import traceback
import uuid
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deeplake_ref import errors
from deeplake_ref.retry import RetryPolicy
from deeplake_ref.stores import CHUNK
from deeplake_ref.stores.s3 import S3Store
from deeplake_ref.urls import parse
from tests.reference.scripted import HANG, RESET, Asked, Reply, Scripted, in_turn, scripted

MIB = 1024 * 1024
SECRET = uuid.uuid4().hex


class Opening:
    """Opens stores that retry without pauses, and closes them."""

    def __init__(self) -> None:
        self.opened: list[S3Store] = []

    def __call__(self, service: Scripted, *, deadline_s: float = 20, root: str = "s3://box/ds") -> S3Store:
        creds = {"aws_access_key_id": "AKIA", "aws_secret_access_key": SECRET, "endpoint_url": service.url}
        self.opened.append(
            S3Store(parse(root), creds, RetryPolicy(attempts=3, first_pause_s=0.001, deadline_s=deadline_s))
        )
        return self.opened[-1]


@pytest.fixture
def open_store(no_aws: Path) -> Iterator[Opening]:
    """Open stores that are closed after the test."""
    opening = Opening()
    yield opening
    for store in opening.opened:
        store.close()


def stored(value: bytes, *, etag: str | None = None, whole: bytes | None = None, start: int = 0) -> Reply:
    """Return an answer to a ranged GET."""
    total = len(value if whole is None else whole)
    headers = {
        "ETag": etag or f'"{hashlib.md5(value, usedforsecurity=False).hexdigest()}"',
        "Content-Range": f"bytes {start}-{start + len(value) - 1}/{total}",
        "Last-Modified": "Tue, 24 Nov 2026 12:00:00 GMT",
    }
    return Reply(206, headers, value)


def refusal(status: int, code: str, more: str = "", **headers: str) -> Reply:
    """Return an error document."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message>{more}</Error>"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, {"Content-Type": "application/xml", **named}, body.encode())


def test_a_small_object_is_one_request(open_store: Opening) -> None:
    """The first chunk, whose answer tells the size."""
    with scripted(in_turn(stored(b"abc"))) as service:
        assert bytes(open_store(service).get("k")) == b"abc"

        assert [(asked.method, asked.target, asked.span()) for asked in service.asked] == [
            ("GET", "/box/ds/k", (0, CHUNK))
        ]


def test_a_small_write_is_one_request_that_asks_for_nothing_first(open_store: Opening) -> None:
    """No checksum beside the signature, no `Expect`."""
    for value in (b"x" * 10, bytearray(b"x" * MIB)):
        with scripted(in_turn(Reply(200, {"ETag": '"e"'}))) as service:
            open_store(service).put("k", value)

            (asked,) = service.asked
            assert asked.body == bytes(value)
            assert "expect" not in {name.lower() for name in asked.headers}
            assert not [name for name in asked.headers if "checksum" in name.lower() or name.lower() == "content-md5"]


@pytest.mark.parametrize(
    "reply", [RESET, refusal(503, "SlowDown"), refusal(500, "InternalError"), Reply(429), Reply(502)]
)
def test_a_transient_fault_is_tried_again(open_store: Opening, reply: Reply) -> None:
    """Reading and writing."""
    with scripted(in_turn(reply, stored(b"abc"))) as service:
        assert bytes(open_store(service).get("k")) == b"abc"
        assert len(service.asked) == 2
    with scripted(in_turn(reply, Reply(200, {"ETag": '"e"'}))) as service:
        open_store(service).put("k", b"abc")
        assert [asked.body for asked in service.asked] == [b"abc", b"abc"]


@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_a_write_that_is_tried_again_is_whole(open_store: Opening, kind: Callable[[bytes], Any]) -> None:
    """Its body is read from the start."""
    with scripted(in_turn(refusal(503, "SlowDown"), Reply(headers={"ETag": '"x"'}))) as service:
        open_store(service).put("k", kind(b"abc"))

        assert [asked.body for asked in service.asked] == [b"abc", b"abc"]


def test_a_body_that_is_cut_is_asked_for_again(open_store: Opening) -> None:
    """It is never a short success."""
    whole = stored(b"abcdef")
    cut = Reply(206, whole.headers, b"abc", announced=6)
    with scripted(in_turn(cut, whole)) as service:
        assert bytes(open_store(service).get("k")) == b"abcdef"
        assert len(service.asked) == 2


def test_a_body_that_contradicts_its_md5_is_asked_for_again(open_store: Opening) -> None:
    """A flipped bit is not believed."""
    whole = stored(b"abcdef")
    with scripted(in_turn(Reply(206, whole.headers, b"abcdeg"), whole)) as service:
        assert bytes(open_store(service).get("k")) == b"abcdef"
        assert len(service.asked) == 2


def test_an_etag_that_is_no_md5_is_found_out(open_store: Opening) -> None:
    """By asking twice, once per handle."""
    with scripted(in_turn(stored(b"abc", etag=f'"{"0" * 32}"'))) as service:
        store = open_store(service)
        assert [bytes(store.get("k")) for _ in range(3)] == [b"abc"] * 3
        assert len(service.asked) == 4


@pytest.mark.parametrize(
    ("reply", "kind", "told"),
    [
        (refusal(403, "AccessDenied"), errors.StorageAccessDenied, "lack the permission"),
        (refusal(403, "InvalidAccessKeyId"), errors.AuthenticationError, "which credentials"),
        (refusal(403, "SignatureDoesNotMatch"), errors.AuthenticationError, "check the secret key"),
        (refusal(403, "RequestTimeTooSkewed"), errors.AuthenticationError, "clock is off"),
        (
            refusal(400, "ExpiredToken", f"<Token-0>{SECRET}</Token-0>"),
            errors.ExpiredTokenError,
            "temporary credentials",
        ),
        (refusal(404, "NoSuchBucket"), errors.StorageBucketNotFound, "create the bucket"),
        (refusal(400, "BadDigest"), errors.StorageInternalError, "BadDigest, HTTP 400"),
        (refusal(501, "NotImplemented"), errors.StorageOperationUnsupported, "HTTP 501"),
        (refusal(400, "KeyTooLongError"), errors.InvalidURIError, "KeyTooLongError"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
@pytest.mark.parametrize("operation", ["get", "metadata", "set", "remove", "list"])
def test_a_refusal_is_told_alike_by_every_operation(
    open_store: Opening, operation: str, reply: Reply, kind: type[errors.StorageError], told: str
) -> None:
    """With code, status, source and effect; it is not tried again, and nothing secret gets out."""
    with scripted(in_turn(reply)) as service:
        store = open_store(service)
        calls: dict[str, Callable[[], Any]] = {
            "get": lambda: store.get("k"),
            "metadata": lambda: store.head("k"),
            "set": lambda: store.put("k", b"x"),
            "remove": lambda: store.delete("k"),
            "list": lambda: list(store.list("k")),
        }
        with pytest.raises(kind) as caught:
            calls[operation]()

        error = caught.value
        assert type(error) is kind
        assert told in str(error)
        assert str(error).startswith(f"{operation}: 'k' in box: ")
        assert (error.provider, error.operation, error.source, error.effect) == ("s3", operation, "aws_dict", "none")
        assert error.http_status == reply.status
        assert SECRET not in "".join(traceback.format_exception(error))
        if operation == "metadata":
            # HEAD has no body; botocore asks for the bucket's region besides where it says 400
            assert {asked.method for asked in service.asked} <= {"HEAD", "GET"}
        else:
            assert len(service.asked) == 1


def test_another_region_is_named(open_store: Opening) -> None:
    """Though botocore tries it first; nothing goes to another host."""
    reply = refusal(400, "AuthorizationHeaderMalformed", "<Region>eu-west-3</Region>")
    with scripted(in_turn(reply)) as service:
        with pytest.raises(errors.StorageInternalError, match="another region eu-west-3, set aws_region"):
            open_store(service).get("k")
        assert {asked.headers["Host"] for asked in service.asked} == {service.url.removeprefix("http://")}


def test_retry_after_is_honoured(open_store: Opening) -> None:
    """A pause that outlasts the deadline is not begun."""
    with scripted(in_turn(refusal(503, "SlowDown", Retry_After="1"), stored(b"abc"))) as service:
        started = time.monotonic()
        open_store(service).get("k")
        assert time.monotonic() - started >= 1
    with scripted(in_turn(refusal(503, "SlowDown", Retry_After="100"))) as service:
        with pytest.raises(errors.StorageThrottledError):
            open_store(service).get("k")
        assert len(service.asked) == 1


@pytest.mark.parametrize("operation", ["get", "metadata", "list", "set"])
def test_a_hanging_service_is_left_in_time(open_store: Opening, operation: str) -> None:
    """Within the deadline, and well before the pytest time-out."""
    with scripted(in_turn(HANG)) as service:
        store = open_store(service, deadline_s=2)
        calls: dict[str, Callable[[], Any]] = {
            "get": lambda: store.get("k"),
            "metadata": lambda: store.head("k"),
            "list": lambda: list(store.list("")),
            "set": lambda: store.put("k", b"x"),
        }
        started = time.monotonic()
        with pytest.raises(errors.StorageNetworkConnectionError) as caught:
            calls[operation]()

        assert time.monotonic() - started < 4
        assert caught.value.effect == ("unknown" if operation == "set" else "none")


def test_a_body_that_trickles_in_is_left_in_time(open_store: Opening) -> None:
    """Each byte comes before a time-out, all of them would not before the deadline."""
    import socket

    listening = socket.create_server(("127.0.0.1", 0))

    def trickle() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(
                    b'HTTP/1.1 206 OK\r\nETag: "e"\r\nContent-Length: 1000\r\nContent-Range: bytes 0-999/1000\r\n\r\n'
                )
                try:
                    for _ in range(1000):
                        connection.sendall(b"x")
                        time.sleep(0.05)
                except OSError:
                    continue

    thread = threading.Thread(target=trickle, daemon=True)
    thread.start()
    creds = {
        "aws_access_key_id": "AKIA",
        "aws_secret_access_key": SECRET,
        "endpoint_url": f"http://127.0.0.1:{listening.getsockname()[1]}",
    }
    store = S3Store(parse("s3://box/ds"), creds, RetryPolicy(deadline_s=2))
    started = time.monotonic()
    with pytest.raises(errors.StorageNetworkConnectionError):
        store.get("k")

    assert time.monotonic() - started < 6
    store.close()
    listening.close()


def test_a_conditional_write_whose_answer_is_lost_is_not_sent_again(open_store: Opening) -> None:
    """It would lose against itself."""
    with scripted(in_turn(RESET)) as service:
        with pytest.raises(errors.StorageNetworkConnectionError) as caught:
            open_store(service).put("k", b"x", if_absent=True)
        assert (caught.value.effect, len(service.asked)) == ("unknown", 1)


def test_an_unknown_effect_stays_unknown(open_store: Opening) -> None:
    """Though the last attempt surely did nothing."""
    with scripted(in_turn(RESET, refusal(403, "AccessDenied"))) as service:
        with pytest.raises(errors.StorageAccessDenied) as caught:
            open_store(service).put("k", b"x")
        assert caught.value.effect == "unknown"


def test_a_conflict_of_conditional_writes_is_begun_again(open_store: Opening) -> None:
    """As the API reference says."""
    with scripted(in_turn(refusal(409, "ConditionalRequestConflict"), Reply(200, {"ETag": '"e"'}))) as service:
        assert open_store(service).put("k", b"x", if_absent=True).etag == '"e"'
        assert len(service.asked) == 2


def test_a_key_that_cannot_be_removed_in_bulk_is_told(open_store: Opening) -> None:
    """Though the answer is 200."""
    failed = b"<DeleteResult><Error><Key>ds/d/b</Key><Code>AccessDenied</Code></Error></DeleteResult>"
    with scripted(in_turn(Reply(200, body=failed))) as service:
        with pytest.raises(errors.StorageAccessDenied, match="ds/d/b") as caught:
            open_store(service).delete_many(["d/a", "d/b"])
        assert caught.value.effect == "unknown"


class Parts:
    """A service that takes uploads in parts; `fail` says which requests it refuses."""

    def __init__(self, fail: Callable[[Asked], Reply | None] = lambda _asked: None) -> None:
        self.fail = fail
        self.parts: dict[str, bytes] = {}

    def __call__(self, asked: Asked) -> Reply:
        """Answer."""
        failure = self.fail(asked)
        if failure is not None:
            return failure
        if "uploads" in asked.query:
            return Reply(
                200, body=b"<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"
            )
        if asked.method == "PUT":
            self.parts[asked.query["partNumber"]] = asked.body
            return Reply(200, {"ETag": f'"{asked.query["partNumber"]}"'})
        if asked.method == "POST":
            return Reply(200, body=b'<CompleteMultipartUploadResult><ETag>"e-2"</ETag></CompleteMultipartUploadResult>')
        return Reply(204)


def test_a_large_write_goes_in_parts(open_store: Opening) -> None:
    """Of 8 MiB; as many requests as boto3's managed transfer makes."""
    value = os.urandom(2 * CHUNK + 5)
    service_of_parts = Parts()
    with scripted(service_of_parts) as service:
        assert open_store(service).put("k", value).etag == '"e-2"'

        assert b"".join(service_of_parts.parts[str(number)] for number in (1, 2, 3)) == value
        assert [asked.method for asked in service.asked].count("PUT") == 3
        assert len(service.asked) == 5


def named_checksums(service: Scripted) -> list[str | None]:
    """Return what the requests of an upload in three parts say of checksums: at its begin, and of each part in order."""
    parts = {asked.query["partNumber"]: asked.headers["x-amz-checksum-crc32"] for asked in service.asked[1:-1]}
    assert not [asked for asked in service.asked if asked.headers["x-amz-trailer"]]
    return [service.asked[0].headers["x-amz-checksum-algorithm"], *(parts[number] for number in ("1", "2", "3"))]


def test_parts_name_their_checksums(open_store: Opening) -> None:
    """In headers, and once more when they are joined, so that the store finds what was altered on the way."""
    value = os.urandom(2 * CHUNK + 5)
    with scripted(Parts()) as service:
        open_store(service).put("k", value)

        pieces = (value[:CHUNK], value[CHUNK : 2 * CHUNK], value[2 * CHUNK :])
        told = [base64.b64encode(zlib.crc32(piece).to_bytes(4)).decode() for piece in pieces]
        assert named_checksums(service) == ["CRC32", *told]
        assert re.findall(rb"<ChecksumCRC32>(.*?)</ChecksumCRC32>", service.asked[-1].body) == [
            each.encode() for each in told
        ]


@pytest.mark.parametrize("where", ["environment", "profile"])
def test_parts_name_no_checksums_where_none_are_wanted(
    open_store: Opening, no_aws: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """As stores need it that take none."""
    if where == "environment":
        monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "WHEN_REQUIRED")
    else:
        (no_aws / "config").write_text("[default]\nrequest_checksum_calculation = when_required\n")
    with scripted(Parts()) as service:
        open_store(service).put("k", bytes(2 * CHUNK + 5))

        assert named_checksums(service) == [None] * 4
        assert b"Checksum" not in service.asked[-1].body


@pytest.mark.parametrize(
    ("conditions", "header"),
    [({"if_absent": True}, ("If-None-Match", "*")), ({"if_match": '"x"'}, ("If-Match", '"x"'))],
)
def test_conditions_hold_when_an_upload_is_completed(
    open_store: Opening, conditions: dict[str, Any], header: tuple[str, str]
) -> None:
    """There, and nowhere before."""
    with scripted(Parts()) as service:
        open_store(service).put("k", bytes(CHUNK + 1), **conditions)

        named = [(asked.method, [*asked.query]) for asked in service.asked if asked.headers.get(header[0]) == header[1]]
        assert named == [("POST", ["uploadId"])]


def test_a_failed_part_aborts_the_upload(open_store: Opening) -> None:
    """Nobody sees anything of it."""

    def fail(asked: Asked) -> Reply | None:
        return refusal(403, "AccessDenied") if asked.query.get("partNumber") == "2" else None

    with scripted(Parts(fail)) as service:
        with pytest.raises(errors.StorageAccessDenied) as caught:
            open_store(service).put("k", bytes(2 * CHUNK))
        assert caught.value.effect == "none"
        assert [asked.method for asked in service.asked][-1] == "DELETE"
        assert "POST" not in [asked.method for asked in service.asked[1:]]


def test_an_error_in_an_answer_of_200_is_an_error(open_store: Opening) -> None:
    """The completion of an upload begins its answer before it knows."""

    def fail(asked: Asked) -> Reply | None:
        return refusal(200, "InternalError") if asked.method == "POST" and "uploadId" in asked.query else None

    with scripted(Parts(fail)) as service:
        with pytest.raises(errors.StorageInternalError) as caught:
            open_store(service).put("k", bytes(CHUNK + 1), if_absent=True)
        assert caught.value.effect == "unknown"


def test_ranges_are_of_one_version(open_store: Opening) -> None:
    """An object that is replaced in between is read anew."""
    old, new = os.urandom(CHUNK + 5), os.urandom(CHUNK + 9)
    current = [old]

    def answer(asked: Asked) -> Reply:
        value, tag = current[0], f'"{len(current[0])}"'
        start, stop = asked.span()
        if asked.headers.get("If-Match", tag) != tag:
            return refusal(412, "PreconditionFailed")
        if start == 0 and value is old:
            current[0] = new
        return stored(value[start:stop], etag=tag, whole=value, start=start)

    with scripted(answer) as service:
        assert bytes(open_store(service).get("k")) == new


@pytest.mark.parametrize("shift", [-1, 1])
def test_a_range_that_was_not_asked_for_is_refused(open_store: Opening, shift: int) -> None:
    """A proxy that answers for other bytes."""
    reply = stored(b"abc", etag='"e"', whole=b"abcdefgh", start=3 + shift)
    with scripted(in_turn(reply)) as service, pytest.raises(errors.StorageError):
        open_store(service).get("k", 3, 6)


def test_a_server_without_ranges_is_sliced(open_store: Opening) -> None:
    """The whole object came anyway."""
    with scripted(in_turn(Reply(200, {"ETag": '"e"'}, b"abcdefgh"))) as service:
        assert bytes(open_store(service).get("k", 3, 6)) == b"def"


def test_a_refused_connection(open_store: Opening) -> None:
    """Is not a missing object; nothing was changed."""
    with scripted(in_turn(RESET)) as service:
        store = open_store(service)
    for call in (lambda: store.head("k"), lambda: store.put("k", b"x"), lambda: list(store.list(""))):
        with pytest.raises(errors.StorageNetworkConnectionError, match="check endpoint_url") as caught:
            call()
        assert caught.value.effect == "none"
