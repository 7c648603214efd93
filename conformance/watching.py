"""
What a worker sees of its target besides answers: logs, exceptions with their causes, texts and pickles of handles.

It serves any Python target. The runner names a directory by a variable, which is gone before the target is made; logging is
then on at DEBUG for all loggers, as by an operator who looks for a mistake, and all warnings are shown. What `http.client`
prints at its debug level is left out: it is the socket's own text, and no client can keep a proof off it.
"""

from __future__ import annotations

import logging
import os
import pickle
import threading
import traceback
import types
import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pathlib import Path

VARIABLE = "CONFORMANCE_WATCH"
"""Names the directory to the worker."""

Kind = Literal["log", "raised", "texts", "pickles", "variables"]
"""The files in the directory: formatted records; tracebacks and all that hangs on exceptions; repr, str and attributes of
handles; their pickles; variables that were not in the environment, or had other values, when the target was made."""

DEEP = 6
"""Steps from an exception to what hangs on it; `error.response.request.url` is three."""

MANY = 2000
"""Objects that are looked at per exception."""


class Watch:
    """Writes what it is shown into files of a directory; may be called from several threads."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._began = dict(os.environ)
        handler = logging.FileHandler(directory / "log", encoding="utf-8", errors="backslashreplace")
        handler.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))
        root = logging.getLogger()
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
        for logger in list(logging.Logger.manager.loggerDict.values()):
            if isinstance(logger, logging.Logger):
                logger.setLevel(logging.NOTSET)
        warnings.simplefilter("always")

    def raised(self, error: BaseException) -> None:
        """Keep the traceback of an exception, its pickle, and every text that hangs on it or on its causes."""
        parts = traceback.format_exception(error)
        for each in _chain(error):
            parts += [_told(str, each), _told(repr, each), *_hanging(each)]
            self._write("pickles", _pickles(each))
        self._write("raised", "\n".join(parts))

    def look(self, handles: list[Any]) -> None:
        """Keep the texts and pickles of handles, and variables that were set meanwhile."""
        for handle in handles:
            texts = [_told(how, handle) for how in (repr, str, format, _attributes)]
            self._write("texts", "\n".join(texts))
            self._write("pickles", _pickles(handle))
        changed = [f"{name}={value}" for name, value in os.environ.items() if self._began.get(name) != value]
        self._write("variables", "\n".join(changed))

    def _write(self, kind: Kind, content: str | bytes) -> None:
        raw = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
        if raw:
            with self._lock, (self._directory / kind).open("ab") as file:
                file.write(raw + b"\n")


def _attributes(handle: Any) -> str:
    return repr(getattr(handle, "__dict__", {}))


def _told(how: Any, value: Any) -> str:
    try:
        return str(how(value))
    except Exception as error:  # noqa: BLE001 - a broken __repr__ is the target's own affair
        return f"<{type(error).__name__}>"


def _pickles(value: Any) -> bytes:
    """Return the pickles of all protocols, empty where it refuses."""
    found = []
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with suppress(Exception):  # whatever refuses has refused
            found.append(pickle.dumps(value, protocol))
    return b"\n".join(found)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception, its causes, its contexts, and the members of groups."""
    waiting, seen = [error], set()
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        inner = getattr(each, "exceptions", ())
        waiting += [next_ for next_ in (each.__cause__, each.__context__, *inner) if isinstance(next_, BaseException)]


_OPAQUE = (type, types.ModuleType, types.FunctionType, types.MethodType, types.FrameType, types.TracebackType)


def _hanging(error: BaseException) -> list[str]:
    """Return the texts that are reached from an exception over attributes, items and keys."""
    found: list[str] = []
    waiting: list[tuple[Any, int]] = [(error.args, 0), (getattr(error, "__dict__", {}), 0)]
    seen: set[int] = set()
    while waiting and len(seen) < MANY:
        value, depth = waiting.pop()
        if id(value) in seen or isinstance(value, _OPAQUE):
            continue
        seen.add(id(value))
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, bytes | bytearray):
            found.append(value.decode("utf-8", "backslashreplace"))
        elif depth < DEEP:
            waiting += [(inner, depth + 1) for inner in _inside(value)]
    return found


def _inside(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return [*value.keys(), *value.values()]
    if isinstance(value, list | tuple | set | frozenset):
        return list(value)
    attributes = getattr(value, "__dict__", None)
    return [attributes] if isinstance(attributes, dict) else []
