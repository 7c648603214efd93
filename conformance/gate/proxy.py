"""
The proxy: bytes pass as they are, heads are read only to know where a message ends.

One connection to the service for each one of a client, so that a service's resets, early refusals and idle closes reach the
client as they would without the gate. Upload and answer run at once; `100 Continue` is the service's own. Measured against
four other designs (aiohttp, h11, uvicorn): the only one through which 20 of 20 odd request targets arrived unaltered, and
0.25 to 0.42 ms a request.

With a judge, a request's proof is verified before anything of it is forwarded, and the last bytes of a body that is signed
are kept back until its hash is right: what was altered on the way never becomes an object.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from typing import TYPE_CHECKING

from conformance.gate.framing import READ, Headers, folded, has_body, read_body, read_head, says_close
from conformance.gate.judge import Accepted, Denied
from conformance.gate.proofs import Refused
from conformance.gate.recording import Open, Recorder
from conformance.gate.uploading import drained, upload, upload_checked

if TYPE_CHECKING:
    import ssl

    from conformance.gate.judge import Judge

CONNECT_S = 10.0

DRAIN_S = 10.0
"""Seconds that the rest of a refused request's body may take: closing with unread bytes would eat the answer."""


class Proxy:
    """One listening port in front of one service; without a judge it records only."""

    def __init__(self, host: str, port: int, *, judge: Judge | None = None, tls: ssl.SSLContext | None = None) -> None:
        self._upstream = (host, port)
        self.judge = judge
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()
        self._passing = 0
        self._released = asyncio.Event()
        self._released.set()
        self._dropping = False
        self.held = 0
        self.recorder = Recorder()

    async def listen(self) -> int:
        """Listen on a free loopback port and return it.

        `start_server` makes a TCP socket of protocol 6, on which asyncio sets TCP_NODELAY; one from
        `socket.create_server` has protocol 0, and a small GET took 46 ms instead of 3.
        """
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=READ, ssl=self._tls)
        address: tuple[str, int] = self._server.sockets[0].getsockname()
        return address[1]

    async def close(self) -> None:
        """Stop listening and drop the connections."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._clients):
            writer.transport.abort()

    def hold(self, after: int) -> None:
        """Let so many requests pass, and keep those that follow waiting until `release`."""
        self._passing = after
        self._dropping = False
        self.held = 0
        self._released.clear()

    def release(self) -> None:
        """Let all requests pass, the waiting ones too."""
        self._released.set()

    def drop(self) -> None:
        """Let all requests pass but the waiting ones, whose connections end; the service never hears of them."""
        self._dropping = True
        self._released.set()

    async def _turn(self) -> None:
        """Wait until a request may pass."""
        if self._released.is_set():
            return
        if self._passing:
            self._passing -= 1
            return
        self.held += 1
        await self._released.wait()
        if self._dropping:
            raise ConnectionAbortedError("the request was dropped")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        up: asyncio.StreamWriter | None = None
        try:
            idle = Idle(reader, writer)
            async with asyncio.timeout(CONNECT_S):
                up_reader, up_writer = await _connected(*self._upstream, idle)
            up = up_writer
            while await self._one(reader, writer, up_reader, up_writer, idle):
                pass
        except ConnectionResetError:
            _reset(writer)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError, ValueError, TimeoutError):
            pass  # the other side sees the connection end, as it would without the gate
        except asyncio.CancelledError:
            pass  # the gate ends; asyncio 3.11 prints a task of a stream that was cancelled as if it had failed
        finally:
            self._clients.discard(writer)
            for side in (writer, up):
                if side is not None:
                    side.close()

    async def _one(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        up_reader: asyncio.StreamReader,
        up: asyncio.StreamWriter,
        idle: Idle,
    ) -> bool:
        """Pass one exchange; true if both connections live on."""
        if up_reader.at_eof():
            raise ConnectionAbortedError("the service closed the connection")
        with idle:
            raw, start, pairs = await read_head(reader)
        await self._turn()
        method, target, _version = start.split(b" ", 2)
        headers = folded(pairs)
        exchange = Open(_text(method), _text(target), [(_text(k), _text(v)) for k, v in pairs], time.monotonic())
        accepted: Accepted | None = None
        if self.judge is not None:
            judged = self.judge.judge(raw, start, pairs)
            exchange.identity = judged.identity
            if isinstance(judged, Denied):
                await self._deny(exchange, judged, reader, writer, headers)
                return False
            accepted, raw = judged, judged.head
        if not has_body(headers) and (accepted is None or accepted.body is None):
            up.write(raw)  # half of all requests: two tasks less
            return await self._finish(exchange, writer, headers, await self._answer(exchange, writer, up_reader))
        uploading = asyncio.ensure_future(
            upload(exchange, reader, up, raw, headers)
            if accepted is None or accepted.body is None
            else upload_checked(exchange, reader, up, raw, headers, accepted.body)
        )
        answering = asyncio.ensure_future(self._answer(exchange, writer, up_reader))
        try:
            await asyncio.wait((uploading, answering), return_when=asyncio.FIRST_COMPLETED)
            if uploading.done():
                uploading.result()  # a client that went away in the middle ends the exchange
            return await self._finish(exchange, writer, headers, await answering) and uploading.done()
        except Refused as refused:
            if self.judge is None or accepted is None or exchange.status is not None:
                raise ConnectionAbortedError("the body was altered, and the service answered before its end") from None
            self._deny_late(exchange, self.judge.deny(refused, accepted.request), writer, up)
            await writer.drain()
            return False
        finally:
            for task in (uploading, answering):
                task.cancel()
            await asyncio.gather(uploading, answering, return_exceptions=True)

    @staticmethod
    async def _finish(exchange: Open, writer: asyncio.StreamWriter, headers: Headers, answer: Headers) -> bool:
        """See an answer off; true if nothing of the two messages says that a connection ends with them."""
        await writer.drain()
        bare = exchange.method == "HEAD" or exchange.status in (204, 304)
        kept = bare or b"content-length" in answer or b"chunked" in answer.get(b"transfer-encoding", b"").lower()
        return kept and not (says_close(headers) or says_close(answer))

    async def _deny(
        self,
        exchange: Open,
        denied: Denied,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        headers: Headers,
    ) -> None:
        """Answer in the provider's stead; then read what is still sent, as closing before would eat the answer."""
        self._record_denied(exchange, denied)
        writer.write(denied.answer)
        await writer.drain()
        if b"expect" not in headers:  # who waits for `100 Continue` sends no body now
            await asyncio.wait_for(drained(exchange, reader, headers), DRAIN_S)

    def _deny_late(
        self, exchange: Open, denied: Denied, writer: asyncio.StreamWriter, up: asyncio.StreamWriter
    ) -> None:
        """Answer after the body was found altered: the service never gets its last bytes, but a reset."""
        self._record_denied(exchange, denied)
        _reset(up)
        writer.write(denied.answer)

    def _record_denied(self, exchange: Open, denied: Denied) -> None:
        exchange.refused, exchange.status = denied.code, denied.status
        self.recorder.close(exchange)

    async def _answer(self, exchange: Open, writer: asyncio.StreamWriter, up_reader: asyncio.StreamReader) -> Headers:
        """Pass the answer on; the exchange is recorded before its last bytes leave, so that who has read it can see it."""
        try:
            while True:
                raw, start, pairs = await read_head(up_reader)
                status = int(start.split(b" ", 2)[1])
                if status >= 200:
                    break
                writer.write(raw)
            exchange.status = status
            headers = folded(pairs)
            if self.judge is not None and b"location" in headers and status < 400:
                self.judge.opened(exchange.identity, headers[b"location"])
            waiting = raw
            if exchange.method != "HEAD" and status not in (204, 304):
                whole = int(headers.get(b"content-length", b"0"))
                async for is_payload, piece in read_body(up_reader, headers, until_close=True):
                    if len(piece) == whole:
                        waiting += piece  # a small answer leaves in one packet, and wakes its reader once
                    else:
                        writer.write(waiting)
                        await writer.drain()
                        waiting = piece
                    if is_payload:
                        exchange.response_bytes += len(piece)
            self.recorder.close(exchange)
            writer.write(waiting)
            return headers
        finally:
            self.recorder.close(exchange)


