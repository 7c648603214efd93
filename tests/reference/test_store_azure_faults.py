"""Azure's store against a service that misbehaves: what is retried, what is refused, what is told."""

from __future__ import annotations

import base64
import hashlib
import logging
import time
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from deeplake_ref import errors
from deeplake_ref.retry import RetryPolicy
from deeplake_ref.stores import CHUNK
from deeplake_ref.stores.azure import AzureStore
from deeplake_ref.urls import parse
from tests.reference.scripted import HANG, RESET, Asked, Reply, Scripted, in_turn, scripted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = base64.b64encode(b"a key of this test only").decode()
TIME = "Tue, 24 Nov 2026 12:00:00 GMT"
STORED = Reply(201, {"ETag": '"0x2"', "Last-Modified": TIME})
BUSY = Reply(503, {"x-ms-error-code": "ServerBusy", "Retry-After": "0"})


class Opening(Protocol):
    """Opens a store that retries without pauses."""

    def __call__(
        self, service: Scripted, creds: dict[str, Any] | None = None, *, deadline_s: float = 20
    ) -> AzureStore: ...


@pytest.fixture
def open_store() -> Iterator[Opening]:
    """Open stores that are closed after the test."""
    opened = []

    def opening(service: Scripted, creds: dict[str, Any] | None = None, *, deadline_s: float = 20) -> AzureStore:
        given = {"account_key": KEY} if creds is None else creds
        retry = RetryPolicy(attempts=3, first_pause_s=0.001, deadline_s=deadline_s)
        opened.append(AzureStore(parse("az://acct/box/ds"), {"endpoint_url": f"{service.url}/acct", **given}, retry))
        return opened[-1]

    yield opening
    for store in opened:
        store.close()


def ranged(value: bytes, etag: str, asked: Asked, **more: str) -> Reply:
    """Return the answer to a ranged GET."""
    start, stop = asked.span()
    part = value[start:stop]
    span = f"bytes {start}-{start + len(part) - 1}/{len(value)}"
    return Reply(206, {"ETag": f'"{etag}"', "Last-Modified": TIME, "Content-Range": span, **more}, part)


@pytest.mark.parametrize(
    "fault",
    [
        RESET,
        BUSY,
        Reply(500),
        Reply(502),
        Reply(504),
        Reply(408),
        Reply(429),
        Reply(206, {"ETag": '"1"'}, b"v", announced=9),
        Reply(206, {"ETag": '"1"', "Content-Range": "bytes 0-4/5"}, b"val"),
    ],
    ids=["reset", "busy", "500", "502", "504", "408", "429", "truncated", "short"],
)
def test_a_transient_fault_of_a_read_is_tried_again(open_store: Opening, fault: Reply) -> None:
    """The second attempt's bytes are returned."""
    span = {"ETag": '"0x1"', "Content-Range": "bytes 0-4/5"}
    with scripted(in_turn(fault, Reply(206, span, b"value"))) as service:
        value = open_store(service).get("k")

    assert value == b"value"
    assert len(service.asked) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 412])
def test_a_definite_refusal_is_not_tried_again(open_store: Opening, status: int) -> None:
    """One request, and the status in the error."""
    with (
        scripted(in_turn(Reply(status, {"x-ms-error-code": "Odd"}))) as service,
        pytest.raises(errors.StorageError) as caught,
    ):
        open_store(service).put("k", b"v")

    assert (len(service.asked), caught.value.http_status, caught.value.code) == (1, status, "Odd")


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
    span = {"ETag": '"0x1"', "Content-Range": "bytes 0-4/5"}
    with scripted(in_turn(HANG, Reply(206, span, b"value"))) as service:
        value = open_store(service, deadline_s=1.5).get("k")

    assert value == b"value"


@pytest.mark.parametrize(
    ("fault", "effect", "requests"),
    [(RESET, "unknown", 1), (Reply(500), "unknown", 1), (BUSY, "none", 3)],
    ids=["reset", "500", "busy"],
)
def test_a_conditional_write_is_sent_again_only_if_it_had_no_effect(
    open_store: Opening, fault: Reply, effect: str, requests: int
) -> None:
    """A second try would lose against the first."""
    with scripted(in_turn(fault)) as service, pytest.raises(errors.StorageError) as caught:
        open_store(service).put("k", b"v", if_absent=True)

    assert (caught.value.effect, len(service.asked)) == (effect, requests)


def test_a_write_whose_answer_was_lost_stays_unknown(open_store: Opening) -> None:
    """A definite refusal of the second attempt says nothing about the first."""
    with (
        scripted(in_turn(RESET, Reply(403, {"x-ms-error-code": "InsufficientAccountPermissions"}))) as service,
        pytest.raises(errors.StorageAccessDenied) as caught,
    ):
        open_store(service).put("k", b"v")

    assert caught.value.effect == "unknown"


