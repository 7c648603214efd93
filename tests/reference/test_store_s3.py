"""S3's store on moto, with boto3 as the witness."""

from __future__ import annotations

import os
import sys
import threading
import traceback
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from deeplake_ref import errors
from deeplake_ref.storage import Reader, Writer
from deeplake_ref.stores import CHUNK
from deeplake_ref.stores.s3_client import Body

if TYPE_CHECKING:
    from conformance.services import RunningService

MIB = 1024 * 1024
SECRET = uuid.uuid4().hex


@dataclass(frozen=True, slots=True)
class Box:
    """A bucket of one test: where it is, and boto3's client for it."""

    name: str
    url: str
    creds: dict[str, Any] = field(repr=False)
    client: Any

    def names(self) -> list[str]:
        """Return all keys that boto3 sees."""
        return [entry["Key"] for entry in self.client.list_objects_v2(Bucket=self.name).get("Contents", [])]


@pytest.fixture
def box(moto: RunningService, no_aws: Path) -> Iterator[Box]:
    """A bucket that nobody else uses."""
    from boto3.session import Session

    creds, name = moto.creds(), f"box-{uuid.uuid4().hex}"
    session = Session(creds["aws_access_key_id"], creds["aws_secret_access_key"], region_name=creds["aws_region"])
    client = session.client("s3", endpoint_url=moto.url)
    client.create_bucket(Bucket=name)
    yield Box(name, moto.url_of(name, "ds"), creds, client)
    client.close()


@pytest.fixture
def writer(box: Box) -> Iterator[Writer]:
    """A writer of that bucket."""
    with Writer(box.url, box.creds) as opened:
        yield opened


@pytest.mark.parametrize("size", [0, 1, 70_000, CHUNK, CHUNK + 1, 2 * CHUNK + 17])
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_value_comes_back_whole_and_in_slices(
    box: Box, writer: Writer, size: int, kind: Callable[[bytes], Any]
) -> None:
    """In one request or in parts, and boto3 reads the same."""
    value = os.urandom(size)
    meta = writer.set("k", kind(value))
    reader = writer.get_reader()

    assert bytes(reader.get("k")) == value
    assert box.client.get_object(Bucket=box.name, Key="ds/k")["Body"].read() == value
    assert (meta.size, meta.etag) == (size, reader.list()[0].etag)
    for start, end in (
        (0, 0),
        (1, 2),
        (size // 2, None),
        (None, size // 2),
        (size, None),
        (1, size + 9),
        (2**63, None),
    ):
        if end is None or (start or 0) <= end:
            assert bytes(reader.get("k", start, end)) == value[start:end], (start, end)


def test_what_is_missing(writer: Writer) -> None:
    """With equal bounds and past every size too."""
    reader = writer.get_reader()
    for bounds in ((None, None), (3, 3), (2**63 - 1, None)):
        with pytest.raises(errors.StorageKeyNotFound) as caught:
            reader.get("k", *bounds)
        assert (caught.value.provider, caught.value.operation, caught.value.effect) == ("s3", "get", "none")
        assert caught.value.source == "aws_dict"
    assert (reader.length("k"), reader.metadata("k"), reader.list("k")) == (-1, None, [])
    writer.remove("k")
    writer.remove_directory("k")


def test_a_missing_bucket_is_told_from_a_missing_key(box: Box) -> None:
    """By every operation, HEAD included, whose answer has no body."""
    with Writer(f"s3://box-{uuid.uuid4().hex}/ds", box.creds) as writer:
        reader = writer.get_reader()
        for call in (
            lambda: writer.set("k", b"x"),
            lambda: writer.set("k", bytes(CHUNK + 1)),
            lambda: writer.remove("k"),
            lambda: writer.remove_directory("d"),
            lambda: reader.get("k"),
            lambda: reader.length("k"),
            lambda: reader.metadata("k"),
            reader.list,
            reader.list_dirs,
        ):
            with pytest.raises(errors.StorageBucketNotFound, match="create the bucket first") as caught:
                call()
            assert (caught.value.code, caught.value.http_status, caught.value.effect) == ("NoSuchBucket", 404, "none")


@pytest.mark.parametrize("size", [10, CHUNK + 1], ids=["one request", "in parts"])
def test_conditions(box: Box, writer: Writer, size: int) -> None:
    """The loser changes nothing, and leaves no upload behind."""
    first, other = os.urandom(size), os.urandom(size)
    meta = writer.set("k", first, if_absent=True)
    with pytest.raises(errors.StorageKeyAlreadyExists) as exists:
        writer.set("k", other, if_absent=True)
    assert exists.value.effect == "none"
    second = writer.set("k", first + b"2", if_match=meta.etag)
    if size < CHUNK:
        # moto 5.2.5 does not look at If-Match when an upload in parts is completed
        for key, etag in (("k", meta.etag), ("none", second.etag)):
            with pytest.raises(errors.StoragePreconditionFailed):
                writer.set(key, other, if_match=etag)

    assert bytes(writer.get_reader().get("k")) == first + b"2"
    assert box.names() == ["ds/k"]
    assert box.client.list_multipart_uploads(Bucket=box.name).get("Uploads", []) == []


def test_one_of_many_creators_wins(box: Box) -> None:
    """Each with a handle of its own."""
    start = threading.Barrier(4)

    def create(number: int) -> bool:
        with Writer(box.url, box.creds) as writer:
            start.wait()
            try:
                writer.set("k", b"%d" % number, if_absent=True)
            except errors.StorageKeyAlreadyExists:
                return False
            return True

    with ThreadPoolExecutor(4) as threads:
        won = list(threads.map(create, range(4)))
    assert won.count(True) == 1
    assert box.client.get_object(Bucket=box.name, Key="ds/k")["Body"].read() == b"%d" % won.index(True)


KEYS = ["a b+c%41#?&=;:~@*", "é/\U0001f600", "<&>\"'", "tab\there", "a\x01b", "x" * 1021]


def test_odd_characters_round_trip(box: Box, writer: Writer) -> None:
    """Through every operation, under exactly this name."""
    for key in KEYS:
        writer.set(key, key.encode())
    reader = writer.get_reader()
    listable = [key for key in KEYS if "\x01" not in key]

    for key in KEYS:
        assert (bytes(reader.get(key)), reader.length(key)) == (key.encode(), len(key.encode()))
    box.client.delete_object(Bucket=box.name, Key="ds/a\x01b")
    assert [meta.path for meta in reader.list()] == sorted(listable)
    writer.remove_directory("")
    assert box.names() == []


def test_a_key_that_is_too_long_is_refused(writer: Writer) -> None:
    """The root counts."""
    with pytest.raises(errors.InvalidURIError, match="at most 1024 bytes"):
        writer.set("x" * 1022, b"")


def test_placeholders_are_no_objects(box: Box, writer: Writer) -> None:
    """Nor directories without a name; what is not listed is not removed."""
    for key in ("ds/", "ds/a/", "ds/a/b", "dsx/c", "ds/q//r"):
        box.client.put_object(Bucket=box.name, Key=key, Body=b"")
    reader = writer.get_reader()

    assert [meta.path for meta in reader.list()] == ["a/b", "q//r"]
    assert (reader.list_dirs(), reader.list_dirs("a"), reader.list_dirs("q")) == (["a", "q"], [], [])
    writer.remove_directory("")
    assert box.names() == ["ds/", "ds/a/", "dsx/c"]


def test_a_whole_bucket_is_not_removed(box: Box) -> None:
    """Its directories are."""
    with Writer(f"s3://{box.name}", box.creds) as writer:
        writer.set("a/k", b"x")
        with pytest.raises(errors.StorageOperationUnsupported, match="whole bucket"):
            writer.remove_directory("")
        assert box.names() == ["a/k"]
        writer.remove_directory("a")
        assert box.names() == []


def test_listings_and_removals_go_beyond_a_page(box: Box, writer: Writer) -> None:
    """Of 1,000 keys."""
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: writer.set(f"d/{number}", b""), range(1001)))
    reader = writer.get_reader()

    assert [len(page) for page in reader.list_iter("d")] == [1000, 1]
    assert reader.list_dirs() == ["d"]
    writer.remove_directory("d")
    assert box.names() == []


