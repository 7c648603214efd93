"""
Serves any Python target behind the target protocol, in a process of its own.

    python -m conformance.worker --target package.module

The protocol has stdin and stdout to itself: what the target prints goes to stderr, and it finds its stdin empty. The
process ends when its stdin does, also while a call of the target still hangs.
"""

from __future__ import annotations

import argparse
import atexit
import itertools
import json
import os
import select
import sys
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn

from conformance import lookout, watching
from conformance.targets import HarnessError, NotClaimed, TargetDied, TargetError
from conformance.targets import messages as wire
from conformance.targets.in_process import InProcessReader, InProcessTarget, InProcessWriter
from conformance.targets.in_process_datasets import InProcessDataset
from conformance.targets.masking import Unmasked
from conformance.watching import Watch
from conformance.worker_datasets import DatasetMethods

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from conformance.targets import Meta, Metas
    from conformance.targets.selection import TargetSpec

    Handle = InProcessReader | InProcessWriter | InProcessDataset

THREADS = 32
"""Calls that a concurrent target gets at once; checks of sharing use fewer."""

END_S = 2.0
"""Seconds that calls under way have when stdin ended, before the process ends without them."""


class Server:
    """Answers the requests of one conversation; `answer` may be called from several threads."""

    def __init__(self, target: InProcessTarget, watch: Watch | None = None) -> None:
        self._target = target
        self._watch = watch
        self._handles: dict[int, Handle] = {}
        self._cursors: dict[int, tuple[int, Iterator[Metas]]] = {}
        self._numbers = itertools.count(1)
        self._methods: dict[str, Callable[[dict[str, Any]], Any]] = {
            "hello": self._hello,
            "open": self._open,
            "list_iter": self._list_iter,
            "close": self._close,
            "explain": lambda p: self._target.explain(p["url"], p.get("creds"), p.get("token")),
            "get": lambda p: wire.to_base64(self._reader(p).get(p["path"], p.get("start"), p.get("end"))),
            "length": lambda p: self._reader(p).length(p["path"]),
            "metadata": lambda p: _optional(self._reader(p).metadata(p["path"])),
            "list": lambda p: _metas(self._reader(p).list(p["path"])),
            "list_dirs": lambda p: self._reader(p).list_dirs(p["path"]),
            "sign_url": lambda p: self._reader(p).sign_url(p["path"], p["expires"]),
            "set": self._set,
            "remove": lambda p: self._writer(p).remove(p["path"]),
            "remove_directory": lambda p: self._writer(p).remove_directory(p["path"]),
            "subdir": lambda p: self._keep(self._directory(p).subdir(p["path"])),
            "get_reader": lambda p: self._keep(self._writer(p).get_reader()),
        }
        self._datasets = DatasetMethods(target, self._keep, self._handle)
        self._methods |= self._datasets.by_name()

    def answer(self, line: bytes) -> dict[str, Any]:
        """Return the answer to one line."""
        answer = self._answered(line)
        if self._watch is not None:
            self._watch.look([handle.raw for handle in list(self._handles.values())])
        return answer

    def _answered(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            number, method, params = request["id"], request["method"], request["params"]
        except (ValueError, KeyError, TypeError):
            return _failed(None, wire.PARSE_ERROR, "not a request of the protocol")
        call = self._methods.get(method)
        if call is None:
            return _failed(number, wire.NOT_CLAIMED, f"there is no method {method}")
        try:
            return {"jsonrpc": "2.0", "id": number, "result": call(params)}
        except TargetError as error:
            if self._watch is not None:
                self._watch.raised(error.__cause__ or error)
            return {"jsonrpc": "2.0", "id": number, "error": wire.error_to_wire(error)}
        except NotClaimed as error:
            return _failed(number, wire.NOT_CLAIMED, str(error))
        except TargetDied as error:
            return _failed(number, wire.INTERNAL, str(error))
        except HarnessError as error:
            return _failed(number, wire.INVALID_PARAMS, str(error))
        except Exception as error:  # noqa: BLE001 - a mistake of this file must not look like one of the target
            return _failed(number, wire.INTERNAL, f"{type(error).__name__}: {error}")

    def _hello(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"name": self._target.name, "version": self._target.version, "protocol": wire.VERSION}

    def _open(self, params: dict[str, Any]) -> int:
        given = (params["url"], params.get("creds"), params.get("token"))
        if params["mode"] == "w":
            return self._keep(self._target.open_writer(*given))
        return self._keep(self._target.open_reader(*given))

    def _set(self, params: dict[str, Any]) -> dict[str, Any] | None:
        meta = self._writer(params).set(
            params["path"],
            wire.from_base64(params["content"]),
            if_absent=params.get("if_absent", False),
            if_match=params.get("if_match"),
        )
        return _optional(meta)

    def _list_iter(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return the next page; the iterator of the target stays here, and the cursor is its number."""
        cursor = params.get("cursor")
        pages = self._reader(params).list_iter(params["path"]) if cursor is None else self._cursors.pop(cursor)[1]
        page = next(pages, None)
        if page is None:
            return {"page": None}
        cursor = next(self._numbers)
        self._cursors[cursor] = (params["handle"], pages)
        return {"page": _metas(page), "next": cursor}

    def _close(self, params: dict[str, Any]) -> None:
        handle = self._handle(params)
        try:
            handle.close()
        finally:
            del self._handles[params["handle"]]
            self._datasets.forget(handle)
            for cursor in [cursor for cursor, (owner, _) in list(self._cursors.items()) if owner == params["handle"]]:
                del self._cursors[cursor]

    def _keep(self, handle: Handle) -> int:
        number = next(self._numbers)
        self._handles[number] = handle
        return number

    def _handle(self, params: dict[str, Any]) -> Handle:
        if params["handle"] not in self._handles:
            raise HarnessError(f"there is no handle {params['handle']!r}")
        return self._handles[params["handle"]]

    def _directory(self, params: dict[str, Any]) -> InProcessReader | InProcessWriter:
        handle = self._handle(params)
        if isinstance(handle, InProcessDataset):
            raise HarnessError("the handle is of a dataset")
        return handle

    def _reader(self, params: dict[str, Any]) -> InProcessReader:
        handle = self._directory(params)
        if not isinstance(handle, InProcessReader):
            raise HarnessError("the handle was opened to write")
        return handle

    def _writer(self, params: dict[str, Any]) -> InProcessWriter:
        handle = self._directory(params)
        if not isinstance(handle, InProcessWriter):
            raise HarnessError("the handle was opened to read")
        return handle


def serve(server: Server, requests: IO[bytes], answers: IO[bytes], *, threads: int = 1) -> None:
    """Answer every line of `requests` until it ends; the main thread is one of the threads that call the target.

    Each thread reads a line and answers it itself. Handing lines over to it would cost nearly half of a call: 150 us
    against 85 us, measured with a target that does nothing.
    """
    reading, writing = threading.Lock(), threading.Lock()
    threading.Thread(target=_end_with, args=(requests.fileno(),), daemon=True, name="end").start()

    def work() -> None:
        while True:
            with reading:
                line = requests.readline()
            if not line:
                return
            answer = wire.line_of(server.answer(line))
            with writing:
                answers.write(answer)
                answers.flush()

    for _ in range(threads - 1):
        threading.Thread(target=work, daemon=True, name="calls").start()
    work()


def _end_with(stdin: int) -> None:
    """End this process some time after its stdin did: the runner is gone or is done, and no call may keep it."""
    hangup = select.poll()
    hangup.register(stdin, 0)  # no events: only that the other side is closed, which is reported always
    hangup.poll()
    time.sleep(END_S)
    os._exit(1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve the named target until stdin ends."""
    parser = argparse.ArgumentParser(prog="python -m conformance.worker", description=__doc__.strip().splitlines()[0])
    parser.add_argument("--target", required=True, metavar="MODULE[:ATTRIBUTE]", help="a module, or a .py file")
    parser.add_argument("--claims", metavar="FILE", help="its claims file")
    options = parser.parse_args(arguments)
    requests, answers = _take_over_pipes()
    directory = os.environ.pop(watching.VARIABLE, None)
    lookout.listen_if_asked()
    watch = Watch(Path(directory)) if directory else None
    spec = chosen(options.target, options.claims)
    target = spec.start_in_process(secrets=Unmasked())
    threads = THREADS if spec.claims.concurrent else 1
    try:
        serve(Server(target, watch), requests, answers, threads=threads)
    except BrokenPipeError:
        os._exit(1)  # the runner is gone; a flush at exit would only complain about it


def chosen(target: str, claims: str | None) -> TargetSpec:
    """Return the target of a name and a claims file; ends this process with a message if there is none."""
    from conformance.settings import UsageError
    from conformance.targets.selection import resolve

    try:
        return resolve(target, (), Path(claims) if claims else None, "in-process")
    except UsageError as error:
        sys.exit(f"conformance.worker: {error}")


def _take_over_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Return stdin and stdout, and leave an empty stdin and stderr in their place."""
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    os.dup2(2, 1)
    return requests, answers


def _optional(meta: Meta | None) -> dict[str, Any] | None:
    return None if meta is None else wire.meta_to_wire(meta)


def _metas(metas: Sequence[Meta]) -> list[dict[str, Any]]:
    return [wire.meta_to_wire(meta) for meta in metas]


def _failed(number: object, code: int, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": message}}


def end(status: int = 0) -> NoReturn:
    """End this process as at its end, but for taking apart every module: with an SDK that takes a tenth of a second."""
    atexit._run_exitfuncs()  # noqa: SLF001 - no public way
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
    end()
