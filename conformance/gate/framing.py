"""
Where a message ends: heads and bodies as they are on the wire, taken in pieces as they come.
"""

from __future__ import annotations

import re
from typing import Protocol

READ = 256 * 1024
"""The longest head, and the longest line of chunk framing."""

Headers = dict[bytes, bytes]
"""By lower-case name, those that the gate itself goes by; of a repeated one the last."""

Pairs = list[tuple[bytes, bytes]]
"""Names as sent and values, in order."""

Pieces = list[tuple[bool, bytes]]
"""Bytes of a body as on the wire, and whether they are payload or chunk framing."""

_HEADER = re.compile(
    rb"\r\n(connection|content-length|expect|location|transfer-encoding):(.*?)(?=\r\n)", re.IGNORECASE | re.DOTALL
)


class Body(Protocol):
    """A body under way: whether all of it was taken, and how many bytes of payload."""

    has_ended: bool
    payload: int

    def take(self, data: bytes) -> tuple[Pieces, bytes]:
        """Return what of the data belongs to the body, and what follows it; raises `ValueError` for broken framing."""


class Sized:
    """A body with a `Content-Length`, or none at all."""

    def __init__(self, size: int) -> None:
        if size < 0:
            raise ValueError(f"Content-Length is below zero: {size}")
        self.has_ended = size == 0
        self.payload = 0
        self._left = size

    def take(self, data: bytes) -> tuple[Pieces, bytes]:
        """Take so many bytes."""
        mine = data[: self._left]
        self._left -= len(mine)
        self.payload += len(mine)
        self.has_ended = self._left == 0
        return [(True, mine)] if mine else [], data[len(mine) :]


class Chunked:
    """A body in chunks, with its trailer: RFC 9112, 7.1."""

    def __init__(self) -> None:
        self.has_ended = False
        self.payload = 0
        self._left = 0
        self._line = b""
        self._is_trailer = False

    def take(self, data: bytes) -> tuple[Pieces, bytes]:
        """Take chunks, and pieces of them."""
        pieces: Pieces = []
        at = 0
        while at < len(data) and not self.has_ended:
            is_payload = self._left > 0
            if is_payload:
                piece = data[at : at + self._left]
                self._left -= len(piece)
                self.payload += len(piece)
            else:
                piece = data[at : data.find(b"\n", at) + 1 or len(data)]
                self._read(piece)
            pieces.append((is_payload, piece))
            at += len(piece)
        return pieces, data[at:]

    def _read(self, piece: bytes) -> None:
        """Understand a line of the framing, once it is whole."""
        self._line += piece
        if len(self._line) > READ:
            raise ValueError("a line of chunk framing does not end")
        if not self._line.endswith(b"\n"):
            return
        line, self._line = self._line, b""
        if self._is_trailer:
            self.has_ended = line == b"\r\n"
        elif line != b"\r\n":  # which ends the payload of a chunk
            self._left = int(line.split(b";")[0], 16)
            self._is_trailer = self._left == 0


class UntilClose:
    """An answer's body that ends with its connection."""

    def __init__(self) -> None:
        self.has_ended = False
        self.payload = 0

    def take(self, data: bytes) -> tuple[Pieces, bytes]:
        """Take everything."""
        self.payload += len(data)
        return [(True, data)] if data else [], b""


def head_end(data: bytes) -> int:
    """Return how long the head is with which data begins, 0 if it is not whole; raises `ValueError` for one too long."""
    found = data.find(b"\r\n\r\n")
    if found > READ or (found < 0 and len(data) > READ):
        raise ValueError("a head does not end")
    return found + 4 if found >= 0 else 0


def first_line(raw: bytes) -> bytes:
    """Return the first line of a raw head."""
    return raw[: raw.index(b"\r\n")]


def headers_of(raw: bytes) -> Headers:
    """Return those headers of a raw head that the gate goes by: all of them would take it longer than to pass them on."""
    return {name.lower(): value.strip() for name, value in _HEADER.findall(raw)}


def pairs_of(raw: bytes) -> Pairs:
    """Return all headers of a raw head."""
    return [(name, value.strip()) for name, _, value in (line.partition(b":") for line in raw[:-4].split(b"\r\n")[1:])]


def body_of(headers: Headers, *, until_close: bool = False) -> Body:
    """Return the body that follows a head; one without a size is none, or ends with the connection."""
    if b"chunked" in headers.get(b"transfer-encoding", b"").lower():
        return Chunked()
    if b"content-length" in headers:
        return Sized(int(headers[b"content-length"]))
    return UntilClose() if until_close else Sized(0)


def says_close(headers: Headers) -> bool:
    """Whether the connection ends with this message."""
    return b"close" in headers.get(b"connection", b"").lower()
