"""
A proxy that plays hosts whose names are fixed, and tells on everybody who asks for another.

A world's HTTPS_PROXY names it. To CONNECT for a host that a fake plays it says yes, and shows a certificate of the run's
CA; everything else is refused with 403 and kept as a leak, requests for plain http too, for which HTTP_PROXY has to name it.
Whoever minds NO_PROXY asks it nothing about loopback; what asks nevertheless is refused, and is a leak by that name.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar, Self
from urllib.parse import urlsplit

from conformance.fakes.listening import Listening
from conformance.fakes.serving import LONGEST_BODY, STALL_S, Asked, Fake, FakeServer, Fault, Request

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

CHUNK = 64 * 1024


class ConnectProxy:
    """
    A proxy on a free port of 127.0.0.1; `url` is what HTTPS_PROXY is set to.

    Args:
        hosts: who plays which host; names in lower case, without port.
        context_for: returns the server side's TLS context for a host; called once per host, at its first CONNECT.
        clock_s: what the clock of the fakes is ahead by.
        faults: how a host fails.

    Attributes:
        servers: the fakes that were asked for, by host, each with its own record.
        connects: the hosts of all CONNECT requests, in order, also of those that came to nothing after.
        leaks: the hosts that were asked for and that nobody plays, and those of requests for plain http.
    """

    def __init__(
        self,
        hosts: Mapping[str, Fake],
        context_for: Callable[[str], ssl.SSLContext],
        *,
        clock_s: float = 0.0,
        faults: Mapping[str, Fault] | None = None,
    ) -> None:
        self.servers: dict[str, FakeServer] = {}
        self.connects: list[str] = []
        self.leaks: list[str] = []
        self.clock_s = clock_s
        self._hosts = dict(hosts)
        self._context_for = context_for
        self._faults = dict(faults or {})
        self._refused: list[Asked] = []
        self._refused_whole: list[Request] = []
        self._lock = threading.Lock()
        self._gone = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _handler_of(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._listening = Listening(self._server)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening, and end every tunnel."""
        self._gone.set()
        self._listening.stop()
        with self._lock:
            for server in self.servers.values():
                server.close()

    @property
    def asked(self) -> list[Asked]:
        """What the fakes were asked, host by host, then what was refused: its fake is `nobody`, its path the host."""
        return [asked for server in [*self.servers.values()] for asked in server.asked] + self._refused

    @property
    def received(self) -> list[Request]:
        """Whole requests, secrets included, those that were refused too."""
        return [request for server in [*self.servers.values()] for request in server.received] + self._refused_whole

    def port_of(self, host: str) -> int | None:
        """Return the port on which a host is played, None if nobody plays it."""
        with self._lock:
            if host not in self._hosts or self._gone.is_set():
                return None
            if host not in self.servers:
                self.servers[host] = FakeServer(
                    self._hosts[host], tls=self._context_for(host), fault=self._faults.get(host), clock_s=self.clock_s
                )
            return urlsplit(self.servers[host].url).port

    def refuse(self, handler: BaseHTTPRequestHandler, host: str) -> None:
        """Answer 403 and keep it as a leak."""
        size = min(int(handler.headers.get("Content-Length") or 0), LONGEST_BODY)
        headers = {name.lower(): value for name, value in handler.headers.items()}
        body = b""
        while len(body) < size and (more := handler.rfile.read(size - len(body))):
            body += more
        self._refused_whole.append(Request(handler.command, handler.path, headers, body, time.time() + self.clock_s))
        self._refused.append(Asked("nobody", handler.command, host, 403))
        self.leaks.append(host)
        text = f"nobody plays {host} here\n".encode()
        handler.close_connection = True
        handler.send_response(403)
        handler.send_header("Content-Type", "text/plain")
        handler.send_header("Content-Length", str(len(text)))
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(text)

    def tunnel(self, handler: BaseHTTPRequestHandler, port: int) -> None:
        """Let bytes through to a port until either side ends."""
        handler.close_connection = True
        with socket.create_connection(("127.0.0.1", port), timeout=5) as far:
            handler.send_response(200, "Connection established")
            handler.end_headers()
            handler.wfile.flush()
            near = handler.connection
            near.settimeout(STALL_S)
            far.settimeout(STALL_S)
            self._pump(near, far)

    def _pump(self, near: socket.socket, far: socket.socket) -> None:
        while not self._gone.is_set():
            ready, _, _ = select.select([near, far], [], [], 0.25)
            for side in ready:
                data = side.recv(CHUNK)
                if not data:
                    return
                (far if side is near else near).sendall(data)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that went away."""


def _handler_of(proxy: ConnectProxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout: ClassVar[float | None] = STALL_S
        rbufsize: ClassVar[int] = 0  # what follows CONNECT belongs to the tunnel

        def log_message(self, *_arguments: object) -> None:
            """Keep requests, which hold secrets, off stderr."""

        def _connect(self) -> None:
            host = _host_of(f"//{self.path}")
            proxy.connects.append(host)
            port = proxy.port_of(host)
            if port is None:
                proxy.refuse(self, host)
            else:
                proxy.tunnel(self, port)

        def _plain(self) -> None:
            proxy.refuse(self, _host_of(self.path) or _host_of(f"//{self.headers.get('Host', '')}"))

        do_CONNECT = _connect  # noqa: N815 - the names that http.server calls
        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _plain  # noqa: N815

    return Handler


def _host_of(target: str) -> str:
    """Return the host of a URL, in lower case and without port; "" if it has none."""
    try:
        return (urlsplit(target).hostname or "").rstrip(".")
    except ValueError:
        return ""
