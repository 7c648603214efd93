"""
A tap over TLS: bytes pass as they do over plain http, and who does not trust the run's authority gets nothing.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from conformance.certificates import RunCA
from conformance.gate import Authority, Gate, GateError, Tap
from conformance.identities import Identity
from tests.gate.test_gate import TARGETS, Echo


@pytest.fixture(scope="module")
def echo() -> Iterator[Echo]:
    echo = Echo()
    yield echo
    echo.close()


@pytest.fixture(scope="module", params=["records", "decides"])
def tap(request: pytest.FixtureRequest, gate: Gate, echo: Echo, ca: RunCA) -> Iterator[Tap]:
    authority = Authority("s3", anonymous="allow") if request.param == "decides" else None
    tap = gate.open(echo.url, authority=authority, tls=ca.issue())
    yield tap
    tap.close()


def asked(tap: Tap, ca: RunCA, head: bytes) -> bytes:
    """Send a raw request over TLS and return the raw answer."""
    port = urlsplit(tap.url).port
    context = ca.client_context()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as connection:
            connection.sendall(head)
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
            return answer


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.decode("ascii", "backslashreplace"))
def test_a_raw_request_target_arrives_unaltered(tap: Tap, ca: RunCA, target: bytes) -> None:
    """Nothing is decoded, folded or encoded again, whether the gate only records or decides."""
    head = b"GET %s HTTP/1.1\r\nhOst: x\r\nx-B: 1\r\nX-b: 2\r\nConnection: close\r\n\r\n" % target
    answer = asked(tap, ca, head)

    assert answer.partition(b"\r\n\r\n")[2] == head[:-2] + b"0"


def test_who_does_not_trust_the_authority_gets_nothing(tap: Tap) -> None:
    """Verification is the client's; nothing reaches the service."""
    tap.clear()
    port = urlsplit(tap.url).port
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        with pytest.raises(ssl.SSLCertVerificationError):
            ssl.create_default_context().wrap_socket(plain, server_hostname="localhost")
    assert tap.requests() == []


def test_plain_http_on_a_tls_port_gets_nothing(tap: Tap) -> None:
    """And the gate lives on."""
    tap.clear()
    port = urlsplit(tap.url).port
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert b"HTTP/1.1 200" not in plain.recv(100)
    assert tap.requests() == []


def test_identities_belong_to_a_tap_that_decides(gate: Gate, echo: Echo) -> None:
    """One that records only takes none, and an unknown label cannot be forgotten."""
    recording, deciding = gate.open(echo.url), gate.open(echo.url, authority=Authority("s3"))
    with pytest.raises(GateError, match="opened without an authority"):
        recording.know(Identity("a", "aws", "AKIA", "s3cret"))
    with pytest.raises(GateError, match="KeyError"):
        deciding.forget("a")
    recording.close()
    deciding.close()


def test_a_refusal_does_not_wait_for_a_body_that_never_comes(gate: Gate, echo: Echo) -> None:
    """Who sent `Expect: 100-continue` gets the answer at once, with a reason phrase, and the end."""
    tap = gate.open(echo.url, authority=Authority("s3"))
    port = urlsplit(tap.url).port
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"PUT /k HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n")
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    tap.close()

    assert answer.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert b"<Code>AccessDenied</Code>" in answer


def test_a_refusal_survives_the_rest_of_the_body(gate: Gate, echo: Echo) -> None:
    """The body is read to its end before the connection is closed, so that no reset eats the answer."""
    tap = gate.open(echo.url, authority=Authority("s3"))
    port = urlsplit(tap.url).port
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(b"PUT /k HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n" + b"x" * 3_000_000)
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
        assert answer.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert {exchange.refused for exchange in tap.requests()} == {"AccessDenied"}
    tap.close()


def test_neither_rules_nor_identities_show_a_key() -> None:
    """In no repr."""
    shown = repr(Authority("az", account="a", root_key="r00t")) + repr(
        Identity("a", "aws", "AKIA", "s3cret", token="t0k")
    )

    assert not any(secret in shown for secret in ("r00t", "s3cret", "t0k"))


def test_an_authority_over_azure_needs_its_key() -> None:
    """It could sign nothing without."""
    with pytest.raises(ValueError, match="needs the account of the URL and its key"):
        Authority("az", account="a")
