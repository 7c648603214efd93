"""
Listings: complete, sorted, by directory, in pages.
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.checking import budget, checks, needs, on, only_profiles, wired
from conformance.expectations import Inconclusive, assert_equal, assert_true
from conformance.model.objects import Objects
from conformance.places import Place
from conformance.strategies.keys import directories, key_sets, keys
from conformance.strategies.values import values
from conformance.targets import Meta

PAGE = 1000
LISTINGS = 100
"""Listings of one directory while it changes."""
CROWD = 300
"""Objects in it, at most."""


def paths(entries: list[Meta]) -> list[str]:
    """Return the paths of entries."""
    return [entry.path for entry in entries]


def planted(place: Place, names: list[str], value: bytes = b"x") -> tuple[str, Objects]:
    """Store objects past the target; return their directory, and the model of what is in it."""
    folder = place.fresh()
    place.witness.put_many({f"{folder}/{name}": value for name in names})
    model = Objects()
    for name in names:
        model.set(name, value)
    return folder, model


@checks("LIST-1")
@given(names=key_sets(max_size=8), data=st.data())
def test_listings_are_complete_and_exact(place: Place, names: list[str], data: st.DataObject) -> None:
    """At the top and at a directory of the drawn keys."""
    folder, model = planted(place, names)
    below = [name.rpartition("/")[0] for name in names if "/" in name]
    inner = data.draw(st.sampled_from(below), label="directory") if below else ""
    reader = place.reader.subdir(folder)

    assert_equal(model.list(), paths(reader.list()), "list()")
    assert_equal(model.list(inner), paths(reader.list(inner)), f"list({inner!r})")


BEFORE_SLASH = (
    "a b",
    "a!b",
    "a+b",
    "a-b",
    "a.b",
    "a/b",
    "a0",
    "aa",
    "a/a",
    "a-b/c",
    "a b/c",
    "A",
    "Z/z",
    "é",
    "z",
    "日",
    "😀",
)


@checks("LIST-2")
@given(names=st.lists(st.sampled_from(BEFORE_SLASH), unique=True, min_size=2, max_size=8))
def test_listings_are_sorted_by_utf8_bytes(place: Place, names: list[str]) -> None:
    """Characters around the slash, capitals, and letters of one to four bytes."""
    folder, model = planted(place, [f"{name}.k" for name in names])
    reader = place.reader.subdir(folder)

    assert_equal(model.list(), paths(reader.list()), "list")
    assert_equal(model.list_dirs(), reader.list_dirs(), "list_dirs")


@checks("LIST-3")
@given(key=keys(), value=values(max_size=10))
def test_a_path_is_a_directory_not_a_string(place: Place, key: str, value: bytes) -> None:
    """Names that begin alike, and the object of that name."""
    folder = place.fresh()
    names = [f"a/{key}", f"ab/{key}", f"a.b/{key}", f"a b/{key}", "aa.k", "a.k", "b"]
    place.witness.put_many({f"{folder}/{name}": value for name in names})

    assert_equal([f"{folder}/a/{key}"], paths(place.reader.list(f"{folder}/a")), "list(a)")
    assert_equal([], paths(place.reader.list(f"{folder}/b")), "list of an object")
    assert_equal([], place.reader.list_dirs(f"{folder}/b"), "list_dirs of an object")


@checks("LIST-4")
@given(folder=directories())
def test_what_is_missing_is_empty(place: Place, folder: str) -> None:
    """Below a directory that exists, and below one that does not."""
    root = place.fresh()
    assert_equal([], place.reader.list(f"{root}/{folder}"), "list, nothing above")
    place.witness.put(f"{root}/kept.k", b"x")

    assert_equal([], place.reader.list(f"{root}/{folder}"), "list")
    assert_equal([], place.reader.list_dirs(f"{root}/{folder}"), "list_dirs")
    assert_equal([], [entry for page in place.reader.list_iter(f"{root}/{folder}") for entry in page], "list_iter")


@checks("LIST-5")
@budget(0.1)
@given(names=key_sets(min_size=1, max_size=4))
def test_an_empty_path_is_the_handles_root(place: Place, names: list[str]) -> None:
    """Of a handle that was opened there."""
    # the neighbour is in the example's own directory too: beside it, it would be in that of another example
    folder, model = place.fresh(), Objects()
    place.witness.put_many({f"{folder}/a/{name}": b"x" for name in names} | {f"{folder}/a2/beside.k": b"x"})
    for name in names:
        model.set(name, b"x")
    reader = place.open_reader(f"{place.url}/{folder}/a")

    assert_equal(model.list(), paths(reader.list()), "list()")
    assert_equal(model.list(), paths(reader.list("")), "list('')")
    assert_equal(model.list_dirs(), reader.list_dirs(), "list_dirs()")


@checks("LIST-6")
@on("s3", "az", "gcs")
@pytest.mark.parametrize("case", ["alone", "with-objects"])
def test_a_folder_placeholder_is_no_nameless_child(place: Place, case: str) -> None:
    """An empty object whose name ends with a slash, as consoles make it."""
    folder = place.fresh()
    place.witness.put(f"{folder}/d/", b"")
    if case == "with-objects":
        place.witness.put(f"{folder}/d/a.k", b"x")
    expected = ["a.k"] if case == "with-objects" else []
    reader = place.reader.subdir(f"{folder}/d")

    assert_equal(expected, paths(reader.list()), "list of the folder")
    assert_equal([], reader.list_dirs(), "list_dirs of the folder")
    assert_true(
        "" not in paths(place.reader.list(folder)),
        expected="no entry without a name",
        observed=paths(place.reader.list(folder)),
    )
    assert_true(
        "" not in place.reader.list_dirs(folder),
        expected="no directory without a name",
        observed=place.reader.list_dirs(folder),
    )


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


@checks("LIST-9")
@given(key=keys(), value=values())
def test_an_entry_says_what_metadata_says(place: Place, key: str, value: bytes) -> None:
    """Path, size, etag and time."""
    folder = place.fresh()
    place.witness.put(f"{folder}/{key}", value)
    (entry,) = place.reader.list(folder)
    known = place.reader.metadata(f"{folder}/{key}")
    assert known is not None

    assert_equal((known.path, known.size, known.etag), (entry.path, entry.size, entry.etag), "path, size, etag")
    times = (known.last_modified, entry.last_modified)
    close = times[0] is not None and times[1] is not None and abs((times[0] - times[1]).total_seconds()) <= 1
    assert_true(close, expected="the same second", observed=f"{times[0]} and {times[1]}", what="last_modified")


@checks("LIST-10")
@given(folder=directories(max_depth=2), names=key_sets(min_size=1, max_size=4))
def test_entries_can_be_used_as_they_are(place: Place, folder: str, names: list[str]) -> None:
    """By the handle that listed them, at the root and in subdirectories."""
    root = place.fresh()
    place.witness.put_many({f"{root}/{folder}/{name}": name.encode() for name in names})
    handles = (place.reader, place.reader.subdir(root), place.reader.subdir(root).subdir(folder))
    for handle, path, prefix in zip(handles, (root, folder, ""), (f"{root}/{folder}/", f"{folder}/", ""), strict=True):
        for entry in handle.list(path):
            name = entry.path.removeprefix(prefix)
            assert_true(name in names, expected=f"{prefix!r} and one of {names}", observed=entry.path)
            assert_equal(name.encode(), handle.get(entry.path), f"get({entry.path!r})")


@checks("LIST-11")
@given(names=key_sets(max_size=8), data=st.data())
def test_directories_are_the_children(place: Place, names: list[str], data: st.DataObject) -> None:
    """At the top and one level down."""
    folder, model = planted(place, names)
    inner = data.draw(st.sampled_from([name.partition("/")[0] for name in names] or ["none"]), label="directory")
    reader = place.reader.subdir(folder)

    assert_equal(model.list_dirs(), reader.list_dirs(), "list_dirs()")
    if not inner.endswith(".k"):
        assert_equal(model.list_dirs(inner), reader.list_dirs(inner), f"list_dirs({inner!r})")
        full = [f"{folder}/{name}" for name in model.list_dirs(inner)]
        assert_equal(full, place.reader.list_dirs(f"{folder}/{inner}"), "list_dirs from above")


@checks("LIST-12")
@pytest.mark.parametrize("case", ["key-and-child"])
def test_an_object_and_a_directory_of_one_name(place: Place, case: str) -> None:
    """Where a place can hold both."""
    if not place.limits.file_beside_directory:
        raise Inconclusive(f"{place.id} cannot hold `a` and `a/b` ({case})")
    folder = place.fresh()
    place.witness.put_many({f"{folder}/a": b"1", f"{folder}/a/b": b"2"})
    reader = place.reader.subdir(folder)

    assert_equal(["a", "a/b"], paths(reader.list()), "list")
    assert_equal(["a"], reader.list_dirs(), "list_dirs")
    assert_equal(["a/b"], paths(reader.list("a")), "list('a')")
    assert_equal((b"1", b"2"), (reader.get("a"), reader.get("a/b")), "get")


@checks("LIST-13")
@wired
def test_unfinished_uploads_are_not_objects(place: Place) -> None:
    """Begun by the witness with the service's own way of uploading in parts."""
    folder = place.fresh()
    place.witness.put(f"{folder}/whole.k", b"x")
    place.witness.begin_upload(f"{folder}/d/unfinished.k")

    assert_equal([f"{folder}/whole.k"], paths(place.reader.list(folder)), "list")
    assert_equal([], place.reader.list_dirs(folder), "list_dirs")
    assert_equal(-1, place.reader.length(f"{folder}/d/unfinished.k"), "length")


