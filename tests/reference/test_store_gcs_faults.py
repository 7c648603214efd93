"""Cloud Storage's store against a service that misbehaves: what is retried, what is refused, what is told."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from deeplake_ref import errors
from deeplake_ref.retry import RetryPolicy
from deeplake_ref.stores import CHUNK, gcs_answers
from deeplake_ref.stores.gcs import GcsStore
from deeplake_ref.urls import parse
from tests.reference.scripted import HANG, RESET, Asked, Reply, Scripted, in_turn, scripted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BIG = CHUNK + 5


class Opening(Protocol):
    """Opens a store that retries without pauses."""

    def __call__(self, service: Scripted, *, deadline_s: float = 20) -> GcsStore: ...


@pytest.fixture
def open_store() -> Iterator[Opening]:
    """Open stores that are closed after the test."""
    opened = []

    def opening(service: Scripted, *, deadline_s: float = 20) -> GcsStore:
        retry = RetryPolicy(attempts=3, first_pause_s=0.001, deadline_s=deadline_s)
        opened.append(GcsStore(parse("gcs://box/ds"), {"anon": True, "endpoint_url": service.url}, retry))
        return opened[-1]

    yield opening
    for store in opened:
        store.close()


def in_json(status: int, **fields: Any) -> Reply:
    """Return an answer of the JSON API."""
    return Reply(status, {"Content-Type": "application/json"}, json.dumps(fields).encode())


def refusal(status: int, reason: str, message: str = "no") -> Reply:
    """Return an error of the JSON API."""
    return in_json(
        status, error={"code": status, "message": message, "errors": [{"reason": reason, "message": message}]}
    )


def stored(size: int) -> Reply:
    """Return the fields of an object."""
    fields = {"kind": "storage#object", "name": "ds/k", "generation": "7", "updated": "2026-11-24T12:00:00.123Z"}
    return in_json(200, size=str(size), **fields)


def ranged(value: bytes, generation: str, asked: Asked, **more: str) -> Reply:
    """Return the answer to a ranged download."""
    start, stop = asked.span()
    part = value[start:stop]
    span = f"bytes {start}-{start + len(part) - 1}/{len(value)}"
    return Reply(206, {"X-Goog-Generation": generation, "Content-Range": span, **more}, part)


BUSY = refusal(503, "backendError")


@pytest.mark.parametrize(
    "fault",
    [
        RESET,
        BUSY,
        Reply(500),
        Reply(502),
        Reply(504),
        Reply(408),
        refusal(429, "rateLimitExceeded"),
        refusal(403, "userRateLimitExceeded"),
        Reply(206, {"X-Goog-Generation": "7"}, b"v", announced=9),
        Reply(206, {"X-Goog-Generation": "7", "Content-Range": "bytes 0-4/5"}, b"val"),
        Reply(200, {}, b"<html>log in</html>"),
    ],
    ids=["reset", "busy", "500", "502", "504", "408", "429", "403-rate", "truncated", "short", "not-an-object"],
)
def test_a_transient_fault_of_a_read_is_tried_again(open_store: Opening, fault: Reply) -> None:
    """The second attempt's bytes are returned."""
    span = {"X-Goog-Generation": "7", "Content-Range": "bytes 0-4/5"}
    with scripted(in_turn(fault, Reply(206, span, b"value"))) as service:
        value = open_store(service).get("k")

    assert value == b"value"
    assert len(service.asked) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 412])
def test_a_definite_refusal_is_not_tried_again(open_store: Opening, status: int) -> None:
    """One request, and the status in the error."""
    with scripted(in_turn(refusal(status, "odd"))) as service, pytest.raises(errors.StorageError) as caught:
        open_store(service).put("k", b"v")

    assert (len(service.asked), caught.value.http_status, caught.value.code) == (1, status, "odd")


def test_a_service_that_hangs_ends_with_the_deadline(open_store: Opening) -> None:
    """No attempt outlives the operation."""
    with scripted(in_turn(HANG)) as service:
        began = time.monotonic()
        with pytest.raises(errors.StorageNetworkConnectionError):
            open_store(service, deadline_s=0.5).head("k")
        took = time.monotonic() - began

    assert took < 5


def test_an_attempt_that_hangs_is_not_the_last(open_store: Opening) -> None:
    """There is time for another one."""
    span = {"X-Goog-Generation": "7", "Content-Range": "bytes 0-4/5"}
    with scripted(in_turn(HANG, Reply(206, span, b"value"))) as service:
        value = open_store(service, deadline_s=1.5).get("k")

    assert value == b"value"


