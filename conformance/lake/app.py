"""
The control plane as an ASGI application: reads a request, asks the plane, sends the answer.

The parts that answer know nothing of sockets and may wait for a database or a security token service; they run in threads.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from conformance.fakes.serving import LONGEST_BODY, STALL_S, Answer, Request
from conformance.lake import calls
from conformance.lake.admin import Admin
from conformance.lake.limits import Limit
from conformance.lake.plane import ControlPlane, Issuer
from conformance.lake.recording import Recent
from conformance.lake.refusals import Refused
from conformance.lake.said import Script

if TYPE_CHECKING:
    from starlette.requests import Request as HttpRequest
    from starlette.types import Receive, Scope, Send

    from conformance.lake.state import State

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class Service:
    """What one running control plane holds."""

    def __init__(self, state: State, issuer: Issuer, admin_token: str) -> None:
        self._state = state
        self._plane = ControlPlane(state, issuer)
        self._script = Script()
        self._limit = Limit()
        self._recent = Recent()
        self._admin = Admin(state, admin_token, script=self._script, limit=self._limit, recent=self._recent)

    def answer(self, request: Request) -> Answer:
        """Answer one request of the protocol or of the admin API."""
        if request.path.startswith("/admin/"):
            return self._admin.answer(request)
        user = self._user_of(request)
        answer = self._answer(request, user)
        try:
            kind = calls.asked_by(request).kind
        except Refused:
            kind = "other"
        self._recent.note(request, kind, None if answer.silent else answer.status, user)
        return answer

    def _answer(self, request: Request, user: str) -> Answer:
        said = self._script.next_for(request)
        if said is not None:
            return said.to_answer()
        wait_s = self._limit.wait_s(user, request.now)
        if wait_s is not None:
            headers = {"Retry-After": str(max(1, round(wait_s)))}
            return Refused("rate_limited", "too many requests; wait", headers).answer()
        return self._plane.answer(request)

    def _user_of(self, request: Request) -> str:
        text = request.headers.get("authorization", "").removeprefix("Bearer ")
        known = self._state.token(text) if text else None
        return known.user if known else ""


def application(service: Service) -> Starlette:
    """Return the application of a service."""

    async def health(_request: HttpRequest) -> Response:
        return JSONResponse({"status": "ok"})

    async def everything(http: HttpRequest) -> Response:
        request = await _read(http)
        if request is None:
            return Response(status_code=413, headers={"Connection": "close"})
        return Sent(await run_in_threadpool(service.answer, request))

    return Starlette(routes=[Route("/health", health), Route("/{path:path}", everything, methods=METHODS)])


async def _read(http: HttpRequest) -> Request | None:
    """Return a request, None if its body is longer than any of the protocol."""
    body = bytearray()
    async for part in http.stream():
        body += part
        if len(body) > LONGEST_BODY:
            return None
    raw = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in http.scope["headers"]]
    counts = Counter(name for name, _ in raw)
    repeated = frozenset(name for name, count in counts.items() if count > 1)
    path = http.scope.get("raw_path") or http.scope["path"].encode()
    query = http.scope["query_string"]
    target = (path + (b"?" + query if query else b"")).decode("latin-1")
    return Request(http.method, target, dict(raw), bytes(body), time.time(), repeated)


class Sent(Response):
    """An answer on its way: late, cut or never, if it is to be so."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        super().__init__(answer.body, answer.status, dict(answer.headers))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        if self._answer.silent or self._answer.delay_s:
            wait_s = STALL_S if self._answer.silent else self._answer.delay_s
            if await _gone(receive, wait_s) or self._answer.silent:
                raise ConnectionAbortedError("the answer was to be none")
        if not self._answer.cut:
            await super().__call__(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = self._answer.body[: len(self._answer.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        raise ConnectionAbortedError("the answer was to be cut")


async def _gone(receive: Receive, wait_s: float) -> bool:
    """Wait, and return at once if the client goes away meanwhile."""
    try:
        async with asyncio.timeout(wait_s):
            while (await receive())["type"] != "http.disconnect":
                continue
    except TimeoutError:
        return False
    return True
