"""
A fake's port: what it answers, what it remembers, and how it fails.
"""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

import pytest

from conformance.fakes import Answer, Fake, FakeServer, Fault, Request


class Echo:
    """Answers with what was asked."""

    name = "echo"

    def answer(self, request: Request) -> Answer:
        """Answer."""
        return Answer.of_json({"path": request.path, "query": request.query, "form": request.form})


def asked(server: FakeServer, method: str, target: str, body: bytes | None = None) -> tuple[int, bytes]:
    """Ask, and return status and body."""
    parts = urlsplit(server.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    try:
        connection.request(method, target, body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_a_request_reaches_the_fake_and_is_remembered() -> None:
    """Query and form are taken apart; only the path is kept."""
    fake: Fake = Echo()
    with FakeServer(fake) as server:
        status, body = asked(server, "POST", "/a?b=1", b"c=2")

    assert (status, body) == (200, b'{"path": "/a", "query": {"b": "1"}, "form": {"c": "2"}}')
    assert [(each.fake, each.method, each.path, each.status) for each in server.asked] == [("echo", "POST", "/a", 200)]


@pytest.mark.parametrize(
    ("fault", "status"), [("error-404", 404), ("error-500", 500), ("garbage", 200), ("empty", 200)]
)
def test_a_fault_answers_instead_of_the_fake(fault: Fault, status: int) -> None:
    """And it is remembered that it was asked."""
    with FakeServer(Echo(), fault=fault) as server:
        assert asked(server, "GET", "/")[0] == status
    assert len(server.asked) == 1


def test_a_connection_that_ends_has_no_status() -> None:
    """As a real one that dies."""
    with FakeServer(Echo(), fault="reset") as server, pytest.raises(http.client.HTTPException):
        asked(server, "GET", "/")
    assert server.asked[0].status is None
