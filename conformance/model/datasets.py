"""
A dataset as the contract has it: a list of committed rows, and handles that see a beginning of it.
"""

from __future__ import annotations


class DatasetModel:
    """Rows are numbers, each once. A handle sees what was committed when it was opened or last committed itself.

    Attributes:
        committed: all committed rows, in their order.
        pending: for each handle, the rows that it appended since its last commit.
    """

    def __init__(self, handles: int) -> None:
        self.committed: list[int] = []
        self.pending: list[list[int]] = [[] for _ in range(handles)]
        self._seen = [0] * handles
        self._next = 0

    def append(self, handle: int, rows: int) -> list[int]:
        """Append so many new rows, and return them."""
        made = list(range(self._next, self._next + rows))
        self._next += rows
        self.pending[handle] += made
        return made

    def commit(self, handle: int) -> None:
        """Put a handle's rows behind all that were committed; without rows nothing happens, not even to what it sees."""
        if self.pending[handle]:
            self.committed += self.pending[handle]
            self.pending[handle] = []
            self._seen[handle] = len(self.committed)

    def reopen(self, handle: int) -> None:
        """Forget what a handle did not commit, and let it see everything."""
        self.pending[handle] = []
        self._seen[handle] = len(self.committed)

    def seen(self, handle: int) -> list[int]:
        """Return the committed rows that a handle sees."""
        return self.committed[: self._seen[handle]]
