"""
Paths that end, climb, point or begin like others, and never become another path.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.checking import budget, checks, on
from conformance.expectations import assert_equal, assert_true
from conformance.places import Place
from conformance.strategies.keys import keys
from conformance.strategies.values import values
from conformance.targets import TargetError
from conformance.witnesses.disk import DiskWitness


def never_becomes(place: Place, name: str, other: str) -> None:
    """Writing at `<root>/<name>` lands there or is refused; what is at `<root>/<other>` is not touched or shown."""
    folder = place.fresh()
    place.witness.put(f"{folder}/{other}/object.k", b"kept")
    url = f"{place.url}/{folder}/{name}"
    try:
        place.open_writer(url).set("object.k", b"written")
        shown = place.open_reader(url).get("object.k")
    except TargetError as error:
        assert_true(error.is_a("InvalidURIError"), expected="InvalidURIError or success", observed=str(error))
    else:
        assert_equal(b"written", shown, f"get at {name!r}")
        if place.prefix != "mem":
            found = place.witness.get(f"{folder}/{name}/object.k")
            assert_equal(b"written", found, f"the witness at {name!r}")
    assert_equal(b"kept", place.witness.get(f"{folder}/{other}/object.k"), f"the witness at {other!r}")


@checks("PATH-14")
@pytest.mark.parametrize("case", ["at-in-name", "at-first", "at-last", "at-twice"])
def test_an_at_sign_is_never_dropped(place: Place, case: str) -> None:
    """In the last segment of the path."""
    names = {"at-in-name": "ds@v1", "at-first": "@v1", "at-last": "ds@", "at-twice": "ds@v@1"}
    never_becomes(place, names[case], names[case].partition("@")[0] or "ds")


@checks("PATH-15")
@given(key=keys(), value=values(max_size=20))
@budget(0.1)
def test_one_trailing_slash_means_nothing(place: Place, key: str, value: bytes) -> None:
    """Written with it, read without it, and the other way round."""
    folder = place.fresh()
    plain, slashed = f"{place.url}/{folder}", f"{place.url}/{folder}/"
    place.open_writer(slashed).set(key, value)

    assert_equal(value, place.open_reader(plain).get(key), "written with the slash, read without")
    assert_equal([key], [meta.path for meta in place.open_reader(slashed).list()], "list with the slash")
    assert_equal([f"{folder}/{key}"], [meta.path for meta in place.reader.list(folder)], "list at the root")


@checks("PATH-16")
@on("s3", "az", "gcs", "mem")
@pytest.mark.parametrize("case", ["inner", "trailing"])
def test_repeated_slashes_are_nobody_elses_path(place: Place, case: str) -> None:
    """Refused, or another place."""
    folder = place.fresh()
    place.witness.put(f"{folder}/a/object.k", b"kept")
    url = f"{place.url}/{folder}//a" if case == "inner" else f"{place.url}/{folder}/a//"
    try:
        place.open_writer(url).set("object.k", b"written")
    except TargetError as error:
        assert_true(error.is_a("InvalidURIError"), expected="InvalidURIError or success", observed=str(error))
    assert_equal(b"kept", place.witness.get(f"{folder}/a/object.k"), "the witness")


CLIMBING = ("../outside.k", "a/../../outside.k", "../root2/outside.k", "./../outside.k", "a/b/../../../outside.k")


@checks("PATH-17")
@pytest.mark.parametrize("case", CLIMBING)
def test_dot_segments_never_leave_the_root(place: Place, case: str) -> None:
    """Nothing outside is read, written, listed or removed."""
    folder = place.fresh()
    outside = {f"{folder}/outside.k": b"secret", f"{folder}/root2/outside.k": b"secret"}
    place.witness.put_many(outside)
    place.witness.put(f"{folder}/root/a/b/inside.k", b"x")
    reader, writer = place.reader.subdir(f"{folder}/root"), place.writer.subdir(f"{folder}/root")
    calls: dict[str, Callable[[], Any]] = {
        "set": lambda: writer.set(case, b"overwritten"),
        "get": lambda: reader.get(case),
        "length": lambda: reader.length(case),
        "metadata": lambda: reader.metadata(case),
        "list": lambda: reader.list(case.rpartition("/")[0]),
        "list_dirs": lambda: reader.list_dirs(case.rpartition("/")[0]),
        "remove_directory": lambda: writer.remove_directory(case.rpartition("/")[0]),
        "remove": lambda: writer.remove(case),
    }
    for name, call in calls.items():
        try:
            result = call()
        except TargetError as error:
            kinds = ("InvalidURIError", "StorageKeyNotFound", "StorageOperationUnsupported")
            assert_true(any(map(error.is_a, kinds)), expected="InvalidURIError", observed=str(error), what=name)
        else:
            assert_true(
                result != b"secret" and result != len(b"secret"),
                expected="nothing of outside",
                observed=result,
                what=name,
            )
            shown = [str(getattr(entry, "path", entry)) for entry in result] if isinstance(result, list) else []
            assert_true(
                not any("outside" in path for path in shown), expected="nothing of outside", observed=shown, what=name
            )
        seen = {key: place.witness.get(key) for key in outside}
        assert_equal(outside, seen, f"the witness after {name}({case!r})")


LINKS = ("file-link", "directory-link", "link-to-link")


@checks("PATH-18")
@on("file")
@pytest.mark.parametrize("case", LINKS)
def test_symbolic_links_never_leave_the_root(place: Place, case: str) -> None:
    """Planted by the witness; read, listed, written and removed through."""
    assert isinstance(place.witness, DiskWitness)
    own = place.fresh_place()
    assert isinstance(own.witness, DiskWitness)
    outside = own.witness.directory.parent / f"outside-{own.witness.directory.name}"
    outside.mkdir()
    (outside / "secret.k").write_bytes(b"secret")
    link = own.witness.directory / "link"
    key = "link" if case == "file-link" else "link/secret.k"
    if case == "link-to-link":
        (own.witness.directory / "first").symlink_to(outside)
        link.symlink_to(own.witness.directory / "first")
    else:
        link.symlink_to(outside / "secret.k" if case == "file-link" else outside)
    calls: dict[str, Callable[[], Any]] = {
        "get": lambda: own.reader.get(key),
        "length": lambda: own.reader.length(key),
        "list": lambda: [meta.path for meta in own.reader.list()],
        "list below": lambda: own.reader.list("link"),
        "set": lambda: own.writer.set(key, b"overwritten"),
        "set beside": lambda: own.writer.set("link/new.k", b"new"),
        "remove_directory": lambda: own.writer.remove_directory("link"),
        "remove": lambda: own.writer.remove(key),
    }
    for name, call in calls.items():
        try:
            result = call()
        except TargetError:
            result = None
        leaked = result in (b"secret", len(b"secret")) or (
            name.startswith("list") and any("secret" in str(x) for x in result or [])
        )
        assert_true(not leaked, expected="nothing of outside", observed=result, what=name)
        seen = {path.name: path.read_bytes() for path in outside.iterdir()}
        assert_equal({"secret.k": b"secret"}, seen, f"outside after {name}")


@checks("PATH-22")
@given(key=keys(), value=values(max_size=20), data=st.data())
def test_neighbours_are_not_touched(place: Place, key: str, value: bytes, data: st.DataObject) -> None:
    """A root `x` beside `x2`, `x.y`, `x y` and the key `x.k`."""
    folder = place.fresh()
    beside = {f"{folder}/{name}": b"neighbour" for name in ("x2/a.k", "x.y/a.k", "x y/a.k", "x.k", "xa.k")}
    place.witness.put_many(beside)
    reader, writer = place.reader.subdir(f"{folder}/x"), place.writer.subdir(f"{folder}/x")
    writer.set(key, value)

    assert_equal([key], [meta.path for meta in reader.list()], "list")
    if data.draw(st.booleans(), label="remove the directory"):
        writer.remove_directory("")
    else:
        writer.remove(key)
    seen = {path: place.witness.get(path) for path in place.witness.keys(f"{folder}/x")}
    assert_equal(beside, seen, "the witness")


@checks("PATH-22")
@budget(0.1)
@given(key=keys(), value=values(max_size=20), remove_directory=st.booleans())
def test_neighbours_of_a_root_are_not_touched(place: Place, key: str, value: bytes, remove_directory: bool) -> None:
    """The same beside the path of a handle, which is one that other paths begin with."""
    folder = place.fresh()
    beside = {f"{folder}/{name}": b"neighbour" for name in ("x2/a.k", "x.y/a.k", "x.k", "xa.k")}
    place.witness.put_many(beside)
    url = f"{place.url}/{folder}/x"
    reader, writer = place.open_reader(url), place.open_writer(url)
    writer.set(key, value)

    assert_equal([key], [meta.path for meta in reader.list()], "list")
    if remove_directory:
        writer.remove_directory("")
    else:
        writer.remove(key)
    seen = {path: place.witness.get(path) for path in place.witness.keys(f"{folder}/x")}
    assert_equal(beside, seen, "the witness")
