"""
One plain request: to loopback only, and with the URL as it is.
"""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from conformance import bare_http


def test_the_target_is_sent_as_it_is() -> None:
    """Nothing is encoded, decoded or normalised; headers and body go along, and any status comes back."""
    seen: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.append((self.path, self.headers["Range"], body))
            self.send_response(418)
            self.end_headers()
            self.wfile.write(b"short")

        def log_message(self, *arguments: Any) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/a%2Fb//c/../d%20e?x=%41&y=1+2#fragment"
    answer = bare_http.ask("PUT", url, {"Range": "bytes=0-1"}, b"body")
    thread.join(20)
    server.server_close()

    assert (answer.status, answer.body) == (418, b"short")
    assert seen == [("/a%2Fb//c/../d%20e?x=%41&y=1+2", "bytes=0-1", b"body")]


@pytest.mark.parametrize(
    "url",
    ["http://example.org/k", "https://127.0.0.1/k", "file:///etc/hosts", "http://127.0.0.1/a b", "http://127.0.0.1/é"],
)
def test_what_is_not_for_this_machine_is_not_sent(url: str) -> None:
    """Nor what is no URL."""
    with pytest.raises(bare_http.ForeignURLError):
        bare_http.ask("GET", url)
