"""
The door for Python objects: wraps an object shaped like the `deeplake` module, `target.storage.Reader` and `.Writer`.

Arguments go through as they are. Results are normalised (any bytes-like to `bytes`, any object with the right attributes
to `Meta`), exceptions become `TargetError`; what interrupts the run, such as `KeyboardInterrupt`, passes.
"""

from __future__ import annotations

import inspect
from contextlib import contextmanager
from datetime import datetime
from operator import index
from typing import TYPE_CHECKING, Any, NoReturn

from conformance import stopwatch
from conformance.targets import Meta, NotClaimed, TargetError, errors
from conformance.targets.deadline import interrupted_after
from conformance.targets.masking import Secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from conformance.targets.claims import Claims

MARGIN_S = 15.0
"""Seconds on top of the claimed deadline: the suite stops what hangs, a check judges what is late."""

_DETAILS = ("code", "http_status", "effect", "provider", "operation", "source")


class InProcessTarget:
    """A Python object as a target; `open_reader` and `open_writer` make one of its handles each."""

    door = "in-process"

    def __init__(self, module: Any, claims: Claims, *, name: str = "", version: str = "") -> None:
        self.claims = claims
        self.name = claims.name or name or str(getattr(module, "__name__", type(module).__name__))
        self.version = version or str(getattr(module, "__version__", ""))
        self._storage = module.storage
        self._door = _Door(claims.deadline_s + MARGIN_S)

    def open_reader(self, url: str, creds: Mapping[str, Any] | None = None, token: str | None = None) -> InProcessReader:
        """Open a handle for reading."""
        return InProcessReader(self._open("Reader", url, creds, token), self._door)

    def open_writer(self, url: str, creds: Mapping[str, Any] | None = None, token: str | None = None) -> InProcessWriter:
        """Open a handle for writing."""
        return InProcessWriter(self._open("Writer", url, creds, token), self._door)

    def _open(self, kind: str, url: str, creds: Mapping[str, Any] | None, token: str | None) -> Any:
        if not hasattr(self._storage, kind):
            raise NotClaimed(f"{self.name} has no storage.{kind}")
        self._door.secrets.note(creds, token)
        given = {name: value for name, value in (("creds", creds), ("token", token)) if value is not None}
        with self._door.call("open"):
            return getattr(self._storage, kind)(url, **given)

    def close(self) -> None:
        """Do nothing: the object lives as long as the process."""


class _Door:
    """What all calls of one target go through: the stopwatch, the deadline, and the form of exceptions."""

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self.secrets = Secrets()

    @contextmanager
    def call(self, operation: str) -> Iterator[None]:
        try:
            with stopwatch.target(), interrupted_after(self.limit_s, operation):
                yield
        except BaseException as error:
            if not _is_from_target(error):
                raise
            raise self.normalised(error, operation) from error

    def normalised(self, error: BaseException, operation: str) -> TargetError:
        message, leaked = self.secrets.find(_text(error))
        details = {name: _detail(error, name) for name in _DETAILS}
        status = details.pop("http_status")
        details["operation"] = details["operation"] or operation
        return TargetError(
            type(error).__name__,
            message,
            ancestors=errors.with_aliases(kind.__name__ for kind in type(error).__mro__ if kind is not object),
            http_status=int(status) if status is not None and status.isdigit() else None,
            leaked=leaked,
            **{name: self.secrets.mask(value) if value is not None else None for name, value in details.items()},
        )


class _Handle:
    """One handle of the target; never shows what it was opened with."""

    def __init__(self, handle: Any, door: _Door) -> None:
        self._handle = handle
        self._door = door

    def __repr__(self) -> str:
        return f"{type(self).__name__}({type(self._handle).__name__})"

    def _method(self, name: str) -> Callable[..., Any]:
        method = getattr(self._handle, name, None)
        if method is None:
            raise NotClaimed(f"{type(self._handle).__name__} has no method {name}")
        found: Callable[..., Any] = method
        return found

    def _call(self, name: str, *arguments: Any, **keywords: Any) -> Any:
        method = self._method(name)
        with self._door.call(name):
            return method(*arguments, **keywords)

    def close(self) -> None:
        """Close the target's handle."""
        self._call("close")


