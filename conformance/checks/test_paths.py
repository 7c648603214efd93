"""
Where paths point, which are refused, and what keys may hold.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any
from unicodedata import normalize
from urllib.parse import unquote, unquote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.checking import budget, checks, in_process_only, on
from conformance.expectations import CheckFailure, assert_equal, assert_true, raises
from conformance.places import Place
from conformance.strategies.keys import keys
from conformance.strategies.odd_keys import LITERAL, NORMAL_FORM, POISONOUS, UNSTORABLE, OddKey
from conformance.strategies.urls import CAPITALS, EMPTY, MISSING_PARTS, ONE_SLASH, UNKNOWN
from conformance.strategies.values import values
from conformance.targets import TargetError
from conformance.witnesses.disk import DiskWitness


@checks("PATH-1")
@budget(0.3)
@given(key=keys(), value=values(max_size=50))
def test_a_prefix_reaches_its_place(place: Place, key: str, value: bytes) -> None:
    """What the target writes, the witness finds at the path's own root, and the other way round."""
    folder = place.fresh()
    place.writer.set(f"{folder}/{key}", value)
    place.witness.put(f"{folder}/w/{key}", value)

    assert_equal(value, place.witness.get(f"{folder}/{key}"), "the witness")
    assert_equal(value, place.reader.get(f"{folder}/w/{key}"), "get")


def same_data(place: Place, alias: str) -> None:
    """Write by the one path, read by the other."""
    folder = place.fresh()
    place.open_writer(alias).set(f"{folder}/written.k", b"by the alias")
    place.witness.put(f"{folder}/planted.k", b"by the witness")

    assert_equal(b"by the alias", place.witness.get(f"{folder}/written.k"), "the witness")
    assert_equal(b"by the witness", place.open_reader(alias).get(f"{folder}/planted.k"), "get by the alias")


@checks("PATH-2")
@on("az")
def test_azure_is_az(place: Place) -> None:
    """Both spellings."""
    same_data(place, place.url.replace("az://", "azure://", 1))


@checks("PATH-3")
@on("gcs")
@pytest.mark.parametrize("case", ["gs", "gcp"])
def test_gs_and_gcp_are_gcs(place: Place, case: str) -> None:
    """All three spellings."""
    same_data(place, place.url.replace("gcs://", f"{case}://", 1))


@checks("PATH-4")
@on("file")
def test_a_bare_path_is_a_file_path(place: Place) -> None:
    """With and without the prefix."""
    same_data(place, place.url.removeprefix("file://"))


def refused(place: Place, url: str) -> None:
    """A path is refused when a handle is opened, or at the handle's first operation; nothing is written."""

    def reading() -> object:
        return place.target.open_reader(url, None).list()

    def writing() -> object:
        return place.target.open_writer(url, None).set("refused.k", b"x")

    with place.testbed.working_directory() as directory:
        before = set(directory.iterdir())
        raises("InvalidURIError", reading)
        raises("InvalidURIError", writing)
        made = {path for path in set(directory.iterdir()) - before if path.name in (url or "refused.k").split("/")}
        assert_equal([], sorted(path.name for path in made), "new names in the working directory")


@checks("PATH-5")
@on("mem")
@pytest.mark.parametrize("case", CAPITALS)
def test_prefixes_are_lower_case(place: Place, case: str) -> None:
    """Capitals are refused."""
    refused(place, CAPITALS[case])


@checks("PATH-6")
@on("mem")
@pytest.mark.parametrize("case", UNKNOWN)
def test_unknown_prefixes_are_refused(place: Place, case: str) -> None:
    """Also those that other libraries know."""
    refused(place, UNKNOWN[case])


@checks("PATH-7")
@on("mem")
@pytest.mark.parametrize("case", ONE_SLASH)
def test_one_slash_is_no_prefix(place: Place, case: str) -> None:
    """A slip of the finger does not make a directory."""
    refused(place, ONE_SLASH[case])


@checks("PATH-8")
@on("mem")
@pytest.mark.parametrize("case", [*EMPTY, *MISSING_PARTS])
def test_a_path_without_its_names_is_refused(place: Place, case: str) -> None:
    """Empty paths, and every prefix without what it needs."""
    refused(place, (EMPTY | MISSING_PARTS)[case])


