"""
Datasets at paths: making, opening, finding and deleting them, and what lies beside.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given

from conformance.checking import budget, checks, wired
from conformance.contents import (
    SIMPLE,
    add,
    assert_holds,
    assert_stored,
    committed,
    copy,
    delete,
    exists,
    joined,
    opened,
    simple,
    state_of,
)
from conformance.expectations import assert_equal, assert_true, raises
from conformance.places import Place
from conformance.strategies.batches import Schema, schemas
from conformance.targets import NotClaimed, TargetError

EMPTY = simple()


@checks("DATA-1")
@budget(0.3)
@given(schema=schemas())
def test_what_was_created_can_be_opened(place: Place, schema: Schema) -> None:
    """Every type of column; through the handle that created, and through two others."""
    url = place.dataset_url()
    nothing: dict[str, list[Any]] = {name: [] for name in schema}
    assert_equal(False, exists(place, url), "exists before")
    created = place.target.create(url, schema, place.creds)
    try:
        assert_holds(nothing, created, "what create returned", schema)
    finally:
        place.testbed.close_quietly(created)

    assert_equal(True, exists(place, url), "exists after")
    assert_stored(place, url, nothing, "open", schema, read_only=False)
    assert_stored(place, url, nothing, "open_read_only", schema)


@checks("DATA-2")
@pytest.mark.parametrize("case", ["empty", "with-commits", "with-another-schema"])
def test_create_refuses_what_exists(place: Place, case: str) -> None:
    """Rows, version and objects stay as they are."""
    own = place.fresh_place()
    rows = EMPTY if case == "empty" else simple(1, 2)
    url = committed(own, *([] if case == "empty" else [rows]))
    before = state_of(own)
    schema = {"other": "bool"} if case == "with-another-schema" else SIMPLE

    raises("DatasetExistsError", own.target.create, url, schema, own.creds)
    assert_equal(before, state_of(own), "the witness")
    assert_stored(own, url, rows)


BESIDE: dict[str, Callable[[Place, str], object]] = {
    "nothing": lambda place, name: None,
    "other-objects": lambda place, name: place.witness.put(f"{name}/object.k", b"x"),
    "an-object-of-that-name": lambda place, name: place.witness.put(name, b"x"),
    "a-longer-name": lambda place, name: committed(place, simple(1), url=place.dataset_url(f"{name}2")),
    "a-dataset-below": lambda place, name: committed(place, simple(1), url=place.dataset_url(f"{name}/below")),
    "a-dataset-above": lambda place, name: committed(place, simple(1), url=place.url),
    "a-deleted-dataset": lambda place, name: delete(place, committed(place, simple(1), url=place.dataset_url(name))),
}


@checks("DATA-3")
@pytest.mark.parametrize("case", BESIDE)
def test_opening_nothing_is_dataset_not_found(place: Place, case: str) -> None:
    """Both ways to open; nothing comes into being by it."""
    own = place.fresh_place()
    BESIDE[case](own, "ds")
    before = state_of(own)

    for read_only in (False, True):
        raises("DatasetNotFoundError", own.open_dataset, own.dataset_url("ds"), read_only=read_only)
    assert_equal(before, state_of(own), "the witness")


@checks("DATA-4")
@pytest.mark.parametrize("case", BESIDE)
def test_exists_is_false_where_there_is_no_dataset(place: Place, case: str) -> None:
    """Whatever else lies there."""
    own = place.fresh_place()
    BESIDE[case](own, "ds")

    assert_equal(False, exists(own, own.dataset_url("ds")), "exists")


@checks("DATA-4")
@wired
def test_exists_raises_where_it_cannot_know(place: Place) -> None:
    """A bucket that is not there, and a service that is not reached."""
    url = place.url_in_a_missing_bucket("ds")
    unreachable = place.creds_for(place.testbed.closed_url)

    raises("StorageBucketNotFound", exists, place, url)
    raises("StorageNetworkConnectionError", place.target.exists, place.dataset_url(), unreachable)


@checks("DATA-5")
@pytest.mark.parametrize("case", ["empty", "with-commits"])
def test_delete_leaves_nothing(place: Place, case: str) -> None:
    """No object of it, and another dataset can be created there."""
    own = place.fresh_place()
    batches = [] if case == "empty" else [simple(1), simple(2, 3)]
    url = committed(own, *batches)
    assert_stored(own, url, joined(SIMPLE, batches), "before")
    delete(own, url)

    assert_equal({}, state_of(own), "the witness")
    assert_equal(False, exists(own, url), "exists")
    raises("DatasetNotFoundError", own.open_dataset, url)
    committed(own, simple(7), simple(8), url=url)
    assert_stored(own, url, simple(7, 8), "a dataset that was created afterwards")


NEAR = ("ds2", "ds.x", "ds 2/inner", "ds/below", "ds/below/deeper", "d")
"""Paths of datasets near `ds`."""


@checks("DATA-6")
def test_delete_touches_nothing_beside(place: Place) -> None:
    """Names that begin alike, datasets and objects below, and what lies above."""
    own = place.fresh_place()
    urls = [committed(own, simple(number), url=own.dataset_url(name)) for number, name in enumerate(NEAR)]
    kept = {"ds.k": b"1", "dsx/object.k": b"2", "ds/mine/object.k": b"3", "object.k": b"4"}
    own.witness.put_many(kept)
    before = state_of(own)
    delete(own, committed(own, simple(1), simple(2), url=own.dataset_url("ds")))

    assert_equal(before, state_of(own), "the witness")
    for number, url in enumerate(urls):
        assert_stored(own, url, simple(number), url.removeprefix(own.url))


@checks("DATA-7")
@pytest.mark.parametrize("case", [case for case in BESIDE if case != "a-deleted-dataset"])
def test_deleting_nothing_is_refused(place: Place, case: str) -> None:
    """And what lies there stays."""
    own = place.fresh_place()
    BESIDE[case](own, "ds")
    before = state_of(own)

    raises("DatasetNotFoundError", delete, own, own.dataset_url("ds"))
    assert_equal(before, state_of(own), "the witness")


@checks("DATA-24")
@pytest.mark.parametrize("case", ["append", "commit"])
def test_what_is_open_for_reading_does_not_write(place: Place, case: str) -> None:
    """An error, or no such method."""
    own = place.fresh_place()
    url = committed(own, simple(1))
    before = state_of(own)
    with opened(own, url, read_only=True) as dataset:
        try:
            if case == "append":
                dataset.append(simple(2))
            else:
                dataset.commit("not allowed")
        except (TargetError, NotClaimed):
            refused = True
        else:
            refused = False

    assert_true(refused, expected="an error", observed="none", what=case)
    assert_equal(before, state_of(own), "the witness")
    assert_stored(own, url, simple(1))


@checks("DATA-28")
def test_datasets_side_by_side_do_not_mix(place: Place) -> None:
    """Each of several near ones is committed to, in turn."""
    own = place.fresh_place()
    names = ("ds", *NEAR)
    urls = [committed(own, simple(number), url=own.dataset_url(name)) for number, name in enumerate(names)]
    for number, url in enumerate(urls):
        add(own, url, simple(100 + number))

    for number, url in enumerate(urls):
        assert_stored(own, url, simple(number, 100 + number), url.removeprefix(own.url))


NAMES = {
    "space": "a b",
    "plus": "a+b",
    "percent-literal": "a%41b",
    "percent-slash": "a%2Fb",
    "hash": "a#b",
    "question-mark": "a?b=c",
    "ampersand": "a&b=c;d",
    "unicode": "caf\u00e9 \u65e5\u672c",
    "emoji": "\U0001f600",
}


@checks("DATA-29")
@pytest.mark.parametrize("case", NAMES)
def test_a_datasets_name_is_literal(place: Place, case: str) -> None:
    """Made, opened, found, copied and deleted; every object of it lies below exactly that name."""
    own = place.fresh_place()
    name = NAMES[case]
    url = committed(own, simple(1, 2), url=own.dataset_url(name))
    strange = [key for key in own.witness.keys("") if not key.startswith(f"{name}/")]

    assert_equal([], strange, "objects beside")
    assert_equal(True, exists(own, url), "exists")
    assert_stored(own, url, simple(1, 2), "open")
    copied = own.dataset_url(f"{name}/copy {name}")
    copy(own, url, own, copied)
    delete(own, url)
    assert_stored(own, copied, simple(1, 2), "its copy")
    strange = [key for key in own.witness.keys("") if not key.startswith(f"{name}/copy {name}/")]
    assert_equal([], strange, "objects after delete, beside the copy")


@checks("DATA-30")
def test_a_version_is_opened_by_its_number(place: Place) -> None:
    """The version that commit returned, after others came."""
    url = committed(place)
    first, second = add(place, url, simple(1)), add(place, url, simple(2))
    add(place, url, simple(3))

    assert_stored(place, f"{url}@{first}", simple(1), "the first commit")
    assert_stored(place, f"{url}@{second}", simple(1, 2), "the second commit")
    assert_stored(place, url, simple(1, 2, 3), "the newest")


WRITES: dict[str, Callable[[Place, str, str], object]] = {
    "create": lambda place, url, _: place.create_dataset(SIMPLE, url),
    "open": lambda place, url, _: place.open_dataset(url),
    "delete": lambda place, url, _: delete(place, url),
    "copy": lambda place, url, source: copy(place, source, place, url),
}


@checks("DATA-30")
@pytest.mark.parametrize("case", WRITES)
def test_a_version_is_not_written_to(place: Place, case: str) -> None:
    """And nothing changes."""
    own = place.fresh_place()
    source = committed(own, simple(1))
    before = state_of(own)

    raises("InvalidURIError", WRITES[case], own, f"{source}@1", source)
    assert_equal(before, state_of(own), "the witness")