@pytest.mark.parametrize(
    ("fault", "effect", "requests"),
    [(RESET, "unknown", 1), (Reply(500), "unknown", 1), (refusal(429, "rateLimitExceeded"), "none", 3)],
    ids=["reset", "500", "429"],
)
def test_a_conditional_write_is_sent_again_only_if_it_had_no_effect(
    open_store: Opening, fault: Reply, effect: str, requests: int
) -> None:
    """A second try would lose against the first."""
    with scripted(in_turn(fault)) as service, pytest.raises(errors.StorageError) as caught:
        open_store(service).put("k", b"v", if_absent=True)

    assert (caught.value.effect, len(service.asked)) == (effect, requests)


def test_an_upload_that_only_began_changed_nothing(open_store: Opening) -> None:
    """So a conditional one may begin again; a body whose fate is unknown may not be sent again."""

    def answer(asked: Asked) -> Reply:
        if asked.method == "PUT":
            return RESET
        return BUSY if len(service.asked) == 1 else Reply(200, {"Location": f"{service.url}/upload/session"})

    with scripted(answer) as service, pytest.raises(errors.StorageNetworkConnectionError) as caught:
        open_store(service).put("k", bytes(BIG), if_absent=True)

    assert [asked.method for asked in service.asked] == ["POST", "POST", "PUT"]
    assert caught.value.effect == "unknown"


def test_a_broken_resumable_upload_starts_again_whole(open_store: Opening) -> None:
    """What the first session has is neither asked for nor continued."""
    value = bytes(BIG)

    def answer(asked: Asked) -> Reply:
        if asked.method == "POST":
            return Reply(200, {"Location": f"{service.url}/upload/session?number={len(service.asked)}"})
        return Reply(404) if asked.query["number"] == "1" else stored(len(asked.body))

    with scripted(answer) as service:
        meta = open_store(service).put("k", value)

    assert meta.size == BIG
    assert [(asked.method, asked.query.get("number")) for asked in service.asked] == [
        ("POST", None),
        ("PUT", "1"),
        ("POST", None),
        ("PUT", "3"),
    ]
    assert json.loads(service.asked[0].body) == {"name": "ds/k", "crc32c": gcs_answers.crc32c(value)}


def test_an_upload_session_elsewhere_is_refused(open_store: Opening) -> None:
    """Credentials would go with it."""
    with (
        scripted(in_turn(Reply(200))) as other,
        scripted(in_turn(Reply(200, {"Location": f"{other.url}/s"}))) as service,
    ):
        with pytest.raises(errors.StorageNetworkConnectionError):
            open_store(service).put("k", bytes(BIG))

        assert other.asked == []


def test_a_write_of_another_size_is_not_acknowledged(open_store: Opening) -> None:
    """An upload that was cut short on the way is sent again."""
    with scripted(in_turn(stored(1), stored(5))) as service:
        meta = open_store(service).put("k", b"value")

    assert (meta.size, len(service.asked)) == (5, 2)


def test_an_object_that_is_replaced_while_it_is_read_is_read_again(open_store: Opening) -> None:
    """Ranges of two generations are never put together, also where the service ignores what it is asked for."""
    old, new = b"o" * BIG, b"n" * BIG
    for ignores in (False, True):

        def answer(asked: Asked, *, ignores: bool = ignores) -> Reply:
            if len(service.asked) == 1:
                return ranged(old, "1", asked)
            if asked.query.get("generation") == "1" and not ignores:
                return Reply(404)
            return ranged(new, "2", asked)

        with scripted(answer) as service:
            value = open_store(service).get("k")

        assert value == new


