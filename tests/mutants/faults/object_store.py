"""
Mutants of the stores for `s3://`, `az://` and `gcs://`, on real servers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from deeplake_ref import urls
from deeplake_ref.errors import StorageInternalError
from deeplake_ref.stores import CHUNK, Buffer, ResourceMeta, gcs_answers, ranges, s3
from deeplake_ref.stores.azure import AzureStore
from deeplake_ref.stores.gcs import GcsStore
from deeplake_ref.stores.s3 import S3Store
from deeplake_ref.stores.s3_ranges import Fetch
from tests.mutants.registry import Replacements, mutant, replaced

if TYPE_CHECKING:
    from collections.abc import Iterator

# ---- paths


@mutant("F010", kills="PATH-15", places=("moto",), origin="apache/arrow-rs#6641 delta-io/delta-rs#2656")
def a_trailing_slash_is_doubled(_target: Any) -> Replacements:
    """Adds a slash after a path that ends with one already."""
    right = urls.parse

    def parse(path: str, **options: Any) -> urls.DatasetURL:
        url = right(path, **options)
        slash = "/" if url.path and path.endswith("/") else ""
        return replace(url, path=url.path + slash)

    def check_key(key: str, prefix: str) -> str:
        return key

    return [*replaced(urls, parse=parse), *replaced(s3, check_key=check_key)]


# ---- objects


@mutant("F021", kills="OBJ-8", places=("moto",), origin="drivendataorg/cloudpathlib#148")
def a_folder_placeholder_is_an_object(_target: Any) -> Replacements:
    """Takes the placeholder `a/` of another tool for the object `a`."""
    right = S3Store.head

    def head(self: Any, key: str) -> ResourceMeta | None:
        known = right(self, key)
        if known is not None:
            return known
        for entry in next(self._answers(key)).get("Contents", []):
            if entry["Key"] == f"{self._root}{key}/":
                return ResourceMeta(key, entry["Size"], entry["ETag"], entry["LastModified"])
        return None

    return replaced(S3Store, head=head)


@mutant("F032", kills="OBJ-17", places=("moto",), origin="fsspec/gcsfs#855")
def the_second_part_starts_one_byte_late(_target: Any) -> Replacements:
    """Leaves one byte out between the first part of an upload and the second."""
    right = S3Store._put_parts

    def put_parts(self: Any, full: str, key: str, view: memoryview, conditions: dict[str, str]) -> str:
        return right(self, full, key, memoryview(bytes(view[:CHUNK]) + bytes(view[CHUNK + 1 :])), conditions)

    return replaced(S3Store, _put_parts=put_parts)


def swapped(value: Buffer) -> memoryview:
    """Return a value with its first two parts in the wrong order."""
    view = memoryview(value)
    return memoryview(bytes(view[CHUNK : 2 * CHUNK]) + bytes(view[:CHUNK]) + bytes(view[2 * CHUNK :]))


@mutant("F033", kills="OBJ-17", places=("moto",), origin="apache/arrow-rs#2681 fsspec/s3fs#910")
def parts_are_in_the_wrong_order(_target: Any) -> Replacements:
    """Lists the parts of an upload to S3 in the order in which they ended, not in that of their bytes."""
    right = S3Store._put_parts

    def put_parts(self: Any, full: str, key: str, view: memoryview, conditions: dict[str, str]) -> str:
        return right(self, full, key, swapped(view), conditions)

    return replaced(S3Store, _put_parts=put_parts)


@mutant("F033", kills="OBJ-17", places=("azurite",), origin="apache/arrow-rs#2681 fsspec/s3fs#910")
def blocks_are_in_the_wrong_order(_target: Any) -> Replacements:
    """Lists the blocks of an upload to Azure in the order in which they ended, not in that of their bytes."""
    right = AzureStore._put_blocks

    def put_blocks(self: Any, full: str, key: str, value: Buffer, conditions: dict[str, str]) -> ResourceMeta:
        return right(self, full, key, swapped(value), conditions)

    return replaced(AzureStore, _put_blocks=put_blocks)


@mutant("F034", kills="OBJ-1", places=("fake-gcs-server",), origin="google/go-cloud#2967")
def the_checksum_is_of_the_data_twice(_target: Any) -> Replacements:
    """Computes the checksum of an object over its data written twice."""
    right = gcs_answers.crc32c

    def crc32c(value: Buffer) -> str:
        return right(bytes(value) * 2)

    return replaced(gcs_answers, crc32c=crc32c)


# ---- ranges


@mutant("F040", kills="RANGE-1", places=("moto",), origin="apache/arrow-rs#4841")
def the_whole_object_passes_for_the_range(_target: Any) -> Replacements:
    """Returns the whole body of a server that ignores ranges as if it were the range."""
    right = S3Store.get

    def get(self: Any, key: str, start: int | None = None, end: int | None = None) -> Buffer:
        return right(self, key)

    return replaced(S3Store, get=get)


@mutant("F041", kills="RANGE-15", places=("moto",), origin="apache/arrow-rs#5276")
def the_size_of_a_part_is_the_size_of_the_object(_target: Any) -> Replacements:
    """Takes the length of a partial answer for the size of the object."""
    right = Fetch.first

    def first(self: Any, start: int, stop: int, begin: ranges.Begin) -> ranges.Part | None:
        part = right(self, start, stop, begin)
        return part and replace(part, total=part.start + len(part.body))

    return replaced(Fetch, first=first)


@mutant("F043", kills="RANGE-15", places=("moto",), origin="apache/arrow-rs#2554")
def neighbouring_ranges_are_cut_wrong(_target: Any) -> Replacements:
    """Cuts the second of two neighbouring ranges one byte early."""
    right = Fetch.into

    def into(self: Any, wanted: ranges.Wanted) -> None:
        right(self, replace(wanted, start=wanted.start - 1, stop=wanted.stop - 1))

    return replaced(Fetch, into=into)


@mutant("F044", kills="OBJ-3", places=("moto",), origin="apache/opendal#6574")
def a_full_read_asks_for_a_range_that_is_refused(_target: Any) -> Replacements:
    """Asks for a range where the whole object is wanted, and takes the refusal for an empty object's as an error."""
    right = Fetch.first

    def first(self: Any, start: int, stop: int, begin: ranges.Begin) -> ranges.Part | None:
        part = right(self, start, stop, begin)
        if part is None and start == 0:
            message = f"get: {self._key!r}: the service refuses the range"
            raise StorageInternalError(message, provider="s3", operation="get", http_status=416)
        return part

    return replaced(Fetch, first=first)


