"""
What readers and writers do with one object; content is looked at through the witness too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.checking import checks, in_process_only, on, wired
from conformance.expectations import assert_equal, assert_true, raises
from conformance.places import Place
from conformance.strategies.keys import key_sets, keys
from conformance.strategies.values import LARGE_SIZES, values

VALUES = values()


def listed(place: Place, folder: str) -> list[str]:
    """Return the paths below a directory, without it."""
    return [meta.path.removeprefix(f"{folder}/") for meta in place.reader.list(folder)]


@checks("OBJ-1")
@given(key=keys(), value=VALUES)
def test_what_was_set_is_what_is_got(place: Place, key: str, value: bytes) -> None:
    """Through the target, and past it in both directions."""
    folder = place.fresh()
    place.writer.set(f"{folder}/{key}", value)
    place.witness.put(f"{folder}/w/{key}", value)

    assert_equal(value, place.reader.get(f"{folder}/{key}"), "get")
    assert_equal(value, place.witness.get(f"{folder}/{key}"), "the witness after set")
    assert_equal(value, place.reader.get(f"{folder}/w/{key}"), "get of what the witness put")


@checks("OBJ-2")
@given(first=VALUES, second=VALUES)
def test_a_write_replaces_the_whole_object(place: Place, first: bytes, second: bytes) -> None:
    """Shorter, longer and equal lengths."""
    path = f"{place.fresh()}/object.k"
    place.writer.set(path, first)
    place.writer.set(path, second)

    assert_equal(second, place.witness.get(path), "the witness")
    assert_equal(second, place.reader.get(path), "get")


@checks("OBJ-3")
@given(key=keys())
def test_an_empty_object_exists(place: Place, key: str) -> None:
    """By every way to look at it."""
    folder = place.fresh()
    path = f"{folder}/{key}"
    place.writer.set(path, b"")

    assert_equal(0, place.reader.length(path), "length")
    assert_equal(b"", place.reader.get(path), "get")
    assert_equal([key], listed(place, folder), "list")
    assert_equal(b"", place.witness.get(path), "the witness")


@checks("OBJ-4")
@given(key=keys(), value=VALUES)
def test_the_length_of_what_is_missing_is_minus_one(place: Place, key: str, value: bytes) -> None:
    """Before and after it exists."""
    path = f"{place.fresh()}/{key}"
    assert_equal(-1, place.reader.length(path), "never there")

    place.witness.put(path, value)

    assert_equal(len(value), place.reader.length(path), "there")
    place.witness.delete(path)
    assert_equal(-1, place.reader.length(path), "removed past the target")


@checks("OBJ-5")
@given(key=keys(), value=VALUES)
def test_getting_what_is_missing_is_key_not_found(place: Place, key: str, value: bytes) -> None:
    """Never there, and removed."""
    path = f"{place.fresh()}/{key}"
    raises("StorageKeyNotFound", place.reader.get, path)
    place.writer.set(path, value)
    place.writer.remove(path)

    raises("StorageKeyNotFound", place.reader.get, path)


@checks("OBJ-6")
@in_process_only
@given(key=keys())
def test_key_not_found_is_a_key_error(place: Place, key: str) -> None:
    """By the class itself."""
    error = raises("StorageKeyNotFound", place.reader.get, f"{place.fresh()}/{key}")

    assert_true(isinstance(error.__cause__, KeyError), expected="a KeyError", observed=type(error.__cause__).__name__)


IN_A_BUCKET: dict[str, Callable[[Any, Any], object]] = {
    "get": lambda reader, _: reader.get("a"),
    "get-range": lambda reader, _: reader.get("a", 0, 1),
    "length": lambda reader, _: reader.length("a"),
    "metadata": lambda reader, _: reader.metadata("a"),
    "list": lambda reader, _: reader.list(),
    "list_iter": lambda reader, _: list(reader.list_iter()),
    "list_dirs": lambda reader, _: reader.list_dirs(),
    "set": lambda _, writer: writer.set("a", b"x"),
    "set-large": lambda _, writer: writer.set("a", bytes(LARGE_SIZES[-1])),
    "remove": lambda _, writer: writer.remove("a"),
    "remove_directory": lambda _, writer: writer.remove_directory("a"),
}


@checks("OBJ-7")
@wired
@pytest.mark.parametrize("case", IN_A_BUCKET)
def test_a_missing_bucket_is_bucket_not_found(place: Place, case: str) -> None:
    """From every operation that asks the service."""
    url = place.url_in_a_missing_bucket()
    reader, writer = place.open_reader(url), place.open_writer(url)

    raises("StorageBucketNotFound", IN_A_BUCKET[case], reader, writer)


@checks("OBJ-8")
@given(key=keys(), value=VALUES)
def test_a_directory_is_not_an_object(place: Place, key: str, value: bytes) -> None:
    """The name before the slash is nobody's key."""
    folder = place.fresh()
    place.witness.put(f"{folder}/d/{key}", value)

    raises("StorageKeyNotFound", place.reader.get, f"{folder}/d")
    assert_equal(-1, place.reader.length(f"{folder}/d"), "length")
    assert_equal(None, place.reader.metadata(f"{folder}/d"), "metadata")


