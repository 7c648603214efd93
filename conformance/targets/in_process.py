"""
The door for Python objects: wraps an object shaped like the `deeplake` module, `target.storage.Reader` and `.Writer`.

Arguments go through as they are. Results are normalised (any bytes-like to `bytes`, any object with the right
attributes to `Meta`), exceptions become `TargetError`; what interrupts the run, such as `KeyboardInterrupt`, passes.
"""

from __future__ import annotations

import inspect
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from conformance import stopwatch
from conformance.targets import Creds, Meta, Metas, Names, NotClaimed, results
from conformance.targets.deadline import interrupted_after
from conformance.targets.masking import Secrets
from conformance.targets.raised import is_from_target, normalised

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conformance.targets.claims import Claims

MARGIN_S = 15.0
"""Seconds on top of the claimed deadline: the suite stops what hangs, a check judges what is late."""


class InProcessTarget:
    """A Python object as a target; `open_reader` and `open_writer` make one of its handles each."""

    door = "in-process"

    def __init__(
        self, module: Any, claims: Claims, *, name: str = "", version: str = "", secrets: Secrets | None = None
    ) -> None:
        self.claims = claims
        self.name = claims.name or name or str(getattr(module, "__name__", type(module).__name__))
        self.version = version or str(getattr(module, "__version__", ""))
        self._storage = module.storage
        self._door = _Door(claims.deadline_s + MARGIN_S, secrets or Secrets())

    def open_reader(self, url: str, creds: Creds = None, token: str | None = None) -> InProcessReader:
        """Open a handle for reading."""
        return InProcessReader(self._open("Reader", url, creds, token), self._door)

    def open_writer(self, url: str, creds: Creds = None, token: str | None = None) -> InProcessWriter:
        """Open a handle for writing."""
        return InProcessWriter(self._open("Writer", url, creds, token), self._door)

    def _open(self, kind: str, url: str, creds: Creds, token: str | None) -> Any:
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

    def __init__(self, limit_s: float, secrets: Secrets) -> None:
        self.limit_s = limit_s
        self.secrets = secrets

    @contextmanager
    def call(self, operation: str) -> Iterator[None]:
        try:
            with stopwatch.target(), interrupted_after(self.limit_s, operation):
                yield
        except BaseException as error:
            if not is_from_target(error):
                raise
            told = normalised(error, self.secrets)
            # The cause shows where the target failed, unless printing it would spread a secret.
            raise told from (None if told.leaked else error)


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
        return results.as_bytes("get", self._call("get", path, *bounds))

    def get_raw(self, path: str) -> Any:
        """Return the very object that the target's `get` returned, for checks of aliasing."""
        return self._call("get", path)

    def length(self, path: str) -> int:
        """Call `length`."""
        return results.as_integer("length", self._call("length", path))

    def list(self, path: str = "") -> Metas:
        """Call `list`."""
        return results.as_metas("list", self._call("list", path))

    def list_iter(self, path: str = "") -> Iterator[Metas]:
        """Call `list_iter`; each page is asked for when it is needed."""
        with self._door.call("list_iter"):
            pages = iter(self._method("list_iter")(path))
        while True:
            with self._door.call("list_iter"):
                page = next(pages, None)
            if page is None:
                return
            yield results.as_metas("list_iter", page)

    def list_dirs(self, path: str = "") -> Names:
        """Call `list_dirs`."""
        return results.as_names("list_dirs", self._call("list_dirs", path))

    def metadata(self, path: str) -> Meta | None:
        """Call `metadata`."""
        return results.as_optional_meta("metadata", self._call("metadata", path))

    def sign_url(self, path: str, expires: float) -> str:
        """Call `sign_url`; `expires` is in seconds."""
        return results.as_text("sign_url", self._call("sign_url", path, expires))

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
        return results.as_optional_meta("set", self._call("set", path, content, **conditions))

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


def _accepts(method: Callable[..., Any], keyword: str) -> bool:
    try:
        parameters = inspect.signature(method).parameters
    except (TypeError, ValueError):
        return True  # compiled without a signature: the call itself will tell
    return keyword in parameters or any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
