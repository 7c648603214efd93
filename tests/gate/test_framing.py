"""
A body ends where its framing says, however it comes in pieces.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.gate.framing import READ, Body, Chunked, Sized, UntilClose, body_of, head_end, headers_of, pairs_of

CHUNKS = b"5\r\nab\r\nc\r\nA;name=value\r\n0123456789\r\n0\r\nTrailer: 1\r\nx: y\r\n\r\n"
PAYLOAD = b"ab\r\nc0123456789"
NEXT = b"GET / HTTP/1.1\r\n\r\n"


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    ends = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(ends)]


@pytest.mark.parametrize(
    ("body", "wire", "payload"),
    [(Chunked, CHUNKS, PAYLOAD), (lambda: Sized(len(PAYLOAD)), PAYLOAD, PAYLOAD)],
    ids=["chunked", "sized"],
)
@given(cuts=st.lists(st.integers(min_value=0, max_value=80)))
def test_a_body_ends_where_its_framing_says(
    body: Callable[[], Body], wire: bytes, payload: bytes, cuts: list[int]
) -> None:
    """Every byte is told, in order; what follows is left for the next message."""
    taking, told, rest = body(), [], b""
    for data in split(wire + NEXT, cuts):
        assert not (rest and not taking.has_ended)
        if taking.has_ended:
            rest += data
            continue
        pieces, rest = taking.take(data)
        told += pieces

    assert taking.has_ended
    assert rest == NEXT
    assert b"".join(piece for _, piece in told) == wire
    assert b"".join(piece for is_payload, piece in told if is_payload) == payload
    assert taking.payload == len(payload)


def test_a_body_without_a_size_never_ends() -> None:
    """It is an answer's, and takes everything."""
    body = body_of({}, until_close=True)

    assert isinstance(body, UntilClose)
    assert body.take(CHUNKS) == ([(True, CHUNKS)], b"")
    assert not body.has_ended


def test_a_request_without_a_size_has_no_body() -> None:
    """Nor has one of no bytes."""
    assert body_of({}).has_ended
    assert body_of({b"content-length": b"0"}).has_ended


@pytest.mark.parametrize("wire", [b"x\r\n", b";\r\n", b"1" * (READ + 1)], ids=["no-number", "empty", "endless"])
def test_broken_chunks_are_an_error(wire: bytes) -> None:
    """The gate would not know where the next request begins."""
    with pytest.raises(ValueError, match=r"invalid literal|does not end"):
        Chunked().take(wire)


def test_a_size_below_zero_is_an_error() -> None:
    """As it is for any server."""
    with pytest.raises(ValueError, match="below zero"):
        body_of({b"content-length": b"-1"})


def test_a_head_is_taken_when_it_is_whole() -> None:
    """And one that is too long never is."""
    assert head_end(NEXT[:-1]) == 0
    assert head_end(NEXT + NEXT) == len(NEXT)
    for endless in (b"x" * (READ + 1), b"x" * (READ + 1) + b"\r\n\r\n"):
        with pytest.raises(ValueError, match="a head does not end"):
            head_end(endless)


names = st.sampled_from(
    [b"Connection", b"content-length", b"X-Content-Length", b"Expect", b"Location", b"lOcAtion", b"a"]
)
values = st.binary(max_size=6).map(lambda value: value.replace(b"\r\n", b""))


@given(pairs=st.lists(st.tuples(names, values)))
def test_the_headers_that_matter_are_those_of_the_whole_head(pairs: list[tuple[bytes, bytes]]) -> None:
    """Whatever stands in a value; of a repeated one the last."""
    raw = b"\r\n".join((b"GET /Location:x HTTP/1.1", *(b"%s: %s" % pair for pair in pairs))) + b"\r\n\r\n"
    told = {b"connection", b"content-length", b"expect", b"location", b"transfer-encoding"}
    if raw.index(b"\r\n\r\n") != len(raw) - 4:
        return  # an empty line of a value's own ends the head before

    assert headers_of(raw) == {name.lower(): value for name, value in pairs_of(raw) if name.lower() in told}
