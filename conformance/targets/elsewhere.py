"""
The same Python target in another process, for what only a second process can show: a pickled handle, and a fork.

    python -m conformance.targets.elsewhere     one question as JSON on stdin, one answer as JSON on stdout

What the target prints goes to stderr. Nothing secret is in an argument, a variable or a file.
"""

from __future__ import annotations

import base64
import json
import os
import pickle
import select
import signal
import subprocess
import sys
import time
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from conformance.targets import HarnessError

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.targets.selection import TargetSpec

START_S = 30.0
"""Seconds on top of what the target may take: a Python process that imports three cloud SDKs."""

ROUNDS = 3
"""How often each side of a fork reads its objects."""

FAILED = "error"


def ask(spec: TargetSpec, question: dict[str, Any], limit_s: float) -> dict[str, Any]:
    """Return the answer of a new process to one question; `{"error": text}` tells what the target raised there.

    Raises:
        HarnessError: the process did not answer.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "conformance.targets.elsewhere"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        sent = json.dumps({**question, "target": spec.target, "limit_s": limit_s}).encode()
        said, complaint = process.communicate(sent, timeout=2 * limit_s + START_S)
    except subprocess.TimeoutExpired:
        return {FAILED: f"no answer within {limit_s:g} s"}
    finally:
        _end_group(process)
    try:
        answer: dict[str, Any] = json.loads(said)
    except ValueError:
        last = complaint.decode(errors="replace").strip().splitlines()[-1:]
        raise HarnessError(f"the second process gave no answer: {' '.join(last)[:200]}") from None
    return answer


def _end_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


# ---- in the other process


def _read_pickled(_storage: Any, asked: dict[str, Any]) -> dict[str, Any]:
    """Open a pickled handle and read an object through it."""
    handle = pickle.loads(base64.b64decode(asked["pickle"]))  # noqa: S301 - this run's own
    try:
        return {"value": base64.b64encode(bytes(handle.get(asked["path"]))).decode()}
    finally:
        _close(handle)


def _fork(storage: Any, asked: dict[str, Any]) -> dict[str, Any]:
    """Use a handle, fork, and read through it on both sides at once."""
    given = {name: asked[name] for name in ("creds", "token") if asked.get(name) is not None}
    values = {name: bytes([number]) * size for number, (name, size) in enumerate(sorted(asked["sizes"].items()))}
    writer = storage.Writer(asked["url"], **given)
    for path, value in values.items():
        writer.set(path, value)
    reader = writer.get_reader()
    for path in values:
        reader.get(path)
    ours, theirs = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12 and later say that a fork beside threads is dangerous; that is what is looked at
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        # in another order, so that an answer that reaches the wrong side is seen
        os.write(theirs, _read_all(reader, dict(reversed(values.items()))).encode()[:4000])
        os._exit(0)
    os.close(theirs)
    parent = _read_all(reader, values)
    said = _answer_of(child, ours, asked["limit_s"])
    _close(reader)
    _close(writer)
    return {"parent": parent, "child": said}


def _read_all(reader: Any, values: dict[str, bytes]) -> str:
    """Return `right`, `refused` if every read raises, or what is wrong."""
    refusals: list[str] = []
    for _ in range(ROUNDS):
        for path, value in values.items():
            try:
                seen = bytes(reader.get(path))
            except Exception as error:  # noqa: BLE001 - whatever the target raises is its answer
                refusals.append(f"{type(error).__name__}: {error}")
                continue
            if seen != value:
                return f"{len(seen)} other bytes at {path}"
    if not refusals:
        return "right"
    return "refused" if len(refusals) == ROUNDS * len(values) else f"refused now and then: {refusals[0]}"


def _answer_of(child: int, pipe: int, limit_s: float) -> str:
    """Return what a child says, within its time; end it."""
    late = time.monotonic() + limit_s
    said = b""
    while time.monotonic() < late:
        ready, _, _ = select.select([pipe], [], [], max(0.0, late - time.monotonic()))
        piece = os.read(pipe, 4096) if ready else b""
        if ready and not piece:
            break
        said += piece
    os.close(pipe)
    hangs = time.monotonic() >= late
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    if said:
        return said.decode(errors="replace")
    return "hangs" if hangs else "died"


def _close(handle: Any) -> None:
    close = getattr(handle, "close", None)
    if close is not None:
        close()


_QUESTIONS: dict[str, Callable[[Any, dict[str, Any]], dict[str, Any]]] = {"unpickle": _read_pickled, "fork": _fork}


def main() -> None:
    """Answer the question on stdin."""
    answers = os.dup(1)
    os.dup2(2, 1)
    asked = json.load(sys.stdin)
    from conformance.targets import locating

    target = locating.locate(asked["target"]).build()
    try:
        answer = _QUESTIONS[asked["do"]](target.storage, asked)
    except Exception as error:  # noqa: BLE001 - whatever the target raises is its answer
        answer = {FAILED: f"{type(error).__name__}: {error}"}
    with os.fdopen(answers, "wb") as file:
        file.write(json.dumps(answer).encode())


if __name__ == "__main__":
    main()
