"""
The door for Python objects: wraps an object shaped like the `deeplake` module, `target.storage.Reader` and `.Writer`.

Arguments go through as they are. Results are normalised (any bytes-like to `bytes`, any object with the right
attributes to `Meta`), exceptions become `TargetError`; what interrupts the run, such as `KeyboardInterrupt`, passes.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, TypeVar

from conformance.targets import Creds, Meta, Metas, Names, NotClaimed, results
from conformance.targets.in_process_calls import Door, Handle
from conformance.targets.in_process_datasets import InProcessDatasets
from conformance.targets.masking import Secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conformance.targets.claims import Claims
    from conformance.targets.explaining import Explanation

Listed = TypeVar("Listed")

MARGIN_S = 15.0
"""Seconds on top of the claimed deadline: the suite stops what hangs, a check judges what is late."""


class InProcessTarget(InProcessDatasets):
    """A Python object as a target; `open_reader` and `open_writer` make one of its handles each."""

    door = "in-process"
    is_running = True

    def __init__(
        self, module: Any, claims: Claims, *, name: str = "", version: str = "", secrets: Secrets | None = None
    ) -> None:
        self.claims = claims
        self.name = claims.name or name or str(getattr(module, "__name__", type(module).__name__))
        self.version = version or str(getattr(module, "__version__", ""))
        self._module = module
        self._storage = module.storage
        self._door = Door(claims.deadline_s + MARGIN_S, secrets or Secrets())

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

    def explain(self, url: str, creds: Creds = None, token: str | None = None) -> Explanation:
        """Call `explain`."""
        function = getattr(self._module, "explain", None)
        if not callable(function):
            raise NotClaimed(f"{self.name} has no function explain")
        self._door.secrets.note(creds, token)
        given = {name: value for name, value in (("creds", creds), ("token", token)) if value is not None}
        with self._door.call("explain"):
            return results.as_explanation("explain", function(url, **given))

    def close(self) -> None:
        """Do nothing: the object lives as long as the process."""


class InProcessReader(Handle):
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
        return self._listed(results.as_metas, "list", path)

    def list_iter(self, path: str = "") -> Iterator[Metas]:
        """Call `list_iter`; each page is asked for when it is needed."""
        method = self._method("list_iter")
        with self._door.call("list_iter"):
            pages = iter(method(path))
        while True:
            with self._door.call("list_iter"):
                page = next(pages, None)
                metas = None if page is None else results.as_metas("list_iter", page)
            if metas is None:
                return
            yield metas

    def _listed(self, convert: Callable[[str, Any], Listed], name: str, path: str) -> Listed:
        """Convert a listing as part of the call: one that is made on the way may fail there."""
        method = self._method(name)
        with self._door.call(name):
            return convert(name, method(path))

    def list_dirs(self, path: str = "") -> Names:
        """Call `list_dirs`."""
        return self._listed(results.as_names, "list_dirs", path)

    def metadata(self, path: str) -> Meta | None:
        """Call `metadata`."""
        return results.as_optional_meta("metadata", self._call("metadata", path))

    def sign_url(self, path: str, expires: float) -> str:
        """Call `sign_url`; `expires` is in seconds."""
        return results.as_text("sign_url", self._call("sign_url", path, expires))

    def subdir(self, path: str) -> InProcessReader:
        """Call `subdir`."""
        return InProcessReader(self._call("subdir", path), self._door)


class InProcessWriter(Handle):
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
