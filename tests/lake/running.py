"""
The control plane as a process of its own, for tests: started on a free port, and ended by its pid.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.lake.asking import Told, ask

ENDS_S = 20.0


@dataclass
class Running:
    """A running control plane."""

    process: subprocess.Popen[str]
    url: str
    admin_token: str = field(repr=False)

    def admin(self, method: str, path: str, body: object = None) -> Told:
        """Ask the admin API."""
        headers = {"Authorization": f"Bearer {self.admin_token}"}
        return ask(self.url, method, f"/admin/{path}", body=body, headers=headers)

    def kill(self) -> None:
        """End it without a chance to write anything."""
        self.process.kill()
        self.process.wait(ENDS_S)


@contextmanager
def running(state: Path | None = None, admin_token: str | None = None) -> Iterator[Running]:
    """Start one, and end it."""
    token = admin_token or secrets.token_urlsafe(16)
    command = [sys.executable, "-m", "conformance.lake", "--port", "0", *(["--state", str(state)] if state else [])]
    environment = {**os.environ, "ACTIVELOOP_ADMIN_TOKEN": token, "AWS_EC2_METADATA_DISABLED": "true"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        yield Running(process, process.stdout.readline().strip(), token)
    finally:
        process.terminate()
        process.wait(ENDS_S)
        assert process.stdout is not None
        process.stdout.close()