@checks("LIST-14")
@given(names=key_sets(min_size=1, max_size=4), value=values(max_size=10))
def test_a_handles_listing_is_never_stale(place: Place, names: list[str], value: bytes) -> None:
    """Changes through the handle's writer, through the same root, and past the target."""
    folder = place.fresh()
    reader = place.reader.subdir(folder)
    model = Objects()
    for name in names:
        place.writer.set(f"{folder}/{name}", value)
        model.set(name, value)
        assert_equal(model.list(), paths(reader.list()), f"list after set({name!r})")
    place.witness.put(f"{folder}/past.k", value + b"1")
    model.set("past.k", value + b"1")
    sizes = {entry.path: entry.size for entry in reader.list()}
    assert_equal({key: len(held) for key, held in model.values.items()}, sizes, "list after a write past the target")
    for name in names:
        place.writer.remove(f"{folder}/{name}")
        model.remove(name)
        assert_equal(model.list(), paths(reader.list()), f"list after remove({name!r})")
        assert_equal(model.list_dirs(), reader.list_dirs(), f"list_dirs after remove({name!r})")


@checks("LIST-15")
@pytest.mark.parametrize("case", ["a_b", "a%b", "a*b", "a?b", "a[x]b", "%", "_"])
def test_names_are_not_patterns(place: Place, case: str) -> None:
    """A directory that matches others as a pattern shows its own objects only."""
    folder = place.fresh()
    place.witness.put_many({f"{folder}/{name}/x.k": b"x" for name in (case, "axb", "aXXb", "ab", "x")})

    assert_equal([f"{folder}/{case}/x.k"], paths(place.reader.list(f"{folder}/{case}")), "list")
    place.writer.remove_directory(f"{folder}/{case}")
    assert_equal(
        sorted(f"{folder}/{name}/x.k" for name in ("axb", "aXXb", "ab", "x")),
        place.witness.keys(f"{folder}/"),
        "the witness after remove_directory",
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
