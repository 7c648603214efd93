"""
One HTTP request as anybody could make it: no SDK, no credentials, no proxy, no redirect, and the URL as it is.
"""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

LOOPBACK = ("127.0.0.1", "localhost", "::1")
TIMEOUT_S = 30.0


class ForeignURLError(ValueError):
    """A URL that is not for this machine, or that no client could send; nothing was sent."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The status and the whole body of an answer."""

    status: int
    body: bytes


def ask(method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes | None = None) -> Answer:
    """Make one request to a loopback address and return the answer, whatever its status.

    Raises:
        ForeignURLError: the URL is not http on loopback, or has characters that a URL has not.
        OSError, http.client.HTTPException: the service does not answer.
    """
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname not in LOOPBACK:
        raise ForeignURLError(f"not an http URL of this machine: {parts.scheme}://{parts.netloc}")
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    if not target.isascii() or any(character <= " " or character == "\x7f" for character in target):
        raise ForeignURLError("the URL has characters that must be percent-encoded")
    connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=TIMEOUT_S)
    try:
        connection.request(method, target, body=body, headers=dict(headers or {}))
        answer = connection.getresponse()
        return Answer(answer.status, answer.read())
    finally:
        connection.close()
