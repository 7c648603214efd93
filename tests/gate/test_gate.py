"""
The gate passes bytes unaltered, tells what it saw, and hides what proves an identity.
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from conformance.gate import Gate, GateError, Tap, start_gate

TARGETS = (Path(__file__).parent / "raw_targets.txt").read_bytes().splitlines()


class Echo:
    """A server that answers each request with the bytes of its head and the size of its body."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            while head := self._head(stream):
                length = next(
                    (int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length:")), 0
                )
                if b"/refuse" in head:
                    connection.sendall(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    return
                if b"/reset" in head:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
                    return
                if b"Expect: 100-continue" in head:
                    connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                body = stream.read(length)
                answer = head + str(len(body)).encode()
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))

    @staticmethod
    def _head(stream: object) -> bytes:
        lines = b""
        while (line := stream.readline()) not in (b"\r\n", b""):  # type: ignore[attr-defined]
            lines += line
        return lines

    def close(self) -> None:
        self._listener.close()


@pytest.fixture(scope="module")
def gate() -> Iterator[Gate]:
    with start_gate() as gate:
        yield gate


@pytest.fixture
def tap(gate: Gate) -> Iterator[Tap]:
    echo = Echo()
    tap = gate.open(echo.url)
    yield tap
    tap.close()
    echo.close()


def address(tap: Tap) -> tuple[str, int]:
    host, port = tap.url.removeprefix("http://").split(":")
    return host, int(port)


def exchange(tap: Tap, raw: bytes) -> bytes:
    """Send raw bytes and return the raw answer."""
    with socket.create_connection(address(tap), timeout=10) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
        return answer


def get(tap: Tap, target: bytes, *headers: bytes) -> bytes:
    head = b"GET %s HTTP/1.1\r\nHost: x\r\n%sConnection: close\r\n\r\n" % (
        target,
        b"".join(h + b"\r\n" for h in headers),
    )
    connection = http.client.HTTPConnection(*address(tap), timeout=10)
    try:
        connection.connect()
        connection.sock.sendall(head)
        with closing(http.client.HTTPResponse(connection.sock)) as response:
            response.begin()
            return response.read()
    finally:
        connection.close()


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.decode("ascii", "backslashreplace"))
def test_a_raw_request_target_arrives_unaltered(tap: Tap, target: bytes) -> None:
    """Nothing is decoded, folded or encoded again."""
    assert get(tap, target).split(b"\r\n")[0] == b"GET %s HTTP/1.1" % target


def test_there_are_twenty_raw_targets() -> None:
    """The corpus is what the page about the gate says."""
    assert len(set(TARGETS)) == 20


def test_headers_keep_order_case_and_repeats(tap: Tap) -> None:
    """A signature may cover any of them."""
    echoed = get(tap, b"/", b"X-b: 1", b"x-A: 2", b"X-b: 3")

    assert b"X-b: 1\r\nx-A: 2\r\nX-b: 3\r\n" in echoed


def test_an_exchange_is_recorded_before_its_last_byte_arrives(tap: Tap) -> None:
    """Who has read an answer finds it, without waiting."""
    for number in range(30):
        get(tap, b"/%d" % number)

        assert tap.requests()[-1].target == f"/{number}"


def test_sizes_status_and_method_are_recorded(tap: Tap) -> None:
    """Bodies are counted, not kept."""
    connection = http.client.HTTPConnection(*address(tap), timeout=10)
    connection.request("PUT", "/key", body=b"x" * 300_000)
    size = len(connection.getresponse().read())
    connection.close()

    (seen,) = tap.requests()
    assert (seen.method, seen.target, seen.status) == ("PUT", "/key", 200)
    assert (seen.request_bytes, seen.response_bytes) == (300_000, size)


