"""
Objects that are large, or change while they are read: always one version, and all of it.
"""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from conformance.checking import checks, needs, on, wired
from conformance.expectations import assert_equal, assert_true
from conformance.places import Place
from conformance.strategies.values import LARGE_SIZES, LARGEST_PUT, PART, noise
from conformance.targets import TargetError


@checks("OBJ-17")
@pytest.mark.parametrize("case", [f"{size}-bytes" for size in LARGE_SIZES])
def test_large_objects_round_trip(place: Place, case: str) -> None:
    """Compared by hash, in both directions."""
    value = noise(int(case.partition("-")[0]), seed=len(case))
    path = f"{place.fresh()}/large.k"
    place.writer.set(path, value)
    expected = (len(value), hashlib.sha256(value).hexdigest())

    for where, seen in (("the witness", place.witness.get(path)), ("get", place.reader.get(path))):
        assert seen is not None
        assert_equal(expected, (len(seen), hashlib.sha256(seen).hexdigest()), where)


@checks("OBJ-17")
@on("az")
def test_an_object_beyond_one_request_round_trips(place: Place) -> None:
    """On Azure one request takes more than elsewhere, so that the other sizes show no blocks."""
    value = noise(LARGEST_PUT + 1)
    path = f"{place.fresh()}/large.k"
    place.writer.set(path, value)

    seen = place.witness.get(path) or b""
    assert_equal(hashlib.sha256(value).hexdigest(), hashlib.sha256(seen).hexdigest(), "the witness")


@checks("OBJ-23")
@needs("concurrent")
def test_a_reader_sees_the_old_value_or_the_new_one(place: Place) -> None:
    """One thread replaces two values of different lengths, another reads; every read is one of them."""
    path = f"{place.fresh()}/object.k"
    choices = [bytes([65 + number]) * (50_000 * (number + 1)) for number in range(3)]
    place.writer.set(path, choices[0])
    broken: list[str] = []
    errors: list[TargetError] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            try:
                value = place.reader.get(path)
            except TargetError as error:
                errors.append(error)
                return
            if value not in choices:
                broken.append(f"{len(value)} bytes of {sorted(set(value))}")
                return

    thread = threading.Thread(target=read)
    thread.start()
    try:
        for number in range(40):
            place.writer.set(path, choices[number % len(choices)])
    finally:
        stop.set()
        thread.join()

    if errors:
        raise errors[0]
    assert_equal([], broken, "values that nobody wrote")


@checks("OBJ-23")
@wired
@pytest.mark.parametrize("case", ["after-1-request", "after-2-requests"])
def test_a_large_read_is_of_one_version(place: Place, case: str) -> None:
    """An object of three parts is replaced in the middle of a read, whose later requests wait at the gate meanwhile."""
    path = f"{place.fresh()}/large.k"
    choices = [bytes([65 + number]) * (2 * PART + 1000) for number in range(2)]
    place.witness.put(path, choices[0])
    with place.tapped() as seen, ThreadPoolExecutor(1) as pool:
        with seen.tap.holding(after=int(case.split("-")[1])) as hold:
            reading = pool.submit(seen.reader.get, path)
            hold.wait(reading, place.target.claims.deadline_s)
            place.witness.put(path, choices[1])
        value = reading.result()

    mixed = f"{len(value)} bytes of {sorted(set(value))}"
    assert_true(value in choices, expected="one of the two values whole", observed=mixed)
