"""
`file://path`: a directory on disk.

A write goes to a temporary file in a reserved folder at the root, is synced, and is renamed into place, so that a reader sees
the old or the new object and a crash loses nothing that was acknowledged. Put-if-absent is a hard link, compare-and-swap
happens under a lock file: both are atomic among users of this store. Nothing follows a symbolic link out of the root.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from deeplake_ref.errors import (
    InvalidURIError,
    StorageAccessDenied,
    StorageError,
    StorageInternalError,
    StorageKeyAlreadyExists,
    StorageKeyNotFound,
    StorageOperationUnsupported,
    StoragePreconditionFailed,
    redacted,
)
from deeplake_ref.stores import Buffer, ResourceMeta
from deeplake_ref.urls import DatasetURL, check_key

if TYPE_CHECKING:
    from collections.abc import Iterator

RESERVED = ".deeplake_ref"
"""The folder at a root for temporary files and the lock; never listed, never a key."""

PAGE = 1000
TRIES = 10
"""Renames that are tried again because another writer removed the emptied directory in between."""

_MISSING = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
_UNSTORABLE = {errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.EINVAL, errno.EILSEQ, errno.ENOTEMPTY}


class LocalStore:
    """One directory; made at the first write."""

    def __init__(self, url: DatasetURL) -> None:
        self._root = Path(url.path).absolute()
        self._real_root = os.path.realpath(self._root)

    def get(self, key: str, start: int | None = None, end: int | None = None) -> bytes:
        """Return a slice of a regular file, by one read."""
        path = self._path(key, "get")
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except _MISSING:
            _missing(key, "get")
        except OSError as error:
            self._raise(error, key, "get")
        try:
            status = os.fstat(descriptor)
            if not _is_file(status):
                _missing(key, "get")
            low = min(start or 0, status.st_size)
            high = status.st_size if end is None else min(end, status.st_size)
            return _read(descriptor, low, high - low)
        finally:
            os.close(descriptor)

    def put(self, key: str, value: Buffer, *, if_absent: bool = False, if_match: str | None = None) -> ResourceMeta:
        """Write beside, sync, and rename or link into place."""
        path = self._path(key, "set")
        temporary = self._write_beside(value, key)
        try:
            if if_match is not None:
                with self._lock():
                    known = self.head(key)
                    if known is None or known.etag != if_match:
                        message = f"set: {key!r} is not what the etag says"
                        raise StoragePreconditionFailed(message, provider="file", operation="set", effect="none")
                    self._move(temporary, path)
            elif if_absent:
                self._link(temporary, path, key)
            else:
                self._move(temporary, path)
            return _meta(key, path.lstat())
        except StorageError:
            raise
        except OSError as error:
            self._raise(error, key, "set")
        finally:
            with suppress(FileNotFoundError):
                temporary.unlink()

    def head(self, key: str) -> ResourceMeta | None:
        """Return size, times and inode of a regular file."""
        path = self._path(key, "metadata")
        try:
            status = path.lstat()
        except _MISSING:
            return None
        except OSError as error:
            self._raise(error, key, "metadata")
        return _meta(key, status) if _is_file(status) else None

    def delete(self, key: str) -> None:
        """Remove a file, and the directories that it leaves empty."""
        path = self._path(key, "remove")
        try:
            path.unlink()
        except _MISSING:
            return
        except OSError as error:
            if path.is_dir() and not path.is_symlink():
                return  # unlink of a directory says EPERM on some systems
            self._raise(error, key, "remove")
        for parent in path.parents:
            if parent == self._root:
                return
            try:
                parent.rmdir()
            except OSError:
                return  # another object is in it

    def delete_many(self, keys: list[str]) -> None:
        """Remove these objects."""
        for key in keys:
            self.delete(key)

    def list(self, directory: str) -> Iterator[list[ResourceMeta]]:
        """Yield pages of the regular files below a directory."""
        found = sorted(self._below(directory))
        for at in range(0, len(found), PAGE):
            yield found[at : at + PAGE]

    def list_dirs(self, directory: str) -> Iterator[str]:
        """Yield child directories that hold an object; an empty folder is nothing a storage API knows."""
        prefix = f"{directory}/" if directory else ""
        names = [entry.name for entry in self._entries(directory) if entry.is_dir(follow_symlinks=False)]
        for name in sorted(names):
            if next(self._below(prefix + name), None) is not None:
                yield prefix + name

    def sign_url(self, key: str, expires_s: float) -> str:
        """Refuse: files have no URL that others can read."""
        raise StorageOperationUnsupported("file:// has no signed URLs", provider="file", operation="sign_url")

    def is_root_of_bucket(self) -> bool:
        """Say no: a directory belongs to its users alone."""
        return False

    def close(self) -> None:
        """Do nothing: no descriptor outlives an operation."""

    def _path(self, key: str, operation: str) -> Path:
        """Return where a key lives; raises `InvalidURIError` if that is outside the root, or a link."""
        check_key(key, "file")
        if key.partition("/")[0] == RESERVED:
            raise InvalidURIError(f"{operation}: {RESERVED!r} is reserved", provider="file", operation=operation)
        path = self._root / key
        real = os.path.realpath(path)
        if real != os.path.join(self._real_root, key):  # noqa: PTH118 - pathlib would fold what differs
            rule = f"{operation}: {key!r} leads through a symbolic link"
            raise InvalidURIError(rule, provider="file", operation=operation, effect="none")
        return path

    def _entries(self, directory: str) -> Iterator[os.DirEntry[str]]:
        """Yield what is in a directory; what is missing, a link, or vanishes meanwhile has nothing in it."""
        path = self._root / directory if directory else self._root
        if directory and os.path.realpath(path) != os.path.join(self._real_root, directory):  # noqa: PTH118
            return
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    if directory or entry.name != RESERVED:
                        yield entry
        except _MISSING:
            return
        except OSError as error:
            self._raise(error, directory, "list")

    def _below(self, directory: str) -> Iterator[ResourceMeta]:
        prefix = f"{directory}/" if directory else ""
        for entry in self._entries(directory):
            try:
                if entry.is_dir(follow_symlinks=False):
                    yield from self._below(prefix + entry.name)
                elif entry.is_file(follow_symlinks=False):
                    yield _meta(prefix + entry.name, entry.stat(follow_symlinks=False))
            except FileNotFoundError:
                continue

    def _reserved(self) -> Path:
        folder = self._root / RESERVED
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _write_beside(self, value: Buffer, key: str) -> Path:
        try:
            temporary = self._reserved() / secrets.token_hex(16)
            with temporary.open("xb", buffering=0) as file:
                view = memoryview(value)
                while view:
                    view = view[file.write(view) :]
                os.fsync(file.fileno())
        except OSError as error:
            self._raise(error, key, "set")
        return temporary

    def _move(self, temporary: Path, path: Path) -> None:
        for _ in range(TRIES):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                temporary.replace(path)
            except FileNotFoundError:
                continue  # the directory was emptied and removed by another writer
            except IsADirectoryError:
                path.rmdir()  # an empty folder is no object; one with objects raises
                continue
            return _sync(path.parent)
        raise OSError(errno.EBUSY, "the directory is removed again and again")

    def _link(self, temporary: Path, path: Path, key: str) -> None:
        for _ in range(TRIES):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(temporary, path)
            except FileNotFoundError:
                continue
            except FileExistsError:
                if path.is_dir():
                    raise
                message = f"set: {key!r} exists already"
                raise StorageKeyAlreadyExists(message, provider="file", operation="set", effect="none") from None
            return _sync(path.parent)
        raise OSError(errno.EBUSY, "the directory is removed again and again")

    @contextmanager
    def _lock(self) -> Iterator[None]:
        descriptor = os.open(self._reserved() / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _raise(self, error: OSError, key: str, operation: str) -> NoReturn:
        name = errno.errorcode.get(error.errno or 0, "unknown")
        about = {"provider": "file", "operation": operation, "code": name, "effect": "none"}
        cause = redacted(error, code=name)
        if error.errno in _UNSTORABLE:
            raise InvalidURIError(f"{operation}: {key!r} cannot be a file here: {name}", **about) from cause  # type: ignore[arg-type]
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise StorageAccessDenied(f"{operation}: {key!r} is not permitted: {name}", **about) from cause  # type: ignore[arg-type]
        raise StorageInternalError(f"{operation}: {key!r} failed: {name}", **about) from cause  # type: ignore[arg-type]


def _missing(key: str, operation: str) -> NoReturn:
    raise StorageKeyNotFound(f"{operation}: no object {key!r}", provider="file", operation=operation)


def _is_file(status: os.stat_result) -> bool:
    import stat

    return stat.S_ISREG(status.st_mode)


def _meta(key: str, status: os.stat_result) -> ResourceMeta:
    # a rename gives a new inode, so that equal sizes within one tick of the clock still differ
    etag = f"{status.st_mtime_ns:x}-{status.st_ino:x}-{status.st_size:x}"
    return ResourceMeta(key, status.st_size, etag, datetime.fromtimestamp(status.st_mtime, UTC))


def _read(descriptor: int, offset: int, size: int) -> bytes:
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


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