def test_expect_continue_is_the_services_own(tap: Tap) -> None:
    """The interim answer comes from behind the gate, and the body follows it."""
    with socket.create_connection(address(tap), timeout=10) as connection:
        connection.sendall(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 100")
        connection.sendall(b"abc")
        assert connection.recv(100).startswith(b"HTTP/1.1 200")


def test_a_refusal_in_the_middle_of_an_upload_arrives(tap: Tap) -> None:
    """The answer is passed on while the body is still on its way."""
    with socket.create_connection(address(tap), timeout=10) as connection:
        connection.sendall(b"PUT /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1000)
        assert connection.recv(100).startswith(b"HTTP/1.1 403")


def test_a_reset_of_the_service_is_no_answer(tap: Tap) -> None:
    """The client sees its connection end, and the record has no status."""
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        get(tap, b"/reset")

    assert tap.requests()[-1].status is None


def test_signers_are_named_and_proofs_are_masked(tap: Tap) -> None:
    """The key id stays readable; signatures, tokens and SAS signatures do not."""
    get(
        tap,
        b"/1",
        b"Authorization: AWS4-HMAC-SHA256 Credential=AKID/20260101/r/s3/aws4_request, SignedHeaders=h, Signature=00aa",
    )
    get(tap, b"/2", b"Authorization: SharedKey account:c2VjcmV0", b"x-amz-security-token: t0ken")
    get(tap, b"/3?sp=r&sig=s3cret&x=1")
    get(tap, b"/4", b"Authorization: Bearer t0ken")
    get(tap, b"/5")

    seen = tap.requests()
    assert [exchange.signed_by for exchange in seen] == ["AKID", "account", "SAS", "Bearer", None]
    text = repr(seen)
    assert not any(proof in text for proof in ("00aa", "c2VjcmV0", "t0ken", "s3cret"))
    assert "sp=r" in seen[2].target


def test_a_token_in_a_url_is_noted_and_masked(tap: Tap) -> None:
    """By the name of its parameter; what signed URLs need, pages of lists and empty values are none."""
    get(tap, b"/1?Access_Token=t0ken&x=1&token=t0ken&token=t0ken")
    get(tap, b"/2?prefix=a&oauth_token=t0ken")
    get(tap, b"/3?X-Amz-Security-Token=t0ken&X-Amz-Signature=00aa&sig=s3cret&X-Goog-Signature=00aa&Signature=00aa")
    get(tap, b"/4?continuation-token=page&pageToken=page&token=&xtoken=1")

    seen = tap.requests()
    assert [exchange.bearers for exchange in seen] == [("access_token", "token"), ("oauth_token",), (), ()]
    assert not any(proof in repr(seen) for proof in ("00aa", "t0ken", "s3cret"))
    assert "continuation-token=page&pageToken=page" in seen[3].target


def test_two_taps_see_their_own_requests(gate: Gate, tap: Tap) -> None:
    """Ports are kept apart, and clearing one does not clear the other."""
    echo = Echo()
    other = gate.open(echo.url)
    get(tap, b"/here")
    get(other, b"/there")
    other.clear()

    assert [exchange.target for exchange in tap.requests()] == ["/here"]
    assert other.requests() == []
    other.close()
    echo.close()


def test_a_held_request_waits_until_it_is_released(tap: Tap) -> None:
    """The first one passes; the second reaches the service after the release, and not before."""
    with ThreadPoolExecutor(1) as pool, tap.holding(after=1) as hold:
        get(tap, b"/first")
        asking = pool.submit(get, tap, b"/second")
        hold.wait(asking, 10)
        assert not asking.done()
        assert [exchange.target for exchange in tap.requests()] == ["/first"]
        hold.release()

        assert asking.result(10).startswith(b"GET /second")
    assert [exchange.target for exchange in tap.requests()] == ["/first", "/second"]


def test_a_dropped_request_never_arrives(tap: Tap) -> None:
    """Its client sees the connection end; later requests pass."""
    with ThreadPoolExecutor(1) as pool, tap.holding(after=0) as hold:
        asking = pool.submit(get, tap, b"/dropped")
        hold.wait(asking, 10)
        hold.drop()

        with pytest.raises((OSError, http.client.HTTPException)):
            asking.result(10)
    assert get(tap, b"/later").startswith(b"GET /later")
    assert [exchange.target for exchange in tap.requests()] == ["/later"]


def test_waiting_for_a_request_ends_with_the_operation(tap: Tap) -> None:
    """Or with the time."""
    with ThreadPoolExecutor(1) as pool, tap.holding(after=5) as hold:
        hold.wait(pool.submit(get, tap, b"/one"), 10)
        waiting = threading.Event()
        with pytest.raises(GateError, match="no request came within 0 s"):
            hold.wait(pool.submit(waiting.wait), 0.05)
        waiting.set()


def test_a_mistake_is_told(gate: Gate) -> None:
    """An upstream that is no http URL is refused."""
    with pytest.raises(GateError, match="http services only"):
        gate.open("ftp://127.0.0.1:1")


def test_the_gate_ends_with_its_runner() -> None:
    """A runner that is killed leaves no gate."""
    code = (
        "import sys, time\n"
        "from conformance.gate import start_gate\n"
        "with start_gate() as gate:\n"
        "    print(gate.pid, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    runner = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert runner.stdin is not None
    assert runner.stdout is not None
    pid = int(runner.stdout.readline())
    os.kill(runner.pid, signal.SIGKILL)
    runner.wait(10)
    runner.stdin.close()
    runner.stdout.close()

    ends = time.monotonic() + 10
    while time.monotonic() < ends and _runs(pid):
        time.sleep(0.02)
    assert not _runs(pid)


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
