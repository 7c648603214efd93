"""
The way of an answer to the client: as it comes, in as few packets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.gate.framing import Headers, Sized, body_of, first_line, head_end, headers_of, says_close

if TYPE_CHECKING:
    from conformance.gate.framing import Body
    from conformance.gate.recording import Open


class Answer:
    """The answer to one request; the exchange is told its status and the bytes of its payload.

    Attributes:
        headers: of the final head, empty until it was read.
        waiting: a head that waits for the first of its body.
        rest: what was read after the end.
    """

    def __init__(self, exchange: Open) -> None:
        self.headers: Headers = {}
        self.waiting = b""
        self.rest = b""
        self._exchange = exchange
        self._read = b""
        self._body: Body | None = None

    @property
    def has_ended(self) -> bool:
        """Whether all of it was read."""
        return self._body is not None and self._body.has_ended

    @property
    def says_close(self) -> bool:
        """Whether the connection ends with it."""
        return says_close(self.headers)

    def take(self, data: bytes) -> bytes:
        """Return what goes on to the client now; raises `ValueError` for what is no answer.

        A head waits for the first of its body: a small answer leaves in one packet, and wakes its reader once.
        """
        heads = b""
        if self._body is None:
            data, self._read = self._read + data, b""
        while self._body is None:
            end = head_end(data)
            if not end:
                self._read = data
                return heads
            heads += data[:end]
            self._body = self._after(data[:end])
            data = data[end:]
        pieces, self.rest = self._body.take(data)
        self._exchange.response_bytes = self._body.payload
        if heads and not pieces and not self._body.has_ended:
            self.waiting = heads
            return b""
        heads, self.waiting = self.waiting + heads, b""
        return heads + data[: len(data) - len(self.rest)]

    def _after(self, raw: bytes) -> Body | None:
        """Return the body after a head, None after that of an interim answer."""
        _version, told, *_reason = first_line(raw).split(b" ", 2)
        status = int(told)
        if status < 200:
            return None
        self._exchange.status = status
        self.headers = headers_of(raw)
        if self._exchange.method == b"HEAD" or status in (204, 304):
            return Sized(0)
        return body_of(self.headers, until_close=True)
