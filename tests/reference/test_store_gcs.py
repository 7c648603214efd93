"""Cloud Storage's store on fake-gcs-server, with the SDK as the witness."""

from __future__ import annotations

import os
import threading
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from deeplake_ref import errors
from deeplake_ref.storage import Writer
from deeplake_ref.stores import gcs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conformance.services import RunningService

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Box:
    """A bucket of one test: where it is, and the SDK's object for it."""

    url: str
    creds: dict[str, Any]
    bucket: Any

    def put(self, name: str, value: bytes = b"") -> None:
        """Store an object by the SDK."""
        self.bucket.blob(name).upload_from_string(value)

    def get(self, name: str) -> bytes:
        """Read an object by the SDK."""
        value: bytes = self.bucket.blob(name).download_as_bytes()
        return value

    def names(self) -> list[str]:
        """Return all names that the SDK sees."""
        return [blob.name for blob in self.bucket.list_blobs()]


@pytest.fixture
def box(fake_gcs: RunningService) -> Iterator[Box]:
    """A bucket that nobody else uses."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import storage

    name = f"box-{uuid.uuid4().hex}"
    client = storage.Client("p", AnonymousCredentials(), client_options={"api_endpoint": fake_gcs.url})
    yield Box(fake_gcs.url_of(name, "ds"), fake_gcs.creds(), client.create_bucket(name))
    client.close()


@pytest.fixture
def writer(box: Box) -> Iterator[Writer]:
    """A writer of that bucket."""
    with Writer(box.url, box.creds) as opened:
        yield opened


@pytest.mark.parametrize("size", [0, 1, 10, 8 * MIB, 8 * MIB + 1, 17 * MIB])
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_value_comes_back_whole_and_in_slices(box: Box, writer: Writer, size: int, kind: type[bytes]) -> None:
    """In one request or in ranges, and the SDK reads the same."""
    value = os.urandom(size)
    meta = writer.set("k", kind(value))
    reader = writer.get_reader()

    assert reader.get("k") == value
    assert box.get("ds/k") == value
    assert reader.metadata("k") == meta == reader.list()[0]
    bounds = [
        (0, 0),
        (0, 1),
        (3, None),
        (None, 5),
        (size, None),
        (size + 1, 9 * size + 9),
        (1, size + 7),
        (2**62, None),
    ]
    for start, end in bounds:
        assert reader.get("k", start, end) == value[start:end]


@pytest.mark.parametrize("size", [3, 9 * MIB])
def test_conditions_hold(box: Box, writer: Writer, size: int) -> None:
    """For one request and for a resumable upload; the loser changes nothing."""
    value = os.urandom(size)
    meta = writer.set("k", value, if_absent=True)
    with pytest.raises(errors.StorageKeyAlreadyExists):
        writer.set("k", value[::-1], if_absent=True)
    for stale in ["1", "0", "not a generation", '"1"\n', "\u00b2"]:
        with pytest.raises(errors.StoragePreconditionFailed):
            writer.set("k", value[::-1], if_match=stale)
    with pytest.raises(errors.StoragePreconditionFailed):
        writer.set("missing", value, if_match=meta.etag)

    assert box.get("ds/k") == value
    assert writer.get_reader().metadata("k") == meta
    assert writer.set("k", value[::-1], if_match=meta.etag).etag != meta.etag
    assert box.names() == ["ds/k"]


@pytest.mark.parametrize("condition", ["if_absent", "if_match"])
@pytest.mark.parametrize("size", [3, 9 * MIB])
def test_a_race_has_one_winner(writer: Writer, condition: str, size: int) -> None:
    """Its value is the one that is stored."""
    known = writer.set("k", b"old").etag if condition == "if_match" else None
    won: list[bytes] = []

    def write(value: bytes) -> None:
        try:
            writer.set("k", value, if_absent=known is None, if_match=known)
        except (errors.StorageKeyAlreadyExists, errors.StoragePreconditionFailed) as error:
            assert error.effect == "none"  # noqa: PT017 - only one of the threads gets none
        else:
            won.append(value)

    threads = [threading.Thread(target=write, args=(b"%d" % number * size,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert len(won) == 1
    assert writer.get_reader().get("k") == won[0]


def test_folders_of_other_tools_are_not_objects(box: Box, writer: Writer) -> None:
    """A placeholder is neither listed nor a child without a name."""
    for name in ["ds/d/", "ds/d/a", "ds/d/empty/", "ds/d/s/x", "ds/d2/x", "ds/d.x", "other"]:
        box.put(name)
    reader = writer.get_reader()

    assert [meta.path for meta in reader.list("d")] == ["d/a", "d/s/x"]
    assert reader.list_dirs("d") == ["d/empty", "d/s"]
    assert reader.list_dirs() == ["d", "d2"]
    assert [meta.path for meta in reader.subdir("d").list()] == ["a", "s/x"]
    assert [meta.path for meta in reader.list()] == ["d.x", "d/a", "d/s/x", "d2/x"]


def test_listing_goes_on_to_the_last_page(box: Box, writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of objects and of directories."""
    monkeypatch.setattr(gcs, "PAGE", 10)
    names = [f"{number:04}/x" for number in range(25)]
    for name in names:
        box.put(f"ds/{name}")
    reader = writer.get_reader()

    assert [len(page) for page in reader.list_iter()] == [10, 10, 5]
    assert [meta.path for meta in reader.list()] == names
    assert reader.list_dirs() == [name.removesuffix("/x") for name in names]
    writer.remove_directory("")
    assert box.names() == []


