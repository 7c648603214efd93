"""
All that one target's process says: its whole stderr, its answers as they came, and what its worker saw of it.

It is unmasked, since it is searched for secrets; it stays in memory and in a private directory, and in no report.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.watching import Kind


class Overheard:
    """What is kept of one process; `directory` is made, and is where its worker leaves what it sees."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700)
        self.directory = directory
        self._stderr: list[bytes] = []
        self._answers: list[tuple[str, bytes]] = []
        self._errors: list[bytes] = []

    def __repr__(self) -> str:
        return f"Overheard({len(self._stderr)} lines of stderr, {len(self._errors)} errors)"

    def stderr(self, line: bytes) -> None:
        """Keep a line of stderr."""
        self._stderr.append(line)

    def answer(self, method: str, answer: dict[str, Any]) -> None:
        """Keep an answer of the protocol, before anything in it is masked."""
        text = json.dumps(answer.get("error", answer.get("result")), ensure_ascii=False).encode(
            "utf-8", "backslashreplace"
        )
        if "error" in answer:
            self._errors.append(text)
        else:
            self._answers.append((method, text))

    @property
    def output(self) -> bytes:
        """The whole stderr; of a Python target what it printed too."""
        return b"".join(self._stderr)

    @property
    def errors(self) -> bytes:
        """The errors that it answered, one a line."""
        return b"\n".join(self._errors)

    def answers(self, method: str) -> bytes:
        """Return its results of one method, one a line."""
        return b"\n".join(text for name, text in self._answers if name == method)

    def seen(self, kind: Kind) -> bytes:
        """Return what the worker of a Python target saw, empty for any other target."""
        file = self.directory / kind
        return file.read_bytes() if file.exists() else b""
