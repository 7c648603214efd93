"""
Mutants of what is known of an object without reading it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from deeplake_ref.stores import Buffer, ResourceMeta, azure_answers
from deeplake_ref.stores.local import LocalStore
from deeplake_ref.stores.memory import MemoryStore
from deeplake_ref.stores.s3 import S3Store
from tests.mutants.registry import Replacements, mutant, replaced

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

EPOCH = datetime.fromtimestamp(0, UTC)
ELSEWHERE = timezone(timedelta(hours=2))


def times_become(change: Callable[[datetime], datetime]) -> Replacements:
    """Replace the time that memory tells of one object."""
    return heads_become(lambda known: replace(known, last_modified=change(known.last_modified or EPOCH)))


def heads_become(change: Callable[[ResourceMeta], ResourceMeta]) -> Replacements:
    """Replace what memory tells of one object; listings stay right."""
    right = MemoryStore.head

    def head(self: Any, key: str) -> ResourceMeta | None:
        known = right(self, key)
        return None if known is None else change(known)

    return replaced(MemoryStore, head=head)


# ---- sizes and paths


@mutant("F088", kills="META-1", places=("moto",), origin="drivendataorg/cloudpathlib#564")
def a_header_that_is_missing_is_a_size_of_zero(_target: Any) -> Replacements:
    """Takes the size from a header that not every service sends, and zero where it is missing."""
    right = S3Store.head

    def head(self: Any, key: str) -> ResourceMeta | None:
        known = right(self, key)
        if known is None:
            return None
        answer = self._call(
            "metadata", key, lambda client: client.head_object(Bucket=self._bucket, Key=self._root + key)
        )
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
        return replace(known, size=int(headers.get("x-amz-object-size", 0)))

    return replaced(S3Store, head=head)


@mutant(kills="META-1", places=("file",))
def a_size_is_the_space_on_disk(_target: Any) -> Replacements:
    """Tells the blocks that a file takes, not its bytes."""
    right = LocalStore.head

    def head(self: Any, key: str) -> ResourceMeta | None:
        known = right(self, key)
        return known and replace(known, size=self._path(key, "metadata").lstat().st_blocks * 512)

    return replaced(LocalStore, head=head)


@mutant(kills="META-8")
def what_is_missing_has_a_size(target: Any) -> Replacements:
    """Tells a size of -1 of a missing object, instead of nothing."""
    right = target.storage.Reader.metadata

    def metadata(self: Any, path: str) -> ResourceMeta:
        return right(self, path) or ResourceMeta(path, -1)

    return replaced(target.storage.Reader, metadata=metadata)


@mutant(kills="META-9")
def metadata_has_the_whole_path(target: Any) -> Replacements:
    """Gives metadata below a subdirectory the path from the root."""

    def metadata(self: Any, path: str) -> ResourceMeta | None:
        found: ResourceMeta | None = self._shared.store().head(self._key(path))
        return found

    return replaced(target.storage.Reader, metadata=metadata)


# ---- etags


@mutant("F089", kills="META-2", origin="lancedb/lance#3881")
def metadata_is_remembered_by_name(target: Any) -> Replacements:
    """Remembers the metadata of a path, whatever is written there later."""
    right = target.storage.Reader.metadata

    def metadata(self: Any, path: str) -> ResourceMeta | None:
        known = self.__dict__.setdefault("_known", {})
        if known.get(path) is None:
            known[path] = right(self, path)
        found: ResourceMeta | None = known[path]
        return found

    return replaced(target.storage.Reader, metadata=metadata)


@mutant(kills="META-2")
def an_etag_is_made_of_the_size(_target: Any) -> Replacements:
    """Makes etags of sizes, so that other content of one size has the same."""
    return heads_become(lambda known: replace(known, etag=f"{known.size:x}"))


@mutant(kills="META-3", places=("azurite",))
def etags_have_quotes_in_headers_only(_target: Any) -> Replacements:
    """Gives etags with quotes where a header told them, and without where a listing did."""

    def etag(headers: Mapping[str, str]) -> str:
        return headers["ETag"]

    return replaced(azure_answers, etag=etag)


@mutant(kills="META-4")
def there_is_no_etag(_target: Any) -> Replacements:
    """Has no etag for an object."""
    return heads_become(lambda known: replace(known, etag=None))


# ---- times


@mutant("F085", kills="META-5", origin="fsspec/s3fs#818 rclone/rclone@a389a2979")
def times_are_naive(_target: Any) -> Replacements:
    """Tells times without their zone."""
    return times_become(lambda time: time.replace(tzinfo=None))


@mutant("F085", kills="META-5", origin="fsspec/s3fs#818 rclone/rclone@a389a2979")
def times_are_local(_target: Any) -> Replacements:
    """Tells times in the zone of another place than Greenwich."""
    return times_become(lambda time: time.astimezone(ELSEWHERE))


@mutant("F085", kills="META-6", origin="fsspec/s3fs#818 rclone/rclone@a389a2979")
def times_are_the_epoch(_target: Any) -> Replacements:
    """Tells the beginning of the epoch as the time of every write."""
    return times_become(lambda _time: EPOCH)


@mutant("F085", kills="META-6", origin="fsspec/s3fs#818 rclone/rclone@a389a2979")
def local_times_pass_for_utc(_target: Any) -> Replacements:
    """Takes a local time for one in UTC."""
    return times_become(lambda time: time.astimezone(ELSEWHERE).replace(tzinfo=UTC))


@mutant(kills="META-7")
def a_rewrite_has_whole_seconds(_target: Any) -> Replacements:
    """Cuts the time of an object that is written again to the second, and not that of a new one."""
    right = MemoryStore.put

    def put(self: Any, key: str, value: Buffer, **conditions: Any) -> ResourceMeta:
        again = self.head(key) is not None
        meta = right(self, key, value, **conditions)
        if again:
            objects, full = self._space.objects, self._full(key)
            cut = objects[full].last_modified.replace(microsecond=0)
            objects[full] = replace(objects[full], last_modified=cut)
        return meta

    return replaced(MemoryStore, put=put)
