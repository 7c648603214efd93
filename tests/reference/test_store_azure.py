"""Azure's store on Azurite, with the SDK as the witness."""

from __future__ import annotations

import os
import threading
import time
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from deeplake_ref import errors
from deeplake_ref.storage import Reader, Writer
from deeplake_ref.stores import azure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conformance.services import RunningService

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Box:
    """A container of one test: where it is, and the SDK's client for it."""

    url: str
    creds: dict[str, Any] = field(repr=False)
    client: Any
    account: str

    def names(self) -> list[str]:
        """Return all blob names that the SDK sees."""
        return [blob.name for blob in self.client.list_blobs()]

    def sas(self, *, seconds: float = 600, **permissions: bool) -> dict[str, Any]:
        """Return creds with a signature for this container."""
        from azure.storage.blob import ContainerSasPermissions, generate_container_sas

        token = generate_container_sas(
            self.account,
            self.client.container_name,
            account_key=self.creds["account_key"],
            permission=ContainerSasPermissions(**permissions),
            expiry=datetime.now(UTC) + timedelta(seconds=seconds),
        )
        return {"sas_token": f"?{token}", "endpoint_url": self.creds["endpoint_url"]}


@pytest.fixture
def box(azurite: RunningService) -> Iterator[Box]:
    """A container that nobody else uses."""
    from azure.core.credentials import AzureNamedKeyCredential
    from azure.storage.blob import ContainerClient

    creds, name = azurite.creds(), f"box-{uuid.uuid4().hex}"
    key = AzureNamedKeyCredential(azurite.access_key, creds["account_key"])
    with ContainerClient(creds["endpoint_url"], name, credential=key) as client:
        client.create_container()
        yield Box(azurite.url_of(name, "ds"), creds, client, azurite.access_key)


@pytest.fixture
def writer(box: Box) -> Iterator[Writer]:
    """A writer of that container."""
    with Writer(box.url, box.creds) as opened:
        yield opened


@pytest.mark.parametrize("size", [0, 1, 10, 8 * MIB, 8 * MIB + 1, 17 * MIB])
def test_a_value_comes_back_whole_and_in_slices(box: Box, writer: Writer, size: int) -> None:
    """In one request or in ranges, and the SDK reads the same."""
    value = os.urandom(size)
    meta = writer.set("k", value)
    reader = writer.get_reader()

    assert reader.get("k") == value
    assert box.client.download_blob("ds/k").readall() == value
    assert reader.metadata("k") == meta == reader.list()[0]
    for start, end in [
        (0, 0),
        (0, 1),
        (3, None),
        (None, 5),
        (size, None),
        (size + 1, 9 * size + 9),
        (1, size + 7),
        (2**62, None),
    ]:
        if end is None or (start or 0) <= end:
            assert reader.get("k", start, end) == value[start:end]


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_large_values_go_up_in_blocks(
    box: Box, writer: Writer, monkeypatch: pytest.MonkeyPatch, kind: type[bytes]
) -> None:
    """Conditions hold for the commit, and nothing is left if it loses."""
    monkeypatch.setattr(azure, "LARGEST_PUT", MIB)
    value = os.urandom(17 * MIB)
    meta = writer.set("k", kind(value), if_absent=True)

    assert box.client.download_blob("ds/k").readall() == value
    assert len(box.client.get_blob_client("ds/k").get_block_list("all")[0]) == 3
    with pytest.raises(errors.StorageKeyAlreadyExists):
        writer.set("k", value[::-1], if_absent=True)
    with pytest.raises(errors.StoragePreconditionFailed):
        writer.set("k", value[::-1], if_match="0x1")
    assert writer.get_reader().metadata("k") == meta
    assert writer.set("k", value[::-1], if_match=meta.etag).etag != meta.etag


