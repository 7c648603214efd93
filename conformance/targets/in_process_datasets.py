"""
Datasets of a Python target: its functions `create`, `open`, `open_read_only`, `exists`, `delete`, `copy`, `like`,
`connect` and `disconnect`, and the objects that they return.

Arguments go through as they are, and only those that a check gives. A column may be any sequence, a numpy array or an
Arrow array; it is turned into plain Python values here, while the target is being timed, as some read only then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance.targets import Creds, HarnessError, NotClaimed, results
from conformance.targets.in_process_calls import Door, Handle

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from conformance.targets.datasets import Dataset, Version


class InProcessDatasets:
    """The functions of a target that are about whole datasets."""

    name: str
    _module: Any
    _door: Door

    def create(
        self, url: str, schema: Mapping[str, str] | None = None, creds: Creds = None, token: str | None = None
    ) -> InProcessDataset:
        """Call `create`."""
        return self._dataset(self._ask("create", url, creds=creds, token=token, schema=schema))

    def open_dataset(
        self, url: str, *, read_only: bool = False, creds: Creds = None, token: str | None = None
    ) -> InProcessDataset:
        """Call `open` or `open_read_only`."""
        return self._dataset(self._ask("open_read_only" if read_only else "open", url, creds=creds, token=token))

    def exists(self, url: str, creds: Creds = None, token: str | None = None) -> bool:
        """Call `exists`."""
        return results.as_boolean("exists", self._ask("exists", url, creds=creds, token=token))

    def delete(self, url: str, creds: Creds = None, token: str | None = None) -> None:
        """Call `delete`."""
        self._ask("delete", url, creds=creds, token=token)

    def copy(
        self, src: str, dst: str, src_creds: Creds = None, dst_creds: Creds = None, token: str | None = None
    ) -> None:
        """Call `copy`."""
        self._ask("copy", src, dst, src_creds=src_creds, dst_creds=dst_creds, token=token)

    def like(self, dataset: Dataset, url: str, creds: Creds = None, token: str | None = None) -> InProcessDataset:
        """Call `like` with the target's own object."""
        if not isinstance(dataset, InProcessDataset):
            raise HarnessError("the dataset was opened by another target")
        return self._dataset(self._ask("like", dataset._handle, url, creds=creds, token=token))  # noqa: SLF001

    def connect(self, src: str, dest: str, creds_key: str | None = None, token: str | None = None) -> InProcessDataset:
        """Call `connect`."""
        return self._dataset(self._ask("connect", src, dest, creds_key=creds_key, token=token))

    def disconnect(self, url: str, token: str | None = None) -> None:
        """Call `disconnect`."""
        self._ask("disconnect", url, token=token)

    def _ask(self, name: str, *arguments: Any, **keywords: Any) -> Any:
        function = getattr(self._module, name, None)
        if not callable(function):  # `copy` may be the module of the standard library
            raise NotClaimed(f"{self.name} has no function {name}")
        for argument in ("creds", "src_creds", "dst_creds"):
            self._door.secrets.note(keywords.get(argument), keywords.get("token"))
        given = {keyword: value for keyword, value in keywords.items() if value is not None}
        with self._door.call(name):
            return function(*arguments, **given)

    def _dataset(self, dataset: Any) -> InProcessDataset:
        return InProcessDataset(dataset, self._door)


class InProcessDataset(Handle):
    """A dataset of the target."""

    def schema(self) -> dict[str, str]:
        """Read `schema`."""
        self._need("schema")
        with self._door.call("schema"):
            return results.as_schema("schema", self._handle.schema)

    def append(self, batch: Mapping[str, Sequence[Any]]) -> None:
        """Call `append`."""
        self._call("append", batch)

    def commit(self, message: str | None = None) -> str:
        """Call `commit`, with a message only if there is one."""
        return results.as_version("commit", self._call("commit", *(() if message is None else (message,))))

    def length(self) -> int:
        """Call `len`."""
        self._need("__len__")
        with self._door.call("length"):
            return len(self._handle)

    def read(self, column: str, start: int | None = None, stop: int | None = None) -> list[Any]:
        """Take a slice of a column."""
        self._need("__getitem__")
        with self._door.call("read"):
            return results.as_values("read", self._handle[column][start:stop])

    def version(self) -> str:
        """Read `version`."""
        self._need("version")
        with self._door.call("version"):
            return results.as_version("version", self._handle.version)

    def history(self) -> list[Version]:
        """Read `history`."""
        self._need("history")
        with self._door.call("history"):
            return results.as_versions("history", self._handle.history)

    def _need(self, name: str) -> None:
        if not self._has(name):
            raise NotClaimed(f"{type(self._handle).__name__} has no {name}")
