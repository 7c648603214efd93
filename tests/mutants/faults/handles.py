"""
Mutants of handles in threads and forks, of whose credentials they use, and of what they leave behind.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from deeplake_ref import storage, urls
from deeplake_ref.errors import StorageKeyNotFound
from deeplake_ref.stores import local
from deeplake_ref.stores.azure import AzureStore
from deeplake_ref.stores.local import LocalStore
from deeplake_ref.stores.local_files import make_directory
from deeplake_ref.stores.memory import MemoryStore
from deeplake_ref.stores.s3 import S3Store
from tests.mutants.registry import Replacements, mutant, replaced

if TYPE_CHECKING:
    from deeplake_ref.stores import ResourceMeta

# ---- threads


@mutant(kills="HANDLE-14")
def the_key_of_a_write_lies_in_the_handle(target: Any) -> Replacements:
    """Keeps the key of the running write in the handle, where the next thread replaces it."""

    def set_(self: Any, path: str, content: Any, **conditions: Any) -> ResourceMeta:
        self._running = self._key(path)
        time.sleep(0.001)
        meta: ResourceMeta = self._shared.store().put(self._running, bytes(content), **conditions)
        return type(meta)(path, meta.size, meta.etag, meta.last_modified)

    return replaced(target.storage.Writer, set=set_)


@mutant("F077", kills="HANDLE-15", origin="google/go-cloud#3101 google/go-cloud#3480")
def opening_goes_through_a_shared_object(_target: Any) -> Replacements:
    """Writes the URL that is being opened into an object that all handles share, and reads it back."""
    opening = SimpleNamespace(url="")

    def parse(url: str) -> Any:
        opening.url = url
        time.sleep(0.001)
        return urls.parse(opening.url)

    return replaced(storage, urls=SimpleNamespace(**{**vars(urls), "parse": parse}))


@mutant("F080", kills="HANDLE-16", origin="apache/opendal#7346", claims="impatient.toml")
def a_limit_waits_for_itself(_target: Any) -> Replacements:
    """Lets two reads run at once, each of which asks for the size within the same limit."""
    read, ask = MemoryStore.get, MemoryStore.head
    limit, nested = threading.BoundedSemaphore(2), threading.local()

    def head(self: Any, key: str) -> Any:
        if not getattr(nested, "reading", False):
            return ask(self, key)
        with limit:
            return ask(self, key)

    def get(self: Any, key: str, start: int | None = None, end: int | None = None) -> Any:
        with limit:
            nested.reading = True
            try:
                time.sleep(0.001)
                self.head(key)
                return read(self, key, start, end)
            finally:
                nested.reading = False

    return replaced(MemoryStore, get=get, head=head)


@mutant("F081", kills="HANDLE-16", origin="juicedata/juicefs#6947")
def a_buffer_is_used_again_too_early(_target: Any) -> Replacements:
    """Reads large values into one buffer, and gives it away while the next read fills it."""
    right = MemoryStore.get
    buffers: dict[Any, bytearray] = {}

    def get(self: Any, key: str, start: int | None = None, end: int | None = None) -> Any:
        value = right(self, key, start, end)
        if len(value) < 1_000_000:
            return value
        buffer = buffers.setdefault(self._space, bytearray(32_000_000))
        buffer[: len(value)] = value
        time.sleep(0.001)
        return memoryview(buffer)[: len(value)]

    return [*replaced(MemoryStore, get=get), *hashable()]


def hashable() -> Replacements:
    """Let spaces be keys of a dictionary, by identity."""
    from deeplake_ref.stores import memory

    return replaced(memory._Space, __hash__=object.__hash__)


@mutant(kills="HANDLE-17", places=("file",))
def writers_share_a_temporary_file(_target: Any) -> Replacements:
    """Gives all writers of one process the same temporary file."""
    return replaced(local, secrets=SimpleNamespace(**{**vars(secrets), "token_hex": lambda _: f"{os.getpid()}"}))


@mutant(kills="HANDLE-17", places=("file",))
def writers_write_in_place(_target: Any) -> Replacements:
    """Writes into the file itself, a piece at a time."""

    def put(self: Any, key: str, value: Any, **_conditions: Any) -> ResourceMeta:
        path = self._path(key, "set")
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb", buffering=0) as file:
            view = memoryview(value)
            for at in range(0, len(view), max(1, len(view) // 4)):
                file.write(view[at : at + max(1, len(view) // 4)])
                time.sleep(0.001)
            return local._meta(key, os.fstat(file.fileno()))

    return replaced(LocalStore, put=put)


@mutant(kills="HANDLE-18", places=("file",))
def a_write_gives_up_when_its_directory_goes(_target: Any) -> Replacements:
    """Makes the directory before the value is written beside, and raises where another thread removed it meanwhile."""

    def put(self: Any, key: str, value: Any, **_conditions: Any) -> ResourceMeta:
        path = self._path(key, "set")
        make_directory(path.parent)
        temporary, status = self._write_beside(value)
        try:
            temporary.replace(path)
        except FileNotFoundError as error:
            temporary.unlink()
            self._raise(error, key, "set")
        return local._meta(key, status)

    return replaced(LocalStore, put=put)


@mutant(kills="HANDLE-18")
def removing_looks_first(_target: Any) -> Replacements:
    """Looks whether the object is there, and fails if it has gone since."""

    def delete(self: Any, key: str) -> None:
        if self.head(key) is None:
            return
        time.sleep(0.001)
        with self._space.lock:
            if self._space.objects.pop(self._full(key), None) is None:
                raise StorageKeyNotFound(f"remove: no object {key!r}", provider="mem", operation="remove")

    return replaced(MemoryStore, delete=delete)


# ---- credentials and processes


@mutant("F078", kills="HANDLE-19", places=("minio",), origin="lancedb/lance#5153")
def clients_are_kept_by_bucket(_target: Any) -> Replacements:
    """Uses one client for all handles on a bucket, whoever opened them."""
    right = S3Store._connected
    clients: dict[Any, Any] = {}

    def connected(self: Any) -> Any:
        return clients.setdefault(self._bucket, right(self))

    return [*replaced(S3Store, _connected=connected), *replaced(S3Store, close=lambda _self: None)]


@mutant("F078", kills="HANDLE-19", places=("azurite",), origin="lancedb/lance#5153")
def clients_are_kept_by_account(_target: Any) -> Replacements:
    """Uses one client for all handles on a container of an account, whatever key they were given."""
    right = AzureStore._connected
    clients: dict[Any, Any] = {}

    def connected(self: Any) -> Any:
        return clients.setdefault((self._account, self._container), right(self))

    return [*replaced(AzureStore, _connected=connected), *replaced(AzureStore, close=lambda _self: None)]


@mutant("F078", kills="HANDLE-19", places=("minio",), origin="lancedb/lance#5153")
def clients_are_kept_by_key_id(_target: Any) -> Replacements:
    """Uses one client for all handles with one key id, whatever their secret."""
    right = S3Store._connected
    clients: dict[Any, Any] = {}

    def connected(self: Any) -> Any:
        given = self._creds.reveal()
        return clients.setdefault((self._bucket, given["aws_access_key_id"], given["endpoint_url"]), right(self))

    return [*replaced(S3Store, _connected=connected), *replaced(S3Store, close=lambda _self: None)]


@mutant(kills="HANDLE-20", places=("moto",), claims="impatient.toml")
def a_child_uses_the_threads_of_its_parent(_target: Any) -> Replacements:
    """Goes on with the parent's connections and threads after a fork."""
    return replaced(storage, os=SimpleNamespace(getpid=lambda: 0))


