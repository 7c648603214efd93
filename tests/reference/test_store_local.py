"""What a disk adds to `file://`: names it cannot hold, folders, links, races over directories, permissions."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from deeplake_ref import errors
from deeplake_ref.storage import Reader, ResourceMeta, Writer
from deeplake_ref.stores.local_files import RESERVED


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A directory."""
    return tmp_path / "ds"


def paths(metas: list[ResourceMeta]) -> list[str]:
    """Return the names."""
    return [meta.path for meta in metas]


@pytest.mark.parametrize(
    ("first", "second"),
    [("a", "a/b"), ("a/b", "a"), ("a/b", "a/b/c/d"), ("k", "s" * 256), ("k", "/".join(["d" * 250] * 20))],
)
@pytest.mark.parametrize("conditions", [{}, {"if_absent": True}], ids=["set", "if absent"])
def test_what_the_disk_cannot_hold_changes_nothing(
    disk: Path, first: str, second: str, conditions: dict[str, Any]
) -> None:
    """A name beside itself as a directory, and names that are too long."""
    writer = Writer(str(disk))
    writer.set(first, b"kept")
    before = sorted(disk.rglob("*"))

    with pytest.raises(errors.InvalidURIError):
        writer.set(second, b"x", **conditions)

    assert sorted(disk.rglob("*")) == before
    assert bytes(writer.get_reader().get(first)) == b"kept"


def test_an_empty_folder_is_no_object_and_no_directory(disk: Path) -> None:
    """It gives way to an object."""
    (disk / "a").mkdir(parents=True)
    writer = Writer(str(disk))

    assert writer.get_reader().list_dirs() == []
    writer.set("a", b"x")
    assert paths(writer.get_reader().list()) == ["a"]


@pytest.mark.parametrize("outside", ["file", "directory"])
def test_links_are_not_followed(tmp_path: Path, disk: Path, outside: str) -> None:
    """Reading, listing, writing and removing; what they lead to stays as it is."""
    target = tmp_path / "outside"
    target.mkdir()
    (target / "secret").write_bytes(b"secret")
    disk.mkdir()
    (disk / "link").symlink_to(target / "secret" if outside == "file" else target)
    key = "link" if outside == "file" else "link/secret"
    writer, reader = Writer(str(disk)), Reader(str(disk))

    for call in (lambda: reader.get(key), lambda: writer.set(key, b"x"), lambda: writer.remove(key)):
        with pytest.raises((errors.InvalidURIError, errors.StorageKeyNotFound)):
            call()
    writer.remove_directory("link")
    assert reader.list() == reader.list("link") == []
    assert reader.list_dirs() == []
    assert {path.name: path.read_bytes() for path in target.iterdir()} == {"secret": b"secret"}


def test_pipes_and_odd_names_are_no_objects(disk: Path) -> None:
    """Reading one does not wait for a writer."""
    disk.mkdir()
    os.mkfifo(disk / "pipe")
    Path(os.fsdecode(os.fsencode(disk) + b"/\xff")).touch()

    assert Reader(str(disk)).list() == []
    with pytest.raises(errors.StorageKeyNotFound):
        Reader(str(disk)).get("pipe")


def test_temporary_files_are_nobodys_keys(disk: Path) -> None:
    """At the root, and at roots below it."""
    Writer(str(disk / "a")).set("k", b"x")
    (disk / "a" / RESERVED / "left").write_bytes(b"over")
    writer = Writer(str(disk))

    assert paths(writer.get_reader().list()) == ["a/k"]
    assert writer.get_reader().list("a/" + RESERVED) == []
    for key in (RESERVED, f"a/{RESERVED}/left"):
        with pytest.raises(errors.InvalidURIError, match="reserved"):
            writer.remove(key)


def test_emptied_directories_go(disk: Path) -> None:
    """So that a later object may have their name; the root stays."""
    writer = Writer(str(disk))
    writer.set("a/b/c", b"x")
    writer.remove("a/b/c")

    assert [path.name for path in disk.iterdir()] == [RESERVED]
    assert list((disk / RESERVED).iterdir()) == []


def test_a_directory_that_goes_while_it_is_made_is_made_again(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another writer removes the emptied directory just after `mkdir` has found it."""
    (disk / "d").mkdir(parents=True)
    found: list[Path] = []
    right = Path.mkdir

    def mkdir(folder: Path, *args: Any, **kwargs: Any) -> None:
        try:
            right(folder, *args, **kwargs)
        except FileExistsError:
            if folder.name == "d" and not found:
                found.append(folder)
                folder.rmdir()
            raise

    monkeypatch.setattr(Path, "mkdir", mkdir)
    writer = Writer(f"file://{disk}")
    writer.set("d/k", b"v")
    assert found
    assert Reader(f"file://{disk}").get("d/k") == b"v"


def test_listing_while_files_vanish(disk: Path) -> None:
    """Shows what is there throughout, and raises nothing."""
    writer = Writer(str(disk))
    writer.set("stays", b"x")
    done = threading.Event()

    def churn() -> None:
        while not done.is_set():
            for number in range(5):
                writer.set(f"d{number}/k", b"x")
            for number in range(5):
                writer.remove(f"d{number}/k")

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for _ in range(100):
            assert "stays" in paths(writer.get_reader().list())
            assert set(writer.get_reader().list_dirs()) <= {f"d{number}" for number in range(5)}
    finally:
        done.set()
        thread.join()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may do everything")
def test_what_is_not_permitted_is_denied(disk: Path) -> None:
    """Not missing."""
    writer = Writer(str(disk))
    writer.set("k", b"x")
    (disk / "k").chmod(0)

    with pytest.raises(errors.StorageAccessDenied):
        writer.get_reader().get("k")
