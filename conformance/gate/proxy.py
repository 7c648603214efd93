"""
The proxy: bytes pass as they are, heads are read only to know where a message ends.

One connection to the service for each one of a client, so that a service's resets, early refusals and idle closes reach the
client as they would without the gate. Upload and answer run at once; `100 Continue` is the service's own. Measured against
three other designs (aiohttp, h11, uvicorn): the only one through which 20 of 20 odd request targets arrived unaltered.

With a judge, a request's proof is verified before anything of it is forwarded, and the last bytes of a body that is signed
are kept back until its hash is right: what was altered on the way never becomes an object.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from conformance.gate.recording import Recorder
from conformance.gate.relay import Relay

if TYPE_CHECKING:
    import ssl

    from conformance.gate.judge import Judge
    from conformance.gate.side import Side


class Proxy:
    """One listening port in front of one service; without a judge it records only.

    Attributes:
        upstream: host and port of the service.
        judge: who decides, None to record only.
        recorder: what was seen.
        held: how many requests came to wait since `hold`.
    """

    def __init__(self, host: str, port: int, *, judge: Judge | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.upstream = (host, port)
        self.judge = judge
        self.recorder = Recorder()
        self.held = 0
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._relays: set[Relay] = set()
        self._passing: int | None = None
        self._waiting: list[Relay] = []

    async def listen(self) -> int:
        """Listen on a free loopback port and return it.

        `create_server` of the loop makes a TCP socket of protocol 6, on which asyncio sets TCP_NODELAY; one from
        `socket.create_server` has protocol 0, and a small GET took 46 ms instead of 3.
        """
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._accepted, "127.0.0.1", 0, ssl=self._tls)
        address: tuple[str, int] = self._server.sockets[0].getsockname()
        return address[1]

    async def close(self) -> None:
        """Stop listening and drop the connections."""
        if self._server is not None:
            self._server.close()
        for relay in list(self._relays):
            relay.client.abort()
            relay.end()

    def hold(self, after: int) -> None:
        """Let so many requests pass, and keep those that follow waiting until `release`."""
        self._passing = after
        self.held = 0

    def release(self) -> None:
        """Let all requests pass, the waiting ones too."""
        loop = asyncio.get_running_loop()
        for relay in self._let_go():
            loop.call_soon(relay.go_on)  # each by itself: one that fails leaves none of the others waiting

    def drop(self) -> None:
        """Let all requests pass but the waiting ones, whose connections end; the service never hears of them."""
        for relay in self._let_go():
            relay.end()

    def gives_turn(self, relay: Relay) -> bool:
        """Whether the next request of a relay may pass; else it is told to go on, or to end, once it may."""
        if self._passing is None:
            return True
        if self._passing:
            self._passing -= 1
            return True
        self._waiting.append(relay)
        self.held += 1
        return False

    def holds(self, relay: Relay) -> bool:
        """Whether a request of a relay waits for its turn."""
        return relay in self._waiting

    def keep(self, relay: Relay) -> None:
        """Hold a relay whose client's connection is there, after its TLS handshake if it has one."""
        self._relays.add(relay)

    def forget(self, relay: Relay) -> None:
        """Let go of a relay that is over."""
        self._relays.discard(relay)
        if relay in self._waiting:
            self._waiting.remove(relay)

    def _let_go(self) -> list[Relay]:
        self._passing = None
        waiting, self._waiting = self._waiting, []
        return waiting

    def _accepted(self) -> Side:
        return Relay(self).client
