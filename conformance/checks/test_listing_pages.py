"""
Listings of many pages: complete to the end, no dearer than their pages, and true while others write.
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given

from conformance.checking import checks, needs, on, only_profiles, wired
from conformance.checks.test_listing import paths, planted
from conformance.expectations import assert_equal, assert_true
from conformance.model.objects import Objects
from conformance.places import Place
from conformance.strategies.keys import key_sets

PAGE = 1000


LISTINGS = 100
"""Listings of one directory while it changes."""


CROWD = 300
"""Objects in it, at most."""


@checks("LIST-7")
@given(names=key_sets(max_size=8))
def test_pages_join_to_the_listing(place: Place, names: list[str]) -> None:
    """Few objects, and none."""
    folder, _ = planted(place, names)
    pages = list(place.reader.list_iter(folder))

    assert_equal(place.reader.list(folder), [entry for page in pages for entry in page], "joined pages")
    empty = [number for number, page in enumerate(pages) if not page]
    assert_true(not empty or not names, expected="no empty page", observed=f"pages {empty} of {len(pages)} are empty")


# One tree whose directories hold 2001, 1001, 1000 and 999 objects, so that 2,001 writes serve all sizes. Its first page of
# 1,000 ends where another directory begins, and names hold, before what tells them apart, what a cursor has to encode.
TREE = [
    *(f"p/q/r/{number % 7}/%2B{number:05}+.k" for number in range(999)),
    "p/q/%2Bone+.k",
    *(f"s/{number % 7}/%2B{number:05}+.k" for number in range(1001)),
]


SIZES = {
    "0-objects": "none/",
    "1-object": "",
    "999-objects": "p/q/r/",
    "1000-objects": "p/q/",
    "1001-objects": "s/",
    "2001-objects": "",
}


_trees: dict[str, str] = {}


def tree(place: Place) -> str:
    """Return the directory of the tree, planted once per place."""
    if place.url not in _trees:
        _trees[place.url], _ = planted(place, TREE, b"")
    return _trees[place.url]


def part_of(place: Place, case: str) -> tuple[str, Objects]:
    """Return a directory with as many objects as the case says, and the model of what is in it."""
    if case == "1-object":
        return planted(place, ["one.k"], b"")
    model = Objects()
    for name in TREE:
        if name.startswith(SIZES[case]):
            model.set(name.removeprefix(SIZES[case]), b"")
    return f"{tree(place)}/{SIZES[case]}".removesuffix("/"), model


@checks("LIST-8")
@pytest.mark.parametrize("case", SIZES)
def test_listings_go_beyond_one_page(place: Place, case: str) -> None:
    """Around the page size of the services, as list and as pages."""
    folder, model = part_of(place, case)
    reader = place.reader.subdir(folder)
    listed = paths(reader.list())

    assert_equal(len(model.values), len(listed), "entries of list")
    assert_equal(model.list(), listed, "list")
    assert_equal(model.list(), [entry.path for page in reader.list_iter() for entry in page], "joined pages")
    assert_equal(model.list_dirs(), reader.list_dirs(), "list_dirs")


@checks("LIST-8")
@on("s3", "az", "gcs")
@only_profiles("default", "thorough")
def test_a_page_of_placeholders_is_not_the_end(place: Place) -> None:
    """More than a page of folder placeholders, which are no objects, and one object behind them."""
    folder = place.fresh()
    place.witness.put_many({f"{folder}/{number:04}/": b"" for number in range(PAGE + 1)})
    place.witness.put(f"{folder}/z/object.k", b"x")

    assert_true(
        f"{folder}/z/object.k" in paths(place.reader.list(folder)),
        expected="the object behind the placeholders",
        observed=paths(place.reader.list(folder))[-3:],
    )


@checks("LIST-16")
@wired
@pytest.mark.parametrize("case", ["0-objects", "1-object", "999-objects", "2001-objects"])
def test_a_listing_costs_its_pages(place: Place, case: str) -> None:
    """Counted by the gate."""
    folder, model = part_of(place, case)
    with place.tapped() as seen:
        reader = seen.reader
        reader.length(f"{folder}/connect.k")  # what a client does once, when it connects, is not counted
        seen.clear()
        reader.list(folder)
        requests = seen.requests()

    most = len(model.values) // PAGE + 1
    assert_true(len(requests) <= most, expected=f"at most {most} requests", observed=f"{len(requests)} requests")


@checks("LIST-17")
@wired
def test_list_dirs_does_not_read_what_is_deeper(place: Place) -> None:
    """Two directories with 2,001 objects in them."""
    folder = tree(place)
    with place.tapped() as seen:
        reader = seen.reader
        reader.length(f"{folder}/connect.k")
        seen.clear()
        names = reader.list_dirs(folder)
        requests = seen.requests()

    assert_equal([f"{folder}/p", f"{folder}/s"], names, "list_dirs")
    assert_equal(1, len(requests), "requests")


def assert_survived(listed: list[str], stable: list[str], changed: list[str]) -> None:
    """What stayed is there once; what came or went may be there, and nothing else is."""
    times = Counter(listed)
    assert_equal([], [path for path in stable if not times[path]], "missing entries")
    assert_equal([], [path for path in stable if times[path] > 1], "entries that are there twice")
    assert_equal([], sorted(set(listed) - set(stable) - set(changed)), "entries that never existed")


FIRST, LAST, DEEPER = "!first.k", "~last.k", "t/gone.k"


CHANGES: dict[str, tuple[list[str], list[str]]] = {
    "written": ([FIRST, LAST], []),
    "removed": ([], [TREE[0], TREE[1], TREE[-1]]),
    "directory-removed": ([], [DEEPER]),
}
"""By case, what is written and what is removed, at the beginning of the tree and at its end."""


@checks("LIST-18")
@pytest.mark.parametrize("case", CHANGES)
def test_a_listing_survives_changes_between_its_pages(place: Place, case: str) -> None:
    """After two pages of the tree, which is put back as it was."""
    folder = tree(place)
    written, removed = ([f"{folder}/{name}" for name in names] for names in CHANGES[case])
    place.witness.put(f"{folder}/{DEEPER}", b"")
    before = sorted((f"{folder}/{name}" for name in [*TREE, DEEPER]), key=str.encode)
    try:
        pages = place.reader.list_iter(folder)
        listed = [path for page in itertools.islice(pages, 2) for path in paths(page)]
        for key in removed:
            place.writer.remove(key)
        for key in written:
            place.writer.set(key, b"")
        listed += [path for page in pages for path in paths(page)]
    finally:
        for key in written:
            place.witness.delete(key)
        place.witness.put_many({key: b"" for key in removed if not key.endswith(DEEPER)})
        # by the target first, so that no empty folder is left on a disk
        place.writer.remove(f"{folder}/{DEEPER}")
        place.witness.delete(f"{folder}/{DEEPER}")

    assert_survived(listed, [key for key in before if key not in removed], written + removed)


@checks("LIST-18")
@needs("concurrent")
@on("mem", "file")
def test_a_listing_survives_changes_at_any_moment(place: Place) -> None:
    """One thread adds and removes objects, and directories with them, while the target lists."""
    stable = [f"{number:03}.k" for number in range(0, CROWD, 5)] + [f"d{number:02}/s.k" for number in range(0, 20, 2)]
    changed = [f"{number:03}.k" for number in range(CROWD) if number % 5]
    deeper = [f"d{number:02}/c.k" for number in range(20)]
    folder, model = planted(place, stable)
    reader, writer = place.reader.subdir(folder), place.writer.subdir(folder)
    stop = threading.Event()

    def change() -> None:
        while not stop.is_set():
            for name in [*changed, *deeper]:
                place.witness.put(f"{folder}/{name}", b"")
            # past the target, which may take its time for each, and against the order of the listing, to meet it
            for name in reversed(changed):
                place.witness.delete(f"{folder}/{name}")
            for name in reversed(deeper):  # by the target, which removes the directory too
                writer.remove(name)

    with ThreadPoolExecutor(1) as pool:
        changing = pool.submit(change)
        try:
            for _ in range(LISTINGS):
                assert_survived(paths(reader.list()), model.list(), [*changed, *deeper])
        finally:
            stop.set()
        changing.result()
