"""
A service on loopback that answers what a test says, faults included; it keeps what it was asked.

The answers are those of a function from request to `Reply`, so that a test is a script: it looks at how often and for
what it is asked, and says what comes back.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator
    from email.message import Message


@dataclass(frozen=True, slots=True)
class Asked:
    """One request."""

    method: str
    target: str
    headers: Message
    body: bytes

    @property
    def path(self) -> str:
        """The target without its query, still encoded."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the target, the last of each."""
        return {
            name: values[-1] for name, values in parse_qs(urlsplit(self.target).query, keep_blank_values=True).items()
        }

    def span(self) -> tuple[int, int]:
        """Return first byte and byte after the last one of the range that is asked for."""
        first, _, last = (self.headers.get("x-ms-range") or self.headers["Range"]).removeprefix("bytes=").partition("-")
        return int(first), int(last) + 1


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer; `announced` is a Content-Length that is not true, `reset` answers nothing, `hang` never ends."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    announced: int | None = None
    reset: bool = False
    hang: bool = False


RESET = Reply(reset=True)
HANG = Reply(hang=True)


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that went away, or does not trust us."""


class Scripted:
    """A running service and what it was asked, in order; with `tls` it speaks https."""

    def __init__(self, answer: Callable[[Asked], Reply], tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[Asked] = []
        self.released = threading.Event()
        self._answer = answer
        self._lock = threading.Lock()
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                asked = Asked(self.command, self.path, self.headers, self.rfile.read(length))
                with scripted._lock:
                    scripted.asked.append(asked)
                reply = scripted._answer(asked)
                if reply.hang:
                    scripted.released.wait(60)
                if reply.hang or reply.reset:
                    self.close_connection = True
                    return
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                announced = len(reply.body) if reply.announced is None else reply.announced
                if "Content-Length" not in reply.headers:
                    self.send_header("Content-Length", str(announced))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(reply.body)
                if announced != len(reply.body):
                    self.close_connection = True

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _serve  # noqa: N815 - names of the standard library

            def log_message(self, *_arguments: object) -> None:
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if tls is not None:
            # hands are shaken at the first read, in the thread of the connection
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self._server.server_address[1]}"

    def serve(self) -> None:
        """Answer until `stop`."""
        self._server.serve_forever(poll_interval=0.02)

    def stop(self) -> None:
        """End, hanging answers included."""
        self.released.set()
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def scripted(answer: Callable[[Asked], Reply], tls: ssl.SSLContext | None = None) -> Iterator[Scripted]:
    """Run a service for as long as the block."""
    service = Scripted(answer, tls)
    thread = threading.Thread(target=service.serve, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        service.stop()
        thread.join(timeout=5)


def in_turn(*replies: Reply) -> Callable[[Asked], Reply]:
    """Return an answer that gives these replies one after the other, and the last one from then on."""
    waiting = list(replies)
    lock = threading.Lock()

    def answer(_asked: Asked) -> Reply:
        with lock:
            return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    return answer
