"""
Conditional writes of objects that clients write in parts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from conformance.checking import checks, on
from conformance.conditions import assert_missing, etag_of, loses, set_if, state_of
from conformance.expectations import assert_equal
from conformance.places import Place
from conformance.strategies.values import LARGEST_PUT, PART, noise

LARGE = noise(PART + 1)


def beyond_one_put() -> bytes:
    """Return what is written in blocks on Azure, where one request takes more than elsewhere."""
    return noise(LARGEST_PUT + 1)


def assert_stored(place: Place, path: str, value: bytes) -> None:
    """Compare by hash."""
    seen = place.witness.get(path) or b""
    expected, observed = (f"{len(each)} bytes, SHA-256 {hashlib.sha256(each).hexdigest()}" for each in (value, seen))
    assert_equal(expected, observed, "the witness")


def absent_wins(place: Place, path: str, value: bytes) -> None:
    """Create an object."""
    set_if(place.writer, path, value, if_absent=True)
    assert_stored(place, path, value)


def absent_loses(place: Place, path: str, value: bytes) -> None:
    """Lose to an empty object."""
    place.witness.put(path, b"")
    before = state_of(place, path)
    loses(place.writer, path, value, if_absent=True)
    assert_equal((b"", before[1]), state_of(place, path), "value and etag")


def match_wins(place: Place, path: str, value: bytes) -> None:
    """Replace an object that is large itself."""
    place.writer.set(path, value[::-1])
    set_if(place.writer, path, value, if_match=etag_of(place, path))
    assert_stored(place, path, value)


def match_loses(place: Place, path: str, value: bytes) -> None:
    """Lose with an older etag."""
    place.witness.put(path, b"first")
    etag = etag_of(place, path)
    place.witness.put(path, b"second")
    before = state_of(place, path)
    loses(place.writer, path, value, if_match=etag)
    assert_equal((b"second", before[1]), state_of(place, path), "value and etag")


def match_loses_to_nothing(place: Place, path: str, value: bytes) -> None:
    """Lose where the object was removed."""
    place.witness.put(path, b"first")
    etag = etag_of(place, path)
    place.witness.delete(path)
    loses(place.writer, path, value, if_match=etag)
    assert_missing(place, path)


ABSENT: dict[str, Callable[[Place, str, bytes], None]] = {"wins": absent_wins, "loses": absent_loses}
MATCH: dict[str, Callable[[Place, str, bytes], None]] = {
    "wins": match_wins,
    "loses": match_loses,
    "loses-to-nothing": match_loses_to_nothing,
}


@checks("COND-8")
@pytest.mark.parametrize("case", ABSENT)
def test_put_if_absent_holds_for_large_objects(place: Place, case: str) -> None:
    """One byte more than one part."""
    ABSENT[case](place, f"{place.fresh()}/large.k", LARGE)


@checks("COND-8")
@on("az")
@pytest.mark.parametrize("case", [f"{case}-in-blocks" for case in ABSENT])
def test_put_if_absent_holds_for_blocks(place: Place, case: str) -> None:
    """One byte more than one request of Azure."""
    ABSENT[case.removesuffix("-in-blocks")](place, f"{place.fresh()}/large.k", beyond_one_put())


@checks("COND-9")
@pytest.mark.parametrize("case", MATCH)
def test_compare_and_swap_holds_for_large_objects(place: Place, case: str) -> None:
    """One byte more than one part."""
    MATCH[case](place, f"{place.fresh()}/large.k", LARGE)


@checks("COND-9")
@on("az")
@pytest.mark.parametrize("case", [f"{case}-in-blocks" for case in MATCH])
def test_compare_and_swap_holds_for_blocks(place: Place, case: str) -> None:
    """One byte more than one request of Azure."""
    MATCH[case.removesuffix("-in-blocks")](place, f"{place.fresh()}/large.k", beyond_one_put())
