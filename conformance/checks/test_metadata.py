"""
What is known of an object without reading it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from conformance.checking import checks
from conformance.expectations import CheckFailure, assert_equal, assert_true
from conformance.places import Place
from conformance.strategies.keys import directories, keys
from conformance.strategies.values import values
from conformance.targets import Meta

SKEW = timedelta(minutes=15)


def metadata(place: Place, key: str) -> Meta:
    """Return the metadata of an object that exists."""
    meta = place.reader.metadata(key)
    if meta is None:
        raise CheckFailure("the metadata of an object that exists", "None", f"metadata({key!r})")
    return meta


@checks("META-1")
@given(key=keys(), value=values())
def test_the_size_is_the_length(place: Place, key: str, value: bytes) -> None:
    """In metadata and by length."""
    path = f"{place.fresh()}/{key}"
    place.writer.set(path, value)

    assert_equal(place.witness.size(path), metadata(place, path).size, "metadata")
    assert_equal(len(value), metadata(place, path).size, "metadata")
    assert_equal(len(value), place.reader.length(path), "length")


@checks("META-2")
@given(first=values(), second=values())
def test_other_content_has_another_etag(place: Place, first: bytes, second: bytes) -> None:
    """Equal sizes included."""
    path = f"{place.fresh()}/object.k"
    place.writer.set(path, first)
    before = metadata(place, path).etag
    other = second if second != first else bytes(byte ^ 1 for byte in first) or b"x"
    place.writer.set(path, other)

    assert_true(before != metadata(place, path).etag, expected="another etag", observed=f"{before!r} again")


@checks("META-3")
@given(key=keys(), value=values())
def test_an_etag_is_stable(place: Place, key: str, value: bytes) -> None:
    """Across calls, listings and handles."""
    folder = place.fresh()
    path = f"{folder}/{key}"
    place.writer.set(path, value)
    etag = metadata(place, path).etag

    assert_equal(etag, metadata(place, path).etag, "metadata again")
    assert_equal([etag], [meta.etag for meta in place.reader.list(folder)], "list")
    other = place.writer.get_reader().metadata(path)
    assert_equal(etag, other.etag if other else None, "another handle")


@checks("META-4")
@given(value=values())
def test_an_etag_is_text(place: Place, value: bytes) -> None:
    """A string that says something."""
    path = f"{place.fresh()}/object.k"
    place.writer.set(path, value)
    etag = metadata(place, path).etag

    assert_true(isinstance(etag, str) and etag, expected="a text that is not empty", observed=etag)


@checks("META-5")
@given(value=values())
def test_times_are_in_utc(place: Place, value: bytes) -> None:
    """In metadata, listings, and in the answer to a write if it has one."""
    folder = place.fresh()
    path = f"{folder}/object.k"
    answered = place.writer.set(path, value)
    times = {"metadata": metadata(place, path).last_modified, "list": place.reader.list(folder)[0].last_modified}
    if answered is not None and answered.last_modified is not None:
        times["set"] = answered.last_modified

    for where, time in times.items():
        assert_true(
            time is not None and time.utcoffset() == timedelta(0), expected="a time in UTC", observed=time, what=where
        )


@checks("META-6")
@given(value=values(max_size=20))
def test_times_are_those_of_the_write(place: Place, value: bytes) -> None:
    """Within the skew that services tolerate; an epoch or a local time is not."""
    path = f"{place.fresh()}/object.k"
    place.writer.set(path, value)
    time = metadata(place, path).last_modified
    now = datetime.now(UTC)
    near = time is not None and time.tzinfo is not None and abs(now - time) < SKEW

    assert_true(near, expected=f"about {now:%Y-%m-%d %H:%M} UTC", observed=time)


@checks("META-7")
@given(first=values(max_size=20), second=values(max_size=20))
def test_a_rewrite_does_not_go_back_in_time(place: Place, first: bytes, second: bytes) -> None:
    """By the service's own clock."""
    path = f"{place.fresh()}/object.k"
    place.writer.set(path, first)
    before = metadata(place, path).last_modified
    place.writer.set(path, second)
    after = metadata(place, path).last_modified

    assert_true(
        before is not None and after is not None and before <= after, expected=f"not before {before}", observed=after
    )


@checks("META-8")
@given(key=keys())
def test_what_is_missing_has_no_metadata(place: Place, key: str) -> None:
    """Never there, and removed."""
    path = f"{place.fresh()}/{key}"
    assert_equal(None, place.reader.metadata(path), "never there")

    place.witness.put(path, b"x")
    place.writer.remove(path)

    assert_equal(None, place.reader.metadata(path), "removed")


@checks("META-9")
@given(folder=directories(max_depth=2), key=keys(), data=st.data())
def test_the_path_is_the_one_asked_for(place: Place, folder: str, key: str, data: st.DataObject) -> None:
    """At the root and in a subdirectory's handle."""
    root = f"{place.fresh()}/{folder}"
    place.witness.put(f"{root}/{key}", data.draw(values(max_size=20), label="value"))
    below = place.reader.subdir(root).metadata(key)

    assert_equal(f"{root}/{key}", metadata(place, f"{root}/{key}").path, "metadata(p/k)")
    assert_equal(key, below.path if below else None, "subdir(p).metadata(k)")
