"""
What datasets ask of a service, and what they make of objects that were damaged.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conformance.checking import checks, wired
from conformance.contents import (
    SIMPLE,
    add,
    committed,
    content_of,
    opened,
    simple,
    state_of,
)
from conformance.expectations import Raised, assert_equal, assert_true
from conformance.places import Place
from conformance.strategies.values import noise
from conformance.targets import Dataset, TargetError

READS = {"GET", "HEAD"}


def all_reads(dataset: Dataset) -> None:
    """Read in every way."""
    content_of(dataset)
    dataset.read("id", 1, 2)
    dataset.schema()
    dataset.length()
    dataset.version()
    dataset.history()


@checks("DATA-23")
def test_reading_changes_nothing(place: Place) -> None:
    """No object comes, goes or changes."""
    own = place.fresh_place()
    url = committed(own, simple(1), simple(2, 3))
    before = state_of(own)
    with opened(own, url, read_only=True) as dataset:
        all_reads(dataset)

    assert_equal(before, state_of(own), "the witness")


@checks("DATA-23")
@wired
def test_reading_only_asks(place: Place) -> None:
    """Methods of the requests, from opening to closing."""
    with place.tapped() as seen:
        url = committed(seen.place, simple(1), simple(2, 3))
        seen.clear()
        with opened(seen.place, url, read_only=True) as dataset:
            all_reads(dataset)
        methods = {exchange.method for exchange in seen.requests()}

    assert_true(methods, expected="requests", observed="none")
    assert_equal(set(), methods - READS, "methods beside GET and HEAD")


def _half(value: bytes, _others: list[bytes]) -> bytes:
    return value[: len(value) // 2]


def _changed(value: bytes, position: int) -> bytes:
    changed = bytearray(value)
    changed[position] ^= 1
    return bytes(changed)


def _another(value: bytes, others: list[bytes]) -> bytes:
    """Return another object, one of the same size if there is one: it looks most like the right one."""
    different = [other for other in others if other != value]
    return next((other for other in different if len(other) == len(value)), different[0])


DAMAGE: dict[str, Callable[[bytes, list[bytes]], bytes | None]] = {
    "missing": lambda value, others: None,
    "emptied": lambda value, others: b"",
    "cut-short": _half,
    "overwritten": lambda value, others: noise(len(value)),
    "first-byte-changed": lambda value, others: _changed(value, 0),
    "early-byte-changed": lambda value, others: _changed(value, 40),
    "byte-of-the-first-third-changed": lambda value, others: _changed(value, len(value) // 3),
    "middle-byte-changed": lambda value, others: _changed(value, len(value) // 2),
    "late-byte-changed": lambda value, others: _changed(value, -40),
    "last-byte-changed": lambda value, others: _changed(value, -1),
    "one-of-the-others": _another,
}


@checks("DATA-25")
@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_dataset_is_an_error(place: Place, case: str) -> None:
    """Each object of a dataset with two commits is damaged in turn, and mended again."""
    own = place.fresh_place()
    url = committed(own, simple(1, 2), simple(3, 4))
    states = [simple(), simple(1, 2), simple(1, 2, 3, 4)]
    sound = {key: value for key, value in state_of(own).items() if value is not None}
    for key, value in sound.items():
        damaged = DAMAGE[case](value, list(sound.values()))
        if damaged is None:
            own.witness.delete(key)
        else:
            own.witness.put(key, damaged)
        try:
            with opened(own, url, read_only=True) as dataset:
                observed: object = content_of(dataset)
        except TargetError as error:
            about = f"{key.rpartition('/')[2]} is {case}"
            assert_true(error.is_a("StorageError"), expected="an error of the tree", observed=Raised(error), what=about)
        else:
            about = f"{key} is {case}"
            assert_true(observed in states, expected="the rows of one commit", observed=observed, what=about)
        own.witness.put(key, value)


COMMITS = 12


@checks("DATA-31")
@wired
@pytest.mark.parametrize("case", ["open", "open_read_only"])
def test_opening_costs_little(place: Place, case: str) -> None:
    """Requests of opening a dataset with a dozen commits."""
    with place.tapped() as seen:
        url = committed(place, *(simple(number) for number in range(COMMITS)))
        seen.clear()
        with opened(seen.place, url, read_only=case == "open_read_only"):
            requests = len(seen.requests())

    assert_true(requests <= 3, expected="at most 3 requests", observed=requests, what=case)


@checks("DATA-32")
@wired
def test_reading_a_column_does_not_read_the_others(place: Place) -> None:
    """A column of small numbers beside one of embeddings."""
    schema = {"small": "int32", "large": "array(float64, 64)"}
    rows = 400
    bits = noise(rows * 64)
    large = [[float(byte) / 7 for byte in bits[at : at + 64]] for at in range(0, len(bits), 64)]
    url = committed(place, {"small": list(range(rows)), "large": large}, schema=schema)
    with place.tapped() as seen:
        with opened(seen.place, url, read_only=True) as dataset:
            seen.clear()
            observed = dataset.read("small")
        read = sum(exchange.response_bytes for exchange in seen.requests())
        seen.clear()
        with opened(seen.place, url, read_only=True) as dataset:
            seen.clear()
            dataset.read("large")
        others = sum(exchange.response_bytes for exchange in seen.requests())

    assert_equal(list(range(rows)), observed, "the small column")
    assert_true(read < others / 10, expected=f"less than a tenth of {others} bytes", observed=f"{read} bytes")


@checks("DATA-33")
@wired
def test_appending_costs_no_more_than_its_data(place: Place) -> None:
    """Requests that write, of four appends and a commit."""
    url = committed(place)
    with place.tapped() as seen, opened(seen.place, url) as dataset:
        seen.clear()
        for number in range(4):
            dataset.append(simple(number))
        dataset.commit()
        writes = [exchange for exchange in seen.requests() if exchange.method not in READS]

    assert_true(1 <= len(writes) <= 5, expected="at most 5 writes", observed=len(writes))
    add(place, url, simple(4))
    with opened(place, url, read_only=True) as dataset:
        assert_equal(list(range(5)), dataset.read("id"), f"the rows of {', '.join(SIMPLE)}")
