"""
URLs that a handle signs, used as anybody could who was given one.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance import bare_http
from conformance.checking import budget, checks, on
from conformance.expectations import CheckFailure, Inconclusive, assert_equal, assert_true, raises
from conformance.places import Place
from conformance.strategies.keys import keys
from conformance.strategies.odd_keys import LITERAL
from conformance.strategies.values import bounds_within, values
from conformance.targets.masking import secrets_in
from conformance.targets.traces import traces_in

LONG_S = 600
REFUSED = (400, 401, 403)
"""Statuses of a refusal; a missing object, a method that does not exist or a failing server would be none."""

LATEST_S = 6.0
"""Seconds after which a URL that was signed for one second is known never to expire."""

POLL_S = 0.2
VALUE = b"content-of-the-one-object"
OTHER_VALUE = b"content-of-the-other-object"
"""Values that are in no error message of a service."""

WRITE_HEADERS = {"x-ms-blob-type": "BlockBlob"}
"""What a write needs on Azure, so that it is not refused for another reason."""

SIGNATURE = re.compile(r"(?<=[?&])(?P<name>X-Amz-Signature|X-Goog-Signature|Signature|sig)=(?P<value>[^&]+)")
EXPIRY = re.compile(r"(?<=[?&])(?P<name>X-Amz-Expires|X-Goog-Expires|Expires|se)=(?P<value>[^&]+)")


def asked(
    method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
) -> bare_http.Answer:
    """Return the answer to a request of a signed URL; one that no client could use is the target's failure."""
    try:
        return bare_http.ask(method, url, headers, body)
    except bare_http.ForeignURLError as error:
        raise CheckFailure("a URL of the service", str(error), "sign_url") from None


def assert_reads(place: Place, path: str, value: bytes) -> None:
    """A GET of the signed URL gives the value, from the root of the handle and from a subdirectory."""
    folder, _, name = path.partition("/")
    urls = {"sign_url": place.reader.sign_url(path, LONG_S)}
    urls["sign_url of a subdir"] = place.reader.subdir(folder).sign_url(name, LONG_S)
    for what, url in urls.items():
        answer = asked("GET", url)
        assert_equal((200, value), (answer.status, answer.body), f"GET of {what}")


def assert_refused(answer: bare_http.Answer, value: bytes, what: str) -> None:
    """The status is that of a refusal, and the value is not in the body."""
    assert_true(answer.status in REFUSED, expected=f"one of {REFUSED}", observed=str(answer.status), what=what)
    assert_true(value not in answer.body, expected="an answer without the value", observed=answer.body, what=what)


@checks("HANDLE-1")
@on("s3", "az")
@budget(0.5)
@given(key=keys(), value=values())
def test_a_signed_url_reads_the_object(place: Place, key: str, value: bytes) -> None:
    """For every portable key, empty values included."""
    path = f"{place.fresh()}/{key}"
    place.witness.put(path, value)

    assert_reads(place, path, value)


@checks("HANDLE-1")
@on("s3", "az")
@pytest.mark.parametrize("odd", LITERAL, ids=str)
def test_a_signed_url_reads_an_odd_key(place: Place, odd: object) -> None:
    """Keys whose characters mean something in URLs."""
    folder = place.fresh()
    names = next(each.keys for each in LITERAL if each == odd)
    for number, key in enumerate(names):
        place.writer.set(f"{folder}/{key}", f"value {number}".encode())

    for number, key in enumerate(names):
        assert_reads(place, f"{folder}/{key}", f"value {number}".encode())


@checks("HANDLE-2")
@on("s3", "az")
@budget(0.3)
@given(data=st.data())
def test_a_signed_url_takes_ranges(place: Place, data: st.DataObject) -> None:
    """First byte to last byte, which in HTTP is within."""
    value = data.draw(st.binary(min_size=1, max_size=200), label="value")
    start, end = data.draw(bounds_within(value).filter(lambda pair: pair[0] < pair[1]), label="bounds")
    path = f"{place.fresh()}/object.k"
    place.witness.put(path, value)

    answer = asked("GET", place.reader.sign_url(path, LONG_S), {"Range": f"bytes={start}-{end - 1}"})
    assert_equal((206, value[start:end]), (answer.status, answer.body), f"GET of bytes {start} to {end - 1}")


def another_key(url: str) -> str:
    """Point the URL at the object beside it."""
    return url.replace("/one.k", "/two.k", 1)


def another_signature(url: str) -> str:
    """Change one character at the start of the signature, where every bit counts."""

    def changed(match: re.Match[str]) -> str:
        value = match["value"]
        return f"{match['name']}={'1' if value[0] == '0' else '0'}{value[1:]}"

    return SIGNATURE.sub(changed, url)


