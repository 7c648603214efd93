"""
What a fork does to a handle, and what is left of it after its end.
"""

from __future__ import annotations

import gc
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from conformance.checking import checks, in_process_only, on, wired
from conformance.expectations import Inconclusive, assert_equal, assert_true, raises
from conformance.places import Place, Tapped
from conformance.strategies.values import PART
from conformance.targets import NotClaimed, elsewhere
from conformance.targets.masking import Secrets
from conformance.targets.tokened import split

LARGE = bytes(2 * PART + 1000)
"""What is read in more than one request."""

# ---- fork


@checks("HANDLE-20")
@in_process_only
def test_a_fork_disturbs_nobody(place: Place) -> None:
    """A new process uses a handle, with its threads, forks, and both sides read small and large objects at once."""
    if not hasattr(os, "fork"):
        raise Inconclusive("there is no fork on this platform")
    sizes = {f"small{number}.k": 20_000 for number in range(6)} | {"large.k": len(LARGE)}
    creds, token = split(place.creds, None)
    asked = {"do": "fork", "url": f"{place.url}/{place.fresh()}", "creds": creds, "token": token, "sizes": sizes}
    answer = elsewhere.ask(place.testbed.spec, asked, place.target.claims.deadline_s)
    masking = Secrets()
    masking.note(place.creds)
    told = {side: masking.mask(text) for side, text in answer.items()}

    assert_equal("right", told.get("parent", told.get(elsewhere.FAILED)), "the parent's reads")
    allowed = ("right", "refused")
    assert_true(
        told["child"] in allowed, expected=f"one of {allowed}", observed=told["child"], what="the child's reads"
    )


# ---- close


@checks("HANDLE-21")
@in_process_only
@pytest.mark.parametrize("case", ["used", "unused"])
def test_closing_twice_is_closing_once(place: Place, case: str) -> None:
    """A handle that made requests, and one that never did."""
    writer, reader = place.open_writer(), place.open_reader()
    if case == "used":
        path = f"{place.fresh()}/object.k"
        writer.set(path, b"x")
        reader.get(path)
    for handle in (writer, reader):
        handle.close()
        handle.close()

    assert_equal([], place.reader.list(place.fresh()), "another handle still lists")


ON_CLOSED: dict[str, Callable[[Any, Any], object]] = {
    "get": lambda reader, _: reader.get("object.k"),
    "get-range": lambda reader, _: reader.get("object.k", 0, 1),
    "get-nothing": lambda reader, _: reader.get("object.k", 0, 0),
    "length": lambda reader, _: reader.length("object.k"),
    "metadata": lambda reader, _: reader.metadata("object.k"),
    "list": lambda reader, _: reader.list(),
    "list_iter": lambda reader, _: list(reader.list_iter()),
    "list_dirs": lambda reader, _: reader.list_dirs(),
    "sign_url": lambda reader, _: reader.sign_url("object.k", 600),
    "set": lambda _, writer: writer.set("object.k", b"overwritten"),
    "remove": lambda _, writer: writer.remove("object.k"),
    "remove_directory": lambda _, writer: writer.remove_directory("d"),
}


@checks("HANDLE-22")
@in_process_only
@pytest.mark.parametrize("case", ON_CLOSED)
def test_a_closed_handle_refuses(place: Place, case: str) -> None:
    """By an error of the tree, without a request, and nothing changes."""
    own = place.fresh_place()
    before = {"object.k": b"x", "d/object.k": b"y"}
    own.witness.put_many(before)
    reader, writer = own.open_reader(), own.open_writer()
    refuses_when_closed(case, reader, writer)
    if own.has_wire:
        with own.tapped() as seen:
            refuses_when_closed(case, seen.open_reader(), seen.open_writer(), seen)

    own_keys = own.witness.keys()
    assert_equal(before, {key: own.witness.get(key) for key in own_keys}, "the witness")


def refuses_when_closed(case: str, reader: Any, writer: Any, seen: Tapped | None = None) -> None:
    """Close both after a first use, and ask one operation of them."""
    reader.length("object.k")
    writer.remove("missing.k")
    reader.close()
    writer.close()
    if seen is not None:
        seen.clear()
    raises("StorageError", ON_CLOSED[case], reader, writer)
    if seen is not None:
        assert_equal([], [f"{request.method} {request.target}" for request in seen.requests()], "requests")


@checks("HANDLE-23")
@in_process_only
@pytest.mark.parametrize("case", ["returns", "raises"])
def test_a_context_manager_closes_at_its_end(place: Place, case: str) -> None:
    """What a block raises comes out of it unchanged."""
    path = f"{place.fresh()}/object.k"
    place.witness.put(path, b"x")
    handle: Any = place.open_reader()
    if not hasattr(handle.raw, "__enter__"):
        raise NotClaimed("handles are no context managers")
    try:
        used_in_a_block(handle, path, BlockError() if case == "raises" else None)
        ended = "returns"
    except BlockError:
        ended = "raises"

    assert_equal(case, ended, "how the block ends")
    raises("StorageError", handle.get, path)


def used_in_a_block(handle: Any, path: str, error: BlockError | None) -> None:
    """Read in a `with` block, and raise the error in it."""
    with handle.raw as inner:
        assert_true(inner is handle.raw, expected="the handle itself", observed=type(inner).__name__)
        assert_equal(b"x", handle.like(inner).get(path), "get in the block")
        if error is not None:
            raise error


