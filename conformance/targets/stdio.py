"""
The door for processes in any language: each call is one line of JSON out and one back.

The protocol is told in docs/reference/protocol.md. The process is started with the target and ends with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance import stopwatch
from conformance.targets import Creds, HarnessError, Meta, Metas, Names, NotClaimed, TargetDied
from conformance.targets.connection import Connection
from conformance.targets.explaining import as_explanation
from conformance.targets.masking import Secrets
from conformance.targets.messages import VERSION, from_base64, meta_from_wire, metas_from_wire, to_base64
from conformance.targets.process import LineProcess
from conformance.targets.stdio_calls import Handle, answer_to, handle_of
from conformance.targets.stdio_datasets import StdioDatasets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.protocol import Schema
    from conformance.targets.claims import Claims
    from conformance.targets.explaining import Explanation
    from conformance.targets.overheard import Overheard
    from conformance.targets.process import Started

MARGIN_S = 15.0
"""Seconds on top of the claimed deadline: the suite stops what hangs, a check judges what is late."""

START_S = 60.0
"""Seconds for `hello`; the slowest start that was measured is a Python worker that imports three cloud SDKs, 1.5 s."""


class StdioTarget(StdioDatasets):
    """A process that speaks the target protocol; it was started for this object, and ends with it.

    Raises:
        HarnessError: it ended at once, or answers `hello` wrongly; a target was not reached yet.
    """

    door = "stdio"

    def __init__(
        self,
        process: Started,
        claims: Claims,
        *,
        name: str = "",
        schema: Schema | None = None,
        secrets: Secrets | None = None,
        margin_s: float = MARGIN_S,
        overheard: Overheard | None = None,
    ) -> None:
        self.claims = claims
        self._secrets = Secrets() if secrets is None else secrets
        self._connection = Connection(
            LineProcess(process, None if overheard is None else overheard.stderr),
            self._secrets,
            limit_s=claims.deadline_s + margin_s,
            serial=not claims.concurrent,
            schema=schema,
            overheard=overheard,
        )
        try:
            about = self._hello()
        except BaseException:
            self._connection.close()
            raise
        self.name = claims.name or str(about.get("name") or name)
        self.version = str(about.get("version") or "")

    def _hello(self) -> dict[str, Any]:
        try:
            with stopwatch.service():
                about = self._connection.call("hello", {"protocol": VERSION}, limit_s=START_S)
        except (TargetDied, NotClaimed) as error:
            raise HarnessError(f"the target did not start: {error}") from None
        if not isinstance(about, dict) or about.get("protocol", VERSION) != VERSION:
            raise HarnessError(f"the target speaks another version of the protocol than {VERSION}, in its `hello`")
        return about

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._connection.pid

    @property
    def is_running(self) -> bool:
        """Whether the process is there, and keeps to the protocol."""
        return self._connection.is_open

    def open_reader(self, url: str, creds: Creds = None, token: str | None = None) -> StdioReader:
        """Open a handle for reading."""
        return StdioReader(self._connection, self._open("r", url, creds, token))

    def open_writer(self, url: str, creds: Creds = None, token: str | None = None) -> StdioWriter:
        """Open a handle for writing."""
        return StdioWriter(self._connection, self._open("w", url, creds, token))

    def _open(self, mode: str, url: str, creds: Creds, token: str | None) -> int | str:
        self._secrets.note(creds, token)
        with stopwatch.target():
            return handle_of(self._connection.call("open", {"url": url, "mode": mode, "creds": creds, "token": token}))

    def explain(self, url: str, creds: Creds = None, token: str | None = None) -> Explanation:
        """Ask `explain`."""
        self._secrets.note(creds, token)
        with stopwatch.target():
            answer = self._connection.call("explain", {"url": url, "creds": creds, "token": token})
        try:
            return as_explanation(answer)
        except ValueError as error:
            raise HarnessError(f"the adapter breaks the protocol: the answer to explain: {error}") from None

    def close(self) -> None:
        """End the process."""
        self._connection.close()


class StdioReader(Handle):
    """A handle for reading."""

    def get(self, path: str, start: int | None = None, end: int | None = None) -> bytes:
        """Ask `get`."""
        with answer_to("get"):
            return from_base64(self._call("get", path=path, start=start, end=end))

    def length(self, path: str) -> int:
        """Ask `length`."""
        size = self._call("length", path=path)
        if not isinstance(size, int) or isinstance(size, bool):
            raise HarnessError(f"the adapter breaks the protocol: length answers an integer: {size!r:.60}")
        return size

    def list(self, path: str = "") -> Metas:
        """Ask `list`."""
        with answer_to("list"):
            return metas_from_wire(self._call("list", path=path))

    def list_iter(self, path: str = "") -> Iterator[Metas]:
        """Ask `list_iter` for page after page, until one carries no `next`."""
        cursor: object = None
        while True:
            answer = self._call("list_iter", path=path, cursor=cursor)
            if not isinstance(answer, dict):
                raise HarnessError("the adapter breaks the protocol: list_iter answers an object with page and next")
            if answer.get("page") is not None:
                with answer_to("list_iter"):
                    page = metas_from_wire(answer["page"])
                yield page
            cursor = answer.get("next")
            if cursor is None:
                return

    def list_dirs(self, path: str = "") -> Names:
        """Ask `list_dirs`."""
        names = self._call("list_dirs", path=path)
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise HarnessError("the adapter breaks the protocol: list_dirs answers a list of texts")
        return names

    def metadata(self, path: str) -> Meta | None:
        """Ask `metadata`."""
        with answer_to("metadata"):
            return _meta_or_none(self._call("metadata", path=path))

    def sign_url(self, path: str, expires: float) -> str:
        """Ask `sign_url`; `expires` is in seconds."""
        url = self._call("sign_url", path=path, expires=expires)
        if not isinstance(url, str):
            raise HarnessError("the adapter breaks the protocol: sign_url answers a text")
        return url

    def subdir(self, path: str) -> StdioReader:
        """Ask `subdir`."""
        return StdioReader(self._connection, handle_of(self._call("subdir", path=path)))


class StdioWriter(Handle):
    """A handle for writing."""

    def set(self, path: str, content: Any, *, if_absent: bool = False, if_match: str | None = None) -> Meta | None:
        """Ask `set`; a condition is sent only if there is one."""
        value = self._call("set", path=path, content=to_base64(content), if_absent=if_absent or None, if_match=if_match)
        with answer_to("set"):
            return _meta_or_none(value)

    def remove(self, path: str) -> None:
        """Ask `remove`."""
        self._call("remove", path=path)

    def remove_directory(self, path: str) -> None:
        """Ask `remove_directory`."""
        self._call("remove_directory", path=path)

    def subdir(self, path: str) -> StdioWriter:
        """Ask `subdir`."""
        return StdioWriter(self._connection, handle_of(self._call("subdir", path=path)))

    def get_reader(self) -> StdioReader:
        """Ask `get_reader`."""
        return StdioReader(self._connection, handle_of(self._call("get_reader")))


def _meta_or_none(value: object) -> Meta | None:
    return None if value is None else meta_from_wire(value)
