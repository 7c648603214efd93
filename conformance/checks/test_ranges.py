"""
Ranges are slices: every edge has its number.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from conformance.checking import budget, checks, wired
from conformance.expectations import CheckFailure, assert_equal, assert_true, raises
from conformance.places import Place
from conformance.strategies.keys import keys
from conformance.strategies.values import PART, bounds_within, noise, values

HUGE = (2**31 - 1, 2**31, 2**32, 2**53 + 1, 2**62, 2**63 - 1)
NOT_EMPTY = st.binary(min_size=1, max_size=200)


def planted(place: Place, value: bytes) -> str:
    """Store a value past the target and return its key."""
    key = f"{place.fresh()}/object.k"
    place.witness.put(key, value)
    return key


@checks("RANGE-1")
@given(data=st.data())
def test_get_returns_the_slice(place: Place, data: st.DataObject) -> None:
    """All bounds inside the object."""
    value = data.draw(values(), label="value")
    start, end = data.draw(bounds_within(value), label="bounds")
    key = planted(place, value)

    assert_equal(value[start:end], place.reader.get(key, start, end))


@checks("RANGE-2")
@given(value=NOT_EMPTY, at=st.integers(min_value=0, max_value=199))
def test_one_byte_at_a_time(place: Place, value: bytes, at: int) -> None:
    """Off-by-one errors show at single bytes."""
    key = planted(place, value)

    for position in sorted({0, min(at, len(value) - 1), len(value) - 1}):
        assert_equal(value[position : position + 1], place.reader.get(key, position, position + 1), f"byte {position}")


@checks("RANGE-3")
@given(value=NOT_EMPTY)
def test_an_end_of_zero_gives_nothing(place: Place, value: bytes) -> None:
    """Zero is a number, not a missing argument."""
    key = planted(place, value)

    assert_equal(b"", place.reader.get(key, 0, 0), "get(key, 0, 0)")
    assert_equal(b"", place.reader.get(key, None, 0), "get(key, None, 0)")


@checks("RANGE-4")
@given(value=values(), start=st.integers(0, 100), beyond=st.integers(1, 10_000))
def test_an_end_past_the_object_is_clipped(place: Place, value: bytes, start: int, beyond: int) -> None:
    """No padding, no error."""
    key = planted(place, value)
    start = min(start, len(value))

    assert_equal(value[start:], place.reader.get(key, start, len(value) + beyond))


@checks("RANGE-5")
@given(value=values(max_size=200), beyond=st.integers(0, 1000), span=st.integers(1, 1000))
def test_a_start_at_or_past_the_end_gives_nothing(place: Place, value: bytes, beyond: int, span: int) -> None:
    """With an end and without."""
    key = planted(place, value)
    start = len(value) + beyond

    assert_equal(b"", place.reader.get(key, start, start + span), "with an end")
    assert_equal(b"", place.reader.get(key, start), "with an open end")


@checks("RANGE-6")
@given(data=st.data())
def test_equal_bounds_give_nothing(place: Place, data: st.DataObject) -> None:
    """Inside the object, at its end, past its end."""
    value = data.draw(values(max_size=200), label="value")
    at = data.draw(st.integers(0, len(value) + 5), label="at")
    key = planted(place, value)

    assert_equal(b"", place.reader.get(key, at, at))


@checks("RANGE-7")
@given(data=st.data())
def test_an_open_end_reaches_the_end(place: Place, data: st.DataObject) -> None:
    """Left away or None."""
    value = data.draw(values(max_size=200), label="value")
    start = data.draw(st.integers(0, len(value)), label="start")
    key = planted(place, value)

    assert_equal(value[start:], place.reader.get(key, start), "get(key, start)")
    assert_equal(value[start:], place.reader.get(key, start, None), "get(key, start, None)")


@checks("RANGE-8")
@given(data=st.data())
def test_an_open_start_begins_at_the_start(place: Place, data: st.DataObject) -> None:
    """The form that clients forget."""
    value = data.draw(values(max_size=200), label="value")
    end = data.draw(st.integers(0, len(value)), label="end")
    key = planted(place, value)

    assert_equal(value[:end], place.reader.get(key, None, end))


def refused_before_any_request(place: Place, start: int | None, end: int | None) -> None:
    """A call that is wrong in itself is refused by the client, not by the service."""
    key = planted(place, b"0123456789")
    raises("ValueError", place.reader.get, key, start, end)
    if place.has_wire:
        with place.tapped() as seen:
            raises("ValueError", seen.reader.get, key, start, end)

            assert_equal([], [f"{request.method} {request.target}" for request in seen.requests()], "requests")


@checks("RANGE-9")
@budget(0.3)
@given(low=st.integers(-(2**40), -1), other=st.none() | st.integers(0, 10))
def test_negative_bounds_are_refused(place: Place, low: int, other: int | None) -> None:
    """As start and as end."""
    refused_before_any_request(place, low, other)
    refused_before_any_request(place, other, low)


@checks("RANGE-10")
@budget(0.3)
@given(end=st.integers(0, 20), more=st.integers(1, 20))
def test_inverted_bounds_are_refused(place: Place, end: int, more: int) -> None:
    """Inside the object and past it."""
    refused_before_any_request(place, end + more, end)


@checks("RANGE-11")
@given(key=keys(), start=st.integers(0, 5), span=st.integers(0, 5) | st.none())
def test_a_range_of_a_missing_object_is_missing(place: Place, key: str, start: int, span: int | None) -> None:
    """Whatever the bounds, empty ranges included."""
    missing = f"{place.fresh()}/{key}"

    raises("StorageKeyNotFound", place.reader.get, missing, start, None if span is None else start + span)


@checks("RANGE-12")
@given(value=values(max_size=50), huge=st.sampled_from(HUGE))
def test_huge_bounds_do_not_overflow(place: Place, value: bytes, huge: int) -> None:
    """As an end, and as a start."""
    key = planted(place, value)

    assert_equal(value, place.reader.get(key, 0, huge), f"get(key, 0, {huge})")
    assert_equal(b"", place.reader.get(key, huge - 1, huge), f"get(key, {huge - 1}, {huge})")


@checks("RANGE-13")
@given(data=st.data())
def test_adjacent_ranges_join(place: Place, data: st.DataObject) -> None:
    """Cutting at any point and joining gives the uncut range."""
    value = data.draw(values(), label="value")
    a, b, c = sorted(data.draw(st.tuples(*[st.integers(0, len(value))] * 3), label="cuts"))
    key = planted(place, value)

    assert_equal(place.reader.get(key, a, c), place.reader.get(key, a, b) + place.reader.get(key, b, c))


@checks("RANGE-14")
@given(start=st.none() | st.integers(0, 10), span=st.none() | st.integers(0, 10))
def test_ranges_of_an_empty_object_are_empty(place: Place, start: int | None, span: int | None) -> None:
    """Every form of the bounds."""
    key = planted(place, b"")

    assert_equal(b"", place.reader.get(key, start, None if span is None else (start or 0) + span))


LARGE = noise(2 * PART + 4097, seed=1)
"""Two whole parts and a bit."""

_large_keys: dict[str, str] = {}


@checks("RANGE-15")
@budget(0.1)
@given(start=st.integers(0, len(LARGE)), end=st.none() | st.integers(0, len(LARGE) + 10))
def test_ranges_across_parts_are_slices(place: Place, start: int, end: int | None) -> None:
    """One object of two parts and a bit, planted once per place."""
    if place.url not in _large_keys:
        _large_keys[place.url] = planted(place, LARGE)
    low = start if end is None else min(start, end)
    got = place.reader.get(_large_keys[place.url], low, end)

    expected = LARGE[low:end]
    assert_equal(len(expected), len(got), "length")
    if got != expected:
        first = next(at for at, (a, b) in enumerate(zip(expected, got, strict=True)) if a != b)
        raise CheckFailure(f"value[{low}:{end}]", f"another byte at {first} of the range")


@checks("RANGE-16")
@wired
@budget(0.1)
@given(data=st.data())
def test_a_small_range_is_one_request(place: Place, data: st.DataObject) -> None:
    """Counted by the gate, on an object that is larger than the range."""
    value = noise(64 * 1024)
    start = data.draw(st.integers(0, len(value) - 1), label="start")
    end = data.draw(st.integers(start + 1, len(value)), label="end")
    key = planted(place, value)
    with place.tapped() as seen:
        reader = seen.reader
        reader.get(key, 0, 1)  # what a client does once, when it connects, is not counted
        seen.clear()
        reader.get(key, start, end)
        requests = seen.requests()

    assert_equal(1, len(requests), "requests")
    assert_true(
        requests[0].response_bytes <= end - start + 4096,
        expected=f"at most {end - start} bytes and a head",
        observed=f"{requests[0].response_bytes} bytes",
    )
