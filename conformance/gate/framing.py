"""
Where a message ends: heads and bodies as they are on the wire.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

READ = 256 * 1024
"""Bytes read at once, and the longest head."""

Headers = dict[bytes, bytes]
"""By lower-case name; of a repeated one the last."""

Pairs = list[tuple[bytes, bytes]]
"""Names as sent and values, in order."""


async def read_head(reader: asyncio.StreamReader) -> tuple[bytes, bytes, Pairs]:
    """Return the raw head, its first line, and its headers."""
    raw = await reader.readuntil(b"\r\n\r\n")
    first, *lines = raw[:-4].split(b"\r\n")
    return raw, first, [(name, value.strip()) for name, _, value in (line.partition(b":") for line in lines)]


async def read_body(
    reader: asyncio.StreamReader, headers: Headers, *, until_close: bool
) -> AsyncIterator[tuple[bool, bytes]]:
    """Yield the body as on the wire, and whether a piece is payload or chunk framing."""
    if b"chunked" in headers.get(b"transfer-encoding", b"").lower():
        while True:
            line = await reader.readline()
            yield False, line
            size = int(line.split(b";")[0], 16)
            if size == 0:
                while line not in (b"\r\n", b""):
                    line = await reader.readline()
                    yield False, line
                return
            async for piece in _exactly(reader, size):
                yield True, piece
            yield False, await reader.readexactly(2)
    elif b"content-length" in headers:
        async for piece in _exactly(reader, int(headers[b"content-length"])):
            yield True, piece
    elif until_close:
        while piece := await reader.read(READ):
            yield True, piece


async def _exactly(reader: asyncio.StreamReader, size: int) -> AsyncIterator[bytes]:
    while size:
        piece = await reader.read(min(size, READ))
        if not piece:
            raise asyncio.IncompleteReadError(b"", size)
        size -= len(piece)
        yield piece


def folded(pairs: Pairs) -> Headers:
    """Return headers by name."""
    return {name.lower(): value for name, value in pairs}


def says_close(headers: Headers) -> bool:
    """Whether the connection ends with this message."""
    return b"close" in headers.get(b"connection", b"").lower()


def has_body(headers: Headers) -> bool:
    """Whether bytes follow the head of a request."""
    return b"chunked" in headers.get(b"transfer-encoding", b"").lower() or headers.get(b"content-length", b"0") != b"0"
