"""
Servers on loopback that are not the service: each answers every request the same, in a process of its own.

They stand for a proxy's login page, an address that is wrong by a digit, a certificate that nobody trusts, and for
refusals in the documented form of a cloud that no emulator gives. They plant no fault into a conversation with a real
service; that is the gate's work. The process ends when the pipe to it does, so that a killed runner leaves nothing.
"""

from __future__ import annotations

import base64
import json
import selectors
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.strangers.answers import Answer

ANSWER_S = 30.0


class StrangerError(Exception):
    """The process of the strangers does not answer; ours to mend."""


class Strangers:
    """The running process; each answer gets a port at first use."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
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
        command: dict[str, Any] = {
            "status": answer.status,
            "headers": list(answer.headers),
            "body": base64.b64encode(answer.body).decode(),
            "tls": tls,
        }
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise StrangerError("the strangers have no pipes")
        try:
            stdin.write(json.dumps(command).encode() + b"\n")
            stdin.flush()
        except OSError as error:
            raise StrangerError(f"the strangers are gone: {error}") from None
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            if not selector.select(ANSWER_S):
                raise StrangerError(f"the strangers do not answer within {ANSWER_S:.0f} s")
        line = stdout.readline()
        if not line:
            raise StrangerError("the strangers ended")
        return int(json.loads(line)["port"])


@contextmanager
def start_strangers() -> Iterator[Strangers]:
    """Start the process; it ends with the context, or with this process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "conformance.strangers"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield Strangers(process)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
