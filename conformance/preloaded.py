"""
A worker that has imported the target already, and forks once per world.

    python -m conformance.preloaded --control FD --target package.module

It imports in an environment without anything of a world, makes no call, and has one thread, so that a fork is safe. Each
child gets the pipes, the environment and the working directory of its world, and then is what `conformance.worker` is.
Commands come as JSON over a socket: `fork`, with three descriptors, answers `{"pid": n}`, `reap` waits for a child that
was stopped.

What a module froze at its import is the same for all worlds; which worlds that disturbs is said in `conformance.stages`.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import signal
import socket
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance import worker

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST = 1024 * 1024
"""Bytes of a command."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Import the target, and fork until the socket ends."""
    parser = argparse.ArgumentParser(prog="python -m conformance.preloaded", description=__doc__.splitlines()[1])
    parser.add_argument("--control", required=True, type=int, metavar="FD", help="a connected socket")
    parser.add_argument("--target", required=True, metavar="MODULE[:ATTRIBUTE]", help="as for the worker")
    parser.add_argument("--claims", metavar="FILE", help="its claims file")
    options = parser.parse_args(arguments)
    serving = ["--target", options.target, *(["--claims", options.claims] if options.claims else [])]
    spec = worker.chosen(options.target, options.claims)
    spec.start_in_process()
    for module in spec.claims.preload:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=options.control) as control:
        control.send(b'{"ready": true}')
        while (command := _received(control)) is not None:
            fields, pipes = command
            if fields["do"] == "reap":
                answer: dict[str, Any] = {"status": os.waitstatus_to_exitcode(os.waitpid(fields["pid"], 0)[1])}
            elif _threads() != 1:
                answer = {"error": "the target started a thread while it was imported; it cannot be preloaded"}
            else:
                pid = os.fork()
                if pid == 0:
                    control.close()
                    _become(fields, pipes, serving)
                answer = {"pid": pid}
            for pipe in pipes:
                os.close(pipe)
            control.send(json.dumps(answer).encode())


def _received(control: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    text, pipes, _flags, _address = socket.recv_fds(control, LONGEST, 3)
    return (json.loads(text), list(pipes)) if text else None


def _threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def _become(fields: dict[str, Any], pipes: list[int], serving: list[str]) -> None:
    """Become the worker of one world, and end with it."""
    status = 1
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        for number, pipe in enumerate(pipes):
            os.dup2(pipe, number)
            os.close(pipe)
        os.environ.clear()
        os.environ.update(fields["environment"])
        os.chdir(fields["cwd"])
        time.tzset()
        tempfile.tempdir = None
        worker.main(serving)
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    finally:
        worker.end(status)


if __name__ == "__main__":
    main()
