"""
What keys may hold: odd names are stored exactly or refused, and the longest are held.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from conformance.checking import checks, on
from conformance.expectations import CheckFailure, assert_equal, assert_true, raises
from conformance.places import Place
from conformance.strategies.odd_keys import LITERAL, NORMAL_FORM, POISONOUS, UNSTORABLE, OddKey
from conformance.targets import TargetError


def operations_on(place: Place, key: str) -> dict[str, Callable[[], object]]:
    """Every operation that takes a key."""
    return {
        "set": lambda: place.writer.set(key, b"odd"),
        "get": lambda: place.reader.get(key),
        "length": lambda: place.reader.length(key),
        "metadata": lambda: place.reader.metadata(key),
        "remove": lambda: place.writer.remove(key),
    }


def assert_stored(place: Place, stored: dict[str, bytes]) -> None:
    """Exactly these keys exist, under exactly these names, for the witness and for the target."""
    assert_equal(sorted(stored, key=str.encode), place.witness.keys(), "keys by the witness")
    listed = [meta.path for meta in place.reader.list()]
    assert_equal(sorted(stored, key=str.encode), listed, "keys by list")
    for key, value in stored.items():
        assert_equal(value, place.witness.get(key), f"the witness at {key!r}")
        assert_equal(value, place.reader.get(key), f"get({key!r})")
        assert_equal(len(value), place.reader.length(key), f"length({key!r})")
        known = place.reader.metadata(key)
        assert_equal(key, known.path if known else None, f"metadata({key!r})")


def odd_place(place: Place, odd: OddKey) -> Place:
    """A root of its own; a bucket of its own for keys that may spoil the listing of others."""
    return place.fresh_place(own_bucket=odd.label in POISONOUS)


@checks("PATH-11")
@pytest.mark.parametrize("case", LITERAL, ids=str)
def test_every_name_character_is_literal(place: Place, case: OddKey) -> None:
    """Stored under exactly this name, found by every operation, removed again."""
    own = odd_place(place, case)
    stored = {key: f"value of {number}".encode() for number, key in enumerate(case.keys)}
    for key, value in stored.items():
        own.writer.set(key, value)
    assert_stored(own, stored)
    for key in list(stored):
        own.writer.remove(key)
        del stored[key]
        assert_stored(own, stored)


@checks("PATH-11")
@pytest.mark.parametrize("case", LITERAL, ids=str)
def test_every_name_character_is_literal_in_directories(place: Place, case: OddKey) -> None:
    """The same names as directories of a key, listed, opened and removed."""
    own = odd_place(place, case)
    for number, name in enumerate(case.keys):
        own.writer.set(f"{name}/object.k", b"%d" % number)
    names = sorted(case.keys, key=str.encode)

    assert_equal(names, own.reader.list_dirs(), "list_dirs")
    for number, name in enumerate(case.keys):
        assert_equal([f"{name}/object.k"], [meta.path for meta in own.reader.list(name)], f"list({name!r})")
        assert_equal(b"%d" % number, own.reader.subdir(name).get("object.k"), f"subdir({name!r}).get")
    for number, name in enumerate(case.keys, start=1):
        own.writer.remove_directory(name)
        left = sorted((f"{other}/object.k" for other in case.keys[number:]), key=str.encode)
        assert_equal(left, own.witness.keys(), f"keys after remove_directory({name!r})")


def stored_or_refused(place: Place, case: OddKey) -> None:
    """Each key is stored exactly, or refused by every operation while nothing changes."""
    own = odd_place(place, case)
    own.witness.put("kept.k", b"kept")
    stored = {"kept.k": b"kept"}
    for number, key in enumerate(case.keys):
        value = f"value of {number}".encode()
        try:
            own.writer.set(key, value)
        except TargetError as error:
            if not error.is_a("InvalidURIError"):
                raise CheckFailure("stored exactly, or InvalidURIError", str(error), f"set({key!r})") from None
            if case not in UNSTORABLE or len(case.keys) == 1:
                for name, call in operations_on(own, key).items():
                    raises("InvalidURIError", call) if name != "set" else None
        else:
            stored[key] = value
        assert_stored(own, stored)
    for key in list(stored):
        if key != "kept.k":
            own.writer.remove(key)
            del stored[key]
            assert_stored(own, stored)


@checks("PATH-12")
@pytest.mark.parametrize("case", NORMAL_FORM, ids=str)
def test_an_odd_spelling_is_stored_exactly_or_refused(place: Place, case: OddKey) -> None:
    """One answer for all operations, and never another key."""
    stored_or_refused(place, case)


FOLDED = {
    "directory-with-empty-segment": "a//b",
    "directory-with-leading-slash": "/a/b",
    "directory-with-dot-segment": "a/./b",
    "directory-with-dot-dot-segment": "a/c/../b",
    "directory-with-two-trailing-slashes": "a/b//",
}


@checks("PATH-12")
@pytest.mark.parametrize("case", FOLDED)
def test_an_odd_spelling_is_never_another_directory(place: Place, case: str) -> None:
    """Each is `a/b` to a place that folds; it is refused, or a directory of its own, by every operation on directories."""
    own, odd = place.fresh_place(), FOLDED[case]
    kept = {"a/b/x.k": b"kept", "a/b/d/y.k": b"kept", "a/c/z.k": b"kept"}
    own.witness.put_many(kept)
    calls: dict[str, Callable[[], Any]] = {
        "list": lambda: [meta.path for meta in own.reader.list(odd)],
        "list_iter": lambda: [meta.path for page in own.reader.list_iter(odd) for meta in page],
        "list_dirs": lambda: own.reader.list_dirs(odd),
        "subdir": lambda: [meta.path for meta in own.reader.subdir(odd).list()],
        "remove_directory": lambda: own.writer.remove_directory(odd),
    }
    for name, call in calls.items():
        try:
            result = call()
        except TargetError as error:
            assert_true(error.is_a("InvalidURIError"), expected="InvalidURIError", observed=str(error), what=name)
        else:
            assert_true(result in (None, []), expected="nothing of `a/b`", observed=result, what=name)
        seen = {key: own.witness.get(key) for key in kept}
        assert_equal(kept, seen, f"the witness after {name}({odd!r})")


@checks("PATH-19")
@pytest.mark.parametrize("case", UNSTORABLE, ids=str)
def test_what_cannot_be_held_is_refused(place: Place, case: OddKey) -> None:
    """Too long, or in the way of what is there."""
    stored_or_refused(place, case)


LONGEST_KEY = 1024
"""Bytes of a key on object stores, with the root that the service sees before it."""


LONGEST_NAMES = {"255-bytes": "n" * 255, "255-bytes-of-letters": "\u65e5" * 85}


def held(place: Place, key: str) -> None:
    """Stored under exactly this name, found by every operation, removed again."""
    place.writer.set(key, b"held")
    folder = key.partition("/")[0]

    assert_equal([key], place.witness.keys(f"{folder}/"), "keys by the witness")
    assert_equal([key], [meta.path for meta in place.reader.list(folder)], "list")
    assert_equal(b"held", place.reader.get(key), "get")
    assert_equal(4, place.reader.length(key), "length")
    place.writer.remove(key)
    assert_equal([], place.witness.keys(f"{folder}/"), "keys after remove")


@checks("PATH-23")
@pytest.mark.parametrize("case", LONGEST_NAMES)
def test_the_longest_name_is_held(place: Place, case: str) -> None:
    """Between two slashes, and at the end of a key."""
    name = LONGEST_NAMES[case]
    held(place, f"{place.fresh()}/{name}/{name}")


@checks("PATH-23")
@on("s3", "az", "gcs")
@pytest.mark.parametrize("case", ["1024-bytes", "1024-bytes-of-letters"])
def test_the_longest_key_is_held(place: Place, case: str) -> None:
    """Filled up with names that every place can hold."""
    names = 2 if place.prefix == "az" else 1  # before the root: account and container, or the bucket
    root = place.url.partition("://")[2].split("/", names)[-1]
    letter = "k" if case == "1024-bytes" else "\u00e9"
    key = f"{place.fresh()}/" + f"{letter * (200 // len(letter.encode()))}/" * 4
    key += "z" * (LONGEST_KEY - len(f"{root}/{key}".encode()))
    held(place, key)