def test_a_blob_that_is_replaced_while_it_is_read_is_read_again(open_store: Opening) -> None:
    """Ranges of two versions are never put together."""
    old, new = b"o" * (2 * CHUNK + 5), b"n" * (2 * CHUNK + 5)

    def answer(asked: Asked) -> Reply:
        if len(service.asked) == 1:
            return ranged(old, "0x1", asked)
        if asked.headers.get("If-Match") == '"0x1"':
            return Reply(412, {"x-ms-error-code": "ConditionNotMet"})
        return ranged(new, "0x2", asked)

    with scripted(answer) as service:
        value = open_store(service).get("k")

    assert value == new
    assert [asked.headers.get("If-Match") for asked in service.asked[-3:]].count('"0x2"') == 2


def test_a_service_that_ignores_the_condition_is_found_out(open_store: Opening) -> None:
    """The etag of every range is looked at."""
    old, new = b"o" * (CHUNK + 5), b"n" * (CHUNK + 5)

    def answer(asked: Asked) -> Reply:
        return ranged(old, "0x1", asked) if len(service.asked) == 1 else ranged(new, "0x2", asked)

    with scripted(answer) as service:
        value = open_store(service).get("k")

    assert value == new


def test_a_service_that_ignores_ranges_still_gives_the_slice(open_store: Opening) -> None:
    """Status 200 with the whole blob."""
    with scripted(in_turn(Reply(200, {"ETag": '"0x1"'}, b"0123456789"))) as service:
        value = open_store(service).get("k", 3, 7)

    assert value == b"3456"


@pytest.mark.parametrize(
    "lie",
    [
        Reply(206, {"ETag": '"0x1"', "Content-Range": "bytes 0-1/10"}, b"01"),
        Reply(206, {"ETag": '"0x1"', "Content-Range": "bytes 3-6/10"}, b"34"),
        Reply(206, {"ETag": '"0x1"', "Content-Range": "bytes NaN-3/10"}, b"789"),
        Reply(206, {"ETag": '"0x1"'}, b"3456"),
        Reply(200, {}, b"<html>log in</html>"),
    ],
    ids=["another-range", "short", "no-number", "no-content-range", "not-a-blob"],
)
def test_an_answer_to_another_question_is_refused(open_store: Opening, lie: Reply) -> None:
    """Neither is it taken for the slice."""
    with (
        scripted(in_turn(lie)) as service,
        pytest.raises((errors.StorageNetworkConnectionError, errors.StorageInternalError)),
    ):
        open_store(service).get("k", 3, 7)


def test_empty_ranges_of_azurite_are_empty(open_store: Opening) -> None:
    """206 with `bytes 10-9/10` where the range starts at the end; Azure says 416."""
    spans = {"ETag": '"0x1"', "Content-Range": "bytes 10-9/10"}
    with scripted(in_turn(Reply(206, spans), Reply(416, {"x-ms-error-code": "InvalidRange"}))) as service:
        store = open_store(service)
        values = [store.get("k", 10, 20), store.get("k", 11)]

    assert values == [b"", b""]
    assert len(service.asked) == 2


def test_a_whole_blob_has_its_md5(open_store: Opening) -> None:
    """A body with a flipped bit is asked for again."""
    span = {
        "ETag": '"0x1"',
        "Content-Range": "bytes 0-4/5",
        "x-ms-blob-content-md5": base64.b64encode(hashlib.md5(b"value", usedforsecurity=False).digest()).decode(),
    }
    with scripted(in_turn(Reply(206, span, b"valuf"), Reply(206, span, b"value"))) as service:
        value = open_store(service).get("k")

    assert value == b"value"


@pytest.mark.parametrize(
    "body",
    [b"", b"<html></html>", b"<EnumerationResults><Blobs><Blob><Name>ds/a", b"<EnumerationResults/>", b"{}"],
    ids=["empty", "html", "cut", "no-blobs", "json"],
)
def test_a_listing_that_is_none_is_an_error(open_store: Opening, body: bytes) -> None:
    """It never passes for an empty one."""
    with scripted(in_turn(Reply(200, {}, body))) as service, pytest.raises(errors.StorageNetworkConnectionError):
        list(open_store(service).list(""))