@checks("PATH-8")
@pytest.mark.parametrize("case", ["bucket-missing"])
def test_a_refused_path_makes_no_request(place: Place, case: str) -> None:
    """Seen by the gate, with credentials that would do."""
    if not place.has_wire:
        refused(place, MISSING_PARTS["mem-no-id"])
        return
    with place.tapped() as seen:
        raises("InvalidURIError", lambda: place.target.open_reader(f"{place.prefix}://", seen.creds).list())
        raises("InvalidURIError", lambda: place.target.open_writer(f"{place.prefix}://", seen.creds).set("a", b"x"))

        assert_equal([], [f"{request.method} {request.target}" for request in seen.requests()], f"requests ({case})")


@checks("PATH-9")
@on("file")
def test_a_colon_does_not_make_a_prefix(place: Place) -> None:
    """Only read, since the directory would be in the working directory."""
    name = f"{place.testbed.name}:{place.fresh()}"

    with place.testbed.working_directory():
        assert_equal([], place.open_reader(name).list(), f"the listing of {name!r}")
    folder = f"{place.url.removeprefix('file://')}/a:b"
    place.open_writer(folder).set("colon.k", b"x")
    assert_equal(b"x", place.witness.get("a:b/colon.k"), "the witness")


ROOTS = {
    "space": "a b",
    "plus": "a+b",
    "percent": "a%41b",
    "hash": "a#b",
    "question-mark": "a?b=c",
    "ampersand": "a&b=c",
    "semicolon": "a;b",
    "tilde": "a~b",
    "accent": "caf\u00e9",
    "emoji": "\U0001f600",
}


def lands_at(place: Place, name: str) -> None:
    """A handle at `<root>/<name>` writes exactly there."""
    folder = place.fresh()
    url = f"{place.url}/{folder}/{name}"
    place.open_writer(url).set("object.k", b"x")

    assert_equal([f"{folder}/{name}/object.k"], place.witness.keys(f"{folder}/"), "the witness")
    assert_equal(b"x", place.open_reader(url).get("object.k"), "get")


@checks("PATH-10")
@on("file")
@pytest.mark.parametrize("case", ROOTS)
def test_what_follows_file_is_literal(place: Place, case: str) -> None:
    """Directories with odd names."""
    lands_at(place, ROOTS[case])


@checks("PATH-13")
@on("s3", "az", "gcs", "mem")
@pytest.mark.parametrize("case", ROOTS)
def test_characters_are_literal_in_roots(place: Place, case: str) -> None:
    """Paths of handles with odd names; in memory such a name is an id."""
    if place.prefix == "mem":
        url = f"mem://{place.testbed.name}-{place.fresh()}{ROOTS[case]}"
        place.open_writer(url).set("object.k", b"x")
        assert_equal(b"x", place.open_reader(url).get("object.k"), "get")
        folded = {url[:-1], unquote(url), unquote_plus(url), normalize("NFD", url)} - {url}
        for other in sorted(folded):
            assert_equal([], place.open_reader(other).list(), f"the id {other.removeprefix(place.testbed.name)!r}")
        return
    lands_at(place, ROOTS[case])


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


@checks("PATH-20")
@on("file")
@in_process_only
def test_a_tilde_is_the_home_directory(place: Place) -> None:
    """With a home directory of the check's own."""
    own = place.fresh_place()
    home = own.url.removeprefix("file://")
    before = os.environ.get("HOME")
    os.environ["HOME"] = home
    try:
        with place.testbed.working_directory():
            place.open_writer("~/in-home").set("object.k", b"x")
    finally:
        if before is None:
            del os.environ["HOME"]
        else:
            os.environ["HOME"] = before

    assert_equal(b"x", own.witness.get("in-home/object.k"), "the witness in the home directory")


@checks("PATH-21")
@on("mem")
@given(key=keys(), value=values(max_size=20))
@budget(0.3)
def test_memory_is_shared_by_id(place: Place, key: str, value: bytes) -> None:
    """Same id, same data; other ids, that begin alike or not, have none of it."""
    identity = f"{place.testbed.name}-{place.fresh()}"
    place.open_writer(f"mem://{identity}").set(key, value)

    assert_equal(value, place.open_reader(f"mem://{identity}").get(key), "the same id")
    for other in (f"{identity}x", identity[:-1] + "z", f"x{identity}"):
        assert_equal([], place.open_reader(f"mem://{other}").list(), f"the id {other!r}")


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
