"""
Datasets behind the stdio door: the methods `dataset.*` of the protocol.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance import stopwatch
from conformance.targets import Creds, HarnessError, NotClaimed, TargetError
from conformance.targets.column_messages import batch_to_wire, column_from_wire
from conformance.targets.columns import normal_form
from conformance.targets.datasets import Dataset, Version
from conformance.targets.stdio_calls import Handle, answer_to, handle_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from conformance.targets.connection import Connection
    from conformance.targets.masking import Secrets


class StdioDatasets:
    """The methods of a target that are about whole datasets."""

    _connection: Connection
    _secrets: Secrets

    def create(
        self, url: str, schema: Mapping[str, str] | None = None, creds: Creds = None, token: str | None = None
    ) -> StdioDataset:
        """Ask `dataset.create`."""
        asked = None if schema is None else dict(schema)
        return self._dataset(self._ask("dataset.create", url=url, schema=asked, creds=creds, token=token))

    def open_dataset(
        self, url: str, *, read_only: bool = False, creds: Creds = None, token: str | None = None
    ) -> StdioDataset:
        """Ask `dataset.open` or `dataset.open_read_only`."""
        method = "dataset.open_read_only" if read_only else "dataset.open"
        return self._dataset(self._ask(method, url=url, creds=creds, token=token))

    def exists(self, url: str, creds: Creds = None, token: str | None = None) -> bool:
        """Ask `dataset.exists`."""
        found = self._ask("dataset.exists", url=url, creds=creds, token=token)
        if not isinstance(found, bool):
            raise HarnessError(f"the adapter breaks the protocol: dataset.exists answers true or false: {found!r:.60}")
        return found

    def delete(self, url: str, creds: Creds = None, token: str | None = None) -> None:
        """Ask `dataset.delete`."""
        self._ask("dataset.delete", url=url, creds=creds, token=token)

    def copy(
        self, src: str, dst: str, src_creds: Creds = None, dst_creds: Creds = None, token: str | None = None
    ) -> None:
        """Ask `dataset.copy`."""
        self._ask("dataset.copy", src=src, dst=dst, src_creds=src_creds, dst_creds=dst_creds, token=token)

    def like(self, dataset: Dataset, url: str, creds: Creds = None, token: str | None = None) -> StdioDataset:
        """Ask `dataset.like` with the handle of an open dataset."""
        if not isinstance(dataset, StdioDataset):
            raise HarnessError("the dataset was opened by another target")
        handle = dataset._handle  # noqa: SLF001 - a neighbour
        return self._dataset(self._ask("dataset.like", handle=handle, url=url, creds=creds, token=token))

    def connect(self, src: str, dest: str, creds_key: str | None = None, token: str | None = None) -> StdioDataset:
        """Ask `dataset.connect`."""
        return self._dataset(self._ask("dataset.connect", src=src, dest=dest, creds_key=creds_key, token=token))

    def disconnect(self, url: str, token: str | None = None) -> None:
        """Ask `dataset.disconnect`."""
        self._ask("dataset.disconnect", url=url, token=token)

    def _ask(self, method: str, **params: Any) -> Any:
        for name in ("creds", "src_creds", "dst_creds"):
            self._secrets.note(params.get(name), params.get("token"))
        with stopwatch.target():
            return self._connection.call(method, params)

    def _dataset(self, answer: object) -> StdioDataset:
        return StdioDataset(self._connection, handle_of(answer))


class StdioDataset(Handle):
    """A dataset in the process."""

    def __init__(self, connection: Connection, handle: int | str) -> None:
        super().__init__(connection, handle)
        self._words: dict[str, str] | None = None

    def schema(self) -> dict[str, str]:
        """Ask `dataset.schema`."""
        schema = self._call("dataset.schema")
        if not isinstance(schema, dict) or not all(isinstance(word, str) for word in schema.values()):
            raise HarnessError("the adapter breaks the protocol: dataset.schema answers an object of type words")
        return {name: normal_form(word) for name, word in schema.items()}

    def append(self, batch: Mapping[str, Sequence[Any]]) -> None:
        """Ask `dataset.append`; the types of the columns are asked before, once, which counts as the same call."""
        with stopwatch.target():
            self._call("dataset.append", columns=batch_to_wire(batch, self._known_words()))

    def commit(self, message: str | None = None) -> str:
        """Ask `dataset.commit`."""
        return _version("dataset.commit", self._call("dataset.commit", message=message))

    def length(self) -> int:
        """Ask `dataset.length`."""
        rows = self._call("dataset.length")
        if not isinstance(rows, int) or isinstance(rows, bool):
            raise HarnessError(f"the adapter breaks the protocol: dataset.length answers an integer: {rows!r:.60}")
        return rows

    def read(self, column: str, start: int | None = None, stop: int | None = None) -> list[Any]:
        """Ask `dataset.read`."""
        with answer_to("dataset.read"):
            return column_from_wire(self._call("dataset.read", column=column, start=start, stop=stop))

    def version(self) -> str:
        """Ask `dataset.version`."""
        return _version("dataset.version", self._call("dataset.version"))

    def history(self) -> list[Version]:
        """Ask `dataset.history`."""
        history = self._call("dataset.history")
        if not isinstance(history, list):
            raise HarnessError("the adapter breaks the protocol: dataset.history answers a list")
        return [_commit(entry) for entry in history]

    def _known_words(self) -> dict[str, str]:
        """Return the type words of the columns; empty for a target that does not tell them."""
        if self._words is None:
            try:
                self._words = self.schema()
            except (NotClaimed, TargetError):
                self._words = {}  # they only say how values are written; what the schema is, other checks ask
        return self._words


def _version(method: str, value: object) -> str:
    if isinstance(value, str | int) and not isinstance(value, bool):
        return str(value)
    raise HarnessError(f"the adapter breaks the protocol: {method} answers a version, a text or a number")


def _commit(entry: object) -> Version:
    if isinstance(entry, dict) and isinstance(message := entry.get("message"), str | None):
        return Version(_version("dataset.history", entry.get("version")), message)
    raise HarnessError("the adapter breaks the protocol: dataset.history answers objects with version and message")
