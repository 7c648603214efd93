"""
The process of the strangers: reads what to answer as JSON lines, opens a loopback port for each, says which.
"""

from __future__ import annotations

import base64
import json
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LONGEST_WAIT_S = 60.0


class Stranger(ThreadingHTTPServer):
    """One port with one answer."""

    daemon_threads = True

    def __init__(self, command: dict[str, Any]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status: int = command["status"]
        self.headers: list[tuple[str, str]] = command["headers"]
        self.body = base64.b64decode(command["body"])
        self._tls = _context() if command["tls"] else None

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection, in its own thread; with TLS, after a handshake that the client is right to break off."""
        request.settimeout(LONGEST_WAIT_S)
        try:
            super().finish_request(
                self._tls.wrap_socket(request, server_side=True) if self._tls else request, client_address
            )
        except OSError:
            return  # the client broke it off

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: connections end as the clients please."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Stranger  # type: ignore[mutable-override]

    def handle_one_request(self) -> None:
        """Answer one request, whatever its method."""
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        self._read_body()
        self.send_response_only(self.server.status)
        for name, value in self.server.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(self.server.body)
        self.wfile.flush()

    def _read_body(self) -> None:
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            return
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            self.rfile.read(size + 2)
        while self.rfile.readline().strip():
            pass  # trailers

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""


def _context() -> ssl.SSLContext:
    """Return a server's context with a certificate of an authority that was made for it and is forgotten."""
    import trustme

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return context


def main() -> None:
    """Open one port for each line of stdin, until it ends."""
    for line in sys.stdin:
        server = Stranger(json.loads(line))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(json.dumps({"port": server.server_port}), flush=True)


if __name__ == "__main__":
    main()
