"""
One of the two connections of a relay.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable


class Side(asyncio.Protocol):
    """A connection that tells that it was made, what comes, how it ends, and whether it is full.

    Attributes:
        has_ended: whether the other end sends no more.
        error: what ended it, None for an orderly end.
        is_full: whether what is sent piles up.
        reads: whether what comes is read.
    """

    def __init__(
        self,
        made: Callable[[], None],
        came: Callable[[bytes], None],
        ended: Callable[[Exception | None], None],
        changed: Callable[[], None],
    ) -> None:
        """Keep whom to tell.

        Args:
            made: called once it is made.
            came: takes bytes.
            ended: takes what ended it; called once.
            changed: called when `is_full` changes.
        """
        self.has_ended = False
        self.error: Exception | None = None
        self.is_full = False
        self._made = made
        self._came = came
        self._ended = ended
        self._changed = changed
        self.reads = True
        self._transport: asyncio.Transport | None = None

    @property
    def is_made(self) -> bool:
        """Whether it was made, whatever became of it."""
        return self._transport is not None

    def send(self, data: bytes) -> bool:
        """Send; false if nobody is there any more."""
        if self._transport is None or self._transport.is_closing():
            return False
        self._transport.write(data)
        return True

    def read(self, *, wanted: bool) -> None:
        """Read on, or let the other end wait."""
        if wanted is self.reads or self._transport is None or self._transport.is_closing():
            return
        self.reads = wanted
        if wanted:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def close(self) -> None:
        """End once all was sent."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """End now."""
        if self._transport is not None:
            self._transport.abort()

    def reset(self) -> None:
        """End now by a reset: `abort` alone would be an orderly end."""
        if self._transport is None or self._transport.is_closing():
            return  # its socket may be gone
        connection = self._transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._made()

    def data_received(self, data: bytes) -> None:
        """Tell what came."""
        self._came(data)

    def eof_received(self) -> bool:
        """Tell that no more comes; true to send what is still to be sent, but TLS has no half of an end."""
        self._end(None)
        return self._transport is not None and self._transport.get_extra_info("sslcontext") is None

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the end, and let go of whom it was told to: a circle of objects would be left to the collector."""
        self._end(exc)
        if self.is_full:
            self.resume_writing()  # the other side would wait for ever
        self._made = self._came = self._ended = self._changed = _nobody

    def pause_writing(self) -> None:
        """Tell that it is full."""
        self.is_full = True
        self._changed()

    def resume_writing(self) -> None:
        """Tell that it is not full any more."""
        self.is_full = False
        self._changed()

    def _end(self, error: Exception | None) -> None:
        if not self.has_ended:
            self.has_ended = True
            self.error = error
            self._ended(error)


def _nobody(*_: object) -> None:
    """Listen to nothing."""
