"""
A port for a fake: reads a request, lets the fake answer, and remembers what was asked.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self
from urllib.parse import parse_qs, urlsplit

from conformance.fakes.listening import Listening

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

Life = float | Callable[[], float]
"""Seconds that what a fake gives out lives, or what says so each time that it gives something out."""

LONGEST_BODY = 1024 * 1024

STALL_S = 60.0
"""Seconds that a stalled answer is held back at most; a client that waits longer has no time-out."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asked.

    Attributes:
        method: as sent.
        target: the raw request target.
        headers: by lower-case name; of a repeated one the last.
        body: whole.
        now: unix seconds by the clock of the world, which may be off on purpose.
        repeated: lower-case names of headers that came more than once.
    """

    method: str
    target: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    now: float
    repeated: frozenset[str] = frozenset()

    @property
    def path(self) -> str:
        """The target without its query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the query; of a repeated one the last."""
        return _single(urlsplit(self.target).query)

    @property
    def form(self) -> dict[str, str]:
        """The fields of a form in the body; of a repeated one the last."""
        return _single(self.body.decode("utf-8", "replace"))


def seconds_of(life: Life) -> float:
    """Return the seconds of a life that begins now."""
    return life() if callable(life) else life


def _single(text: str) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(text, keep_blank_values=True).items()}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a fake says.

    Attributes:
        status: of HTTP.
        body: whole.
        headers: further ones; the length is added.
        delay_s: seconds that it is held back.
        cut: whether the connection ends after half of the body, whose whole length was told.
        silent: whether nothing is said until the client gives up, for `STALL_S` at most.
    """

    status: int = 200
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    delay_s: float = 0.0
    cut: bool = False
    silent: bool = False

    @classmethod
    def of_json(cls, values: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Self:
        """Return an answer in JSON."""
        told = {"Content-Type": "application/json", **(headers or {})}
        return cls(status, json.dumps(values).encode(), told)


class Fake(Protocol):
    """One identity service."""

    @property
    def name(self) -> str:
        """The name that reports and worlds use, such as `imds`."""
        ...

    def answer(self, request: Request) -> Answer | None:
        """Answer, or end the connection without an answer; called from several threads at once."""
        ...


Fault = Literal["error-404", "error-500", "garbage", "empty", "stall", "reset"]
"""How a fake fails: with a status, with 200 and a page that is not the service's or none, by silence, by a reset."""


def failing(fault: Fault) -> Answer | None:
    """Return what a failing service says, None for a connection that ends; whoever stalls has waited before."""
    match fault:
        case "error-404":
            return Answer(404, b"not here")
        case "error-500":
            return Answer(500, b"something broke")
        case "garbage":
            return Answer(200, b"<html>Welcome to the hotel</html>", {"Content-Type": "text/html"})
        case "empty":
            return Answer(200)
        case "stall" | "reset":
            return None


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that a fake got, without what could be secret in it."""

    fake: str
    method: str
    path: str
    status: int | None


class FakeServer:
    """One fake on a free port of 127.0.0.1; `url` is its base, without trailing slash."""

    def __init__(
        self, fake: Fake, *, tls: ssl.SSLContext | None = None, fault: Fault | None = None, clock_s: float = 0.0
    ) -> None:
        self.fake = fake
        self.fault = fault
        self.clock_s = clock_s
        self.asked: list[Asked] = []
        self.received: list[Request] = []
        self._gone = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _handler_of(self))
        self._server.tls = tls
        port = self._server.server_address[1]
        self.url = f"https://localhost:{port}" if tls else f"http://127.0.0.1:{port}"
        self._listening = Listening(self._server)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening; answers that are held back end too."""
        self._gone.set()
        self._listening.stop()

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request of a connection."""
        size = int(handler.headers.get("Content-Length") or 0)
        body = handler.rfile.read(min(size, LONGEST_BODY))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        names = Counter(name.lower() for name in handler.headers)
        repeated = frozenset(name for name, count in names.items() if count > 1)
        request = Request(handler.command, handler.path, headers, body, time.time() + self.clock_s, repeated)
        self.received.append(request)
        if self.fault == "stall":
            self._gone.wait(STALL_S)
        answer = failing(self.fault) if self.fault else self.fake.answer(request)
        if answer is not None and (answer.silent or answer.delay_s):
            self._gone.wait(STALL_S if answer.silent else answer.delay_s)
        if answer is not None and answer.silent:
            answer = None
        self.asked.append(Asked(self.fake.name, request.method, request.path, answer.status if answer else None))
        if answer is None:
            handler.close_connection = True
            return
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(answer.body)))
        handler.end_headers()
        if answer.cut:
            handler.close_connection = True
        if request.method != "HEAD":
            handler.wfile.write(answer.body[: len(answer.body) // 2] if answer.cut else answer.body)


class _Server(ThreadingHTTPServer):
    """Shakes hands in the thread of the connection, so that a client that does not cannot stop the others."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    tls: ssl.SSLContext | None = None

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve one connection."""
        try:
            if self.tls is None:
                super().finish_request(request, client_address)
                return
            request.settimeout(STALL_S)
            # the server closes `request` alone, which is empty once it is wrapped
            with self.tls.wrap_socket(request, server_side=True) as wrapped:
                super().finish_request(wrapped, client_address)
        except OSError:
            return  # the client went away, or does not trust us; it is the one that says so

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that went away."""


def _handler_of(server: FakeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout: ClassVar[float | None] = STALL_S

        def log_message(self, *_arguments: object) -> None:
            """Keep requests, which hold secrets, off stderr."""

        def _serve(self) -> None:
            server.handle(self)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 - the names that http.server calls

    return Handler
