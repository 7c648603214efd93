"""
What ends with a run: processes, directories and containers, by `close` or, if the runner is killed, by the watchdog.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from conformance.services.watchdog import stop_group

if TYPE_CHECKING:
    from pathlib import Path

GONE_S = 10.0
DOG_S = 30.0


class Stoppable(Protocol):
    """What can be ended, such as a container."""

    def stop(self) -> None:
        """End it; it is no error if it has ended."""
        ...


class Closable(Protocol):
    """What is closed after the rest has ended, such as a follower of a log."""

    def close(self) -> None:
        """Close it."""
        ...


class Watched:
    """Processes, directories and containers that end with this run."""

    def __init__(self) -> None:
        self.run = secrets.token_hex(8)
        self._lock = threading.RLock()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._directories: list[Path] = []
        self._containers: dict[str, Stoppable] = {}
        self._last: list[Closable] = []
        self._sees_containers = False
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

    def expect_containers(self) -> str:
        """Return the label of this run's containers; from now on the watchdog removes whatever carries it."""
        with self._lock:
            if not self._sees_containers:
                self._sees_containers = True
                self._tell(f"run {self.run}")
        return self.run

    def stop_container_later(self, identity: str, container: Stoppable) -> None:
        """Remove this container at the end."""
        with self._lock:
            self._containers[identity] = container

    def close_last(self, what: Closable) -> None:
        """Close this when all else has ended."""
        with self._lock:
            self._last.append(what)

    def directories(self) -> list[str]:
        """Return the directories that would be removed."""
        return [str(each) for each in self._directories]

    def hand_over(self) -> None:
        """Leave everything running that runs now."""
        with self._lock:
            for name in (*(str(each.pid) for each in self._processes), *self.directories(), *self._containers):
                self._tell(f"keep {name}")
            for process in self._processes:
                process.returncode = 0  # nobody waits for it here: without this the garbage collector warns
            self._processes, self._directories, self._containers = [], [], {}

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
        threads += [threading.Thread(target=self._stop, args=item) for item in list(self._containers.items())]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._sees_containers and not self._containers:
            self._tell(f"over {self.run}")
        for process in self._processes:
            process.wait(timeout=GONE_S)
        for directory in self._directories:
            shutil.rmtree(directory, ignore_errors=True)
        for each in self._last:
            each.close()
        if self._dog is not None and self._dog.stdin is not None:
            self._dog.stdin.close()
            self._dog.wait(timeout=DOG_S)

    def _stop(self, identity: str, container: Stoppable) -> None:
        with suppress(Exception):  # the watchdog comes after, and the sweep of the next start after that
            container.stop()
            del self._containers[identity]


def _is_installed() -> bool:
    """Whether the package can be found without the current directory, so that the watchdog can run isolated."""
    return os.environ.get("PYTHONPATH") is None and "" not in sys.path and os.getcwd() not in sys.path  # noqa: PTH109