@pytest.mark.parametrize("size", [5, BIG])
def test_a_whole_object_has_its_checksum(open_store: Opening, size: int) -> None:
    """A body with a flipped bit is asked for again; one that stays wrong is an error."""
    value = bytes(size)
    hashes = {"X-Goog-Hash": f"crc32c={gcs_answers.crc32c(value)},md5=AAAA"}

    def answer(asked: Asked) -> Reply:
        reply = ranged(value, "1", asked, **hashes)
        first = len(service.asked) == 1
        return Reply(reply.status, reply.headers, b"\x01" + reply.body[1:]) if first else reply

    with scripted(answer) as service:
        read = open_store(service).get("k")

    assert read == value
    with (
        scripted(lambda asked: ranged(b"\x01" + value[1:], "1", asked, **hashes)) as service,
        pytest.raises(errors.StorageNetworkConnectionError, match="CRC32C"),
    ):
        open_store(service).get("k")


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200),
        Reply(200, {}, b"<html></html>"),
        Reply(200, {}, b'{"kind": "storage#objects", "items": ['),
        in_json(200),
        in_json(200, kind="storage#objects", items=[{"name": "ds/a"}]),
        in_json(200, kind="storage#objects", items={}),
        Reply(200, {}, b"[]"),
    ],
    ids=["empty", "html", "cut", "no-kind", "item-without-size", "items-no-list", "list"],
)
def test_a_listing_that_is_none_is_an_error(open_store: Opening, reply: Reply) -> None:
    """It never passes for an empty one."""
    with scripted(in_turn(reply)) as service, pytest.raises(errors.StorageNetworkConnectionError):
        list(open_store(service).list(""))


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (refusal(404, "notFound", "The specified bucket does not exist."), errors.StorageBucketNotFound),
        (refusal(404, "notFound", "No such object: box/ds/k"), errors.StorageKeyNotFound),
        (Reply(404, {}, b"No such object: box/ds/k"), errors.StorageKeyNotFound),
        (refusal(403, "forbidden"), errors.StorageAccessDenied),
        (refusal(401, "required"), errors.AuthenticationError),
        (refusal(500, "backendError"), errors.StorageInternalError),
        (BUSY, errors.StorageThrottledError),
        (Reply(307, {"Location": "http://127.0.0.1:1/"}), errors.StorageInternalError),
    ],
    ids=["bucket", "object", "object-as-text", "forbidden", "unauthorised", "internal", "busy", "redirect"],
)
def test_failures_have_their_class(open_store: Opening, reply: Reply, kind: type[errors.StorageError]) -> None:
    """A service that says what is missing is not asked again."""
    with scripted(in_turn(reply)) as service, pytest.raises(errors.StorageError) as caught:
        open_store(service).get("k")

    assert type(caught.value) is kind
    assert len(service.asked) == (3 if reply.status >= 500 else 1)
    assert (caught.value.provider, caught.value.operation, caught.value.http_status) == ("gcs", "get", reply.status)


@pytest.mark.parametrize(
    ("listing", "kind"),
    [
        (in_json(200, kind="storage#objects"), errors.StorageKeyNotFound),
        (refusal(404, "notFound"), errors.StorageBucketNotFound),
        (refusal(403, "forbidden"), errors.StorageKeyNotFound),
    ],
    ids=["bucket-exists", "bucket-missing", "may-not-list"],
)
def test_what_is_missing_is_found_out(open_store: Opening, listing: Reply, kind: type[errors.StorageError]) -> None:
    """By one request more, where the service does not say."""
    with scripted(lambda asked: listing if "maxResults" in asked.query else Reply(404)) as service:
        with pytest.raises(kind):
            open_store(service).get("k")

        assert len(service.asked) == 2


def test_a_404_of_somebody_else_says_nothing_of_what_is_missing(open_store: Opening) -> None:
    """Neither of the object nor of the bucket: the service gives reasons for a listing."""
    with scripted(in_turn(Reply(404, {"Content-Type": "text/html"}, b"<html>"))) as service:
        with pytest.raises(errors.StorageInternalError, match="check endpoint_url"):
            open_store(service).get("k")


def test_requests_are_those_of_the_store_and_no_more(
    open_store: Opening, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nobody asks for the bucket, nor signs by `~/.netrc`."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with scripted(lambda asked: ranged(b"v", "1", asked) if "Range" in asked.headers else stored(1)) as service:
        store = open_store(service)
        store.put("k", b"v", if_absent=True)
        store.get("k")
        store.head("k")

    assert [(asked.method, asked.path) for asked in service.asked] == [
        ("POST", "/upload/storage/v1/b/box/o"),
        ("GET", "/download/storage/v1/b/box/o/ds%2Fk"),
        ("GET", "/storage/v1/b/box/o/ds%2Fk"),
    ]
    assert all("Authorization" not in asked.headers for asked in service.asked)
    assert (service.asked[0].query["uploadType"], service.asked[0].query["ifGenerationMatch"]) == ("multipart", "0")
