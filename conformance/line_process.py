"""
A process of the suite's own that answers JSON lines: the gate, the strangers. It ends with the pipe to it.
"""

from __future__ import annotations

import json
import selectors
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ANSWER_S = 30.0


class LineProcessError(Exception):
    """A process of ours does not answer, or refuses a command; ours to mend."""


class LineProcess:
    """A running module of the suite; may be asked from several threads."""

    def __init__(self, module: str, process: subprocess.Popen[bytes]) -> None:
        self._module = module
        self._process = process
        self._lock = threading.Lock()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def ask(self, command: dict[str, Any]) -> dict[str, Any]:
        """Send a command and return its answer; raises `LineProcessError`."""
        with self._lock:
            stdin, stdout = self._process.stdin, self._process.stdout
            if stdin is None or stdout is None:
                raise LineProcessError(f"{self._module} has no pipes")
            try:
                stdin.write(json.dumps(command).encode() + b"\n")
                stdin.flush()
            except OSError as error:
                raise LineProcessError(f"{self._module} is gone: {error}") from None
            with selectors.DefaultSelector() as selector:
                selector.register(stdout, selectors.EVENT_READ)
                if not selector.select(ANSWER_S):
                    raise LineProcessError(f"{self._module} does not answer within {ANSWER_S:.0f} s")
            line = stdout.readline()
        if not line:
            raise LineProcessError(f"{self._module} ended")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise LineProcessError(f"{self._module}: {answer['error']}")
        return answer


@contextmanager
def started(module: str) -> Iterator[LineProcess]:
    """Start `python -m module`; it ends with the context, or with this process."""
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield LineProcess(module, process)
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