class BlockError(Exception):
    """What the body of a `with` block raises."""


# ---- what is left

WARMING, ROUNDS = 2, 4
"""Rounds until caches are filled, and rounds that are counted; what leaks does so in each."""

SETTLED_S = 5.0
"""Seconds until threads and sockets that were closed are gone for the operating system too."""


def held(place: Place, temporary: Path) -> dict[str, int]:
    """Count what this process holds, and files that nobody asked for; kinds that the platform cannot tell are left out."""
    gc.collect()
    found = {"temporary files": len(strays(place, temporary))}
    for kind, folders in (("descriptors", ("/proc/self/fd", "/dev/fd")), ("threads", ("/proc/self/task",))):
        folder = next((Path(name) for name in folders if Path(name).is_dir()), None)
        if folder is not None:
            found[kind] = sum(1 for _ in folder.iterdir())
    found.setdefault("threads", threading.active_count())
    return found


def strays(place: Place, temporary: Path) -> list[str]:
    """Return files in the directory for temporary files, and those at a local root that are no objects."""
    found = [str(path.relative_to(temporary)) for path in temporary.rglob("*")]
    if place.prefix == "file":
        root = Path(place.url.removeprefix("file://"))
        names = [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()]
        found += sorted(set(names) - set(place.witness.keys()))
    return found


@contextmanager
def own_temporary_directory(place: Place) -> Iterator[Path]:
    """Let the target put temporary files where nobody else does."""
    private = Path(tempfile.mkdtemp(dir=place.testbed.directory))
    known, variable = tempfile.tempdir, os.environ.get("TMPDIR")
    tempfile.tempdir, os.environ["TMPDIR"] = str(private), str(private)
    try:
        yield private
    finally:
        tempfile.tempdir = known
        del os.environ["TMPDIR"]
        if variable is not None:
            os.environ["TMPDIR"] = variable


def leaves_nothing(place: Place, work: Callable[[], None]) -> None:
    """Do the work several times; no kind of what is held may grow with every round."""
    with own_temporary_directory(place) as temporary:
        for _ in range(WARMING):
            work()
        before = held(place, temporary)
        if "descriptors" not in before:
            raise Inconclusive("this platform does not tell which descriptors a process holds")
        for _ in range(ROUNDS):
            work()
        late = time.monotonic() + SETTLED_S
        pause = threading.Event()
        while (grown := growth(before, held(place, temporary))) and time.monotonic() < late:
            pause.wait(0.1)

        assert_equal({}, grown, f"what is held more after {ROUNDS} handles were closed")


def growth(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """Return the kinds of which every round left at least one."""
    return {kind: after[kind] - before[kind] for kind in before if after[kind] - before[kind] >= ROUNDS}


@checks("HANDLE-24")
@in_process_only
def test_closing_gives_everything_back(place: Place) -> None:
    """Small and large objects, listings, and a missing object; all handles are closed in the end."""
    own = place.fresh_place()

    def work() -> None:
        writer = own.target.open_writer(own.url, own.creds)
        reader, other = writer.get_reader(), own.target.open_reader(own.url, own.creds)
        writer.set("small.k", b"x")
        writer.set("large.k", LARGE)
        for handle in (reader, other):
            handle.get("small.k", 0, 1)
            assert_equal(len(LARGE), len(handle.get("large.k")), "bytes of the large object")
            handle.list()
            next(iter(handle.list_iter()))
            handle.length("missing.k")
        writer.remove("large.k")
        for closed in (reader, other, writer):
            closed.close()

    leaves_nothing(own, work)


@checks("HANDLE-25")
@in_process_only
@on("file")
def test_failures_on_disk_give_everything_back(place: Place) -> None:
    """Writes where a directory is, or below a file, and reads of a directory."""
    own = place.fresh_place()
    own.witness.put("d/object.k", b"x")

    def work() -> None:
        writer = own.target.open_writer(own.url, own.creds)
        reader = writer.get_reader()
        for key in ("d", "d/object.k/below", "d/" + "n" * 300):
            raises("InvalidURIError", writer.set, key, b"y" * 1000)
        raises("StorageKeyNotFound", reader.get, "d")
        raises("StorageKeyNotFound", reader.get, "d/missing.k")
        reader.close()
        writer.close()

    leaves_nothing(own, work)
    with own_temporary_directory(own) as temporary:
        writer = own.open_writer()
        raises("InvalidURIError", writer.set, "d", b"y" * 1000)
        assert_equal([], strays(own, temporary), "files left by a failed write, before close")


@checks("HANDLE-25")
@in_process_only
@wired
@pytest.mark.parametrize("case", ["missing-bucket", "unreachable"])
def test_failures_of_a_service_give_everything_back(place: Place, case: str) -> None:
    """Writes into a bucket that does not exist, and to an address where nothing listens."""
    url, creds, name = place.url, place.creds, "StorageNetworkConnectionError"
    if case == "missing-bucket":
        url, name = place.url_in_a_missing_bucket(), "StorageBucketNotFound"
    else:
        creds = place.creds_for(place.testbed.closed_url)

    def work() -> None:
        writer = place.target.open_writer(url, creds)
        reader = writer.get_reader()
        raises(name, writer.set, "object.k", b"x")
        if case == "missing-bucket":
            raises(name, writer.set, "large.k", LARGE)
            raises(name, reader.get, "object.k")
        reader.close()
        writer.close()

    leaves_nothing(place, work)
