"""
What one end of a connection does reaches the other end: halves of an end, resets, truncation, waiting, requests in a row.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

import pytest

from conformance.gate import Exchange, Gate, Tap

LIMIT_S = 10
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
GET = b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n"
LARGE = 30_000_000

Script = Callable[[socket.socket, BinaryIO], None]


class Service:
    """Plays a script on every connection; `ended` is set when one is over."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.ended = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._play, args=(connection,), daemon=True).start()

    def _play(self, connection: socket.socket) -> None:
        connection.settimeout(LIMIT_S)
        with connection, connection.makefile("rb") as stream, contextlib.suppress(OSError):
            self._script(connection, stream)
        self.ended.set()

    def close(self) -> None:
        self._listener.close()


@contextlib.contextmanager
def served(gate: Gate, script: Script) -> Iterator[tuple[Tap, Service]]:
    """Open a tap in front of a scripted service."""
    service = Service(script)
    tap = gate.open(service.url)
    try:
        yield tap, service
    finally:
        tap.close()
        service.close()


def connect(tap: Tap) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(tap.url.rpartition(":")[2])), timeout=LIMIT_S)


def head(stream: BinaryIO) -> bytes:
    lines = b""
    while (line := stream.readline()) not in (b"\r\n", b""):
        lines += line
    return lines


def everything(connection: socket.socket) -> bytes:
    answer = b""
    while piece := connection.recv(1 << 20):
        answer += piece
    return answer


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def recorded(tap: Tap) -> Exchange:
    """Return the one exchange, once it is there."""
    late = time.monotonic() + LIMIT_S
    while not (seen := tap.requests()) and time.monotonic() < late:
        time.sleep(0.01)
    (exchange,) = seen
    return exchange


def answers(connection: socket.socket, stream: BinaryIO) -> None:
    while head(stream):
        connection.sendall(OK)


def test_requests_in_a_row_are_answered_in_order(gate: Gate) -> None:
    """Those that come before the answer of the first one wait; the service gets one at a time."""
    with served(gate, answers) as (tap, _), connect(tap) as connection:
        connection.sendall(b"".join(GET % number for number in range(50)))
        connection.shutdown(socket.SHUT_WR)

        assert everything(connection) == OK * 50
        assert [exchange.target for exchange in tap.requests()] == [f"/{number}" for number in range(50)]


def test_a_head_and_a_body_may_come_byte_by_byte(gate: Gate) -> None:
    """Of a request and of an answer, in chunks."""
    wire = b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx: y\r\n\r\n"
    seen = []

    def script(connection: socket.socket, stream: BinaryIO) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        seen.append(stream.read(len(wire)))
        for at in range(len(answer)):
            connection.sendall(answer[at : at + 1])

    with served(gate, script) as (tap, _), connect(tap) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(wire)):
            connection.sendall(wire[at : at + 1])

        assert everything(connection) == answer
        assert seen == [wire]
        assert (recorded(tap).request_bytes, recorded(tap).response_bytes) == (3, 2)


def test_a_body_without_a_size_ends_with_the_connection(gate: Gate) -> None:
    """An empty one too, whose head is all that comes."""
    bare = b"HTTP/1.1 200 OK\r\n\r\n"

    def script(connection: socket.socket, stream: BinaryIO) -> None:
        connection.sendall(bare + (b"body" if b"GET /1" in head(stream) else b""))

    with served(gate, script) as (tap, _):
        for number, body in ((1, b"body"), (0, b"")):
            tap.clear()
            with connect(tap) as connection:
                connection.sendall(GET % number)
                assert everything(connection) == bare + body
            assert (recorded(tap).status, recorded(tap).response_bytes) == (200, len(body))


def test_a_truncated_answer_arrives_as_far_as_it_came(gate: Gate) -> None:
    """The client sees that bytes are missing, and how many."""
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"

    def script(connection: socket.socket, stream: BinaryIO) -> None:
        connection.sendall(cut + (b"cut" if b"GET /1" in head(stream) else b""))

    with served(gate, script) as (tap, _):
        for number, body in ((1, b"cut"), (0, b"")):
            with connect(tap) as connection:
                connection.sendall(GET % number)
                assert everything(connection) == cut + body


@pytest.mark.parametrize("is_idle", [False, True], ids=["in-an-exchange", "between-two"])
def test_a_reset_of_the_service_reaches_the_client_as_one(gate: Gate, *, is_idle: bool) -> None:
    """Never as an orderly end."""
    may_end = threading.Event()

    def script(connection: socket.socket, stream: BinaryIO) -> None:
        head(stream)
        if is_idle:
            connection.sendall(OK)
            may_end.wait(LIMIT_S)
        reset(connection)

    with served(gate, script) as (tap, _), connect(tap) as connection:
        connection.sendall(GET % 1)
        if is_idle:
            assert connection.recv(100) == OK
        may_end.set()
        with pytest.raises(ConnectionResetError):
            everything(connection)


def test_an_idle_close_of_the_service_reaches_the_client(gate: Gate) -> None:
    """At once, without a request of its own; before the first one too."""

    def closes(connection: socket.socket, stream: BinaryIO) -> None:
        """Leave before anything was asked."""

    def closes_later(connection: socket.socket, stream: BinaryIO) -> None:
        head(stream)
        connection.sendall(OK)

    with served(gate, closes) as (tap, _), connect(tap) as connection:
        assert everything(connection) == b""
        assert tap.requests() == []
    with served(gate, closes_later) as (tap, _), connect(tap) as connection:
        connection.sendall(GET % 1)
        assert everything(connection) == OK


