"""
Servers on loopback that are not the service: each answers every request the same, in a process of its own.

They stand for a proxy's login page, an address that is wrong by a digit, a certificate that nobody trusts, and for
refusals in the documented form of a cloud that no emulator gives. They plant no fault into a conversation with a real
service; that is the gate's work. The process ends when the pipe to it does, so that a killed runner leaves nothing.
"""

from __future__ import annotations

import base64
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from conformance import line_process

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.strangers.answers import Answer


class Strangers:
    """The running process; each answer gets a port at first use."""

    def __init__(self, process: line_process.LineProcess) -> None:
        self._process = process
        self._lock = threading.Lock()
        self._ports: dict[tuple[Answer, bool], int] = {}

    def url(self, answer: Answer, *, tls: bool = False) -> str:
        """Return the base URL of a server that gives this answer; with `tls` its certificate is from nobody."""
        with self._lock:
            if (answer, tls) not in self._ports:
                self._ports[answer, tls] = self._open(answer, tls=tls)
            return f"http{'s' * tls}://127.0.0.1:{self._ports[answer, tls]}"

    def _open(self, answer: Answer, *, tls: bool) -> int:
        body = base64.b64encode(answer.body).decode()
        command = {"status": answer.status, "headers": list(answer.headers), "body": body, "tls": tls}
        return int(self._process.ask(command)["port"])


@contextmanager
def start_strangers() -> Iterator[Strangers]:
    """Start the process; it ends with the context, or with this process."""
    with line_process.started(__name__) as process:
        yield Strangers(process)
