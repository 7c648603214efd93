"""
Takes connections of a server in a thread, and stops at once.

`serve_forever` sees that it is to stop only when its next look is due; with the two servers of the plainest world that was
half of the world's time.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from socketserver import TCPServer

END_S = 5.0


class Listening:
    """A thread that hands connections to a server."""

    def __init__(self, server: TCPServer) -> None:
        self._server = server
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._take, daemon=True, name="fake")
        self._thread.start()

    def stop(self) -> None:
        """Take no more connections, and give the port back."""
        self._over.set()
        # wakes the thread, which waits for a connection
        host, port = self._server.socket.getsockname()[:2]
        with suppress(OSError), socket.create_connection((host, port), timeout=END_S):
            pass
        self._thread.join(END_S)
        self._server.server_close()

    def _take(self) -> None:
        while not self._over.is_set():
            self._server.handle_request()