def test_a_service_that_does_not_listen_ends_the_connection(gate: Gate) -> None:
    """Nothing was passed on, and nothing is recorded."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        tap = gate.open(f"http://127.0.0.1:{deaf.getsockname()[1]}")
        with connect(tap) as connection, contextlib.suppress(ConnectionError):
            connection.sendall(GET % 1)
            assert everything(connection) == b""
        assert tap.requests() == []
        tap.close()


def test_a_client_that_goes_away_in_the_middle_of_a_body_ends_the_exchange(gate: Gate) -> None:
    """The service sees the end after as many bytes."""
    seen = []

    def script(connection: socket.socket, stream: BinaryIO) -> None:
        head(stream)
        seen.append(stream.read(100))

    with served(gate, script) as (tap, service):
        with connect(tap) as connection:
            connection.sendall(b"PUT / HTTP/1.1\r\nContent-Length: 100\r\n\r\nabc")
        assert service.ended.wait(LIMIT_S)
        assert seen == [b"abc"]
        assert (recorded(tap).status, recorded(tap).request_bytes) == (None, 3)


def test_a_request_whose_client_has_gone_is_recorded_with_its_answer(gate: Gate) -> None:
    """It arrived, so it counts."""
    arrived, gone = threading.Event(), threading.Event()

    def script(connection: socket.socket, stream: BinaryIO) -> None:
        head(stream)
        arrived.set()
        gone.wait(LIMIT_S)
        connection.sendall(OK)
        stream.read()

    with served(gate, script) as (tap, service):
        with connect(tap) as connection:
            connection.sendall(GET % 1)
            assert arrived.wait(LIMIT_S)
            reset(connection)
        gone.set()
        assert service.ended.wait(LIMIT_S)
        assert recorded(tap).status == 200


def test_a_client_that_does_not_read_makes_the_service_wait(gate: Gate) -> None:
    """And one that goes away then ends the waiting."""
    stuck = threading.Event()
    sent = []

    def script(connection: socket.socket, stream: BinaryIO) -> None:
        head(stream)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LARGE)
        connection.settimeout(0.3)
        try:
            for _ in range(LARGE // 100_000):
                connection.sendall(bytes(100_000))
                sent.append(100_000)
        except TimeoutError:
            stuck.set()
        connection.settimeout(LIMIT_S)
        while True:
            connection.sendall(bytes(100_000))

    with served(gate, script) as (tap, service):
        with connect(tap) as connection:
            connection.sendall(GET % 1)
            assert stuck.wait(LIMIT_S)
            assert sum(sent) < LARGE
            reset(connection)
        assert service.ended.wait(LIMIT_S)
        assert recorded(tap).status == 200


def test_a_service_that_does_not_read_makes_the_client_wait(gate: Gate) -> None:
    """Until it does; everything arrives."""
    may_read = threading.Event()
    sizes = []

    def script(connection: socket.socket, stream: BinaryIO) -> None:
        head(stream)
        may_read.wait(LIMIT_S)
        sizes.append(len(stream.read(LARGE)))
        connection.sendall(OK)

    with served(gate, script) as (tap, _), connect(tap) as connection, ThreadPoolExecutor(1) as pool:
        connection.sendall(b"PUT / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % LARGE)
        connection.settimeout(0.3)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < LARGE:
                sent += connection.send(bytes(100_000))
        assert sent < LARGE
        connection.settimeout(LIMIT_S)
        sending = pool.submit(connection.sendall, bytes(LARGE - sent))
        may_read.set()
        sending.result(LIMIT_S)

        assert connection.recv(100) == OK
        assert sizes == [LARGE]


def test_a_request_that_is_held_goes_on_with_its_body(gate: Gate) -> None:
    """Which came while it waited, in pieces."""
    seen = []

    def script(connection: socket.socket, stream: BinaryIO) -> None:
        head(stream)
        seen.append(stream.read(6))
        connection.sendall(OK)
        stream.read()

    with served(gate, script) as (tap, _), connect(tap) as connection, ThreadPoolExecutor(1) as pool:
        with tap.holding(after=0) as hold:
            connection.sendall(b"PUT / HTTP/1.1\r\nContent-Length: 6\r\n\r\nabc")
            answer = pool.submit(connection.recv, 100)
            hold.wait(answer, LIMIT_S)
            connection.sendall(b"def")
            assert tap.gate.ask({"do": "held", "tap": tap.number}) == {"held": 1}
            assert seen == []
            hold.release()
            assert answer.result(LIMIT_S) == OK
        assert seen == [b"abcdef"]


def test_a_service_that_ends_while_a_request_is_held_gives_no_answer(gate: Gate) -> None:
    """The request goes on once it is released, to nobody."""
    leave = threading.Event()

    def script(connection: socket.socket, stream: BinaryIO) -> None:
        leave.wait(LIMIT_S)

    with served(gate, script) as (tap, service), connect(tap) as connection, ThreadPoolExecutor(1) as pool:
        with tap.holding(after=0) as hold:
            connection.sendall(GET % 1)
            answer = pool.submit(everything, connection)
            hold.wait(answer, LIMIT_S)
            leave.set()
            assert service.ended.wait(LIMIT_S)
            hold.release()
            assert answer.result(LIMIT_S) == b""
        assert recorded(tap).status is None


@pytest.mark.parametrize("answer", [b"no http\r\n\r\n", b"no-http\r\n\r\n"])
def test_what_is_no_http_ends_the_connection(gate: Gate, answer: bytes) -> None:
    """Of a client and of a service; the gate lives on."""

    def script(connection: socket.socket, stream: BinaryIO) -> None:
        head(stream)
        connection.sendall(answer)
        stream.read()

    with served(gate, script) as (tap, _):
        for wire in (b"no-http\r\n\r\n", b"PUT / HTTP/1.1\r\nContent-Length: x\r\n\r\n", GET % 1):
            with connect(tap) as connection:
                connection.sendall(wire)
                assert everything(connection) == b""
