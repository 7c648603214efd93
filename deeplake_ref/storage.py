"""
The storage API: `Reader` and `Writer` over one place, shaped like deeplake's (stubs of deeplake 4.7.4).

Handles are opened at a URL; paths are relative to it. They are safe to share between threads; `subdir` and `get_reader`
share the client of the handle they come from. A handle that was given creds refuses to pickle, every other one re-opens
in the other process from its URL. A child made by fork may go on using a handle.
"""

from __future__ import annotations

import functools
import math
import os
import threading
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar, cast

from deeplake_ref import urls
from deeplake_ref.errors import StorageError, StorageOperationUnsupported
from deeplake_ref.retry import DEADLINE_S, RetryPolicy
from deeplake_ref.secrets import SecretFields
from deeplake_ref.stores import Buffer, Metas, ResourceMeta, Store, open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from deeplake_ref.credentials.activeloop_plane import ControlPlane
    from deeplake_ref.stores.activeloop import LentStore

__all__ = ["Reader", "ResourceMeta", "Writer"]

H = TypeVar("H", bound="_Handle")
P = ParamSpec("P")
T = TypeVar("T")
Names = list[str]

WRITES = ("set", "remove", "remove_directory")


def _verb(method: Callable[Concatenate[H, P], T]) -> Callable[Concatenate[H, P], T]:
    """Make a method's errors complete: whoever raises, the caller learns which verb failed where."""
    verb = method.__name__

    def told(self: H, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(self, *args, **kwargs)
        except StorageError as error:
            self._complete(error, verb)
            raise

    functools.update_wrapper(told, method)
    return told


class _Shared:
    """The one store of a handle and of all that were made from it, opened with the handle, closed once.

    A child made by fork gets a store of its own at its first call: connections are the parent's, whose answers it would
    take, and threads of transfers did not come along.
    """

    def __init__(
        self,
        url: urls.DatasetURL,
        creds: Mapping[str, Any] | str | None,
        token: str | None,
        deadline_s: float,
        *,
        reads: bool,
    ) -> None:
        self.prefix = url.prefix
        self.has_creds = creds is not None or token is not None
        self.closed = False
        self._url = url
        self._creds = SecretFields(creds)
        self._token = SecretFields(token)
        self._reads = reads
        self._retry = RetryPolicy(deadline_s=deadline_s)
        self._open()

    def _open(self) -> None:
        token: Any = self._token.reveal()
        creds = self._creds.reveal()
        self._store: Store = open_store(self._url, creds, self._retry, token, reads=self._reads)
        self._lock = threading.Lock()
        self._process = os.getpid()

    def store(self) -> Store:
        if self.closed:
            raise StorageError("the handle is closed, open another one", provider=self.prefix, effect="none")
        if self._process != os.getpid():
            self._open()
        return self._store

    def close(self) -> None:
        if self._process != os.getpid():
            self.closed = True
            return
        with self._lock:
            if not self.closed:
                self.closed = True
                self._store.close()


class _Handle:
    """What readers and writers share: where they point, and that they close."""

    def __init__(
        self,
        url: str,
        creds: Mapping[str, Any] | str | None = None,
        token: str | None = None,
        *,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        """Open a handle; nothing is requested before the first operation.

        Args:
            url: a path with one of the prefixes, or a bare local path.
            creds: the creds dictionary of the cloud, or None for what the machine has.
            token: a Deep Lake user token; only `al://` and `creds_key` look at it.
            deadline_s: seconds within which an operation ends when the service does not answer, retries included.

        Raises:
            InvalidURIError: the URL breaks a rule.
            StorageProviderMissingError: the SDK is not installed.
            ValueError: the deadline is not a positive number.
        """
        if not 0 < deadline_s < math.inf:
            raise ValueError(f"a deadline is a positive number of seconds: {deadline_s}")
        self._deadline_s = deadline_s
        self._url = urls.parse(url)
        self._shared = _Shared(self._url, creds, token, deadline_s, reads=isinstance(self, Reader))
        self._below = ""

    def _made(self, kind: type[H], below: str) -> H:
        made = kind.__new__(kind)
        vars(made).update(vars(self))
        made._below = below  # noqa: SLF001 - the same class or its twin
        return made

    def _complete(self, error: StorageError, verb: str) -> None:
        error.complete(verb, self._url.prefix, "unknown" if verb in WRITES else "none")

    @property
    def prefix(self) -> str:
        """The path prefix of the handle, such as `s3`."""
        return self._url.prefix

    @property
    def path(self) -> str:
        """The URL of the handle, in normal form."""
        return str(self._url.below(self._below[:-1]) if self._below else self._url)

    original_path = path

    def _key(self, path: str) -> str:
        return self._below + urls.check_key(path, self._url.prefix)

    def _directory(self, path: str) -> str:
        directory = (self._below + urls.directory(path)).removesuffix("/")
        if directory:
            # what no key can be below of is refused, as it is for keys; the root counts where it is part of the key
            root = self._url.path if self._url.prefix != "file" else ""
            urls.check_key(f"{root}/{directory}" if root else directory, self._url.prefix)
        return directory

    def close(self) -> None:
        """Give back connections and threads, of every handle made from this one too; closing again does nothing."""
        self._shared.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.path!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        if self._shared.has_creds:
            raise TypeError("a handle that was given creds is not pickled, open it in the other process")
        return (_reopen, (type(self), str(self._url), self._below, self._deadline_s))


def _reopen(kind: type[_Handle], url: str, below: str, deadline_s: float) -> _Handle:
    handle = kind(url, deadline_s=deadline_s)
    handle._below = below  # noqa: SLF001 - it is being made here
    return handle


def control_plane_of(handle: _Handle) -> ControlPlane:
    """Return the control plane of a handle at `al://`, asked with its token."""
    store = handle._shared.store()  # noqa: SLF001 - of this module
    return cast("LentStore", store).plane


class Reader(_Handle):
    """A handle for reading."""

    @_verb
    def get(self, path: str, start_bytes: int | None = None, end_bytes: int | None = None) -> Buffer:
        """Return `value[start_bytes:end_bytes]`; end exclusive, None open, past the end clipped.

        Raises:
            ValueError: a bound is negative, or the start lies after the end; nothing was requested.
            StorageKeyNotFound: there is no such object.
        """
        if (start_bytes is not None and start_bytes < 0) or (end_bytes is not None and end_bytes < 0):
            raise ValueError(f"bounds are not negative: {start_bytes}, {end_bytes}")
        if end_bytes is not None and (start_bytes or 0) > end_bytes:
            raise ValueError(f"the start is not after the end: {start_bytes}, {end_bytes}")
        return self._shared.store().get(self._key(path), start_bytes, end_bytes)

    @_verb
    def length(self, path: str) -> int:
        """Return the size in bytes, -1 only if there is no such object."""
        meta = self._shared.store().head(self._key(path))
        return -1 if meta is None else meta.size

    @_verb
    def metadata(self, path: str) -> ResourceMeta | None:
        """Return what is known of an object, None if there is none."""
        meta = self._shared.store().head(self._key(path))
        return None if meta is None else self._relative(meta)

    @_verb
    def list(self, path: str = "") -> Metas:
        """Return all objects below the directory `path`, recursive, relative to the handle, in UTF-8 order."""
        # UTF-8 order is code point order, which is how Python compares strings
        return sorted((meta for page in self.list_iter(path) for meta in page), key=attrgetter("path"))

    @_verb
    def list_iter(self, path: str = "") -> Iterator[Metas]:
        """Yield the same objects in pages; an empty result is no page."""
        return self._pages(self._shared.store().list(self._directory(path)))

    def _pages(self, pages: Iterator[Metas]) -> Iterator[Metas]:
        try:
            for page in pages:
                self._shared.store()
                if page:
                    yield [self._relative(meta) for meta in page]
        except StorageError as error:
            self._complete(error, "list")
            raise

    @_verb
    def list_dirs(self, path: str = "") -> Names:
        """Return the immediate child directories of `path`, relative to the handle, sorted, without trailing slash."""
        found = self._shared.store().list_dirs(self._directory(path))
        return sorted({name.removeprefix(self._below) for name in found})

    @_verb
    def sign_url(self, path: str, expires: float) -> str:
        """Return a URL that reads the object by a plain GET for `expires` seconds.

        Raises:
            ValueError: the expiry is not positive, or beyond what the service can express.
            StorageOperationUnsupported: the place, or the credential, has no signed URLs.
        """
        if not 0 < expires < math.inf:
            raise ValueError(f"seconds until expiry are a positive number: {expires}")
        return self._shared.store().sign_url(self._key(path), expires)

    @_verb
    def subdir(self, path: str) -> Reader:
        """Return a handle for the directory `path`; `subdir(p).op(k)` is `op(p/k)`."""
        directory = self._directory(path)
        return self._made(Reader, f"{directory}/" if directory else "")

    def _relative(self, meta: ResourceMeta) -> ResourceMeta:
        if not self._below:
            return meta
        return ResourceMeta(meta.path.removeprefix(self._below), meta.size, meta.etag, meta.last_modified)


class Writer(_Handle):
    """A handle for writing; it reads through `get_reader`."""

    @_verb
    def set(self, path: str, content: Buffer, *, if_absent: bool = False, if_match: str | None = None) -> ResourceMeta:
        """Replace the whole object; a reader sees the old value or the new one.

        Args:
            path: the key.
            content: any bytes-like object; a view that is not contiguous stores its logical bytes.
            if_absent: only if there is no object yet.
            if_match: only if the object still has this etag.

        Raises:
            StorageKeyAlreadyExists: `if_absent`, and there is one; nothing was changed.
            StoragePreconditionFailed: `if_match`, and it has not; nothing was changed.
        """
        if if_absent and if_match is not None:
            raise ValueError("if_absent and if_match exclude each other")
        meta = self._shared.store().put(self._key(path), _flat(content), if_absent=if_absent, if_match=if_match)
        return ResourceMeta(path, meta.size, meta.etag, meta.last_modified)

    @_verb
    def remove(self, path: str) -> None:
        """Remove exactly this object; a missing one is no error."""
        self._shared.store().delete(self._key(path))

    @_verb
    def remove_directory(self, path: str) -> None:
        """Remove exactly the objects that `list(path)` shows; refused for the root of a bucket."""
        store = self._shared.store()
        directory = self._directory(path)
        if not directory and store.is_root_of_bucket():
            message = f"remove_directory: {self.path} is a whole bucket; remove it with the service's own tools"
            raise StorageOperationUnsupported(
                message, provider=self._url.prefix, operation="remove_directory", effect="none"
            )
        removed = False
        try:
            for page in store.list(directory):
                store.delete_many([meta.path for meta in page])
                removed = removed or bool(page)
        except StorageError as error:
            if removed:
                error.effect = "unknown"
            raise

    @_verb
    def subdir(self, path: str) -> Writer:
        """Return a handle for the directory `path`."""
        directory = self._directory(path)
        return self._made(Writer, f"{directory}/" if directory else "")

    def get_reader(self) -> Reader:
        """Return a handle for reading at the same URL with the same client."""
        return self._made(Reader, self._below)


def _flat(content: Buffer) -> Buffer:
    """Return bytes that SDKs can send, without a copy where the buffer is flat already."""
    if isinstance(content, bytes | bytearray):
        return content
    view = memoryview(content)  # raises TypeError for what has no buffer, such as str
    if view.c_contiguous:
        try:
            return view.cast("B")
        except (TypeError, ValueError):
            pass  # sizes of zero, and formats such as big-endian numbers, have no cast
    return view.tobytes()
