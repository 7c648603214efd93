"""
A proxy that reads nothing: the least that any proxy in this language costs, to compare the gate with.

    python benchmarks/pass_through.py PORT

passes connections on to that port of this machine and prints its own; it ends with its standard input.
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import uvloop


class Side(asyncio.Protocol):
    """One connection; what comes goes to the other one, which may not be there yet."""

    def __init__(self, other: Side | None = None) -> None:
        self.other = other
        self.waiting = b""
        self.transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send what waited; a client's connection asks for one to the service."""
        self.transport = cast("asyncio.WriteTransport", transport)
        if self.other is None:
            service = self.other = Side(self)
            loop = asyncio.get_running_loop()
            self.connecting = loop.create_task(loop.create_connection(lambda: service, "127.0.0.1", PORT))
        elif self.waiting:
            self.transport.write(self.waiting)

    def data_received(self, data: bytes) -> None:
        """Pass on."""
        assert self.other is not None
        if self.other.transport is None:
            self.other.waiting += data
        else:
            self.other.transport.write(data)

    def connection_lost(self, _error: Exception | None) -> None:
        """End the other one too."""
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()


async def serve() -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Side, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    PORT = int(sys.argv[1])
    uvloop.run(serve())