def test_removing_takes_what_is_listed_and_nothing_else(box: Box, writer: Writer) -> None:
    """A missing object is no error."""
    for name in ["ds/d/a", "ds/d/b/c", "ds/d2/x", "ds/dx", "ds/k"]:
        box.put(name)
    writer.remove("k")
    writer.remove("k")
    writer.remove_directory("d")
    writer.remove_directory("d")

    assert box.names() == ["ds/d2/x", "ds/dx"]


ODD = ["a b", "a+b", "a%41", "a%2Fb", "#?&=;:~", "é€😀", "a'\"<>&amp;", "a\\b", "[]{}|^`@$*!(),", " ", "a\x01b", "a."]


@pytest.mark.parametrize("key", ODD)
def test_odd_keys_are_literal(box: Box, writer: Writer, key: str) -> None:
    """Written, listed and read under their own name."""
    writer.set(key, b"v")
    reader = writer.get_reader()

    assert box.names() == [f"ds/{key}"]
    assert [meta.path for meta in reader.list()] == [key]
    assert reader.get(key) == b"v"
    writer.remove(key)
    assert box.names() == []


@pytest.mark.parametrize("key", ["a\nb", "a\rb", "..", "a/../b", "./a", "a/", "/a", "a//b", "k" * 1025])
def test_keys_that_the_service_cannot_hold_are_refused(box: Box, writer: Writer, key: str) -> None:
    """Before any request."""
    with pytest.raises(errors.InvalidURIError):
        writer.set(key, b"v")
    with pytest.raises(errors.InvalidURIError):
        writer.get_reader().get(key)
    assert box.names() == []


def test_a_missing_bucket_is_not_a_missing_key(fake_gcs: RunningService, writer: Writer) -> None:
    """From every operation, though this service answers both alike."""
    reader = writer.get_reader()
    with pytest.raises(errors.StorageKeyNotFound):
        reader.get("k")
    with pytest.raises(errors.StorageKeyNotFound):
        reader.get("k", 3, 3)
    assert (reader.metadata("k"), reader.length("k"), reader.list(), reader.list_dirs()) == (None, -1, [], [])
    with Writer(fake_gcs.url_of("nowhere", "ds"), fake_gcs.creds()) as nowhere:
        there = nowhere.get_reader()
        operations: list[Callable[[], object]] = [
            lambda: there.get("k"),
            lambda: there.get("k", 3, 3),
            lambda: there.metadata("k"),
            there.list,
            there.list_dirs,
            lambda: nowhere.set("k", b""),
            lambda: nowhere.set("k", bytes(9 * MIB)),
            lambda: nowhere.remove("k"),
            lambda: nowhere.remove_directory("d"),
        ]
        for operation in operations:
            with pytest.raises(errors.StorageBucketNotFound):
                operation()


def test_anonymous_access_signs_nothing(writer: Writer) -> None:
    """And says so."""
    with pytest.raises(errors.StorageOperationUnsupported):
        writer.get_reader().sign_url("k", 60)


def test_an_object_that_is_stored_compressed_comes_as_it_is(box: Box, writer: Writer) -> None:
    """Its bytes are those that are stored, in ranges too."""
    import gzip

    packed = gzip.compress(os.urandom(100))
    blob = box.bucket.blob("ds/k")
    blob.content_encoding = "gzip"
    blob.upload_from_string(packed)
    reader = writer.get_reader()

    assert reader.get("k") == packed
    assert reader.get("k", 3, 20) == packed[3:20]
    assert reader.length("k") == len(packed)


def test_one_client_serves_many_threads(writer: Writer, caplog: pytest.LogCaptureFixture) -> None:
    """Without dropping connections."""
    reader = writer.get_reader()

    def work(number: int) -> None:
        for _ in range(5):
            writer.set(f"k{number}", b"%d" % number)
            assert reader.get(f"k{number}") == b"%d" % number

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert len(reader.list()) == 16
    assert "pool is full" not in caplog.text
