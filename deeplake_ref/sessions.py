"""
What the two stores over `requests` share: sessions without surprises, and bodies that arrive whole and in time.

`requests` reads `~/.netrc` and the proxy variables again for every request, and an entry of the former replaces the
signature of an SDK. Here the environment is asked once per handle, for proxies and the CA file, and trusted no further.
"""

from __future__ import annotations

import io
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CONNECT_S = 10.0
READ_S = 20.0
"""Seconds of one attempt at most; both are a third of a short deadline, so that a hanging attempt is not the last."""

SLOWEST = 1024 * 1024
"""Bytes per second that an upload is given time for: urllib3 lets the connect time-out cover the sending of a body."""

POOL = 64
"""Connections that are kept: several threads with parallel transfers."""

STEP = 1024 * 1024
"""Bytes of one read; the deadline is looked at in between, so that a body that trickles in ends in time."""

LONGEST_ERROR = 64 * 1024

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(-?\d+)/(\d+)")


class IncompleteBodyError(Exception):
    """A body ended before its announced end, or was not read within the deadline."""


class MalformedAnswerError(Exception):
    """A successful answer that is not what the service would say."""


class RefusedError(Exception):
    """The service answered with an error: its status and code, and the headers that say more."""

    def __init__(self, status: int, code: str | None, headers: Mapping[str, str]) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.code = code
        self.headers = headers


class Deadline:
    """When an operation ends, however many attempts it makes."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._attempt_s = seconds / 3

    def left_s(self) -> float:
        """Return the seconds that are left, never quite none, since sockets take 0 for a different mode."""
        return max(self._end - time.monotonic(), 0.001)

    def timeouts_s(self, upload: int = 0) -> tuple[float, float]:
        """Return connect and read time-outs of one attempt that sends a body of `upload` bytes."""
        left = self.left_s()
        connect = min(CONNECT_S, self._attempt_s) + upload / SLOWEST
        return min(left, connect), min(left, READ_S, self._attempt_s)

    def check(self) -> None:
        """Raise `IncompleteBodyError` if there is no time left."""
        if time.monotonic() >= self._end:
            raise IncompleteBodyError


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of a successful answer, and a body that is still to be read; a `with` block drops what was not."""

    status: int
    headers: Mapping[str, str]
    raw: Any

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        # does nothing once the body was read: its connection is back in the pool
        self.raw.close()

    def body(self, deadline: Deadline) -> bytes:
        """Return the whole body."""
        pieces = list(_pieces(self.raw, deadline))
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def body_into(self, view: memoryview, deadline: Deadline) -> None:
        """Fill a buffer with a body of exactly its size."""
        filled = 0
        for piece in _pieces(self.raw, deadline):
            if filled + len(piece) > len(view):
                raise MalformedAnswerError
            view[filled : filled + len(piece)] = piece
            filled += len(piece)
        if filled < len(view):
            raise IncompleteBodyError


def settle(session: Any, endpoint: str) -> None:
    """Give a session its connections, and what the environment says now about proxies and CA files for an endpoint."""
    from requests.adapters import HTTPAdapter

    settings = session.merge_environment_settings(endpoint, {}, None, None, None)
    session.trust_env = False
    session.proxies = settings["proxies"]
    session.verify = True if settings["verify"] is None else settings["verify"]
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_connections=4, pool_maxsize=POOL, max_retries=0))


def _pieces(raw: Any, deadline: Deadline) -> Iterator[bytes]:
    # stored bytes are wanted, so nothing is decoded; an unread connection is dropped, a read one goes back to the pool
    raw.enforce_content_length = True
    try:
        while piece := raw.read1(STEP, decode_content=False):
            yield piece
            deadline.check()
    except BaseException:
        raw.close()
        raise
    raw.release_conn()


def error_text(raw: Any, deadline: Deadline) -> bytes:
    """Return the body of an error, not more of it than says what it is."""
    text = b""
    for piece in _pieces(raw, deadline):
        text += piece
        if len(text) > LONGEST_ERROR:
            break
    return text


def sendable(value: bytes | bytearray | memoryview) -> bytes | bytearray | memoryview:
    """Return a body that `requests` sends with a length: it takes an empty buffer for a stream without one."""
    return value if len(value) > io.DEFAULT_BUFFER_SIZE else bytes(value)


def content_range(headers: Mapping[str, str]) -> tuple[int, int, int]:
    """Return first byte, last byte and whole size of `bytes 0-9/10`; the last is before the first if there are none."""
    match = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
    if match is None:
        raise MalformedAnswerError
    first, last, total = match.groups()
    return int(first), int(last), int(total)


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield a foreign exception and everything that it wraps, however it does."""
    seen: set[int] = set()
    waiting: list[Any] = [error]
    while waiting:
        this = waiting.pop()
        if not isinstance(this, BaseException) or id(this) in seen:
            continue
        seen.add(id(this))
        yield this
        waiting += [this.__cause__, this.__context__, *this.args]
        waiting += [getattr(this, name, None) for name in ("reason", "inner_exception")]


def is_untrusted(error: BaseException) -> bool:
    """Whether a connection could not be made secure; one that ends early while it is secure is a network failure."""
    import ssl

    early = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
    from requests.exceptions import SSLError as RequestsSSLError
    from urllib3.exceptions import SSLError

    found = list(causes(error))
    return any(isinstance(each, ssl.SSLError | SSLError | RequestsSSLError) for each in found) and not any(
        isinstance(each, early) for each in found
    )


def is_network_failure(error: BaseException) -> bool:
    """Whether the service was not reached, or its answer did not arrive."""
    from http.client import HTTPException

    from urllib3.exceptions import HTTPError

    # what `requests` raises is an OSError too
    return any(isinstance(each, OSError | HTTPException | HTTPError) for each in causes(error))


def was_not_sent(error: BaseException) -> bool:
    """Whether a request surely did not reach the service: there was no connection."""
    from requests.exceptions import ConnectTimeout, ProxyError
    from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

    never = (ConnectTimeout, ProxyError, ConnectTimeoutError, NameResolutionError, NewConnectionError)
    return is_untrusted(error) or any(isinstance(each, never) for each in causes(error))


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of `Retry-After`, which is a number or a date (RFC 9110, 10.2.3)."""
    value = headers.get("Retry-After", "")
    if value.isdigit():
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (at - datetime.now(UTC)).total_seconds()) if at.tzinfo else None