class Idle:
    """The time between two requests of a client: a service that ends its connection then ends the client's too."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._is_now = False

    def __enter__(self) -> None:
        self._is_now = True

    def __exit__(self, *_: object) -> None:
        self._is_now = False

    def service_ended(self) -> None:
        """End the waiting for the next request, if it is waited for; an exchange under way sees the end by itself."""
        if self._is_now:
            self._writer.transport.pause_reading()  # type: ignore[attr-defined]  # bytes after the end are an error
            self._reader.feed_eof()


class _Upstream(asyncio.StreamReaderProtocol):
    """The service's side, which tells when it ends: asking a stream for that takes two tasks a request."""

    def __init__(self, reader: asyncio.StreamReader, idle: Idle) -> None:
        super().__init__(reader)
        self._idle = idle

    def eof_received(self) -> bool:
        self._idle.service_ended()
        return bool(super().eof_received())

    def connection_lost(self, exc: Exception | None) -> None:
        self._idle.service_ended()
        super().connection_lost(exc)


async def _connected(host: str, port: int, idle: Idle) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to the service."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=READ, loop=loop)
    protocol = _Upstream(reader, idle)
    transport, _ = await loop.create_connection(lambda: protocol, host, port)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


def _text(raw: bytes) -> str:
    return raw.decode("ascii", "backslashreplace")


def _reset(writer: asyncio.StreamWriter) -> None:
    """Answer a reset with a reset: `close` alone would be an orderly end."""
    connection = writer.transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