def test_a_signed_url_is_read_by_a_bare_client(box: Box, writer: Writer) -> None:
    """It holds no secret."""
    writer.set("a b+%", b"signed")
    url = writer.get_reader().sign_url("a b+%", 60)

    with urllib.request.urlopen(url, timeout=30) as answer:
        assert answer.read() == b"signed"
    assert box.creds["aws_secret_access_key"] not in url
    with pytest.raises(ValueError, match="604800"):
        writer.get_reader().sign_url("k", 604801)
    anonymous = {"anon": True, "endpoint_url": box.creds["endpoint_url"]}
    with Reader(box.url, anonymous) as reader, pytest.raises(errors.StorageOperationUnsupported):
        reader.sign_url("k", 60)


def test_a_handle_is_used_by_many_threads(writer: Writer) -> None:
    """With values of their own."""
    reader = writer.get_reader()

    def turn(number: int) -> bool:
        value = b"%d" % number * 1000
        writer.set(f"t/{number}", value)
        return bytes(reader.get(f"t/{number}")) == value

    with ThreadPoolExecutor(16) as threads:
        assert all(threads.map(turn, range(64)))


def test_the_environment_is_found(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and endpoint; later changes of it do not matter."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", box.creds["aws_access_key_id"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", box.creds["aws_secret_access_key"])
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", box.creds["endpoint_url"])
    with Writer(box.url) as writer:
        writer.set("k", b"x")
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
        writer.set("l", b"x")

    assert box.names() == ["ds/k", "ds/l"]


def test_a_profile_names_the_endpoint(box: Box, no_aws: Path) -> None:
    """Addressed by path, as every endpoint that is not Amazon's."""
    (no_aws / "config").write_text(f"[profile p]\nregion = us-east-1\nendpoint_url = {box.creds['endpoint_url']}\n")
    (no_aws / "credentials").write_text("[p]\naws_access_key_id = a\naws_secret_access_key = b\n")
    with Writer(box.url, {"profile_name": "p"}) as writer:
        writer.set("k", b"x")

    assert box.names() == ["ds/k"]


def test_what_only_botocore_refuses_is_told_without_frames(no_aws: Path) -> None:
    """A region that cannot be part of a host name."""
    creds = {"aws_access_key_id": "a", "aws_secret_access_key": SECRET, "aws_region": "a b"}
    with Reader("s3://box/ds", creds) as reader, pytest.raises(errors.StorageError) as caught:
        reader.get("k")

    text = "".join(traceback.format_exception(caught.value))
    assert "site-packages" not in text
    assert SECRET not in text


def test_a_missing_sdk_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the handle is opened."""
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(errors.StorageProviderMissingError, match=r"\[s3\]"):
        Reader("s3://box/ds")


def test_a_body_is_a_file_without_a_copy() -> None:
    """It can be read twice, in blocks of its own size."""
    value = os.urandom(300_000)
    body = Body(memoryview(value))

    for _ in range(2):
        pieces = list(iter(lambda: body.read(16_384), b""))
        assert (b"".join(pieces), len(pieces), body.tell()) == (value, 2, len(value))
        body.seek(0)
    assert body.seek(-10, os.SEEK_END) == len(value) - 10
    assert bytes(body.read()) == value[-10:]
    assert len(body) == len(value)
