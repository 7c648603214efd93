"""
Datasets as a check sees them, through either door: what a target does with whole datasets, and one that is open.

Types of columns are the words of `columns`; values are plain Python values. A version is an opaque text, unique per
commit; which one is newer is told by `history`, never by comparing them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from conformance.targets import Creds


@dataclass(frozen=True, slots=True)
class Version:
    """One commit: its version and the message that came with it, None if there was none."""

    version: str
    message: str | None = None


class Dataset(Protocol):
    """One open dataset."""

    def schema(self) -> dict[str, str]:
        """Return the type word of every column, in its normal form."""
        ...

    def append(self, batch: Mapping[str, Sequence[Any]]) -> None:
        """Add rows, given by column; they count for others once they are committed."""
        ...

    def commit(self, message: str | None = None) -> str:
        """Make what was appended the newest version, and return that."""
        ...

    def length(self) -> int:
        """Return the number of rows."""
        ...

    def read(self, column: str, start: int | None = None, stop: int | None = None) -> list[Any]:
        """Return the values of the rows `start` to `stop`, stop exclusive; None is an open end."""
        ...

    def version(self) -> str:
        """Return the version that the dataset is at."""
        ...

    def history(self) -> list[Version]:
        """Return the versions up to this one, oldest first."""
        ...

    def close(self) -> None:
        """Give back what the dataset holds."""
        ...


class Datasets(Protocol):
    """What a target does with whole datasets; `NotClaimed` where it does not have it."""

    def create(
        self, url: str, schema: Mapping[str, str] | None = None, creds: Creds = None, token: str | None = None
    ) -> Dataset:
        """Create a dataset with these columns, and open it."""
        ...

    def open_dataset(
        self, url: str, *, read_only: bool = False, creds: Creds = None, token: str | None = None
    ) -> Dataset:
        """Open the dataset at a URL at its newest version."""
        ...

    def exists(self, url: str, creds: Creds = None, token: str | None = None) -> bool:
        """Return whether there is a dataset at a URL."""
        ...

    def delete(self, url: str, creds: Creds = None, token: str | None = None) -> None:
        """Delete the dataset at a URL, and nothing beside it."""
        ...

    def copy(
        self,
        src: str,
        dst: str,
        src_creds: Creds = None,
        dst_creds: Creds = None,
        token: str | None = None,
    ) -> None:
        """Copy a dataset to another URL, each with credentials of its own."""
        ...

    def like(self, dataset: Dataset, url: str, creds: Creds = None, token: str | None = None) -> Dataset:
        """Create an empty dataset with the columns of an open one of this target, and open it."""
        ...

    def connect(self, src: str, dest: str, creds_key: str | None = None, token: str | None = None) -> Dataset:
        """Give the dataset at a URL of a cloud a name in an organisation, `al://org/name`, and open it there."""
        ...

    def disconnect(self, url: str, token: str | None = None) -> None:
        """Take a name of an organisation away, and leave the data where they are."""
        ...
