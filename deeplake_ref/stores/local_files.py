"""
What `file://` needs of the file system: directories that last, locks on them, names that are taken once.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from deeplake_ref.errors import StorageKeyAlreadyExists, StorageOperationUnsupported, redacted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RESERVED = ".deeplake_ref"
"""The folder at a root for temporary files; never listed and never part of a key, at no depth, since roots nest."""

TRIES = 10
"""Tries of what fails because another writer removed the emptied directory in between."""

REMOVED_AGAIN = "the directory is removed again and again"

_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EXDEV}


def is_file(status: os.stat_result) -> bool:
    """Whether this is what an object can be: a regular file, and no link to one."""
    return stat.S_ISREG(status.st_mode)


def is_name(name: str) -> bool:
    """Whether a name on disk can be part of a key: it is not ours, and it is UTF-8."""
    if name == RESERVED:
        return False
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def read_span(descriptor: int, offset: int, size: int) -> bytes:
    """Read exactly `size` bytes; the kernel gives at most 2 GiB at once, and less where a file was cut meanwhile."""
    if size <= 0:
        return b""
    first = os.pread(descriptor, size, offset)
    if len(first) == size:
        return first
    parts = [first]
    while first and (missing := size - sum(map(len, parts))):
        first = os.pread(descriptor, missing, offset + size - missing)
        parts.append(first)
    return b"".join(parts)


def make_directory(folder: Path) -> None:
    """Make a directory and those above it, so that they survive a crash; again, if another writer removes one meanwhile."""
    for _ in range(TRIES):
        try:
            return _made(folder)
        except FileNotFoundError:
            continue
    raise OSError(errno.EBUSY, REMOVED_AGAIN)


def _made(folder: Path) -> None:
    try:
        folder.mkdir()
    except FileExistsError:
        # one look that fails where what was in the way has gone: two looks could see two states
        if not stat.S_ISDIR(folder.lstat().st_mode) and not folder.is_dir():
            raise
    except FileNotFoundError:
        _made(folder.parent)
        _made(folder)
    else:
        _lasting(folder.parent)


def _lasting(folder: Path) -> None:
    """Let the names in a directory survive a crash."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(folder: Path, mode: int) -> Iterator[int]:
    """Hold a lock on a directory: shared by those who write, exclusive for who compares before.

    A file system without such locks has no compare-and-swap; the others need none there.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, mode)
        except OSError as error:
            if mode == fcntl.LOCK_EX:
                message = f"set: the file system of {folder.name!r} has no locks for if_match"
                raise StorageOperationUnsupported(
                    message, provider="file", operation="set", effect="none"
                ) from redacted(error)
        if os.fstat(descriptor).st_nlink == 0:
            raise FileNotFoundError(errno.ENOENT, "removed while it was waited for")
        yield descriptor
    finally:
        os.close(descriptor)


def link(temporary: Path, path: Path, key: str) -> None:
    """Give a file a second name if that name is free."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "a directory") from None
        message = f"set: {key!r} exists already"
        raise StorageKeyAlreadyExists(message, provider="file", operation="set", effect="none") from None
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        message = f"set: the file system of {key!r} has no hard links for if_absent"
        raise StorageOperationUnsupported(message, provider="file", operation="set", effect="none") from redacted(error)
