"""
A tiny target in a dictionary for tests of the doors; some paths misbehave on purpose, by their name.

It shares values by URL, has no network, and no dependency.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from tests.targets.miniature_datasets import copy, create, delete, exists, like, open, open_read_only  # noqa: A004, F401

__version__ = "1.2.3"

_stores: dict[str, dict[str, bytes]] = {}


class StorageError(Exception):
    """Root of the tree."""


class StorageKeyNotFound(StorageError, KeyError):
    """No such object."""

    def __init__(self, message: str, *, http_status: int | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.http_status = http_status
        self.code = code
        self.provider = "mem"
        self.operation = "get"


class LogExistsError(StorageError):
    """A name that the contract has as an alias."""


@dataclass(frozen=True)
class ResourceMeta:
    """What deeplake calls this."""

    path: str
    size: int
    etag: str | None
    last_modified: datetime | None


def explain(url: str, creds: Any = None, token: str | None = None) -> Any:
    """Say who is used; some URLs misbehave on purpose."""
    if url.endswith("raises"):
        raise StorageError(f"refused with {creds['aws_secret_access_key']}")
    attempts = [
        {"source": "aws_dict", "answer": "credentials" if creds else "not configured"},
        SimpleNamespace(source="aws_env", answer="not asked", reason="behind aws_dict"),
    ]
    if url.endswith("malformed"):
        attempts = [{"source": "aws_dict", "answer": "perhaps"}]
    return SimpleNamespace(
        attempts=tuple(attempts),
        winner="aws_dict" if creds else None,
        endpoint=SimpleNamespace(value="http://h:1", origin="creds"),
        region=None,
        expires_at=datetime(2099, 1, 2, tzinfo=UTC) if token else None,
        more="of its own",
    )


class PanicException(BaseException):
    """What PyO3 raises when Rust code crashes."""


class Reader:
    """Reads a dictionary; some paths misbehave on purpose, by their name."""

    def __init__(self, url: str, creds: Any = None, token: str | None = None) -> None:
        if creds and "refuse" in creds:
            raise StorageError(f"refused with {creds['aws_secret_access_key']} and {token}")
        self._url = url
        self._values = _stores.setdefault(url, {})
        self._creds = creds

    def get(self, path: str, start: int | None = None, end: int | None = None) -> memoryview:
        vice = _VICES.get(path)
        if vice is not None:
            vice(self._creds)
        if path not in self._values:
            raise StorageKeyNotFound(f"no object {path!r}", http_status=404, code="NoSuchKey")
        return memoryview(self._values[path])[start:end]

    def length(self, path: str) -> Any:
        if path == "malformed":
            return "seven"
        return len(self._values[path]) if path in self._values else -1

    def list(self, path: str = "") -> Any:
        if path == "broken":
            return (page for pages in self.list_iter(path) for page in pages)
        return 7 if path == "malformed" else [_meta(key, value) for key, value in sorted(self._values.items())]

    def list_iter(self, path: str = "") -> Iterator[Any]:
        for key, value in sorted(self._values.items()):
            yield [_meta(key, value)]
        if path == "broken":
            raise StorageError("the second page is gone")

    def list_dirs(self, path: str = "") -> Any:
        return "abc" if path == "malformed" else sorted({key.split("/")[0] for key in self._values if "/" in key})

    def metadata(self, path: str) -> Any:
        if path == "malformed":
            return {"path": path}
        if path == "naive":
            return ResourceMeta(path, 0, None, datetime(2026, 1, 2, 3, 4, 5))  # noqa: DTZ001 - wrong on purpose
        return _meta(path, self._values[path]) if path in self._values else None

    def subdir(self, path: str) -> Reader:
        return Reader(f"{self._url}/{path}")

    def close(self) -> None:
        self._values = {}


class Writer:
    """Writes a dictionary."""

    def __init__(self, url: str, creds: Any = None, token: str | None = None) -> None:
        self._url = url
        self._values = _stores.setdefault(url, {})

    def set(self, path: str, content: bytes, *, if_absent: bool = False) -> ResourceMeta:
        if if_absent and path in self._values:
            raise LogExistsError(path)
        self._values[path] = bytes(content)
        return _meta(path, self._values[path])

    def remove(self, path: str) -> None:
        self._values.pop(path, None)

    def remove_directory(self, path: str) -> None:
        for key in [key for key in self._values if key.startswith(f"{path}/")]:
            del self._values[key]

    def subdir(self, path: str) -> Writer:
        return Writer(f"{self._url}/{path}")

    def get_reader(self) -> Reader:
        return Reader(self._url)

    def close(self) -> None:
        return


def _meta(path: str, value: bytes) -> ResourceMeta:
    return ResourceMeta(path, len(value), f'"{hash(value)}"', datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC))


def _leak(creds: Any) -> None:
    raise StorageError(f"denied: key={creds['aws_secret_access_key']}")


def _leak_in_cause(creds: Any) -> None:
    raise StorageError("denied") from ValueError(creds["aws_secret_access_key"])


def _panic(_: Any) -> None:
    raise PanicException("called `Option::unwrap()` on a `None` value")


def _exit(_: Any) -> None:
    sys.exit(3)


def _interrupt(_: Any) -> None:
    raise KeyboardInterrupt


def _hang(_: Any) -> None:
    threading.Event().wait()


def _swallow(_: Any) -> None:
    while True:
        try:
            time.sleep(60)
        except Exception:  # noqa: BLE001 - a target that retries for ever
            continue


def _die(_: Any) -> None:
    print("last words", file=sys.stderr, flush=True)
    os._exit(7)


def _print(_: Any) -> None:
    print("a stray line on stdout", flush=True)
    os.write(1, b"and one past Python\n")


def _read(_: Any) -> None:
    raise StorageError(f"stdin has {sys.stdin.read()!r}")


def _unprintable(_: Any) -> None:
    class BrokenError(StorageError):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    raise BrokenError


_meeting = threading.Barrier(2)


def _meet(_: Any) -> None:
    _meeting.wait(timeout=20)


_VICES = {
    "leak": _leak,
    "leak-in-cause": _leak_in_cause,
    "panic": _panic,
    "exit": _exit,
    "interrupt": _interrupt,
    "hang": _hang,
    "swallow": _swallow,
    "die": _die,
    "print": _print,
    "read": _read,
    "unprintable": _unprintable,
    "meet": _meet,
}

storage = SimpleNamespace(Reader=Reader, Writer=Writer)


def factory() -> Any:
    """Return a target, as `module:callable` does."""
    return SimpleNamespace(storage=storage, __version__="factory")


def shapeless() -> int:
    """Return something that is no target."""
    return 7


class ReaderOnly:
    """A target that cannot write, and has few methods."""

    class storage:  # noqa: N801 - shaped like the module
        class Reader:
            def __init__(self, url: str) -> None:
                self.url = url

            def get(self, path: str) -> bytes:
                return path.encode()
