"""
Tries what a path and its credentials allow: a listing, a read, and, only if that is wanted, a write and its removal.

The handle is one of its own, so that credentials are looked for once more, as any program would.
"""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deeplake_ref import advice
from deeplake_ref.errors import StorageAccessDenied, StorageError, StorageKeyNotFound
from deeplake_ref.storage import Writer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deeplake_ref.storage import Reader

DEADLINE_S = 15.0
"""Seconds for each of the tries: somebody waits for the answer."""

HIDDEN = "S3 also answers so for an object that is not there, to whom it does not let list"
"""Amazon S3 API reference, GetObject, "Permissions"."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One try.

    Attributes:
        action: `list`, `read`, `write` or `remove`.
        outcome: `ok` or `failed`.
        detail: what was seen; for a failure the message of the error.
        error: the class of the error, None if there was none.
        advice: what to do about it, empty where there is nothing to say.
    """

    action: str
    outcome: str
    detail: str
    error: str | None = None
    advice: str = ""


def probe(
    path: str,
    creds: Mapping[str, Any] | str | None,
    token: str | None,
    *,
    write: bool,
    source: str | None,
    endpoint: str | None,
    storage: str | None,
) -> tuple[Probe, ...]:
    """Return how each try went; nothing is raised, and nothing stays behind unless `remove` failed."""
    trying = _Trying({"source": source, "endpoint": endpoint, "storage": storage})
    with trying("list"), Writer(path, creds, token, deadline_s=DEADLINE_S) as writer:
        reader = writer.get_reader()
        found = _list(trying, reader)
        _read(trying, reader, found)
        if write:
            _write(trying, writer)
    return tuple(trying.probes)


class _Trying:
    """Keeps how each try went."""

    def __init__(self, about: dict[str, str | None]) -> None:
        self.probes: list[Probe] = []
        self._about = about

    @contextmanager
    def __call__(self, action: str) -> Iterator[None]:
        """Turn what the block raises into a failure."""
        try:
            yield
        except StorageError as error:
            told = advice.advise(error, action=action, **self._about)
            self.probes.append(Probe(action, "failed", error.message, type(error).__name__, told))

    def saw(self, action: str, detail: str) -> None:
        """Keep a success."""
        self.probes.append(Probe(action, "ok", detail))


def _list(trying: _Trying, reader: Reader) -> str | None:
    """Return the name of an object that can be read, None if none was seen."""
    with trying("list"):
        page = next(reader.list_iter(), [])
        trying.saw("list", "there is at least one object" if page else "there are no objects")
        return min(page, key=lambda meta: meta.size).path if page else None
    return None


def _read(trying: _Trying, reader: Reader, found: str | None) -> None:
    with trying("read"):
        if found is not None:
            reader.get(found, 0, 1)
            trying.saw("read", f"the first byte of {found!r}")
            return
        try:
            reader.get(_name(), 0, 1)
        except StorageKeyNotFound:
            trying.saw("read", "there is nothing to read, and the service says so")
        except StorageAccessDenied as error:
            if error.provider == "s3":
                error.message = f"{error.message}; {HIDDEN}"
            raise


def _write(trying: _Trying, writer: Writer) -> None:
    name = _name()
    with trying("write"):
        try:
            writer.set(name, b"written by explain, to be removed at once")
        except StorageError as error:
            if error.effect == "none":
                raise
            _remove(trying, writer, name)
            raise
        trying.saw("write", f"an object {name!r}")
        _remove(trying, writer, name)


def _remove(trying: _Trying, writer: Writer, name: str) -> None:
    with trying("remove"):
        try:
            writer.remove(name)
        except StorageError as error:
            error.message = f"{error.message}; {name!r} may be left behind"
            raise
        trying.saw("remove", f"{name!r} is gone")


def _name() -> str:
    return f"explain-{secrets.token_hex(8)}"
