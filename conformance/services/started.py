"""
Starting services in parallel, and stopping them whatever happens to the runner.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from conformance import stopwatch
from conformance.services import external, native
from conformance.services.description import load
from conformance.services.provisioning import InstallationFailed, Progress
from conformance.services.running import RunningService, Unreachable
from conformance.services.toolchains import ToolMissing
from conformance.services.watchdog import stop_group

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path


class Watched:
    """Processes and directories that end with this run, by `close` or, if the runner is killed, by the watchdog."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._directories: list[Path] = []
        self._dog: subprocess.Popen[bytes] | None = None

    def stop_later(self, process: subprocess.Popen[bytes]) -> None:
        """Stop this process group at the end."""
        with self._lock:
            self._processes.append(process)
            self._tell(f"pid {process.pid}")

    def remove_later(self, directory: Path) -> None:
        """Remove this directory at the end."""
        with self._lock:
            self._directories.append(directory)
            self._tell(f"dir {directory}")

    def _tell(self, line: str) -> None:
        if self._dog is None:
            self._dog = subprocess.Popen(
                [sys.executable, "-I", "-m", "conformance.services.watchdog"]
                if _is_installed()
                else [sys.executable, "-m", "conformance.services.watchdog"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        if self._dog.stdin is not None:
            self._dog.stdin.write(f"{line}\n".encode())
            self._dog.stdin.flush()

    def close(self) -> None:
        """Stop everything now."""
        threads = [threading.Thread(target=stop_group, args=(process.pid,)) for process in self._processes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for process in self._processes:
            process.wait(timeout=10)
        for directory in self._directories:
            shutil.rmtree(directory, ignore_errors=True)
        if self._dog is not None and self._dog.stdin is not None:
            self._dog.stdin.close()
            self._dog.wait(timeout=30)


def _is_installed() -> bool:
    """Whether the package can be found without the current directory, so that the watchdog can run isolated."""
    return os.environ.get("PYTHONPATH") is None and "" not in sys.path and os.getcwd() not in sys.path  # noqa: PTH109


@contextmanager
def start_services(
    names: Sequence[str], *, urls: Mapping[str, str] | None = None, directory: Path, progress: Progress
) -> Iterator[dict[str, RunningService | Unreachable]]:
    """Start services in parallel, or use those that already run.

    Args:
        names: services to have.
        urls: where a service already runs, by name.
        directory: where logs go.
        progress: where steps are told.

    Yields:
        One entry per name, in that order: a running service, or why there is none.
    """
    urls = urls or {}
    directory.mkdir(parents=True, exist_ok=True)
    watched = Watched()
    try:
        with stopwatch.service(), ThreadPoolExecutor(max(1, len(names))) as pool:
            started = list(pool.map(lambda name: _one(name, urls.get(name), directory, watched, progress), names))
        yield dict(zip(names, started, strict=True))
    finally:
        watched.close()


def _one(
    name: str, url: str | None, directory: Path, watched: Watched, progress: Progress
) -> RunningService | Unreachable:
    begun = time.monotonic()
    description = load(name)
    if url is not None:
        found = external.connect(description, url)
    else:
        try:
            found = native.start(description, directory, watched, progress)
        except ToolMissing as error:
            found = Unreachable(name, str(error), "or give one that runs: --service-url")
        except (InstallationFailed, native.StartFailed) as error:
            found = Unreachable(name, str(error), f"its log: {directory / (name + '.log')}")
        except OSError as error:
            found = Unreachable(name, f"it could not be started: {error}", "check that the cache directory is usable")
    if isinstance(found, RunningService):
        progress.done(name, time.monotonic() - begun)
    else:
        progress.failed(name, found.reason)
    return found
