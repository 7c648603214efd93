"""
Listings: complete, sorted, by directory, never stale.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.checking import budget, checks, on, wired
from conformance.expectations import Inconclusive, assert_equal, assert_true
from conformance.model.objects import Objects
from conformance.places import Place
from conformance.strategies.keys import directories, key_sets, keys
from conformance.strategies.values import values
from conformance.targets import Meta


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
