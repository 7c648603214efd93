"""
The way of a request's body to the service: as it comes, or one piece late, behind what checks it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from conformance.gate.proofs import Refused

if TYPE_CHECKING:
    from conformance.gate.framing import Body
    from conformance.gate.proofs import BodyCheck
    from conformance.gate.recording import Open


class Upload(Protocol):
    """The body of a request whose head was read."""

    @property
    def has_ended(self) -> bool:
        """Whether all of it was read."""

    def take(self, data: bytes) -> tuple[bytes, bytes]:
        """Return what goes on to the service now, and what follows the body.

        Raises `Refused` if the body is not what was signed, once all of it was read, and `ValueError` for broken framing.
        """


class Passed:
    """A body that passes as it comes."""

    def __init__(self, exchange: Open, body: Body) -> None:
        self._exchange = exchange
        self._body = body

    @property
    def has_ended(self) -> bool:
        """Whether all of it was read."""
        return self._body.has_ended

    def take(self, data: bytes) -> tuple[bytes, bytes]:
        """Let everything pass."""
        _, rest = self._body.take(data)
        self._exchange.request_bytes = self._body.payload
        return data[: len(data) - len(rest)], rest


class Checked:
    """A body that is signed: its last piece waits until all of it is known to be right."""

    def __init__(self, exchange: Open, body: Body, check: BodyCheck) -> None:
        self._exchange = exchange
        self._body = body
        self._check = check
        self._held: list[bytes] = []
        self._refused: Refused | None = None

    @property
    def has_ended(self) -> bool:
        """Whether all of it was read."""
        return self._body.has_ended

    def take(self, data: bytes) -> tuple[bytes, bytes]:
        """Let pass what came before, and nothing more of a body that was refused."""
        pieces, rest = self._body.take(data)
        self._exchange.request_bytes = self._body.payload
        passed: list[bytes] = []
        for is_payload, piece in pieces:
            if is_payload and self._refused is None:
                passed += self._held
                self._held.clear()
                try:
                    self._check.update(piece)
                except Refused as error:
                    self._refused = error
            self._held.append(piece)
        if self._refused is not None:
            self._held.clear()
        if self._body.has_ended:
            if self._refused is not None:
                raise self._refused
            self._check.finish()
            passed += self._held
        return b"".join(passed), rest


class Drained:
    """A body that is read for nobody."""

    def __init__(self, body: Body) -> None:
        self._body = body

    @property
    def has_ended(self) -> bool:
        """Whether all of it was read."""
        return self._body.has_ended

    def take(self, data: bytes) -> tuple[bytes, bytes]:
        """Let nothing pass."""
        return b"", self._body.take(data)[1]