def test_a_listing_is_read_to_its_last_page(open_store: Opening) -> None:
    """The marker is passed on as it is, a page without blobs is not the end, encoded names are decoded."""
    blob = "<Blob><Name{}>{}</Name><Properties><Etag>0x1</Etag><Content-Length>3</Content-Length></Properties></Blob>"
    page = "<EnumerationResults><Blobs>{}</Blobs><NextMarker>{}</NextMarker></EnumerationResults>"
    pages = {
        "": page.format(blob.format("", "ds/a"), "m 1&amp;/+"),
        "m 1&/+": page.format("", "m2"),
        "m2": page.format(blob.format(' Encoded="true"', "ds/%EF%BF%BE%25"), ""),
    }
    with scripted(lambda asked: Reply(200, {}, pages[asked.query.get("marker", "")].encode())) as service:
        paths = [[meta.path for meta in found] for found in open_store(service).list("")]

    assert paths == [["a"], [], ["\ufffe%"]]
    assert [asked.query["prefix"] for asked in service.asked] == ["ds/"] * 3


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (403, "AuthenticationFailed", errors.AuthenticationError),
        (403, "AuthorizationPermissionMismatch", errors.StorageAccessDenied),
        (404, "BlobNotFound", errors.StorageKeyNotFound),
        (404, "ContainerNotFound", errors.StorageBucketNotFound),
        (404, "ResourceNotFound", errors.AuthenticationError),
        (409, "ContainerBeingDeleted", errors.StorageBucketNotFound),
        (412, "LeaseIdMissing", errors.StorageAccessDenied),
        (503, "ServerBusy", errors.StorageThrottledError),
        (500, "InternalError", errors.StorageInternalError),
        (307, "", errors.StorageInternalError),
    ],
)
def test_failures_have_their_class(
    open_store: Opening, status: int, code: str, kind: type[errors.StorageError]
) -> None:
    """By the code in a header, or in the body where there is no header."""
    replies = [Reply(status, {"x-ms-error-code": code, "Location": "http://127.0.0.1:1/"})]
    replies.append(Reply(status, {}, f"<Error><Code>{code}</Code></Error>".encode()))
    for reply in replies:
        with scripted(in_turn(reply)) as service, pytest.raises(errors.StorageError) as caught:
            open_store(service).get("k")

        assert type(caught.value) is kind
        assert (caught.value.provider, caught.value.operation, caught.value.code) == ("az", "get", code or None)


def test_nothing_of_a_sas_is_told(open_store: Opening, caplog: pytest.LogCaptureFixture) -> None:
    """Neither in logs at any level, nor in errors and what they carry."""
    signature = "sEcReT%2Fof%2Bthis%3Drun"
    with (
        scripted(in_turn(Reply(403, {"x-ms-error-code": "AuthenticationFailed"}))) as service,
        caplog.at_level(logging.DEBUG),
    ):
        store = open_store(service, {"sas_token": f"?sv=2023-11-03&sig={signature}"})
        with pytest.raises(errors.AuthenticationError) as caught:
            store.get("k")

    told = f"{caplog.text}{caught.value!s}{vars(caught.value)}{caught.value.__cause__}{caught.value.__context__}"
    assert signature in service.asked[0].target
    assert "sEcReT" not in told
    assert "GET /acct/box/ds/k" in caplog.text


def test_a_netrc_entry_does_not_replace_the_signature(
    open_store: Opening, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`requests` would prefer it."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with scripted(in_turn(STORED)) as service:
        open_store(service).put("k", b"v")

    assert service.asked[0].headers["Authorization"].startswith("SharedKey acct:")


def test_anonymous_requests_carry_no_proof(open_store: Opening) -> None:
    """And their refusal is told as such."""
    with (
        scripted(in_turn(Reply(409, {"x-ms-error-code": "PublicAccessNotPermitted"}))) as service,
        pytest.raises(errors.AuthenticationError, match="anonymous"),
    ):
        open_store(service, {"anon": True}).get("k")

    assert "Authorization" not in service.asked[0].headers
    assert "sig" not in service.asked[0].query


def test_a_port_without_tls_is_a_tls_error(open_store: Opening) -> None:
    """And is not tried again."""
    with scripted(in_turn(STORED)) as service:
        creds = {"account_key": KEY, "endpoint_url": service.url.replace("http:", "https:") + "/acct"}
        store = open_store(service, creds)
        with pytest.raises(errors.StorageTLSError) as caught:
            store.put("k", b"v")

    assert caught.value.effect == "none"


def test_a_port_that_nobody_listens_on_is_a_network_error(open_store: Opening) -> None:
    """The write surely had no effect."""
    with scripted(in_turn(STORED)) as service:
        store = open_store(service)
    with pytest.raises(errors.StorageNetworkConnectionError) as caught:
        store.put("k", b"v")

    assert caught.value.effect == "none"
    assert caught.value.__context__ is None
