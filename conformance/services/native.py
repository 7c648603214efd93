"""
A service as a process of this machine: on a free loopback port, with a private data directory and a minimal environment.
"""

from __future__ import annotations

import base64
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.services import provisioning, toolchains
from conformance.services.running import RunningService, last_lines

if TYPE_CHECKING:
    from conformance.services.description import Description
    from conformance.services.provisioning import Progress
    from conformance.services.watched import Watched

READY_S = 60.0
POLL_S = 0.03
PORT_TRIES = 5
"""Starts with another port, since one can be taken between choice and bind."""

KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT")


class StartFailed(Exception):
    """The service ended, or did not answer in time; the message holds its last lines."""


def start(description: Description, directory: Path, watched: Watched, progress: Progress) -> RunningService:
    """Start a service and wait until it answers.

    Raises:
        StartFailed, ToolMissing, InstallationFailed: it could not be had; the message says why and what to do.
    """
    place = provisioning.install(description, progress)
    progress.step(description.name, "starting")
    log = directory / f"{description.name}.log"
    for attempt in range(PORT_TRIES):
        try:
            return _start_once(description, place, log, watched)
        except StartFailed as error:
            if attempt == PORT_TRIES - 1 or "address already in use" not in str(error).lower():
                raise
    raise AssertionError("the loop returns or raises")


def _start_once(description: Description, place: Path, log: Path, watched: Watched) -> RunningService:
    data = Path(tempfile.mkdtemp(prefix=f"conformance-{description.name}-"))
    watched.remove_later(data)
    for name in ("data", "accounts"):
        (data / name).mkdir()
    port, port2 = free_port(), free_port()
    access_key, secret_key = new_credential(description.prefix)
    values = {
        "port": str(port),
        "port2": str(port2),
        "data": str(data / "data"),
        "accounts": str(data / "accounts"),
        "python": str(place / "bin" / "python"),
        "binary": str(place / description.native.install.get("binary", "")),
        "modules": str(place / "node_modules"),
        "here": str(Path(__file__).parent),
        "this_python": sys.executable,
        "access_key": access_key,
        "secret_key": secret_key,
    }
    if "{node}" in description.native.command:
        values["node"] = toolchains.node()[0]
    command = [word.format_map(values) for word in description.native.command]
    environment = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    environment |= {"HOME": str(data), "TMPDIR": str(data)}
    environment |= {name: text.format_map(values) for name, text in description.native.env.items()}
    if description.native.install["kind"] == "none":
        # a module of this package, which may be that of a checkout
        environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            cwd=data,
            start_new_session=True,
        )
    watched.stop_later(process)
    service = RunningService(
        name=description.name,
        prefix=description.prefix,
        url=f"http://127.0.0.1:{port}",
        version=description.version,
        runtime="native",
        access_key=access_key,
        secret_key=secret_key,
        ready_path=description.native.ready_path,
        pid=process.pid,
        log=log,
    )
    _wait(service, process, description.native.ready_status, log)
    return service


def _wait(service: RunningService, process: subprocess.Popen[bytes], statuses: tuple[int, ...], log: Path) -> None:
    ends = time.monotonic() + READY_S
    while time.monotonic() < ends:
        if process.poll() is not None:
            raise StartFailed(f"it ended with code {process.returncode}: {last_lines(log)}")
        if status_of(service.url + service.ready_path) in statuses:
            return
        time.sleep(POLL_S)
    raise StartFailed(f"no answer at {service.ready_path} within {READY_S:.0f} s: {last_lines(log)}")


def status_of(url: str, timeout_s: float = 2.0) -> int | None:
    """Return the HTTP status of a plain GET past any proxy, None if nothing answers."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=timeout_s) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except (OSError, ValueError, HTTPException):
        return None


def free_port() -> int:
    """Return a loopback port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def new_credential(prefix: str) -> tuple[str, str]:
    """Return a root user and its key, generated anew; an Azure key is base64 of 64 bytes, an account has no capitals."""
    if prefix == "az":
        return f"conformance{secrets.token_hex(4)}", base64.b64encode(secrets.token_bytes(64)).decode()
    return f"CONFORMANCE{secrets.token_hex(4).upper()}", secrets.token_hex(20)
