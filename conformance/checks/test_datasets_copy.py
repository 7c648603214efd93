"""
Copies of datasets, within a place and between all places of a run.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from conformance.checking import checks, on, wired
from conformance.contents import add, assert_stored, committed, copy, delete, exists, opened, simple, state_of
from conformance.expectations import assert_equal, assert_true, raises
from conformance.places import Place
from conformance.targets import TargetDied, TargetError

ALL_TYPES = {
    "n": "int64",
    "small": "uint8",
    "f": "float32",
    "flag": "bool",
    "t": "text",
    "b": "bytes",
    "e": "array(float32, 3)",
    "l": "list(int32)",
}

ROWS: dict[str, list[Any]] = {
    "n": [-1, 2**63 - 1],
    "small": [0, 255],
    "f": [0.5, -2.0],
    "flag": [True, False],
    "t": ["", "caf\u00e9 \U0001f600"],
    "b": [b"", b"\x00\xff"],
    "e": [[0.0, 1.5, -2.0], [3.0, 4.0, 5.0]],
    "l": [[], [1, 2, 3]],
}


@checks("DATA-8")
def test_a_copy_is_equal_everywhere(place: Place) -> None:
    """From this place to every place of the run, this one included."""
    own = place.fresh_place()
    url = committed(own, ROWS, ROWS, schema=ALL_TYPES)
    before = state_of(own)
    twice = {name: [*values, *values] for name, values in ROWS.items()}
    with place.neighbours() as neighbours:
        for other in neighbours:
            destination = other.dataset_url("copy")
            copy(own, url, other, destination)

            assert_stored(other, destination, twice, f"the copy on {other.id}", ALL_TYPES)
            assert_equal(True, exists(other, destination), f"exists on {other.id}")
    assert_equal(before, state_of(own), "the witness at the source")


@checks("DATA-9")
def test_a_copy_is_independent(place: Place) -> None:
    """Both are committed to; then the source is deleted."""
    url, destination = committed(place, simple(1)), place.dataset_url()
    copy(place, url, place, destination)
    add(place, url, simple(2))
    add(place, destination, simple(3))

    assert_stored(place, url, simple(1, 2), "the source")
    assert_stored(place, destination, simple(1, 3), "the copy")
    delete(place, url)
    assert_stored(place, destination, simple(1, 3), "the copy, without its source")
    add(place, destination, simple(4))
    assert_stored(place, destination, simple(1, 3, 4), "the copy, after one more commit")


def _other_identity(place: Place) -> dict[str, Any]:
    """Return credentials of somebody whom the service does not know, with the names that the target wants."""
    creds = dict(place.creds or {})
    names = place.target.claims.creds.get(place.prefix, {})
    if place.prefix == "s3":
        creds[names.get("aws_access_key_id", "aws_access_key_id")] = "OTHERIDENTITY0000000"
    else:
        creds.pop(names.get("account_key", "account_key"))
        # a signature of the right form over nothing; it ends long after the run
        creds[names.get("sas_token", "sas_token")] = "sv=2024-11-04&sr=c&sp=rcwl&se=2099-01-01T00:00:00Z&sig=AAAA"
    return creds


@checks("DATA-10")
@on("s3", "az")
@pytest.mark.parametrize("case", ["source", "destination"])
def test_each_side_of_a_copy_has_its_own_credentials(place: Place, case: str) -> None:
    """One side has those of somebody else, and is refused where the service looks; who signed is read off the wire."""
    url = committed(place, simple(1))
    with place.tapped() as seen:
        destination = seen.dataset_url()
        source_name, destination_name = url.rpartition("/")[2], destination.rpartition("/")[2]
        own, other = seen.creds, _other_identity(seen.place)
        given = (other, own) if case == "source" else (own, other)
        # a service that verifies does not let a stranger in; who asked for what is on the wire all the same
        with suppress(TargetError):
            seen.target.copy(url, destination, *given)
        signers: dict[str, set[str | None]] = {source_name: set(), destination_name: set()}
        for exchange in seen.requests():
            for name, found in signers.items():
                if f"/{name}" in exchange.target or f"%2F{name}" in exchange.target:
                    found.add(exchange.signed_by)
        seen.clear()
        with opened(seen.place, url, read_only=True):
            known = {exchange.signed_by for exchange in seen.requests()}

    expected = (source_name, destination_name) if case == "destination" else (destination_name, source_name)
    theirs, strangers = signers[expected[0]], signers[expected[1]]
    assert_true(theirs <= known, expected=f"signed by {known}", observed=theirs, what="where the own ones are given")
    assert_true(not strangers & known, expected=f"never {known}", observed=strangers, what="where others are given")
    assert_true(signers[source_name], expected="requests at the source", observed="none", what=case)


REFUSED: dict[str, tuple[str, Callable[[Place], tuple[str, str]]]] = {
    "from-nothing": ("DatasetNotFoundError", lambda place: (place.dataset_url("no"), place.dataset_url("new"))),
    "onto-a-dataset": (
        "DatasetExistsError",
        lambda place: (committed(place, simple(1)), committed(place, simple(2))),
    ),
    "onto-itself": (
        "DatasetExistsError",
        lambda place: (committed(place, simple(1), url=place.dataset_url("me")),) * 2,
    ),
    "onto-itself-with-a-slash": (
        "DatasetExistsError",
        lambda place: (committed(place, simple(1), url=place.dataset_url("me")), place.dataset_url("me/")),
    ),
}


@checks("DATA-11")
@pytest.mark.parametrize("case", REFUSED)
def test_copy_refuses_a_missing_source_and_an_existing_destination(place: Place, case: str) -> None:
    """And nothing changes on either side."""
    own = place.fresh_place()
    name, urls = REFUSED[case]
    source, destination = urls(own)
    before = state_of(own)

    raises(name, copy, own, source, own, destination)
    assert_equal(before, state_of(own), "the witness")


@checks("DATA-12")
def test_like_copies_the_schema_only(place: Place) -> None:
    """Every type of column; the other dataset stays as it is."""
    url, destination = committed(place, ROWS, schema=ALL_TYPES), place.dataset_url()
    with opened(place, url, read_only=True) as source:
        made = place.target.like(source, destination, place.creds)
        try:
            assert_equal((0, ALL_TYPES), (made.length(), made.schema()), "what like returned")
            made.append(ROWS)
            made.commit()
        finally:
            place.testbed.close_quietly(made)

    assert_stored(place, destination, ROWS, "the new one", ALL_TYPES)
    assert_stored(place, url, ROWS, "the old one", ALL_TYPES)


@checks("DATA-34")
@wired
def test_a_failed_copy_is_no_dataset(place: Place) -> None:
    """The copying process is killed before its first, middle and last request to the destination; the copy is repeated."""
    url = committed(place, simple(1), simple(2, 3))
    with place.tapped() as seen, ThreadPoolExecutor(1) as pool:
        copy(place, url, seen.place, seen.dataset_url())
        requests = len(seen.requests())
        for moment in sorted({0, requests // 2, requests - 1}):
            destination = seen.dataset_url()
            with place.in_processes(1, expendable=True) as (worker,):
                with seen.tap.holding(after=moment) as hold:
                    copying = pool.submit(worker.target.copy, url, destination, place.creds, seen.creds)
                    hold.wait(copying, place.target.claims.deadline_s)
                    os.killpg(worker.target.pid, signal.SIGKILL)  # type: ignore[attr-defined]
                    hold.drop()
                raises_or_ends(copying)
            if exists(place, destination):
                assert_stored(place, destination, simple(1, 2, 3), f"killed before request {moment + 1}")
                continue
            raises("DatasetNotFoundError", place.open_dataset, destination)
            copy(place, url, place, destination)
            assert_stored(place, destination, simple(1, 2, 3), f"repeated after request {moment + 1}")


@checks("DATA-34")
@wired
def test_a_copy_that_comes_too_late_harms_nothing(place: Place) -> None:
    """Another copy to the same place is made before each of its requests to the destination."""
    url = committed(place, simple(1), simple(2, 3))
    with place.tapped() as seen, ThreadPoolExecutor(1) as pool:
        copy(place, url, seen.place, seen.dataset_url())
        for moment in range(len(seen.requests())):
            destination = seen.dataset_url()
            with seen.tap.holding(after=moment) as hold:
                copying = pool.submit(copy, place, url, seen.place, destination)
                hold.wait(copying, place.target.claims.deadline_s)
                late = not copying.done()
                if late:
                    copy(place, url, place, destination)
            about = f"another copy before request {moment + 1}"
            if late:
                raises("DatasetExistsError", copying.result)
            assert_stored(place, destination, simple(1, 2, 3), about)


def raises_or_ends(operation: Any) -> None:
    """Wait for a call into a process that was killed; it may have ended before."""
    try:
        operation.result()
    except (TargetDied, TargetError):
        return
