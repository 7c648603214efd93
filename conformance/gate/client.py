"""
The runner's side of the gate.
"""

from __future__ import annotations

import time
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from conformance.gate.recording import Exchange
from conformance.line_process import LineProcess, LineProcessError, started

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from conformance.certificates import Certificate
    from conformance.gate.authority import Authority
    from conformance.identities import Identity

POLL_S = 0.01

GateError = LineProcessError
"""The gate does not answer, or refuses a command; ours to mend."""


class Gate:
    """A running gate."""

    def __init__(self, process: LineProcess) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def open(self, upstream: str, *, authority: Authority | None = None, tls: Certificate | None = None) -> Tap:
        """Listen on a new port in front of the service at a base URL such as `http://127.0.0.1:9000`.

        Args:
            upstream: the service.
            authority: rules by which the gate verifies every request and answers refusals itself; None records only.
            tls: what the port shows, its URL then begins with `https://localhost`; None is plain http.
        """
        parts = urlsplit(upstream)
        if parts.scheme != "http" or parts.hostname is None:
            raise GateError(f"the gate stands in front of http services only: {upstream}")
        command: dict[str, Any] = {"do": "open", "host": parts.hostname, "port": parts.port or 80}
        if authority is not None:
            command["authority"] = authority.to_json()
        if tls is not None:
            command["tls"] = tls.to_json()
        answer = self.ask(command)
        base = "https://localhost" if tls else "http://127.0.0.1"
        return Tap(self, answer["tap"], f"{base}:{answer['port']}{parts.path}")

    def ask(self, command: dict[str, Any]) -> dict[str, Any]:
        """Send a command and return its answer; raises `GateError`."""
        return self._process.ask(command)


@dataclass(frozen=True, slots=True)
class Tap:
    """One port of the gate in front of one service."""

    gate: Gate
    number: int
    url: str

    def requests(self) -> list[Exchange]:
        """Return every exchange whose answer has begun to reach its last byte, in that order.

        What a client has read whole is in it: an exchange is recorded before its last bytes leave the gate.
        """
        answer = self.gate.ask({"do": "requests", "tap": self.number})
        return [Exchange.from_json(values) for values in answer["requests"]]

    def signers(self) -> list[str | None]:
        """Return the labels of the verified identities, in the order of `requests`; None for an unsigned request."""
        return [exchange.identity for exchange in self.requests()]

    def know(self, *identities: Identity) -> None:
        """Believe these too, from now on; one with a known label replaces it."""
        told = [identity.to_json() for identity in identities]
        self.gate.ask({"do": "know", "tap": self.number, "identities": told})

    def forget(self, label: str) -> None:
        """Believe this one no longer; raises `GateError` if it was not known."""
        self.gate.ask({"do": "forget", "tap": self.number, "label": label})

    def clear(self) -> None:
        """Forget what was seen."""
        self.gate.ask({"do": "clear", "tap": self.number})

    @contextmanager
    def holding(self, after: int) -> Iterator[Hold]:
        """Let `after` requests pass and keep the next ones waiting, until they are released or the body ends."""
        self.gate.ask({"do": "hold", "tap": self.number, "after": after})
        hold = Hold(self)
        try:
            yield hold
        finally:
            hold.release()

    def close(self) -> None:
        """Stop listening and drop the connections."""
        self.gate.ask({"do": "close", "tap": self.number})


@dataclass(frozen=True, slots=True)
class Hold:
    """Requests that wait at the gate, so that a check can change something in the middle of an operation."""

    tap: Tap

    def wait(self, operation: Future[Any], limit_s: float) -> None:
        """Return once a request waits, or the operation is over; raises `GateError` if neither comes."""
        late = time.monotonic() + limit_s
        while not operation.done() and not self.tap.gate.ask({"do": "held", "tap": self.tap.number})["held"]:
            if time.monotonic() > late:
                raise GateError(f"no request came within {limit_s:.0f} s, and the operation did not end")
            futures.wait([operation], timeout=POLL_S)

    def release(self) -> None:
        """Let the requests pass."""
        self.tap.gate.ask({"do": "release", "tap": self.tap.number})

    def drop(self) -> None:
        """End the connections of the requests that wait, so that what a killed client sent does not arrive later."""
        self.tap.gate.ask({"do": "drop", "tap": self.tap.number})


@contextmanager
def start_gate() -> Iterator[Gate]:
    """Start the gate's process; it ends with the context, or with this process."""
    with started("conformance.gate") as process:
        yield Gate(process)
