"""
Directories are what keys share before a slash.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from conformance.checking import budget, checks, direct, wired
from conformance.expectations import CheckFailure, assert_equal, assert_true, raises
from conformance.places import Place
from conformance.strategies.keys import directories, key_sets, keys, segments
from conformance.strategies.values import values
from conformance.targets import TargetError

VALUE = b"0123456789"


def paths(entries: list[Any]) -> list[str]:
    """Return the paths of entries."""
    return [entry.path for entry in entries]


SAME: dict[str, Callable[[Any, Any, str], Any]] = {
    "get": lambda reader, _, at: reader.get(f"{at}a.k", 1, 5),
    "length": lambda reader, _, at: reader.length(f"{at}a.k"),
    "length-missing": lambda reader, _, at: reader.length(f"{at}missing.k"),
    "metadata": lambda reader, _, at: (reader.metadata(f"{at}a.k").size, reader.metadata(f"{at}a.k").etag),
    "list": lambda reader, _, at: [path.removeprefix(at) for path in paths(reader.list(f"{at}d"))],
    "list-root": lambda reader, _, at: [path.removeprefix(at) for path in paths(reader.list(at))],
    "list_iter": lambda reader, _, at: [path.removeprefix(at) for page in reader.list_iter(at) for path in paths(page)],
    "list_dirs": lambda reader, _, at: [path.removeprefix(at) for path in reader.list_dirs(at)],
    "set": lambda _, writer, at: writer.set(f"{at}new.k", b"new").size,
    "remove": lambda _, writer, at: writer.remove(f"{at}a.k"),
    "remove_directory": lambda _, writer, at: writer.remove_directory(f"{at}d"),
}


@checks("DIR-1")
@pytest.mark.parametrize("case", SAME)
@budget(0.2)
@given(folder=directories(max_depth=2))
def test_subdir_is_a_prefix(place: Place, case: str, folder: str) -> None:
    """The same operation in two equal directories, once through each form."""
    ways = []
    for name in ("by-path", "by-subdir"):
        root = f"{place.fresh()}/{name}/{folder}"
        place.witness.put_many({f"{root}/{key}": VALUE for key in ("a.k", "d/b.k", "d/e/c.k")})
        if name == "by-path":
            answer = SAME[case](place.reader, place.writer, f"{root}/")
        else:
            answer = SAME[case](place.reader.subdir(root), place.writer.subdir(root), "")
        left = [key.removeprefix(root) for key in place.witness.keys(f"{root}/")]
        # etags belong to one object, so only that there is one is compared
        ways.append((answer[0] if case == "metadata" else answer, left))

    assert_equal(ways[0], ways[1], f"{case} by p/k, and by subdir(p)")


@checks("DIR-1")
@budget(0.2)
@given(name=segments(), depth=st.integers(1, 3), whole=st.booleans())
def test_a_key_may_repeat_its_directory(place: Place, name: str, depth: int, whole: bool) -> None:
    """`d/d/a` in the handle of `d` is not `d/a`; the key repeats the last directory, or the whole path of the handle."""
    assume(place.prefix != "al" or "@" not in name)  # there it begins a version, in the URL of a handle
    folder = place.fresh()
    repeated = "/".join([folder, *[name] * depth] if whole else [name] * depth)
    place.witness.put_many({f"{folder}/{name}/a.k": b"outer", f"{folder}/{name}/{repeated}/a.k": b"inner"})
    root = place.open_reader(f"{place.url}/{folder}/{name}")
    for way, reader in (("subdir", place.reader.subdir(f"{folder}/{name}")), ("url", root)):
        assert_equal(b"inner", reader.get(f"{repeated}/a.k"), f"get by {way}")
        assert_equal(b"outer", reader.get("a.k"), f"get of the outer one by {way}")
        listed = sorted(["a.k", f"{repeated}/a.k"], key=str.encode)
        assert_equal(listed, paths(reader.list()), f"list by {way}")


@checks("DIR-2")
@given(first=directories(max_depth=2), second=directories(max_depth=2), key=keys(), value=values(max_size=20))
def test_subdirs_compose(place: Place, first: str, second: str, key: str, value: bytes) -> None:
    """Reading and writing."""
    folder = place.fresh()
    place.writer.subdir(folder).subdir(first).subdir(second).set(key, value)

    assert_equal([f"{folder}/{first}/{second}/{key}"], place.witness.keys(f"{folder}/"), "the witness")
    assert_equal(value, place.reader.subdir(f"{folder}/{first}/{second}").get(key), "subdir(a/b).get")
    assert_equal(value, place.reader.subdir(folder).subdir(first).subdir(second).get(key), "subdir(a).subdir(b).get")


@checks("DIR-3")
@pytest.mark.parametrize("case", ["..", "a/..", "a/../..", "../root2", "./.."])
def test_a_subdir_cannot_leave_its_handle(place: Place, case: str) -> None:
    """Opened, read, written and removed."""
    folder = place.fresh()
    outside = {f"{folder}/x.k": b"outside", f"{folder}/root2/x.k": b"outside"}
    place.witness.put_many(outside)
    reader, writer = place.reader.subdir(f"{folder}/root"), place.writer.subdir(f"{folder}/root")
    calls: dict[str, Callable[[], Any]] = {
        "get": lambda: reader.subdir(case).get("x.k"),
        "list": lambda: [path for path in paths(reader.subdir(case).list()) if path.endswith("x.k")],
        "set": lambda: writer.subdir(case).set("x.k", b"overwritten"),
        "remove": lambda: writer.subdir(case).remove("x.k"),
        "remove_directory": lambda: writer.subdir(case).remove_directory(""),
    }
    for name, call in calls.items():
        try:
            result = call()
        except TargetError as error:
            kinds = ("InvalidURIError", "StorageKeyNotFound")
            assert_true(any(map(error.is_a, kinds)), expected="InvalidURIError", observed=str(error), what=name)
        else:
            assert_true(
                result in (None, []) or name == "set", expected="nothing of outside", observed=result, what=name
            )
        seen = {key: place.witness.get(key) for key in outside}
        assert_equal(outside, seen, f"the witness after {name}")


@checks("DIR-4")
@given(key=keys(), value=values(max_size=20))
def test_a_subdir_does_not_see_its_siblings(place: Place, key: str, value: bytes) -> None:
    """Names that begin alike."""
    folder = place.fresh()
    place.witness.put_many({f"{folder}/{name}/{key}": b"sibling" for name in ("ab", "a.b", "a b", "b")})
    place.witness.put(f"{folder}/a/{key}", value)
    reader = place.reader.subdir(f"{folder}/a")

    assert_equal([key], paths(reader.list()), "list")
    assert_equal(value, reader.get(key), "get")
    assert_equal(["a", "a b", "a.b", "ab", "b"], place.reader.subdir(folder).list_dirs(), "list_dirs above")


@checks("DIR-5")
@given(names=key_sets(min_size=1, max_size=6), value=values(max_size=20))
def test_remove_directory_removes_all(place: Place, names: list[str], value: bytes) -> None:
    """At every depth."""
    folder = place.fresh()
    place.witness.put_many({f"{folder}/d/{name}": value for name in names})
    place.writer.remove_directory(f"{folder}/d")

    assert_equal([], place.witness.keys(f"{folder}/"), "the witness")
    assert_equal([], place.reader.list(folder), "list")


@checks("DIR-5")
def test_remove_directory_removes_more_than_a_page(place: Place) -> None:
    """More than one bulk request takes, at two depths."""
    folder = place.fresh()
    names = [f"{number:04}.k" if number % 2 else f"x/y/{number:04}.k" for number in range(1001)]
    place.witness.put_many({f"{folder}/d/{name}": b"" for name in names})
    place.witness.put(f"{folder}/kept.k", b"kept")
    place.writer.remove_directory(f"{folder}/d")

    assert_equal([f"{folder}/kept.k"], place.witness.keys(f"{folder}/"), "the witness")


@checks("DIR-6")
@given(key=keys(), value=values(max_size=20))
def test_remove_directory_removes_nothing_else(place: Place, key: str, value: bytes) -> None:
    """Neighbours that begin alike, and what is above."""
    folder = place.fresh()
    beside = {f"{folder}/{name}": b"kept" for name in ("p2/a.k", "p.x", "p x", "pp/p/a.k", "o/p/a.k", "a.k", "p.k")}
    place.witness.put_many(beside)
    place.witness.put(f"{folder}/p/{key}", value)
    place.writer.remove_directory(f"{folder}/p")

    seen = {path: place.witness.get(path) for path in place.witness.keys(f"{folder}/")}
    assert_equal(beside, seen, "the witness")


@checks("DIR-6")
def test_remove_directory_leaves_the_key_of_its_name(place: Place) -> None:
    """Where an object and a directory of one name can both be, only what `list` shows is removed; elsewhere the object."""
    folder = place.fresh()
    place.witness.put(f"{folder}/p", b"kept")
    if place.limits.file_beside_directory:
        place.witness.put(f"{folder}/p/a.k", b"x")
    place.writer.remove_directory(f"{folder}/p")

    assert_equal(b"kept", place.witness.get(f"{folder}/p"), "the witness")


@checks("DIR-7")
@given(folder=directories(), value=values(max_size=20))
def test_removing_a_missing_directory_is_no_error(place: Place, folder: str, value: bytes) -> None:
    """Never there."""
    root = place.fresh()
    place.witness.put(f"{root}/kept.k", value)
    place.writer.remove_directory(f"{root}/{folder}")

    assert_equal([f"{root}/kept.k"], place.witness.keys(f"{root}/"), "the witness")


@checks("DIR-8")
@wired
@direct
@pytest.mark.parametrize("case", ["no-slash", "slash"])
def test_a_whole_bucket_is_not_removed(place: Place, case: str) -> None:
    """In a bucket of the check's own."""
    own = place.fresh_place(own_bucket=True)
    own.witness.put("kept.k", b"kept")
    bucket = own.url.rpartition("/")[0]
    writer = own.open_writer(bucket if case == "no-slash" else f"{bucket}/")
    try:
        writer.remove_directory("")
    except TargetError:
        assert_equal(b"kept", own.witness.get("kept.k"), "the witness")
    else:
        raise CheckFailure("a refusal", "no error", "remove_directory('') at the root of a bucket")


