"""
The real `deeplake` 4.7.4 as a target: mem:// and s3://.

    pip install deeplake==4.7.4
    deeplake-conformance run --hermetic --door stdio --target examples/deeplake_target.py --places mem,moto --profile quick

It has the storage API already, so that nothing is translated; what it does otherwise than the suite asks for stands with
its reason in deeplake_target.toml. Importing it dials home, which `--hermetic` holds; it can end its process, which `--door
stdio` holds. It is kept from the disk, since nothing here would hold that: an empty path is the top of the file system to it,
and `remove_directory("..")` removes what is above its root.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

if any(line.split()[0] != "lo" for line in Path("/proc/net/route").read_text(encoding="ascii").splitlines()[1:]):
    raise ImportError("importing deeplake asks for another machine: run it with --hermetic")

import deeplake
from deeplake._deeplake import storage as theirs

__version__ = deeplake.__version__


class KeptFromTheDisk(Exception):
    """A path that the client would take for a local one."""


class _Handle:
    """One of the client's handles; what it lacks is lacking here."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._handle, name)

    def subdir(self, path: str) -> _Handle:
        return type(self)(self._handle.subdir(path))


class Reader(_Handle):
    """Reads; what comes is no `bytes` yet, and making it some can fail."""

    def get(self, path: str, start: int | None = None, end: int | None = None) -> bytes:
        return bytes(self._handle.get(path, start, end))


class Writer(_Handle):
    """Writes."""

    def get_reader(self) -> Reader:
        return Reader(self._handle.get_reader())


def _checked(url: Any) -> Any:
    if isinstance(url, str) and ("://" not in url or url.startswith("file://")):
        raise KeptFromTheDisk("this adapter opens no local path")
    return url


storage = SimpleNamespace(
    Reader=lambda url, creds=None, token=None: Reader(theirs.Reader(_checked(url), creds, token)),
    Writer=lambda url, creds=None, token=None: Writer(theirs.Writer(_checked(url), creds, token)),
)