def test_blocks_of_two_writers_are_not_mixed(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever wins is one value, whole."""
    monkeypatch.setattr(azure, "LARGEST_PUT", MIB)
    values = [bytes([letter]) * (9 * MIB) for letter in b"ab"]

    def write(value: bytes) -> None:
        with Writer(box.url, box.creds) as writer:
            writer.set("k", value)

    for _ in range(3):
        threads = [threading.Thread(target=write, args=(value,)) for value in values]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)

        assert box.client.download_blob("ds/k").readall() in values


@pytest.mark.parametrize("condition", ["if_absent", "if_match"])
def test_a_race_has_one_winner(writer: Writer, condition: str) -> None:
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

    threads = [threading.Thread(target=write, args=(b"%d" % number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert len(won) == 1
    assert writer.get_reader().get("k") == won[0]


def test_folders_of_other_tools_are_not_objects(box: Box, writer: Writer) -> None:
    """A placeholder is neither listed nor a child without a name."""
    for name in ["ds/d/", "ds/d/a", "ds/d/empty/", "ds/d/s/x", "ds/d2/x", "ds/d.x", "other"]:
        box.client.upload_blob(name, b"")
    reader = writer.get_reader()

    assert [meta.path for meta in reader.list("d")] == ["d/a", "d/s/x"]
    assert reader.list_dirs("d") == ["d/empty", "d/s"]
    assert reader.list_dirs() == ["d", "d2"]
    assert [meta.path for meta in reader.subdir("d").list()] == ["a", "s/x"]
    assert [meta.path for meta in reader.list()] == ["d.x", "d/a", "d/s/x", "d2/x"]


def test_removing_takes_what_is_listed_and_nothing_else(box: Box, writer: Writer) -> None:
    """A missing object is no error."""
    for name in ["ds/d/a", "ds/d/b/c", "ds/d2/x", "ds/dx", "ds/k"]:
        box.client.upload_blob(name, b"")
    writer.remove("k")
    writer.remove("k")
    writer.remove_directory("d")
    writer.remove_directory("d")

    assert box.names() == ["ds/d2/x", "ds/dx"]


@pytest.mark.parametrize(
    "key", ["a b", "a+b", "a%41", "#?&=;:~", "é€😀", "a'\"<>&amp;", "[]{}|^`@$*!(),", " ", "-", "a/~"]
)
def test_odd_keys_are_literal(box: Box, writer: Writer, key: str) -> None:
    """Written, listed, read and signed under their own name."""
    writer.set(key, b"v")
    reader = writer.get_reader()

    assert box.names() == [f"ds/{key}"]
    assert [meta.path for meta in reader.list()] == [key]
    assert reader.get(key) == b"v"
    with urllib.request.urlopen(reader.sign_url(key, 60), timeout=10) as answer:
        assert answer.read() == b"v"


@pytest.mark.parametrize(
    "key", ["a\\b", "a\x01", "a\ufffe", "..", "a/../b", "./a", "a/", "/a", "a//b", "a.", "k" * 1025]
)
def test_keys_that_azure_would_change_are_refused(box: Box, writer: Writer, key: str) -> None:
    """Before any request."""
    with pytest.raises(errors.InvalidURIError):
        writer.set(key, b"v")
    with pytest.raises(errors.InvalidURIError):
        writer.get_reader().get(key)
    assert box.names() == []


def test_a_missing_container_is_not_a_missing_key(azurite: RunningService, writer: Writer) -> None:
    """From every operation."""
    reader = writer.get_reader()
    with pytest.raises(errors.StorageKeyNotFound):
        reader.get("k")
    with pytest.raises(errors.StorageKeyNotFound):
        reader.get("k", 3, 3)
    assert (reader.metadata("k"), reader.length("k"), reader.list(), reader.list_dirs()) == (None, -1, [], [])
    with Writer(azurite.url_of("nowhere", "ds"), azurite.creds()) as nowhere:
        there = nowhere.get_reader()
        operations: list[Callable[[], object]] = [
            lambda: there.get("k"),
            lambda: there.get("k", 3, 3),
            lambda: there.metadata("k"),
            there.list,
            there.list_dirs,
            lambda: nowhere.set("k", b""),
            lambda: nowhere.remove("k"),
            lambda: nowhere.remove_directory("d"),
        ]
        for operation in operations:
            with pytest.raises(errors.StorageBucketNotFound):
                operation()


def test_a_signed_url_ends_and_cannot_be_changed(writer: Writer) -> None:
    """It reads one object."""
    writer.set("k", b"v")
    writer.set("l", b"w")
    url = writer.get_reader().sign_url("k", 60)
    for changed in [url.replace("/k?", "/l?"), url.replace("sp=r", "sp=rw"), url.replace("se=20", "se=21")]:
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(changed, timeout=10)


def test_a_sas_does_what_it_allows(box: Box, writer: Writer) -> None:
    """And tells what it does not allow."""
    writer.set("k", b"v")
    with Writer(box.url, box.sas(read=True, list=True)) as shared:
        reader = shared.get_reader()

        assert reader.get("k") == b"v"
        assert [meta.path for meta in reader.list()] == ["k"]
        with pytest.raises(errors.StorageAccessDenied) as caught:
            shared.set("k", b"w")
        assert (caught.value.code, caught.value.effect) == ("AuthorizationPermissionMismatch", "none")
        with pytest.raises(errors.StorageOperationUnsupported):
            reader.sign_url("k", 60)


def test_a_sas_that_expires_while_it_is_used_is_told_as_expired(box: Box, writer: Writer) -> None:
    """Its own end says so, whatever the service answers."""
    writer.set("k", b"v")
    with Reader(box.url, box.sas(seconds=1.9, read=True)) as reader:
        assert reader.get("k") == b"v"
        until = time.monotonic() + 10

        def read_until_refused() -> None:
            while time.monotonic() < until:
                reader.get("k")

        with pytest.raises(errors.ExpiredTokenError):
            read_until_refused()


def test_anonymous_access_to_a_private_container_is_refused(box: Box, writer: Writer) -> None:
    """As a matter of identity, since there is none."""
    writer.set("k", b"v")
    creds = {"anon": True, "endpoint_url": box.creds["endpoint_url"]}
    with Reader(box.url, creds) as reader, pytest.raises(errors.AuthenticationError):
        reader.get("k")


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
