"""
What a conditional write does when nobody else writes.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given

from conformance.checking import budget, checks, wired
from conformance.conditions import assert_missing, condition, etag_of, loses, never_matches, set_if, state_of
from conformance.expectations import assert_equal, assert_true, raises
from conformance.places import Place
from conformance.strategies.keys import directories, keys
from conformance.strategies.values import PART, noise, values
from conformance.targets import Meta, NotClaimed, TargetError

VALUES = values()
SHORT = values(max_size=40)
SHARE = 0.5
"""Of the examples: each of these has several requests."""


def assert_told(place: Place, path: str, value: bytes, told: Meta | None) -> None:
    """Check what a write stored, and that what it returned is what metadata says."""
    assert_equal(value, place.witness.get(path), "the witness")
    assert_true(told is not None, expected="a ResourceMeta", observed=told)
    assert told is not None
    assert_equal((path, len(value)), (told.path, told.size), "path and size")
    if told.etag is not None:
        assert_equal(etag_of(place, path), told.etag, "the etag of metadata, and that of set")


@checks("COND-1")
@budget(SHARE)
@given(key=keys(), value=VALUES)
def test_put_if_absent_stores_what_is_not_there(place: Place, key: str, value: bytes) -> None:
    """Below a directory that does not exist either."""
    path = f"{place.fresh()}/{key}"
    told = set_if(place.writer, path, value, if_absent=True)

    assert_told(place, path, value, told)


@checks("COND-1")
@budget(SHARE)
@given(key=keys(), value=VALUES)
def test_put_if_absent_wins_again_after_a_removal(place: Place, key: str, value: bytes) -> None:
    """Removed by the target, and past it."""
    path = f"{place.fresh()}/{key}"
    set_if(place.writer, path, b"first", if_absent=True)
    place.writer.remove(path)
    set_if(place.writer, path, b"second", if_absent=True)
    place.witness.delete(path)
    told = set_if(place.writer, path, value, if_absent=True)

    assert_told(place, path, value, told)


@checks("COND-2")
@budget(SHARE)
@given(key=keys(), first=VALUES, second=VALUES)
def test_put_if_absent_loses_to_what_is_there(place: Place, key: str, first: bytes, second: bytes) -> None:
    """Put by the witness or by the target, empty or not, once and again."""
    folder = place.fresh()
    place.witness.put(f"{folder}/{key}", first)
    place.writer.set(f"{folder}/t/{key}", first)
    for path in (f"{folder}/{key}", f"{folder}/t/{key}"):
        before = state_of(place, path)
        for _ in range(2):
            loses(place.writer, path, second, if_absent=True)

        assert_equal((first, before[1]), state_of(place, path), "value and etag")


@checks("COND-2")
@budget(SHARE)
@given(key=keys())
def test_an_empty_object_is_there(place: Place, key: str) -> None:
    """Put-if-absent creates one, and loses to it."""
    path = f"{place.fresh()}/{key}"
    set_if(place.writer, path, b"", if_absent=True)
    before = state_of(place, path)
    loses(place.writer, path, b"x", if_absent=True)

    assert_equal((b"", before[1]), state_of(place, path), "value and etag")


def _of_set(place: Place, path: str, value: bytes) -> str:
    told = place.writer.set(path, value)
    # a service need not answer an etag to a write
    return told.etag if told and told.etag else etag_of(place, path)


def _of_list(place: Place, path: str, value: bytes) -> str:
    place.witness.put(path, value)
    found = [meta.etag for meta in place.reader.list(path.partition("/")[0]) if meta.path == path]
    if found and found[0] is None:
        raise NotClaimed("list has no etags")
    assert_equal(1, len(found), "entries in the listing")
    return found[0] or ""


def _of_metadata(place: Place, path: str, value: bytes) -> str:
    place.witness.put(path, value)
    return etag_of(place, path)


ETAGS: dict[str, Callable[[Place, str, bytes], str]] = {"set": _of_set, "metadata": _of_metadata, "list": _of_list}
"""Where an etag comes from; each stores the value and returns its etag."""


@checks("COND-3")
@pytest.mark.parametrize("case", ETAGS)
@budget(SHARE)
@given(key=keys(), first=VALUES, second=VALUES)
def test_compare_and_swap_wins_with_the_objects_etag(
    place: Place, case: str, key: str, first: bytes, second: bytes
) -> None:
    """And what the winner returned wins the next one."""
    path = f"{place.fresh()}/{key}"
    other = second + b"!" if second == first else second
    etag = ETAGS[case](place, path, first)
    told = set_if(place.writer, path, other, if_match=etag)

    assert_told(place, path, other, told)
    after = etag_of(place, path)
    assert_true(after != etag, expected="another etag", observed=f"{etag!r} again")
    set_if(place.writer, path, first, if_match=after)
    assert_equal(first, place.witness.get(path), "the witness, after the next one")


@checks("COND-3")
def test_the_etag_of_a_large_object_matches(place: Place) -> None:
    """Objects in parts may have etags of another form."""
    path = f"{place.fresh()}/object.k"
    place.writer.set(path, noise(PART + 1))
    set_if(place.writer, path, b"small", if_match=etag_of(place, path))

    assert_equal(b"small", place.witness.get(path), "the witness")


@checks("COND-4")
@budget(SHARE)
@given(key=keys(), first=SHORT, content=VALUES)
def test_compare_and_swap_loses_with_an_older_etag(place: Place, key: str, first: bytes, content: bytes) -> None:
    """One that the witness outdated, and one that the target's own write did."""
    path = f"{place.fresh()}/{key}"
    place.witness.put(path, first)
    oldest = etag_of(place, path)
    place.witness.put(path, first + b"2")
    older = etag_of(place, path)
    place.writer.set(path, first + b"03")
    before = state_of(place, path)
    for etag in (oldest, older):
        loses(place.writer, path, content, if_match=etag)

        assert_equal((first + b"03", before[1]), state_of(place, path), "value and etag")