@checks("OBJ-8")
@on("s3", "az", "gcs")
def test_a_folder_placeholder_is_not_an_object(place: Place) -> None:
    """An empty object `a/` that another tool made is not the object `a`."""
    folder = place.fresh()
    place.witness.put(f"{folder}/a/", b"")

    raises("StorageKeyNotFound", place.reader.get, f"{folder}/a")
    assert_equal(-1, place.reader.length(f"{folder}/a"), "length")
    assert_equal(None, place.reader.metadata(f"{folder}/a"), "metadata")


@checks("OBJ-9")
@given(key=keys(), value=VALUES)
def test_what_is_removed_is_gone(place: Place, key: str, value: bytes) -> None:
    """By every way to look at it."""
    folder = place.fresh()
    path = f"{folder}/{key}"
    place.witness.put(path, value)
    place.writer.remove(path)

    assert_equal(None, place.witness.get(path), "the witness")
    assert_equal(-1, place.reader.length(path), "length")
    assert_equal([], listed(place, folder), "list")
    raises("StorageKeyNotFound", place.reader.get, path)


@checks("OBJ-10")
@given(key=keys(), value=VALUES)
def test_removing_what_is_missing_is_no_error(place: Place, key: str, value: bytes) -> None:
    """Never there, removed twice, and where its directory does not exist either."""
    folder = place.fresh()
    place.witness.put(f"{folder}/kept.k", value)
    place.writer.remove(f"{folder}/never/{key}")
    place.witness.put(f"{folder}/twice.k", value)
    place.writer.remove(f"{folder}/twice.k")
    place.writer.remove(f"{folder}/twice.k")

    assert_equal([f"{folder}/kept.k"], place.witness.keys(f"{folder}/"), "the witness")


@checks("OBJ-11")
@given(value=VALUES)
def test_remove_takes_exactly_one_key(place: Place, value: bytes) -> None:
    """Keys that begin alike stay."""
    folder = place.fresh()
    beside = [f"{folder}/{name}" for name in ("a.b", "a0", "ab", "aa/b", "A")]
    for path in [*beside, f"{folder}/a"]:
        place.witness.put(path, value)
    place.writer.remove(f"{folder}/a")

    assert_equal(sorted(beside), place.witness.keys(f"{folder}/"), "the witness")
    place.witness.put(f"{folder}/d/b", value)
    place.writer.remove(f"{folder}/d")
    assert_equal(value, place.witness.get(f"{folder}/d/b"), "below a directory of that name")


