"""
The runner's side of a preloaded worker (`conformance/preloaded.py`).
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from conformance.targets import HarnessError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conformance.targets.selection import TargetSpec

START_S = 60.0
"""Seconds to import the target; three cloud SDKs take less than two."""

ANSWER_S = 10.0

LONGEST = 1024 * 1024


class Preloaded:
    """A process that has the target imported, and forks a worker per world.

    Raises:
        HarnessError: it does not start.
    """

    def __init__(self, spec: TargetSpec) -> None:
        self._lock = threading.Lock()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control = ours
        self._home = tempfile.TemporaryDirectory(prefix="preloaded-")
        words = list(spec.words())
        words[words.index("conformance.worker")] = "conformance.preloaded"
        with theirs:
            self._process = subprocess.Popen(
                [*words, "--control", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=clean_environment(self._home.name),
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._control.settimeout(START_S)
        try:
            ready = self._control.recv(LONGEST)
            why = "" if ready else self._last_words()
        except OSError:
            ready, why = b"", f"it took more than {START_S:.0f} s"
        if not ready:
            self.close()
            raise HarnessError(f"the target cannot be preloaded: {why}")
        self._control.settimeout(ANSWER_S)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def fork(self, environment: Mapping[str, str], cwd: Path) -> Forked:
        """Return a new worker with these variables and this working directory."""
        pipes = [os.pipe() for _ in range(3)]
        (stdin, to_stdin), (from_stdout, stdout), (from_stderr, stderr) = pipes
        theirs = [stdin, stdout, stderr]
        try:
            command = {"do": "fork", "environment": dict(environment), "cwd": str(cwd)}
            pid = self.ask(command, theirs)["pid"]
        except BaseException:
            for each in (to_stdin, from_stdout, from_stderr):
                os.close(each)
            raise
        finally:
            for each in theirs:
                os.close(each)
        return Forked(
            self, pid, os.fdopen(to_stdin, "wb", 0), os.fdopen(from_stdout, "rb"), os.fdopen(from_stderr, "rb")
        )

    def ask(self, command: dict[str, Any], descriptors: list[int] | None = None) -> dict[str, Any]:
        """Send a command and return its answer; raises `HarnessError`."""
        with self._lock:
            try:
                socket.send_fds(self._control, [json.dumps(command).encode()], descriptors or [])
                text = self._control.recv(LONGEST)
            except OSError as error:
                raise HarnessError(f"the preloaded worker does not answer: {error}") from None
        if not text:
            raise HarnessError("the preloaded worker is gone")
        answer: dict[str, Any] = json.loads(text)
        if "error" in answer:
            raise HarnessError(answer["error"])
        return answer

    def close(self) -> None:
        """End it; workers that it forked end with their pipes."""
        self._control.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()
        self._home.cleanup()

    def _last_words(self) -> str:
        # its end of the socket is closed, so it is ending
        if self._process.stderr is None:
            return "it ended"
        lines = self._process.stderr.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "it ended"


class Forked:
    """A forked worker, with what `subprocess.Popen` has of it; it leads a group of its own."""

    def __init__(self, parent: Preloaded, pid: int, stdin: IO[bytes], stdout: IO[bytes], stderr: IO[bytes]) -> None:
        self._parent = parent
        self.pid = pid
        self.stdin: IO[bytes] | None = stdin
        self.stdout: IO[bytes] | None = stdout
        self.stderr: IO[bytes] | None = stderr

    def wait(self) -> int:
        """Wait until it has ended; its id stays its own until then."""
        status: int = self._parent.ask({"do": "reap", "pid": self.pid})["status"]
        return status


def clean_environment(home: str) -> dict[str, str]:
    """Return variables that say nothing, for imports that read them; modules are found as in this process."""
    return {"HOME": home, "PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONPATH": import_path()}


def import_path() -> str:
    """Return where this process finds modules, for a Python process in another directory and environment."""
    return os.pathsep.join(str(Path(entry or ".").resolve()) for entry in sys.path)
