"""
Mutants of conditional writes.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from deeplake_ref.errors import (
    StorageKeyAlreadyExists,
    StorageOperationUnsupported,
    StoragePreconditionFailed,
)
from deeplake_ref.stores import CHUNK, Buffer, ResourceMeta, azure_answers, local, local_files, s3_errors
from deeplake_ref.stores.azure import AzureStore
from deeplake_ref.stores.gcs import GcsStore
from deeplake_ref.stores.memory import MemoryStore
from deeplake_ref.stores.s3 import S3Store
from tests.mutants.registry import Replacements, mutant, replaced

PAUSE_S = 0.01
"""Seconds between a look and the write that follows, as long as a slow request."""

LOST = (StorageKeyAlreadyExists, StoragePreconditionFailed)

# ---- who wins


@mutant(kills="COND-1")
def a_removed_object_still_counts(_target: Any) -> Replacements:
    """Remembers the keys that were ever written, and lets put-if-absent lose to them."""
    right = MemoryStore.put
    ever: set[tuple[int, str]] = set()

    def put(self: Any, key: str, value: Buffer, *, if_absent: bool = False, if_match: str | None = None) -> Any:
        full = id(self._space), self._full(key)
        if if_absent and full in ever and self.head(key) is None:
            raise StorageKeyAlreadyExists(f"set: {key!r} existed", provider="mem", operation="set", effect="none")
        ever.add(full)
        return right(self, key, value, if_absent=if_absent, if_match=if_match)

    return replaced(MemoryStore, put=put)


@mutant("F065", kills="COND-2", origin="pithings/mountx#19 fsouza/fake-gcs-server#994 getmoto/moto#8109")
def if_absent_is_read_and_ignored(_target: Any) -> Replacements:
    """Takes `if_absent` and writes without it."""
    right = MemoryStore.put

    def put(self: Any, key: str, value: Buffer, *, if_absent: bool = False, if_match: str | None = None) -> Any:
        return right(self, key, value, if_match=if_match)

    return replaced(MemoryStore, put=put)


@mutant("F065", kills="COND-4", origin="pithings/mountx#19 fsouza/fake-gcs-server#994 getmoto/moto#8109")
def if_match_is_read_and_ignored(_target: Any) -> Replacements:
    """Takes `if_match` and writes without it."""
    right = MemoryStore.put

    def put(self: Any, key: str, value: Buffer, *, if_absent: bool = False, if_match: str | None = None) -> Any:
        return right(self, key, value, if_absent=if_absent)

    return replaced(MemoryStore, put=put)


@mutant("F067", kills="COND-5", origin="minio/minio#21550")
def compare_and_swap_of_nothing_succeeds(_target: Any) -> Replacements:
    """Answers success for a compare-and-swap where there is no object, and stores nothing."""
    right = MemoryStore.put

    def put(self: Any, key: str, value: Buffer, *, if_absent: bool = False, if_match: str | None = None) -> Any:
        if if_match is not None and self.head(key) is None:
            return ResourceMeta(key, len(value), if_match)
        return right(self, key, value, if_absent=if_absent, if_match=if_match)

    return replaced(MemoryStore, put=put)


@mutant("F075", kills="COND-5", origin="adobe/S3Mock#2502")
def compare_and_swap_of_nothing_creates(_target: Any) -> Replacements:
    """Writes without the condition where there is no object to compare with."""
    right = MemoryStore.put

    def put(self: Any, key: str, value: Buffer, *, if_absent: bool = False, if_match: str | None = None) -> Any:
        compared = if_match if self.head(key) is not None else None
        return right(self, key, value, if_absent=if_absent, if_match=compared)

    return replaced(MemoryStore, put=put)


@mutant("F076", kills="COND-6", origin="sivchari/kumo#918 ceph/s3-tests#735")
def a_star_is_any_etag(_target: Any) -> Replacements:
    """Takes an etag of `*` for that of any object."""
    right = MemoryStore.put

    def put(self: Any, key: str, value: Buffer, *, if_absent: bool = False, if_match: str | None = None) -> Any:
        known = self.head(key)
        compared = known.etag if known is not None and if_match == "*" else if_match
        return right(self, key, value, if_absent=if_absent, if_match=compared)

    return replaced(MemoryStore, put=put)


@mutant("F076", kills="COND-6", places=("moto",), origin="sivchari/kumo#918 ceph/s3-tests#735")
def an_empty_etag_is_no_condition(_target: Any) -> Replacements:
    """Asks whether an etag is true, and writes without a condition if it is empty."""
    right = S3Store.put

    def put(self: Any, key: str, value: Buffer, *, if_absent: bool = False, if_match: str | None = None) -> Any:
        return right(self, key, value, if_absent=if_absent, if_match=if_match or None)

    return replaced(S3Store, put=put)


@mutant(kills="COND-6")
def an_odd_etag_is_an_unsupported_operation(_target: Any) -> Replacements:
    """Says of an etag that it cannot read that the place has no conditions."""
    right = MemoryStore.put

    def put(self: Any, key: str, value: Buffer, *, if_absent: bool = False, if_match: str | None = None) -> Any:
        if if_match is not None and not if_match.isdigit():
            raise StorageOperationUnsupported(f"set: {key!r}: not an etag", provider="mem", effect="none")
        return right(self, key, value, if_absent=if_absent, if_match=if_match)

    return replaced(MemoryStore, put=put)


@mutant(
    "F069", kills="COND-4", places=("moto",), origin="google/go-cloud#3635 google/go-cloud#3637 apache/opendal#7674"
)
def a_lost_condition_has_no_class_of_its_own(_target: Any) -> Replacements:
    """Knows no code of S3 for a lost condition."""
    by_code = {code: kind for code, kind in s3_errors.BY_CODE.items() if code != "PreconditionFailed"}
    by_status = {status: kind for status, kind in s3_errors.BY_STATUS.items() if status != 412}
    return replaced(s3_errors, BY_CODE=by_code, BY_STATUS=by_status)


@mutant("F070", kills="COND-3", places=("azurite",), origin="fsspec/adlfs#544 versity/versitygw@5aa2a822")
def quotes_are_put_around_quotes(_target: Any) -> Replacements:
    """Keeps the quotes of etags in headers, and puts more around them in conditions."""

    def etag(headers: Any) -> str:
        return str(headers["ETag"])

    def quoted(etag: str) -> str:
        return f'"{etag}"'

    return replaced(azure_answers, etag=etag, quoted=quoted)


@mutant("F072", kills="COND-2", places=("file",), origin="google/go-cloud#3726 google/go-cloud#3733")
def a_loser_changes_the_time(_target: Any) -> Replacements:
    """Sets the time of a file to now before it finds that the file is there already."""
    right = local_files.link

    def link(temporary: Path, path: Path, key: str) -> None:
        if path.is_file():
            os.utime(path)
        right(temporary, path, key)

    return replaced(local, link=link)


@mutant("F073", kills="COND-2", places=("file",), origin="PostHog/posthog#69909 delta-io/delta-rs#2057")
def rename_stands_in_for_a_link(_target: Any) -> Replacements:
    """Falls back to a rename, which replaces, where a link cannot be made."""
    right = local_files.link

    def link(temporary: Path, path: Path, key: str) -> None:
        try:
            right(temporary, path, key)
        except StorageKeyAlreadyExists:
            temporary.replace(path)

    return replaced(local, link=link)


@mutant("F074", kills="COND-4")
def a_lost_swap_answers_success(_target: Any) -> Replacements:
    """Answers a compare-and-swap that lost as if it had won."""
    right = MemoryStore.put

    def put(self: Any, key: str, value: Buffer, *, if_absent: bool = False, if_match: str | None = None) -> Any:
        try:
            return right(self, key, value, if_absent=if_absent, if_match=if_match)
        except StoragePreconditionFailed:
            return ResourceMeta(key, len(value), if_match)

    return replaced(MemoryStore, put=put)


@mutant(kills="COND-7")
def the_second_condition_is_dropped(target: Any) -> Replacements:
    """Takes two conditions, and looks at the first one only."""
    right = target.storage.Writer.set

    def set_(
        self: Any, path: str, content: Buffer, *, if_absent: bool = False, if_match: str | None = None
    ) -> ResourceMeta:
        known: ResourceMeta = right(self, path, content, if_absent=if_absent, if_match=None if if_absent else if_match)
        return known

    return replaced(target.storage.Writer, set=set_)


# ---- large objects


@mutant(
    "F066",
    kills="COND-8",
    places=("moto",),
    origin="apache/opendal#8041 apache/opendal#8043 getmoto/moto#9209 minio/minio#21567",
)
def an_upload_in_parts_has_no_condition(_target: Any) -> Replacements:
    """Sends the condition with a single request, and leaves it out of an upload in parts."""
    right = S3Store._put_parts

    def put_parts(self: Any, full: str, key: str, view: memoryview, conditions: dict[str, str]) -> str:
        return right(self, full, key, view, {})

    return replaced(S3Store, _put_parts=put_parts)


@mutant("F066", kills="COND-8", places=("azurite",), origin="apache/opendal#8041 apache/opendal#8043")
def a_commit_of_blocks_has_no_condition(_target: Any) -> Replacements:
    """Sends the condition with a single request, and leaves it out of a commit of blocks."""
    right = AzureStore._put_blocks

    def put_blocks(self: Any, full: str, key: str, value: Buffer, conditions: dict[str, str]) -> ResourceMeta:
        return right(self, full, key, value, {})

    return replaced(AzureStore, _put_blocks=put_blocks)


@mutant("F066", kills="COND-9", places=("fake-gcs-server",), origin="apache/opendal#8041 apache/opendal#8043")
def a_resumable_upload_has_no_condition(_target: Any) -> Replacements:
    """Sends the condition with a single request, and leaves it out of a resumable upload."""
    right = GcsStore._upload_resumable

    def upload(self: Any, full: str, key: str, value: Buffer, crc32c: str, conditions: Any) -> ResourceMeta:
        return right(self, full, key, value, crc32c, {})

    return replaced(GcsStore, _upload_resumable=upload)


@mutant("F071", kills="COND-3", places=("moto",))
def an_etag_ends_at_its_dash(_target: Any) -> Replacements:
    """Cuts the etag of an object in parts at its dash."""
    right = S3Store.head

    def head(self: Any, key: str) -> ResourceMeta | None:
        known = right(self, key)
        if known is None or known.etag is None or "-" not in known.etag:
            return known
        return replace(known, etag=f'{known.etag.partition("-")[0]}"')

    return replaced(S3Store, head=head)


# ---- handles, sequences, refusals


@mutant(kills="COND-10")
def a_condition_looks_above_the_directory(target: Any) -> Replacements:
    """Decides `if_absent` by the object of the same name in the uppermost directory."""
    right = target.storage.Writer.set

    def set_(
        self: Any, path: str, content: Buffer, *, if_absent: bool = False, if_match: str | None = None
    ) -> ResourceMeta:
        above = f"{self._below.partition('/')[0]}/{path}"
        if if_absent and self._below and self._shared.store().head(above) is not None:
            raise StorageKeyAlreadyExists(f"set: {path!r} exists already", effect="none")
        known: ResourceMeta = right(self, path, content, if_absent=if_absent, if_match=if_match)
        return known

    return replaced(target.storage.Writer, set=set_)


@mutant(kills="COND-11")
def an_etag_outlives_its_object(_target: Any) -> Replacements:
    """Lets the etag of a removed object match the next object at its key."""
    right, removing = MemoryStore.put, MemoryStore.delete
    gone: dict[tuple[int, str], str | None] = {}

    def put(self: Any, key: str, value: Buffer, *, if_absent: bool = False, if_match: str | None = None) -> Any:
        known = self.head(key)
        outlived = (
            known is not None and if_match is not None and if_match == gone.get((id(self._space), self._full(key)))
        )
        compared = known.etag if known is not None and outlived else if_match
        return right(self, key, value, if_absent=if_absent, if_match=compared)

    def delete(self: Any, key: str) -> None:
        known = self.head(key)
        if known is not None:
            gone[id(self._space), self._full(key)] = known.etag
        removing(self, key)

    return replaced(MemoryStore, put=put, delete=delete)


@mutant(kills="COND-16", places=("mem",))
def a_large_condition_is_refused_too_late(_target: Any) -> Replacements:
    """Finds that a large object cannot have a condition when it is written already."""
    right = MemoryStore.put

    def put(self: Any, key: str, value: Buffer, *, if_absent: bool = False, if_match: str | None = None) -> Any:
        told = right(self, key, value, if_absent=if_absent, if_match=if_match)
        if len(value) > CHUNK and (if_absent or if_match is not None):
            raise StorageOperationUnsupported("set: no condition for parts", provider="mem", operation="set")
        return told

    return replaced(MemoryStore, put=put)


# ---- races


def looked_first(right: Any, pause_s: float = 0.0) -> Any:
    """Return a `put` that looks whether its condition holds, and then writes without it."""

    def put(self: Any, key: str, value: Buffer, *, if_absent: bool = False, if_match: str | None = None) -> Any:
        known = self.head(key)
        if if_absent and known is not None:
            raise StorageKeyAlreadyExists(f"set: {key!r} exists already", operation="set", effect="none")
        if if_match is not None and (known is None or known.etag != if_match):
            raise StoragePreconditionFailed(f"set: {key!r} has another etag", operation="set", effect="none")
        if pause_s and (if_absent or if_match is not None):
            time.sleep(pause_s)
        return right(self, key, value)

    return put


@mutant("F073", kills="COND-12", places=("moto",), origin="PostHog/posthog#69909 delta-io/delta-rs#2057")
def a_look_on_s3_stands_in_for_the_condition(_target: Any) -> Replacements:
    """Asks S3 whether the condition holds, and then writes without it."""
    return replaced(S3Store, put=looked_first(S3Store.put))


@mutant("F073", kills="COND-12", places=("azurite", "fake-gcs-server"), origin="delta-io/delta-rs#2057")
def a_look_stands_in_for_the_condition(_target: Any) -> Replacements:
    """Asks Azure or Cloud Storage whether the condition holds, and then writes without it."""
    on_azure, on_gcs = looked_first(AzureStore.put), looked_first(GcsStore.put)
    return [*replaced(AzureStore, put=on_azure), *replaced(GcsStore, put=on_gcs)]


@mutant("F066", kills="COND-13", places=("fake-gcs-server",), origin="minio/minio#21567")
def a_condition_is_decided_when_an_upload_begins(_target: Any) -> Replacements:
    """Looks whether the condition holds before a large upload, and leaves it out of the upload."""
    right, looking = GcsStore.put, looked_first(GcsStore.put)

    def put(self: Any, key: str, value: Buffer, *, if_absent: bool = False, if_match: str | None = None) -> Any:
        chosen = looking if len(value) > CHUNK else right
        return chosen(self, key, value, if_absent=if_absent, if_match=if_match)

    return replaced(GcsStore, put=put)


@mutant("F073", kills="COND-14", places=("file",), origin="PostHog/posthog#69909 delta-io/delta-rs#2057")
def creation_is_a_look_and_a_rename(_target: Any) -> Replacements:
    """Looks whether there is a file, and then renames over whatever is there."""

    def link(temporary: Path, path: Path, key: str) -> None:
        if path.exists():
            raise StorageKeyAlreadyExists(f"set: {key!r} exists already", provider="file", effect="none")
        time.sleep(PAUSE_S)
        temporary.replace(path)

    return replaced(local, link=link)


@mutant("F074", kills="COND-15")
def a_swap_is_a_look_and_a_write(_target: Any) -> Replacements:
    """Compares and swaps without a lock around both, so that increments are lost."""
    return replaced(MemoryStore, put=looked_first(MemoryStore.put, PAUSE_S))


@mutant("F074", kills="COND-15", places=("file",))
def a_lock_is_of_the_process_alone(_target: Any) -> Replacements:
    """Holds a lock of its own process between comparing and swapping, which other processes do not see."""
    from contextlib import contextmanager
    from threading import RLock

    lock = RLock()

    @contextmanager
    def locked(folder: Path, mode: int) -> Any:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            with lock:
                yield descriptor
        finally:
            os.close(descriptor)

    check = local.LocalStore._check

    def checked(self: Any, key: str, etag: str) -> None:
        check(self, key, etag)
        time.sleep(PAUSE_S)

    return [*replaced(local, locked=locked), *replaced(local.LocalStore, _check=checked)]


@mutant(kills="COND-17", places=("moto",))
def a_look_goes_before_the_condition(_target: Any) -> Replacements:
    """Asks whether there is an object before a write that carries the condition anyway."""
    right = S3Store.put

    def put(self: Any, key: str, value: Buffer, *, if_absent: bool = False, if_match: str | None = None) -> Any:
        if if_absent or if_match is not None:
            self.head(key)
        return right(self, key, value, if_absent=if_absent, if_match=if_match)

    return replaced(S3Store, put=put)
