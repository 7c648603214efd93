"""
`file://path`: a directory on disk.

A write goes to a temporary file in a reserved folder at the root, is synced, and is renamed into place, so that a
reader sees the old or the new object and a crash loses nothing that was acknowledged. Put-if-absent is a hard link,
compare-and-swap happens under a lock: both are atomic among users of this store. The lock is on the directory of the
key, so that it is the same one whatever the root of a handle. Nothing follows a symbolic link out of the root.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from deeplake_ref.errors import (
    InvalidURIError,
    StorageAccessDenied,
    StorageError,
    StorageInternalError,
    StorageKeyNotFound,
    StorageOperationUnsupported,
    StoragePreconditionFailed,
    redacted,
)
from deeplake_ref.stores import Buffer, Keys, Metas, ResourceMeta
from deeplake_ref.stores.local_files import (
    REMOVED_AGAIN,
    RESERVED,
    TRIES,
    is_file,
    is_name,
    link,
    locked,
    make_directory,
    read_span,
)
from deeplake_ref.urls import DatasetURL, check_key

if TYPE_CHECKING:
    from collections.abc import Iterator

Entries = list[tuple[os.DirEntry[str], bool]]

PAGE = 1000

_MISSING = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
_UNSTORABLE = {
    errno.ENAMETOOLONG,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.EINVAL,
    errno.EILSEQ,
    errno.ENOTEMPTY,
    errno.ELOOP,
}
_HINTS = {errno.ENOSPC: ", the disk is full", errno.EDQUOT: ", the quota is used up", errno.EROFS: ", it is read-only"}


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
            if not is_file(status):
                _missing(key, "get")
            low = min(start or 0, status.st_size)
            high = status.st_size if end is None else min(end, status.st_size)
            return read_span(descriptor, low, high - low)
        finally:
            os.close(descriptor)

    def put(self, key: str, value: Buffer, *, if_absent: bool = False, if_match: str | None = None) -> ResourceMeta:
        """Write beside, sync, and rename or link into place."""
        path = self._path(key, "set")
        try:
            with suppress(FileNotFoundError):
                path.lstat()  # says what cannot be a file here before anything is written
            temporary, status = self._write_beside(value)
            try:
                self._place(temporary, path, key, if_absent=if_absent, if_match=if_match)
            finally:
                with suppress(FileNotFoundError):
                    temporary.unlink()
        except OSError as error:
            self._raise(error, key, "set")
        # a rename changes none of what the etag is made of
        return _meta(key, status)

    def head(self, key: str) -> ResourceMeta | None:
        """Return size, times and inode of a regular file."""
        path = self._path(key, "metadata")
        try:
            status = path.lstat()
        except _MISSING:
            return None
        except OSError as error:
            self._raise(error, key, "metadata")
        return _meta(key, status) if is_file(status) else None

    def delete(self, key: str) -> None:
        """Remove a file, and the directories that it leaves empty."""
        path = self._path(key, "remove")
        try:
            with locked(path.parent, fcntl.LOCK_SH):
                if not is_file(path.lstat()):
                    return
                path.unlink()
        except _MISSING:
            return
        except OSError as error:
            self._raise(error, key, "remove")
        for parent in path.parents:
            if parent == self._root:
                return
            try:
                parent.rmdir()
            except OSError:
                return  # another object is in it

    def delete_many(self, keys: Keys) -> None:
        """Remove these objects."""
        for key in keys:
            self.delete(key)

    def list(self, directory: str) -> Iterator[Metas]:
        """Yield pages of the regular files below a directory."""
        page = []
        for meta in self._below(directory):
            page.append(meta)
            if len(page) == PAGE:
                yield page
                page = []
        yield page

    def list_dirs(self, directory: str) -> Iterator[str]:
        """Yield child directories that hold an object; an empty folder is nothing a storage API knows."""
        prefix = f"{directory}/" if directory else ""
        for entry, is_directory in self._entries(directory):
            if is_directory and next(self._below(prefix + entry.name), None) is not None:
                yield prefix + entry.name

    def sign_url(self, key: str, expires_s: float) -> str:
        """Refuse: files have no URL that others can read."""
        message = f"sign_url: file:// has no signed URLs, read {key!r} by get"
        raise StorageOperationUnsupported(message, provider="file", operation="sign_url", effect="none")

    def is_root_of_bucket(self) -> bool:
        """Say no: a directory belongs to its users alone."""
        return False

    def close(self) -> None:
        """Do nothing: no descriptor outlives an operation."""

    def _path(self, key: str, operation: str) -> Path:
        """Return where a key lives; raises `InvalidURIError` if that is outside the root, or a link."""
        check_key(key, "file")
        if RESERVED in key.split("/"):
            rule = f"{operation}: {RESERVED!r} in {key!r} is reserved for temporary files"
            raise InvalidURIError(rule, provider="file", operation=operation, effect="none")
        path = self._root / key
        real = os.path.realpath(path)
        if real != os.path.join(self._real_root, key):  # noqa: PTH118 - pathlib would fold what differs
            rule = f"{operation}: {key!r} leads through a symbolic link"
            raise InvalidURIError(rule, provider="file", operation=operation, effect="none")
        return path

    def _entries(self, directory: str) -> Entries:
        """Return what is in a directory, and whether it is one; what is missing or a link has nothing in it.

        The order is that of the keys: a directory sorts with its slash.
        """
        path = self._root / directory if directory else self._root
        if RESERVED in directory.split("/"):
            return []
        if directory and os.path.realpath(path) != os.path.join(self._real_root, directory):  # noqa: PTH118
            return []
        try:
            with os.scandir(path) as entries:
                found = [(entry, entry.is_dir(follow_symlinks=False)) for entry in entries if is_name(entry.name)]
        except _MISSING:
            return []
        except OSError as error:
            self._raise(error, directory, "list")
        return sorted(found, key=lambda each: each[0].name + "/" * each[1])

    def _below(self, directory: str) -> Iterator[ResourceMeta]:
        """Yield the regular files below a directory, in UTF-8 order, without those that vanish meanwhile."""
        prefix = f"{directory}/" if directory else ""
        for entry, is_directory in self._entries(directory):
            if is_directory:
                yield from self._below(prefix + entry.name)
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if is_file(status):
                yield _meta(prefix + entry.name, status)

    def _write_beside(self, value: Buffer) -> tuple[Path, os.stat_result]:
        folder = self._root / RESERVED
        make_directory(folder)
        temporary = folder / secrets.token_hex(16)
        with temporary.open("xb", buffering=0) as file:
            try:
                view = memoryview(value)
                while view:
                    view = view[file.write(view) :]
                # the file system's own clock ticks too slowly to tell quick writes apart
                now = time.time_ns()
                os.utime(file.fileno(), ns=(now, now))
                os.fsync(file.fileno())
                return temporary, os.fstat(file.fileno())
            except BaseException:
                temporary.unlink()
                raise

    def _place(self, temporary: Path, path: Path, key: str, *, if_absent: bool, if_match: str | None) -> None:
        for _ in range(TRIES):
            try:
                if if_match is None:
                    make_directory(path.parent)
                else:
                    self._check(key, if_match)
                with locked(path.parent, fcntl.LOCK_SH if if_match is None else fcntl.LOCK_EX) as folder:
                    if if_match is not None:
                        self._check(key, if_match)
                    if if_absent:
                        link(temporary, path, key)
                    else:
                        temporary.replace(path)
                    try:
                        return os.fsync(folder)
                    except OSError as error:
                        self._raise(error, key, "set", effect="unknown")
            except FileNotFoundError:
                continue  # the directory was emptied and removed by another writer
            except IsADirectoryError:
                # an empty folder is no object; one with objects raises, and another writer may be quicker
                with suppress(FileNotFoundError, NotADirectoryError):
                    path.rmdir()
        raise OSError(errno.EBUSY, REMOVED_AGAIN)

    def _check(self, key: str, etag: str) -> None:
        known = self.head(key)
        if known is None or known.etag != etag:
            message = f"set: {key!r} is not what the etag says, read it again"
            raise StoragePreconditionFailed(message, provider="file", operation="set", effect="none")

    def _raise(self, error: OSError, key: str, operation: str, effect: str = "none") -> NoReturn:
        name = errno.errorcode.get(error.errno or 0, "unknown")
        about: dict[str, Any] = {"provider": "file", "operation": operation, "code": name, "effect": effect}
        why = f"{name}{_HINTS.get(error.errno or 0, '')}"
        made: StorageError
        if error.errno in _UNSTORABLE:
            made = InvalidURIError(f"{operation}: {key!r} cannot be a file here: {why}", **about)
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            made = StorageAccessDenied(f"{operation}: {key!r} is not permitted: {why}; check its mode", **about)
        else:
            made = StorageInternalError(f"{operation}: {key!r} failed: {why}", **about)
        raise made from redacted(error, code=name)


def _missing(key: str, operation: str) -> NoReturn:
    message = f"{operation}: no object {key!r}"
    raise StorageKeyNotFound(message, provider="file", operation=operation, effect="none") from None


def _meta(key: str, status: os.stat_result) -> ResourceMeta:
    # a rename gives a new inode, so that equal sizes within one tick of the clock still differ
    etag = f"{status.st_mtime_ns:x}-{status.st_ino:x}-{status.st_size:x}"
    return ResourceMeta(key, status.st_size, etag, datetime.fromtimestamp(status.st_mtime, UTC))