@checks("DIR-9")
@given(folder=directories(max_depth=2), names=key_sets(min_size=1, max_size=4))
def test_one_trailing_slash_means_nothing(place: Place, folder: str, names: list[str]) -> None:
    """Listing, opening, removing."""
    root = f"{place.fresh()}/{folder}"
    place.witness.put_many({f"{root}/{name}": VALUE for name in names})

    assert_equal(paths(place.reader.list(root)), paths(place.reader.list(f"{root}/")), "list")
    assert_equal(place.reader.list_dirs(root), place.reader.list_dirs(f"{root}/"), "list_dirs")
    below = paths(place.reader.subdir(root).list())
    assert_equal(below, paths(place.reader.subdir(f"{root}/").list()), "subdir")
    place.writer.remove_directory(f"{root}/")
    assert_equal([], place.witness.keys(f"{root}/"), "the witness after remove_directory")


@checks("DIR-10")
@budget(0.3)
@given(folder=directories(max_depth=2), key=keys(), value=values(max_size=20))
def test_get_reader_reads_where_the_writer_writes(place: Place, folder: str, key: str, value: bytes) -> None:
    """At the root and in a subdirectory."""
    root = place.fresh()
    writer = place.writer.subdir(f"{root}/{folder}")
    writer.set(key, value)

    assert_equal(value, writer.get_reader().get(key), "subdir(p).get_reader().get(k)")
    assert_equal(value, place.writer.get_reader().get(f"{root}/{folder}/{key}"), "get_reader().get(p/k)")
    raises("StorageKeyNotFound", writer.get_reader().get, f"missing/{key}")
