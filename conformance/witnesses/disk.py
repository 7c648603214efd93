"""
The disk as the witness of `file://`: regular files below a directory, without following symbolic links.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.witnesses import timed, utf8_sorted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


class DiskWitness:
    """A directory; names in `ignore` are folders that the target declared as its own at the top of its roots."""

    kind = "disk"

    def __init__(self, directory: Path, *, ignore: Iterable[str] = ()) -> None:
        self.directory = directory
        self._ignore = frozenset(ignore)

    def at(self, root: str) -> DiskWitness:
        """Return a witness for another directory below this one."""
        return DiskWitness(self.directory / root if root else self.directory, ignore=self._ignore)

    @timed
    def create_root(self) -> None:
        """Make the directory."""
        self.directory.mkdir(parents=True, exist_ok=True)

    @timed
    def put(self, key: str, value: bytes) -> None:
        """Write a file, with the directories above it."""
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(value)

    def put_many(self, values: Mapping[str, bytes]) -> None:
        """Write many files."""
        for key, value in values.items():
            self.put(key, value)

    @timed
    def get(self, key: str) -> bytes | None:
        """Return the bytes of a regular file, None if there is none."""
        path = self._path(key)
        try:
            return path.read_bytes() if path.is_file() else None
        except OSError:
            return None

    @timed
    def size(self, key: str) -> int | None:
        """Return the size in bytes of a regular file, None if there is none."""
        try:
            path = self._path(key)
            return path.stat().st_size if path.is_file() else None
        except (OSError, ValueError):
            return None

    @timed
    def keys(self, prefix: str = "") -> list[str]:
        """Return the names of all regular files that start with `prefix`, sorted by UTF-8 bytes."""
        return utf8_sorted([name for name in self._walk() if name.startswith(prefix)])

    def _walk(self) -> Iterator[str]:
        for folder, folders, files in os.walk(self.directory, followlinks=False):
            relative = Path(folder).relative_to(self.directory)
            if relative == Path():
                folders[:] = [name for name in folders if name not in self._ignore]
            for name in files:
                path = Path(folder) / name
                if path.is_file() and not path.is_symlink():
                    yield str(relative / name) if relative != Path() else name

    def begin_upload(self, key: str) -> None:
        """Refuse: nothing here is uploaded in parts."""
        raise NotImplementedError(f"no unfinished upload of {key!r} can be here")

    @timed
    def delete(self, key: str) -> None:
        """Remove a file; a missing one is no error."""
        self._path(key).unlink(missing_ok=True)

    @timed
    def delete_all(self) -> None:
        """Empty the directory."""
        for child in self.directory.iterdir():
            if child.is_dir() and not child.is_symlink():
                shutil.rmtree(child)
            else:
                child.unlink(missing_ok=True)

    @timed
    def remove_root(self) -> None:
        """Remove the directory with all that is in it."""
        shutil.rmtree(self.directory, ignore_errors=True)

    def _path(self, key: str) -> Path:
        # pathlib would fold `a//b` and `./a`; the disk gets the key as it is
        return Path(f"{self.directory}/{key}") if key else self.directory