@mutant("F045", kills="OBJ-23", places=("moto",), origin="fsspec/s3fs#428")
def parts_are_of_two_versions(_target: Any) -> Replacements:
    """Reads the parts of a large object without asking for one version of it."""

    def into(self: Any, wanted: ranges.Wanted) -> None:
        def request(client: Any) -> None:
            answer = client.get_object(**self._where, Range=f"bytes={wanted.start}-{wanted.stop - 1}")
            wanted.room()[:] = answer["Body"].read().ljust(wanted.stop - wanted.start, b"\0")

        self._store._call("get", self._key, request)

    return replaced(Fetch, into=into)


@mutant("F046", kills="RANGE-1", places=("azurite", "fake-gcs-server"), origin="juicedata/juicefs#3270")
def two_places_have_no_ranges(_target: Any) -> Replacements:
    """Ignores ranges on Azure and Cloud Storage, and nowhere else."""
    on_azure, on_gcs = AzureStore.get, GcsStore.get

    def get_azure(self: Any, key: str, start: int | None = None, end: int | None = None) -> Buffer:
        return on_azure(self, key)

    def get_gcs(self: Any, key: str, start: int | None = None, end: int | None = None) -> Buffer:
        return on_gcs(self, key)

    return [*replaced(AzureStore, get=get_azure), *replaced(GcsStore, get=get_gcs)]


# ---- listings


@mutant(
    "F047",
    kills="LIST-8",
    places=("moto",),
    origin="apache/opendal#8071 runpod/runpod-python#505",
    claims="impatient.toml",
)
def the_cursor_is_never_sent(_target: Any) -> Replacements:
    """Asks for the first page again and again."""
    right = S3Store._answers

    def answers(self: Any, directory: str, **more: str) -> Iterator[dict[str, Any]]:
        truncated = True
        while truncated:
            answer = next(right(self, directory, **more))
            truncated = answer["IsTruncated"]
            yield answer

    return replaced(S3Store, _answers=answers)


@mutant(
    "F048",
    kills="LIST-8",
    places=("moto",),
    origin="apache/opendal#8073 greghendershott/aws#72 aws/aws-cli#2115 boto/boto3#3621",
)
def the_cursor_is_not_encoded(_target: Any) -> Replacements:
    """Sends the name after which a page starts so that `%` and `+` in it arrive as something else."""
    right = S3Store._answers

    def answers(self: Any, directory: str, **more: str) -> Iterator[dict[str, Any]]:
        answer = next(right(self, directory, **more))
        yield answer
        while answer["IsTruncated"] and not more:
            last = answer["Contents"][-1]["Key"]
            answer = next(right(self, directory, StartAfter=unquote_plus(last)))
            yield answer

    return replaced(S3Store, _answers=answers)


@mutant("F049", kills="LIST-8", places=("moto",), origin="apache/ozone#10668")
def the_cursor_is_read_under_another_name(_target: Any) -> Replacements:
    """Looks for the cursor under the name that another version of the API has for it."""
    right = S3Store._answers

    def answers(self: Any, directory: str, **more: str) -> Iterator[dict[str, Any]]:
        for answer in right(self, directory, **more):
            yield answer
            if answer.get("NextMarker") is None:
                return

    return replaced(S3Store, _answers=answers)


@mutant("F052", kills="LIST-8", places=("moto",), origin="minio/minio#19290 minio/minio#20113")
def a_page_without_entries_ends_the_listing(_target: Any) -> Replacements:
    """Ends a listing at a page whose entries are all hidden."""
    right = S3Store.list

    def list_(self: Any, directory: str) -> Iterator[list[ResourceMeta]]:
        for page in right(self, directory):
            if not page:
                return
            yield page

    return replaced(S3Store, list=list_)


@mutant("F062", kills="LIST-13", places=("moto",), origin="rclone/rclone@0aa90200b")
def unfinished_uploads_are_listed(_target: Any) -> Replacements:
    """Shows uploads that were begun and not completed."""
    right = S3Store.list

    def list_(self: Any, directory: str) -> Iterator[list[ResourceMeta]]:
        yield from right(self, directory)
        prefix = self._root + (f"{directory}/" if directory else "")
        answer = self._call("list", directory, lambda client: client.list_multipart_uploads(Bucket=self._bucket))
        names = [upload["Key"] for upload in answer.get("Uploads", []) if upload["Key"].startswith(prefix)]
        if names:
            yield [ResourceMeta(name.removeprefix(self._root), 0) for name in names]

    return replaced(S3Store, list=list_)