class InProcessReader(_Handle):
    """A `storage.Reader` of the target."""

    def get(self, path: str, start: int | None = None, end: int | None = None) -> bytes:
        """Call `get` with as many positions as are needed, so that a target without ranges still reads."""
        bounds: tuple[int | None, ...] = (start, end) if end is not None else (start,) if start is not None else ()
        value = self._call("get", path, *bounds)
        if type(value) is bytes:
            return value
        try:
            return bytes(memoryview(value))
        except TypeError:
            _malformed("get", "bytes", value)

    def length(self, path: str) -> int:
        """Call `length`."""
        value = self._call("length", path)
        try:
            return index(value)
        except TypeError:
            _malformed("length", "an integer", value)

    def list(self, path: str = "") -> list[Meta]:
        """Call `list`."""
        return _metas("list", self._call("list", path))

    def list_iter(self, path: str = "") -> Iterator[list[Meta]]:
        """Call `list_iter`; each page is asked for when it is needed."""
        with self._door.call("list_iter"):
            pages = iter(self._method("list_iter")(path))
        while True:
            with self._door.call("list_iter"):
                page = next(pages, None)
            if page is None:
                return
            yield _metas("list_iter", page)

    def list_dirs(self, path: str = "") -> list[str]:
        """Call `list_dirs`."""
        names = self._call("list_dirs", path)
        if isinstance(names, str | bytes) or not all(isinstance(name, str) for name in (names := _items("list_dirs", names))):
            _malformed("list_dirs", "a list of texts", names)
        return names

    def metadata(self, path: str) -> Meta | None:
        """Call `metadata`."""
        meta = self._call("metadata", path)
        return None if meta is None else _meta("metadata", meta)

    def sign_url(self, path: str, expires: float) -> str:
        """Call `sign_url`; `expires` is in seconds."""
        url = self._call("sign_url", path, expires)
        if not isinstance(url, str):
            _malformed("sign_url", "a text", url)
        return url

    def subdir(self, path: str) -> InProcessReader:
        """Call `subdir`."""
        return InProcessReader(self._call("subdir", path), self._door)


class InProcessWriter(_Handle):
    """A `storage.Writer` of the target."""

    def set(self, path: str, content: Any, *, if_absent: bool = False, if_match: str | None = None) -> Meta | None:
        """Call `set`; a condition is given only if there is one, and a target without it is not claimed."""
        conditions: dict[str, Any] = {}
        if if_absent:
            conditions["if_absent"] = True
        if if_match is not None:
            conditions["if_match"] = if_match
        for name in conditions:
            if not _accepts(self._method("set"), name):
                raise NotClaimed(f"{type(self._handle).__name__}.set has no {name}")
        meta = self._call("set", path, content, **conditions)
        return None if meta is None else _meta("set", meta)

    def remove(self, path: str) -> None:
        """Call `remove`."""
        self._call("remove", path)

    def remove_directory(self, path: str) -> None:
        """Call `remove_directory`."""
        self._call("remove_directory", path)

    def subdir(self, path: str) -> InProcessWriter:
        """Call `subdir`."""
        return InProcessWriter(self._call("subdir", path), self._door)

    def get_reader(self) -> InProcessReader:
        """Call `get_reader`."""
        return InProcessReader(self._call("get_reader"), self._door)


def _is_from_target(error: BaseException) -> bool:
    """Whether an exception is the target's: also what a library of its own raises past `Exception`.

    `PanicException` is what a crash in Rust code looks like (PyO3); a target that calls `sys.exit` does not end the run.
    """
    from conformance.targets import TargetDied

    if isinstance(error, TargetDied):
        return False
    return isinstance(error, Exception | SystemExit) or type(error).__name__ == "PanicException"


def _text(error: BaseException) -> str:
    try:
        # str() of a KeyError is the repr of its argument.
        return str(error.args[0]) if isinstance(error, KeyError) and len(error.args) == 1 else str(error)
    except Exception:  # noqa: BLE001 - a target's broken __str__ is its own affair, and shows as an empty message
        return ""


def _detail(error: BaseException, name: str) -> str | None:
    value = getattr(error, name, None)
    return str(value) if isinstance(value, str | int) else None


def _accepts(method: Callable[..., Any], keyword: str) -> bool:
    try:
        parameters = inspect.signature(method).parameters
    except (TypeError, ValueError):
        return True  # compiled without a signature: the call itself will tell
    return keyword in parameters or any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())


def _items(operation: str, value: Any) -> list[Any]:
    try:
        return list(value)
    except TypeError:
        _malformed(operation, "a list", value)


def _metas(operation: str, value: Any) -> list[Meta]:
    return [_meta(operation, item) for item in _items(operation, value)]


def _meta(operation: str, value: Any) -> Meta:
    try:
        meta = Meta(value.path, index(value.size), value.etag, value.last_modified)
    except (AttributeError, TypeError):
        _malformed(operation, "path, size, etag and last_modified", value)
    well_typed = (
        isinstance(meta.path, str)
        and isinstance(meta.etag, str | None)
        and isinstance(meta.last_modified, datetime | None)
    )
    return meta if well_typed else _malformed(operation, "path, size, etag and last_modified", value)


def _malformed(operation: str, expected: str, value: object) -> NoReturn:
    """Refuse a result that has not the form of the contract: the target's failure, under a name no target uses."""
    raise TargetError("MalformedResult", f"{operation} gave a {type(value).__name__}, not {expected}", operation=operation)