@checks("COND-4")
@budget(SHARE)
@given(key=keys(), first=SHORT, content=VALUES)
def test_an_etag_does_not_outlive_its_object(place: Place, key: str, first: bytes, content: bytes) -> None:
    """Another object was created at the same key meanwhile."""
    path = f"{place.fresh()}/{key}"
    place.writer.set(path, first)
    etag = etag_of(place, path)
    place.writer.remove(path)
    place.writer.set(path, first + b"2")
    before = state_of(place, path)
    loses(place.writer, path, content, if_match=etag)

    assert_equal((first + b"2", before[1]), state_of(place, path), "value and etag")


def _shorter(etag: str) -> str:
    bare = etag.strip('"')
    return etag.replace(bare, bare[:-1])


WRONG: dict[str, Callable[[str], str]] = {
    "made-up": lambda _: '"0123456789abcdef0123456789abcdef"',
    "empty": lambda _: "",
    "zero": lambda _: "0",
    "star": lambda _: "*",
    "quoted-star": lambda _: '"*"',
    "weak": lambda etag: f"W/{etag}",
    "list": lambda etag: f'"made-up", {etag}',
    "zero-before": lambda etag: f"0{etag}",
    "space-after": lambda etag: f"{etag} ",
    "one-character-less": _shorter,
    "line-break-after": lambda etag: f"{etag}\r\nx-made-up: 1",
}
"""Texts that are not the etag of an object, made from it."""


@checks("COND-5")
@pytest.mark.parametrize("case", ["removed", *WRONG])
@budget(SHARE / 5)
@given(key=keys(), value=SHORT)
def test_compare_and_swap_loses_where_there_is_nothing(place: Place, case: str, key: str, value: bytes) -> None:
    """Where there was an object whose etag it is, and where there never was one."""
    folder = place.fresh()
    place.witness.put(f"{folder}/{key}", value)
    etag = WRONG[case](etag_of(place, f"{folder}/{key}")) if case in WRONG else etag_of(place, f"{folder}/{key}")
    place.witness.delete(f"{folder}/{key}")
    for path in (f"{folder}/{key}", f"{folder}/never/{key}"):
        never_matches(place, path, value, etag)

        assert_missing(place, path)


@checks("COND-6")
@pytest.mark.parametrize("case", ["of-another-object", *WRONG])
@budget(SHARE / 5)
@given(key=keys(), value=SHORT, content=SHORT)
def test_only_the_objects_own_etag_matches(place: Place, case: str, key: str, value: bytes, content: bytes) -> None:
    """That of another object with other bytes, and texts around its own."""
    folder = place.fresh()
    path = f"{folder}/{key}"
    place.witness.put(path, value)
    place.witness.put(f"{folder}/other.k", value + b"!")
    own = etag_of(place, path)
    etag = WRONG[case](own) if case in WRONG else etag_of(place, f"{folder}/other.k")
    never_matches(place, path, content, etag)

    assert_equal((value, own), state_of(place, path), "value and etag")


