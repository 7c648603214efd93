"""
What the suite expects of an implementation under test, and what it may get from it, whichever door it came through.

The two doors are `in_process` (a Python object shaped like the `deeplake` module) and `stdio` (a process that speaks
the target protocol, docs/reference/protocol.md). A check sees only the types of this page and cannot tell them apart.

Three outcomes of a call never mix: `TargetError` (the target raised), `NotClaimed` (it has no such method) and
`TargetDied` (its process ended, or did not answer in time). Any other exception is a mistake of the suite or of the
adapter around the target (`HarnessError`), and counts as neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from conformance.targets.datasets import Dataset, Datasets, Version
from conformance.targets.explaining import Explanation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from conformance.targets.claims import Claims

__all__ = [
    "Creds",
    "Dataset",
    "Explanation",
    "HarnessError",
    "Meta",
    "Metas",
    "Names",
    "NotClaimed",
    "Reader",
    "Target",
    "TargetDied",
    "TargetError",
    "Version",
    "Writer",
]


@dataclass(frozen=True, slots=True)
class Meta:
    """What a target says about one object: `path` relative to the handle's root, `size` in bytes, an opaque `etag`."""

    path: str
    size: int
    etag: str | None
    last_modified: datetime | None


Creds = Mapping[str, Any] | str | None
"""A `creds` argument: a dictionary, or a word such as `anon`."""

Metas = list[Meta]
"""A listing, or a page of one."""

Names = list[str]
"""Names of directories."""


class TargetError(Exception):
    """What a target raised, in the same form through both doors.

    Attributes:
        class_name: the class as the target calls it, without its module, such as `StorageKeyNotFound`.
        ancestors: names of the class and of all its bases, aliases of the contract's tree included.
        message: the target's text, with the secrets that the suite handed out masked.
        code: the service's or the target's own error code.
        http_status: the HTTP status behind the error.
        effect: for writes `none`, `done` or `unknown`.
        provider: `s3`, `az`, `gcs`, `file`, `mem` or the target's own word.
        operation: the storage verb that failed.
        source: the credential source that was in use.
        leaked: fields of the credentials whose secret values stood in the message before they were masked.
    """

    def __init__(
        self,
        class_name: str,
        message: str = "",
        *,
        ancestors: Iterable[str] = (),
        code: str | None = None,
        http_status: int | None = None,
        effect: str | None = None,
        provider: str | None = None,
        operation: str | None = None,
        source: str | None = None,
        leaked: Iterable[str] = (),
    ) -> None:
        super().__init__(class_name, message)
        self.class_name = class_name
        self.ancestors = frozenset(ancestors) | {class_name}
        self.message = message
        self.code = code
        self.http_status = http_status
        self.effect = effect
        self.provider = provider
        self.operation = operation
        self.source = source
        self.leaked = frozenset(leaked)

    def is_a(self, name: str) -> bool:
        """Whether the error is of the class `name`, by inheritance, or is that class under an alias of the contract."""
        return name in self.ancestors

    def __str__(self) -> str:
        return f"{self.class_name}: {self.message}" if self.message else self.class_name


class NotClaimed(Exception):
    """The target has no such method; the message names it."""


class TargetDied(Exception):
    """The process of the target ended, or did not answer within its deadline; the message carries its last lines."""


class HarnessError(Exception):
    """The adapter or the suite broke a rule of its own, such as a line that is no JSON; never the target's failure."""


class Reader(Protocol):
    """A handle for reading at one URL; paths are relative to it and segments are separated by `/`."""

    def get(self, path: str, start: int | None = None, end: int | None = None) -> bytes:
        """Return the bytes `start` to `end`, end exclusive, of an object; None is an open end."""
        ...

    def length(self, path: str) -> int:
        """Return the size in bytes, -1 if there is no such object."""
        ...

    def list(self, path: str = "") -> Metas:
        """Return all objects below the directory `path`, recursive, in UTF-8 order."""
        ...

    def list_iter(self, path: str = "") -> Iterator[Metas]:
        """Yield the same objects page by page."""
        ...

    def list_dirs(self, path: str = "") -> Names:
        """Return the immediate child directories of `path`, without a trailing slash."""
        ...

    def metadata(self, path: str) -> Meta | None:
        """Return what is known about an object, None if there is none."""
        ...

    def sign_url(self, path: str, expires: float) -> str:
        """Return a URL that reads the object for `expires` seconds without credentials."""
        ...

    def subdir(self, path: str) -> Reader:
        """Return a handle for the directory `path`."""
        ...

    def close(self) -> None:
        """Give back what the handle holds."""
        ...


class Writer(Protocol):
    """A handle for writing at one URL; it reads through `get_reader`."""

    def set(self, path: str, content: Any, *, if_absent: bool = False, if_match: str | None = None) -> Meta | None:
        """Replace the whole object by `content`, bytes or bytes-like; the conditions are atomic or refused."""
        ...

    def remove(self, path: str) -> None:
        """Remove exactly this object; a missing one is no error."""
        ...

    def remove_directory(self, path: str) -> None:
        """Remove all objects that `list(path)` shows."""
        ...

    def subdir(self, path: str) -> Writer:
        """Return a handle for the directory `path`."""
        ...

    def get_reader(self) -> Reader:
        """Return a handle for reading at the same URL with the same credentials."""
        ...

    def close(self) -> None:
        """Give back what the handle holds."""
        ...


class Target(Datasets, Protocol):
    """One running implementation under test; `door` is `in-process` or `stdio`.

    What it does with whole datasets is told in `conformance/targets/datasets.py`.
    """

    @property
    def name(self) -> str:
        """What the target calls itself."""
        ...

    @property
    def version(self) -> str:
        """Its version, empty if it has none."""
        ...

    @property
    def door(self) -> str:
        """`in-process` or `stdio`."""
        ...

    @property
    def claims(self) -> Claims:
        """What it says it does."""
        ...

    @property
    def is_running(self) -> bool:
        """Whether it can still be asked."""
        ...

    def open_reader(self, url: str, creds: Creds = None, token: str | None = None) -> Reader:
        """Open a handle for reading; whether that contacts the service is the target's choice."""
        ...

    def open_writer(self, url: str, creds: Creds = None, token: str | None = None) -> Writer:
        """Open a handle for writing."""
        ...

    def explain(self, url: str, creds: Creds = None, token: str | None = None) -> Explanation:
        """Say which credentials are used for a URL; what is wrong with them is an answer."""
        ...

    def close(self) -> None:
        """Stop the target; handles are of no use afterwards."""
        ...
