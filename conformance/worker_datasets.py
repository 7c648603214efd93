"""
The methods `dataset.*` of the protocol, answered by a Python target; `worker` adds them to its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance.targets import HarnessError, NotClaimed, TargetError
from conformance.targets.column_messages import batch_from_wire, column_to_wire
from conformance.targets.in_process_datasets import InProcessDataset

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.targets.in_process import InProcessTarget

    Params = dict[str, Any]
    Method = Callable[[Params], Any]


class DatasetMethods:
    """Answers the requests about datasets; `keep` and `handle` are the handles of the conversation."""

    def __init__(
        self, target: InProcessTarget, keep: Callable[[InProcessDataset], int], handle: Callable[[Params], object]
    ) -> None:
        self._target = target
        self._keep = keep
        self._handle = handle
        self._words: dict[InProcessDataset, dict[str, str]] = {}

    def by_name(self) -> dict[str, Method]:
        """Return every method by its name in the protocol."""
        return {
            "dataset.create": lambda p: self._keep(self._target.create(p["url"], p.get("schema"), *_given(p))),
            "dataset.open": lambda p: self._open(p, read_only=False),
            "dataset.open_read_only": lambda p: self._open(p, read_only=True),
            "dataset.exists": lambda p: self._target.exists(p["url"], *_given(p)),
            "dataset.delete": lambda p: self._target.delete(p["url"], *_given(p)),
            "dataset.copy": self._copy,
            "dataset.like": lambda p: self._keep(self._target.like(self._dataset(p), p["url"], *_given(p))),
            "dataset.connect": self._connect,
            "dataset.disconnect": lambda p: self._target.disconnect(p["url"], p.get("token")),
            "dataset.schema": lambda p: self._dataset(p).schema(),
            "dataset.append": lambda p: self._dataset(p).append(batch_from_wire(p["columns"])),
            "dataset.commit": lambda p: self._dataset(p).commit(p.get("message")),
            "dataset.length": lambda p: self._dataset(p).length(),
            "dataset.read": self._read,
            "dataset.version": lambda p: self._dataset(p).version(),
            "dataset.history": self._history,
        }

    def _open(self, params: Params, *, read_only: bool) -> int:
        creds, token = _given(params)
        return self._keep(self._target.open_dataset(params["url"], read_only=read_only, creds=creds, token=token))

    def _copy(self, params: Params) -> None:
        creds = (params.get("src_creds"), params.get("dst_creds"))
        self._target.copy(params["src"], params["dst"], *creds, params.get("token"))

    def _connect(self, params: Params) -> int:
        given = (params.get("creds_key"), params.get("token"))
        return self._keep(self._target.connect(params["src"], params["dest"], *given))

    def _read(self, params: Params) -> dict[str, Any]:
        dataset = self._dataset(params)
        values = dataset.read(params["column"], params.get("start"), params.get("stop"))
        return column_to_wire(values, self._word(dataset, params["column"]))

    def _history(self, params: Params) -> list[dict[str, Any]]:
        history = self._dataset(params).history()
        return [{"version": version.version, "message": version.message} for version in history]

    def _word(self, dataset: InProcessDataset, column: str) -> str | None:
        """Return the type word of a column, None where the target does not tell it."""
        if dataset not in self._words:
            try:
                self._words[dataset] = dataset.schema()
            except (NotClaimed, TargetError):
                self._words[dataset] = {}
        return self._words[dataset].get(column)

    def forget(self, dataset: object) -> None:
        """Drop what was kept about a handle that is closed."""
        if isinstance(dataset, InProcessDataset):
            self._words.pop(dataset, None)

    def _dataset(self, params: Params) -> InProcessDataset:
        handle = self._handle(params)
        if not isinstance(handle, InProcessDataset):
            raise HarnessError("the handle is not of a dataset")
        return handle


def _given(params: Params) -> tuple[Any, Any]:
    return params.get("creds"), params.get("token")
