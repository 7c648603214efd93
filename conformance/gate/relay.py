"""
A connection of a client, the one to the service that belongs to it, and the exchange that is under way.

Everything happens in the calls that bring bytes, since tasks and streams cost as much as all the rest of an exchange.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from conformance.gate.answering import Answer
from conformance.gate.framing import READ, body_of, first_line, head_end, headers_of, pairs_of, says_close
from conformance.gate.judge import Denied
from conformance.gate.proofs import Refused
from conformance.gate.recording import Open
from conformance.gate.side import Side
from conformance.gate.uploading import Checked, Drained, Passed

if TYPE_CHECKING:
    from conformance.gate.proofs import BodyCheck, Request
    from conformance.gate.proxy import Proxy
    from conformance.gate.uploading import Upload

CONNECT_S = 10.0

DRAIN_S = 10.0
"""Seconds that the rest of a refused request's body may take: closing with unread bytes would eat the answer."""


class Relay:
    """Passes exchanges on, one after the other, until one of the two connections ends."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self.client = Side(self._connect, self._from_client, self._client_ended, self._flow)
        self._service = Side(self.go_on, self._from_service, self._service_ended, self._flow)
        self._is_over = False
        self._unread = b""
        self._unasked = b""
        self._exchange: Open | None = None
        self._request: Request | None = None
        self._upload: Upload | None = None
        self._answer: Answer | None = None
        self._is_last = False
        self._late: asyncio.TimerHandle | None = None

    def go_on(self) -> None:
        """Take from what the client sent what its time has come for: a head, or the body of the one that was taken."""
        try:
            while self._unread and not self._is_over:
                if self._upload is not None:
                    self._pass_body(self._upload)
                elif not self._is_idle or not self._begin():
                    break
        except ValueError:
            self.end()
        except Exception:
            self.end()
            raise
        if self.client.has_ended and (self._upload is not None or self._is_idle):
            self.end()
        if not self.client.reads or len(self._unread) > READ:
            self._flow()

    def end(self) -> None:
        """End both connections, each once what was sent to it has left."""
        if self._is_over:
            return
        self._is_over = True
        if self._late is not None:
            self._late.cancel()
        if self._exchange is not None:
            self._proxy.recorder.close(self._exchange)
        self._proxy.forget(self)
        self.client.close()
        self._service.close()

    @property
    def _is_idle(self) -> bool:
        """Whether the next request is waited for."""
        return self._exchange is None and self._service.is_made and not self._proxy.holds(self)

    def _connect(self) -> None:
        """Connect to the service; what the client sends before waits."""
        self._proxy.keep(self)
        loop = asyncio.get_running_loop()
        connecting = loop.create_task(loop.create_connection(lambda: self._service, *self._proxy.upstream))
        late = loop.call_later(CONNECT_S, connecting.cancel)

        def connected(_: object) -> None:
            late.cancel()
            if connecting.cancelled() or connecting.exception() is not None:
                self.end()
            if self._is_over:
                self._service.close()

        connecting.add_done_callback(connected)

    def _from_client(self, data: bytes) -> None:
        self._unread = self._unread + data if self._unread else data
        self.go_on()

    def _client_ended(self, _: Exception | None) -> None:
        """End in the middle of a request and between two; an exchange whose answer is waited for goes on to its end."""
        self.go_on()

    def _begin(self) -> bool:
        """Pass a head on; false if it is not whole, or its turn has not come."""
        end = head_end(self._unread)
        if not end or not self._proxy.gives_turn(self):
            return False
        raw, self._unread = self._unread[:end], self._unread[end:]
        start = first_line(raw)
        method, target, _version = start.split(b" ", 2)
        exchange = self._exchange = Open(method, target, raw, time.monotonic())
        headers = headers_of(raw)
        self._is_last = says_close(headers)
        body = body_of(headers)
        check: BodyCheck | None = None
        if self._proxy.judge is not None:
            judged = self._proxy.judge.judge(raw, start, pairs_of(raw))
            exchange.identity = judged.identity
            if isinstance(judged, Denied):
                # who waits for `100 Continue` sends no body now
                self._deny(exchange, judged, None if body.has_ended or b"expect" in headers else Drained(body))
                return True
            raw, check, self._request = judged.head, judged.body, judged.request
        answer = self._answer = Answer(exchange)
        if not body.has_ended:
            self._upload = Passed(exchange, body) if check is None else Checked(exchange, body, check)
        elif check is not None:
            try:
                check.finish()
            except Refused as refused:
                self._deny_late(exchange, refused)
                return True
        self._service.send(raw)
        if self._service.has_ended:
            self._service_ended(self._service.error)
        elif self._unasked:
            data, self._unasked = self._unasked, b""
            self._pass_answer(exchange, answer, data)
        return True

    def _pass_body(self, upload: Upload) -> None:
        """Pass on what came of a body."""
        exchange = self._exchange
        try:
            passed, self._unread = upload.take(self._unread)
        except Refused as refused:
            if exchange is not None:
                self._deny_late(exchange, refused)
            return
        self._service.send(passed)
        if upload.has_ended:
            self._upload = None
            if self._answer is None:
                self.end()

    def _deny(self, exchange: Open, denied: Denied, rest: Drained | None) -> None:
        """Answer in the provider's stead; then read what is still sent, as closing before would eat the answer."""
        self._answer = None
        self._upload = rest
        exchange.refused, exchange.status = denied.code, denied.status
        self._proxy.recorder.close(exchange)
        self.client.send(denied.answer)
        if rest is None:
            self.end()
        else:
            self._late = asyncio.get_running_loop().call_later(DRAIN_S, self.end)

    def _deny_late(self, exchange: Open, refused: Refused) -> None:
        """Answer after the body was found altered: the service never gets its last bytes, but a reset."""
        if self._proxy.judge is None or self._request is None or exchange.status is not None:
            self.end()  # the service answered before the end of the body
            return
        self._service.reset()
        self._deny(exchange, self._proxy.judge.deny(refused, self._request), None)

    def _from_service(self, data: bytes) -> None:
        if self._is_over:
            return
        if self._exchange is not None and self._answer is not None:
            self._pass_answer(self._exchange, self._answer, data)
        elif self._exchange is None:
            self._unasked += data  # belongs to the next request, if there is one
            if len(self._unasked) > READ:
                self.end()

    def _pass_answer(self, exchange: Open, answer: Answer, data: bytes) -> None:
        """Pass on what came; the exchange is recorded before its last bytes leave, so that who has read it can see it."""
        try:
            passed = answer.take(data)
        except ValueError:
            self.end()
            return
        judge = self._proxy.judge
        if judge is not None and b"location" in answer.headers and (exchange.status or 0) < 400:
            judge.opened(exchange.identity, answer.headers[b"location"])
        if not answer.has_ended:
            if passed and not self.client.send(passed):
                self.end()
            return
        self._proxy.recorder.close(exchange)
        self.client.send(passed)
        self._exchange = self._answer = None
        self._unasked = answer.rest
        if self._is_last or answer.says_close or self._upload is not None or self._service.has_ended:
            self.end()
        else:
            self.go_on()

    def _service_ended(self, error: Exception | None) -> None:
        """End the client's connection the same way, unless the gate answers itself or the request still waits."""
        answering_itself = self._exchange is not None and self._answer is None
        if self._is_over or answering_itself or self._proxy.holds(self):
            return
        if self._exchange is not None:
            self._proxy.recorder.close(self._exchange)
        if isinstance(error, ConnectionResetError):
            self.client.reset()
        elif self._answer is not None:
            self.client.send(self._answer.waiting)
        self.end()

    def _flow(self) -> None:
        """Let each side wait while the other one is full."""
        self.client.read(wanted=not self._service.is_full and len(self._unread) <= READ)
        self._service.read(wanted=not self.client.is_full)
