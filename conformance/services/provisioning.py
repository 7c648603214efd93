"""
Installs services once into a cache directory per user, at the pinned versions.

An installation happens in a temporary sibling that is renamed when it is whole, under a lock, so that a killed one leaves
nothing half usable and two runs do not collide. This is the only place of the project that uses the network, and only
through pip, npm and go as the machine has them set up.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from conformance.services import toolchains
from conformance.services.description import Description, load
from conformance.services.running import last_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

INSTALL_S = 900
"""Longest installation: MinIO builds in 118 to 210 s on two cores."""


class Progress(Protocol):
    """Where steps are told; the terminal's display is one."""

    def step(self, name: str, text: str) -> None:
        """A step of a service begins."""
        ...

    def done(self, name: str, seconds: float) -> None:
        """A service is ready."""
        ...

    def failed(self, name: str, reason: str) -> None:
        """A service is not to be had."""
        ...


class InstallationFailed(Exception):
    """An installation ended badly; the message holds its last lines."""


def cache_directory() -> Path:
    """Return the cache directory of this user; `DEEPLAKE_CONFORMANCE_CACHE` names another."""
    given = os.environ.get("DEEPLAKE_CONFORMANCE_CACHE", "").strip()
    if given:
        return Path(given)
    from platformdirs import user_cache_path

    return user_cache_path("deeplake-conformance")


def place_of(description: Description) -> Path:
    """Return where a service's installation lives; its name holds what it depends on."""
    name = f"{description.name}-{description.version}"
    if description.native.install["kind"] == "pip":
        name += f"-python{sys.version_info.major}.{sys.version_info.minor}"
    return cache_directory() / "services" / name


def installed(description: Description) -> Path | None:
    """Return the installation, None if there is none."""
    if description.native.install["kind"] == "none":
        return Path(__file__).parents[1]
    place = place_of(description)
    return place if place.is_dir() else None


def provision(names: Iterable[str], progress: Progress) -> list[str]:
    """Install services one after the other; return the names that failed."""
    failed = []
    for name in names:
        started = time.monotonic()
        try:
            install(load(name), progress)
            progress.done(name, time.monotonic() - started)
        except (toolchains.ToolMissing, InstallationFailed) as error:
            progress.failed(name, str(error))
            failed.append(name)
    return failed


def install(description: Description, progress: Progress) -> Path:
    """Return the installation of a service, made first if there is none.

    Raises:
        ToolMissing: a toolchain is missing; the message says how to get it.
        InstallationFailed: pip, npm or go failed or took too long.
    """
    if description.native.install["kind"] == "none":
        return Path(sys.prefix)
    place = place_of(description)
    if place.is_dir():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with locked(place.with_suffix(place.suffix + ".lock")):
        if place.is_dir():
            return place
        progress.step(description.name, f"installing {description.version} ({description.native.install['kind']})")
        unfinished = place.with_name(f".{place.name}-{secrets.token_hex(4)}")
        log = place.with_suffix(place.suffix + ".log")
        try:
            unfinished.mkdir()
            _install_into(description, unfinished, log)
            unfinished.rename(place)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return place


def _install_into(description: Description, place: Path, log: Path) -> None:
    how = description.native.install
    environment = dict(os.environ)
    if how["kind"] == "pip":
        packages = [package.format(version=description.version) for package in how["packages"]]
        _run(description.name, [sys.executable, "-m", "venv", str(place)], log, environment)
        python = str(place / "bin" / "python")
        _run(description.name, [python, "-m", "pip", "install", "--quiet", *packages], log, environment)
    elif how["kind"] == "npm":
        packages = [package.format(version=description.version) for package in how["packages"]]
        environment["PATH"] = f"{Path(toolchains.node()[0]).parent}{os.pathsep}{environment.get('PATH', '')}"
        options = [
            "install",
            "--no-audit",
            "--no-fund",
            "--no-update-notifier",
            "--ignore-scripts",
            "--no-package-lock",
        ]
        _run(description.name, [*toolchains.npm(), *options, "--prefix", str(place), *packages], log, environment)
    else:
        environment |= {"GOBIN": str(place), "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
        package = how["package"].format(version=description.version)
        _run(description.name, [*toolchains.go(), "install", package], log, environment)


def _run(name: str, command: list[str], log: Path, environment: dict[str, str]) -> None:
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, start_new_session=True
        )
        try:
            code = process.wait(INSTALL_S)
        except subprocess.TimeoutExpired:
            raise InstallationFailed(f"installing {name} took longer than {INSTALL_S} s; see {log}") from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, 9)
                process.wait()
    if code != 0:
        raise InstallationFailed(f"installing {name} failed: {last_lines(log)}; see {log}")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock among the processes of this user."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
