"""
What every call through the stdio door shares: a handle by its id, the stopwatch, and whose answer was wrong.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from conformance import stopwatch
from conformance.targets import HarnessError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.targets.connection import Connection


class Handle:
    """One handle in the process, by its id."""

    def __init__(self, connection: Connection, handle: int | str) -> None:
        self._connection = connection
        self._handle = handle

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._handle!r})"

    def _call(self, method: str, **params: Any) -> Any:
        with stopwatch.target():
            return self._connection.call(method, {"handle": self._handle, **params})

    def close(self) -> None:
        """Close the handle."""
        self._call("close")


@contextmanager
def answer_to(method: str) -> Iterator[None]:
    """Say in a `HarnessError` whose answer it was."""
    try:
        yield
    except HarnessError as error:
        raise HarnessError(f"the adapter breaks the protocol: the answer to {method}: {error}") from None


def handle_of(value: object) -> int | str:
    """Return the id of a handle; raises `HarnessError`."""
    if isinstance(value, int | str) and not isinstance(value, bool):
        return value
    raise HarnessError("the adapter breaks the protocol: a handle is a number or a text")
