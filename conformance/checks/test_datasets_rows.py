"""
Rows of a dataset: what is appended, committed, refused, read back and told by the history.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.checking import budget, checks
from conformance.contents import (
    add,
    assert_holds,
    assert_stored,
    committed,
    joined,
    opened,
    simple,
    state_of,
)
from conformance.expectations import CheckFailure, assert_equal, assert_true, raises, shown
from conformance.places import Place
from conformance.strategies.batches import batches, is_same, schemas
from conformance.targets import Dataset, TargetError

GOOD: dict[str, list[Any]] = {
    "i": [1, 2],
    "u": [3, 4],
    "f": [0.5, 1.5],
    "z": [True, False],
    "t": ["a", "b"],
    "b": [b"a", b"b"],
    "e": [[1.0, 2.0], [3.0, 4.0]],
    "l": [[], [1]],
}
TYPES = {
    "i": "int8",
    "u": "uint16",
    "f": "float64",
    "z": "bool",
    "t": "text",
    "b": "bytes",
    "e": "array(float32, 2)",
    "l": "list(int32)",
}


@checks("DATA-13")
@budget(0.4)
@given(data=st.data())
def test_rows_come_back_as_they_were_appended(place: Place, data: st.DataObject) -> None:
    """One to three batches for one schema, in one commit or in several."""
    schema = data.draw(schemas(), label="schema")
    given_rows = data.draw(st.lists(batches(schema), min_size=1, max_size=3), label="batches")
    each_alone = data.draw(st.booleans(), label="a commit for each")
    url = place.dataset_url()
    dataset = place.target.create(url, schema, place.creds)
    try:
        for batch in given_rows:
            dataset.append(batch)
            if each_alone:
                dataset.commit()
        dataset.commit()
    finally:
        place.testbed.close_quietly(dataset)

    assert_stored(place, url, joined(schema, given_rows), "another handle", schema)


@checks("DATA-14")
def test_rows_are_seen_when_they_are_committed(place: Place) -> None:
    """By handles that were opened before the commit, between append and commit, and after it."""
    url = committed(place, simple(1))
    with opened(place, url) as writer, opened(place, url, read_only=True) as before:
        writer.append(simple(2))
        writer.append(simple(3, 4))
        assert_stored(place, url, simple(1), "opened before the commit")
        writer.commit()

        assert_stored(place, url, simple(1, 2, 3, 4), "opened after the commit")
        assert_holds(simple(1, 2, 3, 4), writer, "the handle that committed")
        assert_holds(simple(1), before, "a handle that was open before")


@checks("DATA-14")
def test_rows_that_were_not_committed_are_gone(place: Place) -> None:
    """Their handle is closed."""
    url = committed(place, simple(1))
    with opened(place, url) as writer:
        writer.append(simple(2))
    assert_stored(place, url, simple(1), "after the handle was closed")
    add(place, url, simple(3))

    assert_stored(place, url, simple(1, 3), "after the next commit")


BAD: dict[str, tuple[str, dict[str, Any]]] = {
    "unequal-lengths": ("t", {"t": ["a"]}),
    "unknown-column": ("q", {"q": [1, 2]}),
    "text-in-integer": ("i", {"i": ["1", "2"]}),
    "fraction-in-integer": ("i", {"i": [1, 1.5]}),
    "too-large-for-integer": ("i", {"i": [1, 128]}),
    "negative-in-unsigned": ("u", {"u": [1, -1]}),
    "text-in-float": ("f", {"f": ["x", "y"]}),
    "text-in-bool": ("z", {"z": ["true", "false"]}),
    "integer-in-text": ("t", {"t": [1, 2]}),
    "bytes-in-text": ("t", {"t": [b"a", b"b"]}),
    "text-in-bytes": ("b", {"b": ["a", "b"]}),
    "short-array": ("e", {"e": [[1.0, 2.0], [3.0]]}),
    "scalar-in-array": ("e", {"e": [1.0, 2.0]}),
    "text-in-list": ("l", {"l": [["a"], []]}),
    "missing-value": ("i", {"i": [1, None]}),
    "missing-value-in-list": ("l", {"l": [[1, None], []]}),
}
BAD_CASES = [*BAD, "missing-column", "no-columns"]


def bad(case: str) -> tuple[str, dict[str, list[Any]]]:
    """Return a bad batch, and the column that is wrong."""
    if case == "missing-column":
        return "t", {name: values for name, values in GOOD.items() if name != "t"}
    if case == "no-columns":
        return "i", {}
    column, changed = BAD[case]
    return column, GOOD | changed


@checks("DATA-16")
def test_a_bad_batch_is_refused(place: Place) -> None:
    """Nothing of any is added, and the good rows before and after them are."""
    own = place.fresh_place()
    url = committed(own, schema=TYPES)
    with opened(own, url) as dataset:
        dataset.append(GOOD)
        # whether a handle counts what it has not committed is nobody's promise
        before, length = state_of(own), dataset.length()
        for case in BAD_CASES:
            error = raises("ValueError", dataset.append, bad(case)[1])
            assert_equal(length, dataset.length(), f"length after {case}: {error.message}")
        assert_equal(before, state_of(own), "the witness after the bad batches")
        dataset.append(GOOD)
        dataset.commit()

    assert_stored(own, url, joined(TYPES, [GOOD, GOOD]), "after the commit", TYPES)


TOLD: dict[str, tuple[str, ...]] = {
    "unequal-lengths": ("1",),
    "unknown-column": ("q",),
    "text-in-integer": ("str", "text", "'1'"),
    "fraction-in-integer": ("float", "double", "1.5"),
    "too-large-for-integer": ("128",),
    "negative-in-unsigned": ("-1",),
    "text-in-float": ("str", "text", "'x'"),
    "text-in-bool": ("str", "text", "true"),
    "integer-in-text": ("int", "1"),
    "bytes-in-text": ("binary", "bytes"),
    "text-in-bytes": ("str", "text"),
    "short-array": ("size", "length", "1"),
    "scalar-in-array": ("float", "double", "1.0"),
    "text-in-list": ("str", "text", "'a'"),
    "missing-value": ("missing", "null", "None"),
    "missing-value-in-list": ("missing", "null", "None"),
    "missing-column": ("missing", "i"),
    "no-columns": ("missing", "no column"),
}
"""Words, one of which tells what was found."""

_targets_of_bad_batches: dict[str, tuple[Place, Dataset]] = {}


@checks("DATA-17")
@pytest.mark.parametrize("case", BAD_CASES)
def test_the_message_of_a_bad_batch_says_what_is_wrong(place: Place, case: str) -> None:
    """The column by name, the type that it has or the length that it should have, and what was given."""
    column, batch = bad(case)
    known = _targets_of_bad_batches.get(place.url)
    if known is None or known[0] is not place:
        known = _targets_of_bad_batches[place.url] = (place, place.create_dataset(TYPES))
    message = raises("ValueError", known[1].append, batch).message

    expected = {"unequal-lengths": "2", "unknown-column": "q"}.get(case, TYPES.get(column, ""))
    assert_true(column in message, expected=f"a message with {column!r}", observed=message, what=case)
    assert_true(expected in message, expected=f"a message with {expected!r}", observed=message, what=case)
    found = any(word in message for word in TOLD[case])
    assert_true(found, expected=f"a message with one of {', '.join(TOLD[case])}", observed=message, what=case)


@checks("DATA-18")
@budget(0.3)
@given(
    start=st.none() | st.integers(0, 12),
    stop=st.none() | st.integers(0, 12),
    sizes=st.lists(st.integers(0, 4), max_size=3),
)
def test_slices_are_slices(place: Place, start: int | None, stop: int | None, sizes: list[int]) -> None:
    """Over no commit and several, whose rows may end anywhere."""
    numbers = iter(range(100))
    url = committed(place, *(simple(*(next(numbers) for _ in range(size))) for size in sizes))
    expected = list(range(sum(sizes)))
    with opened(place, url, read_only=True) as dataset:
        assert_equal(expected[start:stop], dataset.read("id", start, stop), f"column[{start}:{stop}]")


@checks("DATA-18")
@pytest.mark.parametrize("case", TYPES)
def test_slices_are_slices_of_every_type(place: Place, case: str) -> None:
    """One row in the middle of three commits."""
    word = TYPES[case]
    url = committed(place, *[{case: GOOD[case]}] * 3, schema={case: word})
    with opened(place, url, read_only=True) as dataset:
        observed = dataset.read(case, 3, 5)
    expected = [GOOD[case][1], GOOD[case][0]]
    if not is_same(expected, observed, word=word):
        raise CheckFailure(shown(expected), shown(observed), f"column[3:5] of {word}")


@checks("DATA-19")
def test_every_commit_is_one_version(place: Place) -> None:
    """Through one handle and through others; with messages and without."""
    url = committed(place)
    versions = []
    with opened(place, url) as dataset:
        for number in range(3):
            dataset.append(simple(number))
            versions.append(dataset.commit(f"message {number}"))
            assert_equal(versions[-1], dataset.version(), "the version of the handle")
    versions.append(add(place, url, simple(3), "message 3"))
    versions.append(add(place, url, simple(4)))

    assert_equal(len(versions), len(set(versions)), "different versions")
    with opened(place, url, read_only=True) as dataset:
        assert_equal(versions[-1], dataset.version(), "the version that is open")
        history = dataset.history()
    told = [version.version for version in history if version.version in versions]
    assert_equal(versions, told, "commits in the history")
    messages = {version.version: version.message for version in history}
    assert_equal([f"message {number}" for number in range(4)], [messages[each] for each in versions[:4]], "messages")


@checks("DATA-19")
def test_a_failed_append_makes_no_version(place: Place) -> None:
    """Only what was committed is in the history."""
    url = committed(place, simple(1))
    with opened(place, url) as dataset:
        before = len(dataset.history())
        try:
            dataset.append({"id": ["x"], "name": ["y"]})
        except TargetError:
            before = len(dataset.history())
        dataset.append(simple(2))
        dataset.commit()

    with opened(place, url, read_only=True) as dataset:
        assert_equal(before + 1, len(dataset.history()), "versions in the history")
