"""
The way of a request's body to the service: as it comes, or one piece late, behind what checks it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.gate.framing import Headers, has_body, read_body
from conformance.gate.proofs import Refused

if TYPE_CHECKING:
    import asyncio

    from conformance.gate.proofs import BodyCheck
    from conformance.gate.recording import Open


async def upload(
    exchange: Open, reader: asyncio.StreamReader, up: asyncio.StreamWriter, raw: bytes, headers: Headers
) -> None:
    """Pass a head and its body on as they come."""
    up.write(raw)
    async for is_payload, piece in read_body(reader, headers, until_close=False):
        try:
            up.write(piece)
            await up.drain()
        except ConnectionError:
            return  # the service refuses in the middle of the upload; its answer may still be on the way
        if is_payload:
            exchange.request_bytes += len(piece)


async def upload_checked(
    exchange: Open,
    reader: asyncio.StreamReader,
    up: asyncio.StreamWriter,
    raw: bytes,
    headers: Headers,
    check: BodyCheck,
) -> None:
    """Pass a body on, one piece late; raises `Refused` if it is not what was signed, once all of it was read."""
    refused: Refused | None = None
    held = [raw]
    if has_body(headers):
        await _flushed(up, held)  # a client may wait for the service's `100 Continue` before it sends more
    async for is_payload, piece in read_body(reader, headers, until_close=False):
        if refused is not None:
            continue
        if is_payload:
            await _flushed(up, held)
            exchange.request_bytes += len(piece)
            try:
                check.update(piece)
            except Refused as error:
                refused = error
        held.append(piece)
    if refused is not None:
        raise refused
    check.finish()
    await _flushed(up, held)


async def _flushed(up: asyncio.StreamWriter, held: list[bytes]) -> None:
    """Send what was held back; a service that refuses in the middle of an upload may still answer."""
    data = b"".join(held)
    held.clear()
    try:
        up.write(data)
        await up.drain()
    except ConnectionError:
        return


async def drained(exchange: Open, reader: asyncio.StreamReader, headers: Headers) -> None:
    """Read a body to its end, for nobody."""
    async for is_payload, piece in read_body(reader, headers, until_close=False):
        if is_payload:
            exchange.request_bytes += len(piece)
