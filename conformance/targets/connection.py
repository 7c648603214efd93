"""
The conversation with a process that speaks the target protocol: requests out, answers matched by id, each in its time.

Calls may come from several threads. Every call ends: with a result, a `TargetError`, `NotClaimed`, `TargetDied` when
the process has ended or its time is up, or `HarnessError` when what came back is not the protocol.
"""

from __future__ import annotations

import itertools
import json
import queue
import threading
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from conformance.targets import HarnessError, NotClaimed, TargetDied, TargetError
from conformance.targets.messages import DETAILS, INTERNAL, NOT_CLAIMED, PARSE_ERROR, error_from_wire, line_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conformance.protocol import Schema
    from conformance.targets.masking import Secrets
    from conformance.targets.overheard import Overheard
    from conformance.targets.process import LineProcess

_SHOWN = 160
"""Characters of a wrong line that a message shows."""


class Connection:
    """One running process; `serial` sends a request only after the last one was answered."""

    def __init__(
        self,
        process: LineProcess,
        secrets: Secrets,
        *,
        limit_s: float,
        serial: bool = False,
        schema: Schema | None = None,
        overheard: Overheard | None = None,
    ) -> None:
        self._secrets = secrets
        self._overheard = overheard
        self._limit_s = limit_s
        self._schema = schema
        self._turn: Any = threading.Lock() if serial else nullcontext()
        self._ids = itertools.count(1)
        self._newest = 0
        self._waiting: dict[int, queue.SimpleQueue[dict[str, Any] | None]] = {}
        self._lock = threading.Lock()
        self._broken: str | None = None
        self._died: str | None = None
        self._process = process
        self._process.read(self._take, self._end)

    @property
    def pid(self) -> int:
        """The id of the process and of its group."""
        return self._process.pid

    @property
    def is_open(self) -> bool:
        """Whether the conversation goes on."""
        with self._lock:
            return self._broken is None and self._died is None

    def call(self, method: str, params: Mapping[str, Any], *, limit_s: float | None = None) -> Any:
        """Return the result of one request."""
        given = {name: value for name, value in params.items() if value is not None}
        if self._schema is not None:
            self._schema.check_params(method, given)
        with self._turn:
            answer = self._ask(method, given, limit_s or self._limit_s)
        if self._schema is not None:
            self._schema.check_answer(method, answer)
        if self._overheard is not None:
            self._overheard.answer(method, answer)
        if "error" in answer:
            raise self._raised(method, answer["error"])
        return answer["result"]

    def close(self) -> None:
        """Let the process end by itself, and end it if it does not."""
        self._process.stop()

    def _ask(self, method: str, params: dict[str, Any], limit_s: float) -> dict[str, Any]:
        until = time.monotonic() + limit_s
        inbox: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        with self._lock:
            number = self._newest = next(self._ids)
            self._waiting[number] = inbox
        try:
            self._refuse_if_over()  # after it waits: whoever ends the conversation tells all who wait
            line = line_of({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
            answer = inbox.get(timeout=max(0.0, until - time.monotonic())) if self._send(line, until) else None
        except queue.Empty:
            answer = None
        finally:
            with self._lock:
                del self._waiting[number]
        if answer is not None:
            return answer
        self._refuse_if_over()
        with self._lock:
            self._died = f"it did not answer {method} within {limit_s:g} s, and was stopped"
        self._process.stop(grace_s=0)
        raise self._death(self._died)

    def _send(self, line: bytes, until: float) -> bool:
        try:
            return self._process.send(line, until=until)
        except OSError:
            return True  # it has ended: the end of its stdout says so, after the answers that were under way

    def _refuse_if_over(self) -> None:
        with self._lock:
            broken, died = self._broken, self._died
        if broken is not None:
            raise HarnessError(broken)
        if died is not None:
            raise self._death(died)

    def _death(self, how: str) -> TargetDied:
        lines = [self._secrets.mask(line) for line in self._process.last_lines()]
        told = "\n".join(["; its last lines on stderr:", *(f"  {line}" for line in lines)]) if lines else ""
        return TargetDied(f"the target's process is gone: {how}{told}")

    def _take(self, line: bytes) -> None:
        """Hand an answer to the call that waits for it; called by the thread that reads."""
        if not line.strip():
            return
        try:
            message = json.loads(line)
        except ValueError:
            self._break(f"stdout carries one JSON message per line, and nothing else: {self._shown(line)}")
            return
        number = message.get("id") if isinstance(message, dict) else None
        if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= self._newest:
            self._break(f"an answer carries the id of a request: {self._shown(line)}")
        elif ("result" in message) == isinstance(message.get("error"), dict):
            self._break(f"an answer carries either `result` or an object `error`: {self._shown(line)}")
        else:
            with self._lock:
                inbox = self._waiting.get(number)
            if inbox is not None:  # else it came too late, or a second time
                inbox.put(message)

    def _shown(self, line: bytes) -> str:
        text = self._secrets.mask(line.decode("utf-8", "replace"))
        return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."

    def _break(self, why: str) -> None:
        with self._lock:
            self._broken = self._broken or f"the adapter breaks the protocol: {why}"
            waiting = list(self._waiting.values())
        for inbox in waiting:
            inbox.put(None)

    def _end(self) -> None:
        how = self._process.exit_text()
        with self._lock:
            if self._died is None:
                self._died = f"it ended{f' with {how}' if how else ''}"
            waiting = list(self._waiting.values())
        for inbox in waiting:
            inbox.put(None)

    def _raised(self, method: str, error: dict[str, Any]) -> Exception:
        """Return what an `error` answer stands for: the target's exception, a missing method, or a broken adapter."""
        told = error_from_wire(error)
        if told is not None:
            return self._masked(told)
        if error.get("code") == NOT_CLAIMED:
            return NotClaimed(self._secrets.mask(str(error.get("message") or f"no method {method}")))
        kind = {PARSE_ERROR: "could not read", INTERNAL: "failed itself at"}.get(error.get("code", 0), "refused")
        message = self._secrets.mask(str(error.get("message", "")))
        return HarnessError(f"the adapter {kind} {method}, and names no class of the target: {message}")

    def _masked(self, error: TargetError) -> TargetError:
        message, leaked = self._secrets.find(error.message)
        details = {
            name: None if (value := getattr(error, name)) is None else self._secrets.mask(value) for name in DETAILS
        }
        return TargetError(
            error.class_name,
            message,
            ancestors=error.ancestors,
            http_status=error.http_status,
            leaked=leaked,
            **details,
        )
