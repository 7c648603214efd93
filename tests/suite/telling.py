"""
A target that tells of its process what no implementation would: what is read of `environment`, of `process`, and so on.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

storage = types.SimpleNamespace()

_children: list[subprocess.Popen[bytes]] = []


class Reader:
    """Reads what the process is."""

    def __init__(self, url: str, creds: Any = None, token: str | None = None) -> None:
        """Take and ignore what every target gets."""

    def get(self, path: str, start_bytes: int | None = None, end_bytes: int | None = None) -> bytes:
        """Tell one thing in JSON."""
        del start_bytes, end_bytes
        told: dict[str, Any] = {
            "environment": dict(os.environ),
            "process": os.getpid(),
            "directory": str(Path.cwd()),
            "home": str(Path.home()),
            "temporary": tempfile.gettempdir(),
        }
        if path == "child":
            _children.append(subprocess.Popen([sys.executable, "-ISc", "input()"], stdin=subprocess.PIPE))
            told["child"] = _children[-1].pid
        return json.dumps(told[path]).encode()

    def close(self) -> None:
        """Keep nothing."""


class Writer(Reader):
    """Writes nothing."""


storage.Reader = Reader
storage.Writer = Writer