@checks("OBJ-14")
@given(key=keys(), value=VALUES, below=st.booleans())
def test_set_returns_what_it_stored(place: Place, key: str, value: bytes, below: bool) -> None:
    """Path, size and etag are those of metadata, by the handle of a subdirectory too."""
    folder = place.fresh()
    path = key if below else f"{folder}/{key}"
    answered = (place.writer.subdir(folder) if below else place.writer).set(path, value)
    known = (place.reader.subdir(folder) if below else place.reader).metadata(path)

    assert_true(answered is not None and known is not None, expected="a ResourceMeta", observed=answered)
    assert answered is not None
    assert known is not None
    assert_equal((path, len(value)), (answered.path, answered.size), "path and size")
    if answered.etag is not None:
        assert_equal(known.etag, answered.etag, "etag")


@checks("OBJ-15")
@given(data=st.data())
def test_keys_do_not_disturb_each_other(place: Place, data: st.DataObject) -> None:
    """One key is written or removed, all others are compared."""
    folder = place.fresh()
    names = data.draw(key_sets(min_size=2, max_size=5), label="keys")
    stored = {name: data.draw(values(max_size=30), label=f"value of {name!r}") for name in names}
    place.witness.put_many({f"{folder}/{name}": value for name, value in stored.items()})
    if data.draw(st.booleans(), label="remove"):
        place.writer.remove(f"{folder}/{names[0]}")
        del stored[names[0]]
    else:
        stored[names[0]] = b"written"
        place.writer.set(f"{folder}/{names[0]}", b"written")

    seen = {key.removeprefix(f"{folder}/"): place.witness.get(key) for key in place.witness.keys(f"{folder}/")}
    assert_equal(stored, seen, "the witness")


_second_handles: dict[str, Any] = {}


@checks("OBJ-16")
@given(key=keys(), first=VALUES, second=VALUES)
def test_two_handles_see_one_store(place: Place, key: str, first: bytes, second: bytes) -> None:
    """The second handle is opened before the first one writes."""
    reader = _second_handles.get(place.url)
    if reader is None or reader[0] is not place:
        reader = _second_handles[place.url] = (place, place.open_reader())
    path = f"{place.fresh()}/{key}"
    place.writer.set(path, first)
    assert_equal(first, reader[1].get(path), "the other handle")
    place.writer.set(path, second)
    assert_equal(second, reader[1].get(path), "the other handle, after an overwrite")
    place.writer.remove(path)

    assert_equal(-1, reader[1].length(path), "the other handle, after a removal")


@checks("OBJ-19")
@given(key=keys(), value=VALUES)
def test_setting_twice_is_setting_once(place: Place, key: str, value: bytes) -> None:
    """One value, one entry."""
    folder = place.fresh()
    place.writer.set(f"{folder}/{key}", value)
    place.writer.set(f"{folder}/{key}", value)

    assert_equal([key], listed(place, folder), "list")
    assert_equal(value, place.witness.get(f"{folder}/{key}"), "the witness")


EMPTY_KEY: dict[str, Callable[[Place], object]] = {
    "set": lambda place: place.writer.set("", b"x"),
    "get": lambda place: place.reader.get(""),
    "length": lambda place: place.reader.length(""),
    "remove": lambda place: place.writer.remove(""),
}


@checks("OBJ-21")
@pytest.mark.parametrize("case", EMPTY_KEY)
def test_an_empty_key_is_refused(place: Place, case: str) -> None:
    """And nothing changes."""
    own = place.fresh_place()
    own.witness.put("kept.k", b"x")

    raises("InvalidURIError", EMPTY_KEY[case], own)
    assert_equal(["kept.k"], own.witness.keys(), "the witness")


UNREACHABLE: dict[str, Callable[[Any], object]] = {
    "length": lambda reader: reader.length("a"),
    "metadata": lambda reader: reader.metadata("a"),
    "list": lambda reader: reader.list(),
    "get": lambda reader: reader.get("a"),
}


@checks("OBJ-22")
@wired
@pytest.mark.parametrize("case", UNREACHABLE)
def test_unreachable_is_not_missing(place: Place, case: str) -> None:
    """Nothing listens where the credentials point."""
    reader = place.open_reader(creds=place.creds_for(place.testbed.closed_url))

    raises("StorageNetworkConnectionError", UNREACHABLE[case], reader)