def later_expiry(url: str) -> str:
    """Let the URL live longer."""

    def changed(match: re.Match[str]) -> str:
        value = match["value"]
        later = str(int(value) + 60) if value.isdigit() else f"{int(value[:4]) + 1}{value[4:]}"
        return f"{match['name']}={later}"

    return EXPIRY.sub(changed, url)


CHANGES = {"another-key": another_key, "another-signature": another_signature, "later-expiry": later_expiry}


@checks("HANDLE-3")
@on("s3", "az")
@pytest.mark.parametrize("case", CHANGES)
def test_a_signed_url_that_was_changed_is_refused(place: Place, case: str) -> None:
    """By the status, and without the bytes of the object that it was signed for or points at."""
    folder = place.fresh()
    values = {"one.k": VALUE, "two.k": OTHER_VALUE}
    for name, value in values.items():
        place.witness.put(f"{folder}/{name}", value)
    url = place.reader.sign_url(f"{folder}/one.k", LONG_S)
    changed = CHANGES[case](url)
    if changed == url:
        raise Inconclusive(f"the URL has none of the parts that are known here for {case}")

    answer = asked("GET", url)
    assert_equal((200, VALUE), (answer.status, answer.body), "GET of the URL as it was signed")
    for value in values.values():
        assert_refused(asked("GET", changed), value, f"GET after the change {case}")


@checks("HANDLE-4")
@on("s3", "az")
@pytest.mark.parametrize("case", ["put", "delete"])
def test_a_signed_url_does_not_write(place: Place, case: str) -> None:
    """The object stays as it is."""
    path = f"{place.fresh()}/object.k"
    place.witness.put(path, VALUE)
    url = place.reader.sign_url(path, LONG_S)
    answer = asked("PUT", url, WRITE_HEADERS, OTHER_VALUE) if case == "put" else asked("DELETE", url)

    assert_refused(answer, VALUE, f"{case.upper()} of a signed URL")
    assert_equal(VALUE, place.witness.get(path), "the witness")


@checks("HANDLE-5")
@on("s3", "az")
def test_a_signed_url_stops_working(place: Place) -> None:
    """Asked again and again until it is refused."""
    path = f"{place.fresh()}/object.k"
    place.witness.put(path, VALUE)
    url = place.reader.sign_url(path, 1)
    late = time.monotonic() + LATEST_S
    pause = threading.Event()
    while (answer := asked("GET", url)).status == 200 and time.monotonic() < late:
        pause.wait(POLL_S)

    assert_refused(answer, VALUE, f"GET, {LATEST_S:g} s at most after signing for 1 s")


@checks("HANDLE-6")
@on("mem", "file", "gcs")
def test_where_nothing_can_sign_this_is_said(place: Place) -> None:
    """For an object that is there, and for one that is not."""
    folder = place.fresh()
    place.witness.put(f"{folder}/there.k", b"x")

    raises("StorageOperationUnsupported", place.reader.sign_url, f"{folder}/there.k", LONG_S)
    raises("StorageOperationUnsupported", place.reader.sign_url, f"{folder}/missing.k", LONG_S)


@checks("HANDLE-7")
@on("s3", "az")
@budget(0.1)
@given(key=keys())
def test_a_signed_url_holds_no_long_term_secret(place: Place, key: str) -> None:
    """Neither as it is nor in the encodings that URLs use."""
    secrets = [(field, value) for value, field in secrets_in(place.creds)]
    assert_true(secrets, expected="creds with a secret to look for", observed="none")

    assert_equal([], traces_in(place.reader.sign_url(f"{place.fresh()}/{key}", LONG_S), secrets), "secrets in the URL")


EXPIRIES = {
    "zero": (0, ("s3", "az")),
    "negative": (-1, ("s3", "az")),
    "eight-days": (8 * 24 * 3600, ("s3",)),
    "beyond-all-dates": (10**15, ("s3", "az")),
}


@checks("HANDLE-8")
@on("s3", "az")
@pytest.mark.parametrize("case", EXPIRIES)
def test_an_expiry_that_cannot_be_is_refused(place: Place, case: str) -> None:
    """By the client, not by the service."""
    expires, prefixes = EXPIRIES[case]
    if place.prefix not in prefixes:
        # the other one has no such limit, so that the same number must sign
        assert_true(place.reader.sign_url("object.k", expires), expected="a URL", observed="nothing")
        return
    with place.tapped() as seen:
        raises("ValueError", seen.reader.sign_url, "object.k", expires)

        assert_equal([], [f"{request.method} {request.target}" for request in seen.requests()], "requests")


@checks("HANDLE-9")
@on("s3", "az")
def test_signing_makes_no_request(place: Place) -> None:
    """Neither for the first URL of a handle nor for a second one."""
    with place.tapped() as seen:
        for name in ("one.k", "two.k"):
            seen.reader.sign_url(name, LONG_S)

        assert_equal([], [f"{request.method} {request.target}" for request in seen.requests()], "requests")
