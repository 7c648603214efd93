"""
A child process that is spoken to in lines: started in a group of its own, read by threads, stopped for certain.

It ends when its stdin does, and so also when this process is killed; what does not is ended by its process group. The
last lines that it writes to stderr are kept, because they say why it died; who wants all of them gives `on_stderr`.
"""

from __future__ import annotations

import atexit
import os
import select
import signal
import subprocess
import threading
import time
import weakref
from collections import deque
from typing import IO, TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

KEPT_LINES = 20
"""Lines of stderr that are kept."""

GRACE_S = 3.0
"""Seconds that a process has to end after its stdin did; a Python worker takes 0.02 to 0.2."""

_DRAIN_S = 1.0
"""Seconds to wait for the rest of stderr of a process that has ended."""

_started: weakref.WeakSet[LineProcess] = weakref.WeakSet()


class Started(Protocol):
    """A process with three pipes that leads a group of its own; what `subprocess.Popen` has of it."""

    @property
    def pid(self) -> int: ...
    @property
    def stdin(self) -> IO[bytes] | None: ...
    @property
    def stdout(self) -> IO[bytes] | None: ...
    @property
    def stderr(self) -> IO[bytes] | None: ...
    def wait(self) -> int: ...


def start(command: Sequence[str], environment: Mapping[str, str] | None = None, cwd: Path | None = None) -> Started:
    """Start a command without a shell; raises `OSError` if that is not possible.

    Args:
        command: program and arguments.
        environment: all its variables, None for a copy of ours.
        cwd: its working directory, None for ours.
    """
    return subprocess.Popen(
        list(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=None if environment is None else dict(environment),
        cwd=cwd,
        start_new_session=True,  # a group of its own: its children end with it, and Ctrl-C is ours alone
    )


class LineProcess:
    """One running process; `read` comes next. `on_stderr` gets each line of stderr as it is, from a thread."""

    def __init__(self, process: Started, on_stderr: Callable[[bytes], None] | None = None) -> None:
        self._process = process
        self._on_stderr = on_stderr
        self._kept: deque[str] = deque(maxlen=KEPT_LINES)
        self._sending = threading.Lock()
        self._stopping = threading.Lock()
        self._stopped = False
        os.set_blocking(self._stdin, False)
        self._stdout_reader: threading.Thread | None = None
        self._stderr_reader = threading.Thread(target=self._read_stderr, daemon=True, name="target-stderr")
        self._stderr_reader.start()
        _started.add(self)

    def read(self, on_line: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        """Begin to read stdout; a thread calls `on_line` with each line, without its end, and `on_end` once."""
        reading = threading.Thread(target=self._read_stdout, args=(on_line, on_end), daemon=True, name="target-stdout")
        self._stdout_reader = reading
        reading.start()

    @property
    def pid(self) -> int:
        """The process id, which is also that of its group."""
        return self._process.pid

    @property
    def _stdin(self) -> int:
        assert self._process.stdin is not None  # noqa: S101 - started with a pipe
        return self._process.stdin.fileno()

    def send(self, line: bytes, *, until: float) -> bool:
        """Write a whole line before the instant `until` of `time.monotonic`; False if the process did not take it.

        Raises:
            OSError: the process has ended, or was stopped.
        """
        if not self._sending.acquire(timeout=max(0.0, until - time.monotonic())):
            return False
        try:
            if self._stopped:
                raise BrokenPipeError
            rest = memoryview(line)
            while rest:
                try:
                    rest = rest[os.write(self._stdin, rest) :]
                except BlockingIOError:
                    left = until - time.monotonic()
                    if left <= 0:
                        return False
                    select.select([], [self._stdin], [], min(left, 1.0))
            return True
        finally:
            self._sending.release()

    def last_lines(self) -> list[str]:
        """Return the end of what the process wrote to stderr."""
        if self._stdout_reader is None or not self._stdout_reader.is_alive():
            self._stderr_reader.join(_DRAIN_S)
        return list(self._kept)

    def exit_text(self) -> str:
        """Return how the process ended, such as `exit status 1` or `SIGKILL`; empty if it is not known."""
        if not hasattr(os, "pidfd_open"):
            return ""
        try:
            watched = os.pidfd_open(self.pid)
            try:
                if not select.select([watched], [], [], _DRAIN_S)[0]:
                    return ""
            finally:
                os.close(watched)
            # WNOWAIT leaves it a zombie: its id stays taken, so that stopping its group cannot hit a stranger.
            ended = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        except (ProcessLookupError, ChildProcessError):
            return ""  # stopped meanwhile
        if ended is None:
            return ""
        return _exit_text(ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status)

    def stop(self, grace_s: float = GRACE_S) -> None:
        """End the process and its group; at once if `grace_s` is 0, else after it had time to end by itself."""
        with self._stopping:
            if self._stopped:
                return
            self._stopped = True
            readers = [reader for reader in (self._stdout_reader, self._stderr_reader) if reader is not None]
            if grace_s > 0:
                self._close_stdin(grace_s)
                readers[0].join(grace_s)
            self._kill_group()
            self._close_stdin(_DRAIN_S)
            for reader in readers:
                reader.join(_DRAIN_S)
            self._process.wait()
            if not any(reader.is_alive() for reader in readers):
                for pipe in (self._process.stdout, self._process.stderr):
                    if pipe is not None:
                        pipe.close()
            _started.discard(self)

    def _close_stdin(self, wait_s: float) -> None:
        if self._process.stdin is None or self._process.stdin.closed:
            return
        if self._sending.acquire(timeout=wait_s):
            try:
                self._process.stdin.close()
            finally:
                self._sending.release()

    def _kill_group(self) -> None:
        # The leader has not been waited for, so its id and that of the group are still its own.
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return  # everything in it has ended; macOS answers EPERM for a group of zombies

    def _read_stdout(self, on_line: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        assert self._process.stdout is not None  # noqa: S101 - started with a pipe
        for line in self._process.stdout:
            on_line(line.rstrip(b"\r\n"))
        on_end()

    def _read_stderr(self) -> None:
        assert self._process.stderr is not None  # noqa: S101 - started with a pipe
        for line in self._process.stderr:
            if self._on_stderr is not None:
                self._on_stderr(line)
            self._kept.append(line.decode("utf-8", "replace").rstrip())


def _exit_text(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"


@atexit.register
def _stop_all() -> None:
    for process in list(_started):
        process.stop(grace_s=0)