# ---- close


@mutant(kills="HANDLE-21")
def a_second_close_raises(_target: Any) -> Replacements:
    """Refuses to close what is closed."""
    right = storage._Shared.close

    def close(self: Any) -> None:
        self.store()
        right(self)

    return replaced(storage._Shared, close=close)


@mutant(kills="HANDLE-22")
def a_closed_handle_goes_on(_target: Any) -> Replacements:
    """Answers after its end as if nothing had happened."""
    return replaced(storage._Shared, store=lambda self: self._store)


@mutant(kills="HANDLE-23")
def a_block_does_not_close(_target: Any) -> Replacements:
    """Leaves the handle open at the end of its block."""
    return replaced(storage._Handle, __exit__=lambda _self, *_exception: None)


@mutant(kills="HANDLE-23")
def a_block_swallows_what_it_raises(_target: Any) -> Replacements:
    """Closes the handle and lets no exception out of the block."""

    def leave(self: Any, *_exception: object) -> bool:
        self.close()
        return True

    return replaced(storage._Handle, __exit__=leave)


_KEPT: list[Any] = []
"""What mutants do not let go."""


@mutant(kills="HANDLE-24", places=("moto",))
def connections_stay_open(_target: Any) -> Replacements:
    """Forgets the client at the end instead of closing it, while something else still holds it."""

    def close(self: Any) -> None:
        _KEPT.append((self._client, self._pool))
        self._closed, self._client, self._pool = True, None, None

    return replaced(S3Store, close=close)


@mutant(kills="HANDLE-24", places=("moto",))
def threads_stay(_target: Any) -> Replacements:
    """Closes the client and lets the threads of transfers wait for more."""

    def close(self: Any) -> None:
        _KEPT.append(self._pool)
        if self._client is not None:
            self._client.close()
        self._closed, self._client, self._pool = True, None, None

    return replaced(S3Store, close=close)


@mutant("F082", kills="HANDLE-25", places=("file",), origin="google/go-cloud#3733")
def a_failed_write_leaves_its_temporary_file(_target: Any) -> Replacements:
    """Removes the temporary file where it was moved only, not where that failed."""

    def put(self: Any, key: str, value: Any, *, if_absent: bool = False, if_match: str | None = None) -> ResourceMeta:
        path = self._path(key, "set")
        temporary, status = self._write_beside(value)
        try:
            self._place(temporary, path, key, if_absent=if_absent, if_match=if_match)
        except OSError as error:
            self._raise(error, key, "set")
        return local._meta(key, status)

    return replaced(LocalStore, put=put)


@mutant("F082", kills="HANDLE-25", places=("file",), origin="google/go-cloud#3696")
def a_failed_read_leaves_its_descriptor(_target: Any) -> Replacements:
    """Closes the file after a read, not where there was nothing to read."""
    right = LocalStore.get

    def get(self: Any, key: str, start: int | None = None, end: int | None = None) -> bytes:
        path = self._path(key, "get")
        if path.is_dir():
            os.open(path, os.O_RDONLY)
        return right(self, key, start, end)

    return replaced(LocalStore, get=get)


@mutant("F082", kills="HANDLE-25", places=("moto",))
def a_failed_upload_leaves_its_threads(_target: Any) -> Replacements:
    """Begins threads of its own for parts, and ends them after a success only."""
    from concurrent.futures import ThreadPoolExecutor

    right = S3Store._put_parts

    def put_parts(self: Any, full: str, key: str, view: memoryview, conditions: dict[str, str]) -> str:
        pool = ThreadPoolExecutor(2)
        pool.submit(len, view).result()
        _KEPT.append(pool)
        etag = right(self, full, key, view, conditions)
        pool.shutdown()
        return etag

    return replaced(S3Store, _put_parts=put_parts)