@checks("COND-7")
@budget(SHARE)
@given(key=keys(), value=SHORT)
def test_two_conditions_are_refused(place: Place, key: str, value: bytes) -> None:
    """Where either of them would hold."""
    folder = place.fresh()
    path = f"{folder}/{key}"
    place.witness.put(path, value)
    before = state_of(place, path)
    for where in (path, f"{folder}/never/{key}"):
        raises("ValueError", place.writer.set, where, b"x", if_absent=True, if_match=before[1] or "0")

    assert_equal(before, state_of(place, path), "value and etag")
    assert_missing(place, f"{folder}/never/{key}")


@checks("COND-7")
@wired
def test_two_conditions_make_no_request(place: Place) -> None:
    """The caller's mistake is known before."""
    with place.tapped() as seen:
        writer = seen.writer
        seen.clear()
        raises("ValueError", writer.set, f"{place.fresh()}/object.k", b"x", if_absent=True, if_match="0")
        asked = [f"{exchange.method} {exchange.target}" for exchange in seen.requests()]

    assert_equal([], asked, "requests")


@checks("COND-10")
@budget(SHARE)
@given(folder=directories(max_depth=2), key=keys(max_depth=1), value=SHORT)
def test_put_if_absent_holds_below_a_handle(place: Place, folder: str, key: str, value: bytes) -> None:
    """An object of the same name above decides nothing."""
    root = place.fresh()
    place.witness.put(f"{root}/{key}", b"above")
    below = place.writer.subdir(root).subdir(folder)
    told = set_if(below, key, value, if_absent=True)
    loses(below, key, b"again", if_absent=True)

    assert_equal(key, told.path if told else None, "the path that set returned")
    assert_equal(value, place.witness.get(f"{root}/{folder}/{key}"), "the witness")
    loses(place.writer, f"{root}/{folder}/{key}", b"again", if_absent=True)


@checks("COND-10")
@budget(SHARE)
@given(folder=directories(max_depth=2), key=keys(max_depth=1), value=SHORT)
def test_compare_and_swap_holds_below_a_handle(place: Place, folder: str, key: str, value: bytes) -> None:
    """With the etag of the whole path, and not with that of the object of the same name above."""
    root = place.fresh()
    path = f"{root}/{folder}/{key}"
    place.witness.put(f"{root}/{key}", value + b"above")
    place.witness.put(path, value)
    below = place.writer.subdir(root).subdir(folder)
    above, etag = etag_of(place, f"{root}/{key}"), etag_of(place, path)
    loses(below, key, b"lost", if_match=above)
    set_if(below, key, value + b"!", if_match=etag)
    loses(below, key, b"lost", if_match=etag)

    assert_equal(value + b"!", place.witness.get(path), "the witness")
    assert_equal(value + b"above", place.witness.get(f"{root}/{key}"), "the witness, above")


@checks("COND-16")
@pytest.mark.parametrize("case", ["if-absent", "if-match"])
def test_a_condition_is_held_or_refused(place: Place, case: str) -> None:
    """Where it would win and where it would lose, for an empty, a short and a large object."""
    name = case.replace("-", "_")
    answers: dict[str, str] = {}
    changed: list[str] = []
    for size in (0, 9, PART + 1):
        for there in (False, True):
            path = f"{place.fresh()}/object.k"
            place.witness.put(path, b"x")
            etag = etag_of(place, path)
            if not there:
                place.witness.delete(path)
            before = state_of(place, path)
            try:
                place.writer.set(path, noise(size), **condition(name, etag))
                answer = "held"
            except TargetError as error:
                # of what class the loss is, is for others to say
                answer = "refused" if error.is_a("StorageOperationUnsupported") else "held"
                changed += [f"{size} bytes, {error}"] if state_of(place, path) != before else []
            answers[f"{size} bytes, {'there' if there else 'not there'}"] = answer

    assert_equal([], changed, "writes that raised and changed something")
    assert_true(len(set(answers.values())) == 1, expected="held always, or refused always", observed=answers)
