"""
The reference, which writes every operation and its arguments to the file that `OPERATIONS` names.

Those of the main thread: how often the other threads of a check come to read is the machine's affair.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import deeplake_ref

METHODS = ("get", "length", "list", "list_iter", "list_dirs", "metadata", "subdir", "set", "remove", "remove_directory")


def _told(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def tell(*arguments: Any, **keywords: Any) -> Any:
        if threading.current_thread() is threading.main_thread():
            with Path(os.environ["OPERATIONS"]).open("a", encoding="utf-8") as file:
                # a view prints its address
                told = tuple(bytes(each) if isinstance(each, memoryview) else each for each in arguments[1:])
                file.write(f"{method.__name__}{told!a}\n")
        return method(*arguments, **keywords)

    return tell


def _telling(kind: type[Any]) -> type[Any]:
    return type(kind.__name__, (kind,), {name: _told(getattr(kind, name)) for name in METHODS if hasattr(kind, name)})


storage = SimpleNamespace(Reader=_telling(deeplake_ref.Reader), Writer=_telling(deeplake_ref.Writer))
