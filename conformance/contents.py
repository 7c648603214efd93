"""
What an open dataset holds, as checks compare it.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from conformance.expectations import CheckFailure, assert_equal, shown
from conformance.strategies.batches import is_same_batch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from conformance.places import Place
    from conformance.strategies.batches import Batch, Schema
    from conformance.targets import Dataset

SIMPLE: dict[str, str] = {"id": "int64", "name": "text"}
"""Columns of datasets in which nothing but the rows matters."""


def simple(*numbers: int) -> Batch:
    """Return rows of `SIMPLE` for these numbers."""
    return {"id": list(numbers), "name": [f"row {number}" for number in numbers]}


def content_of(dataset: Dataset, schema: Mapping[str, str] = SIMPLE) -> Batch:
    """Return all columns."""
    return {name: dataset.read(name) for name in schema}


def joined(schema: Mapping[str, str], batches: Iterable[Batch]) -> Batch:
    """Return batches one after the other as one."""
    rows: dict[str, list[Any]] = {name: [] for name in schema}
    for batch in batches:
        for name in schema:
            rows[name] += batch[name]
    return rows


def assert_holds(expected: Batch, dataset: Dataset, what: str = "", schema: Schema = SIMPLE) -> None:
    """Raise `CheckFailure` unless a dataset has exactly these columns and rows."""
    assert_equal(schema, dataset.schema(), f"{what}: schema" if what else "schema")
    rows = len(next(iter(expected.values())))
    assert_equal(rows, dataset.length(), f"{what}: length" if what else "length")
    observed = content_of(dataset, schema)
    if not is_same_batch(schema, expected, observed):
        raise CheckFailure(shown(expected), shown(observed), what)


@contextmanager
def opened(place: Place, url: str, *, read_only: bool = False) -> Iterator[Dataset]:
    """Open a dataset and close it again, since checks open many."""
    dataset = place.target.open_dataset(url, read_only=read_only, creds=place.creds)
    try:
        yield dataset
    finally:
        place.testbed.close_quietly(dataset)


def committed(place: Place, *batches: Batch, url: str | None = None, schema: Schema = SIMPLE) -> str:
    """Create a dataset with one commit for each batch, and return its URL."""
    where = place.dataset_url() if url is None else url
    dataset = place.target.create(where, schema, place.creds)
    try:
        for number, batch in enumerate(batches, 1):
            dataset.append(batch)
            dataset.commit(f"commit {number}")
    finally:
        place.testbed.close_quietly(dataset)
    return where


def add(place: Place, url: str, batch: Batch, message: str | None = None) -> str:
    """Append and commit through a handle of its own; return the version."""
    with opened(place, url) as dataset:
        dataset.append(batch)
        return dataset.commit(message)


def assert_stored(
    place: Place, url: str, expected: Batch, what: str = "", schema: Schema = SIMPLE, *, read_only: bool = True
) -> None:
    """Raise `CheckFailure` unless the dataset at a URL, opened anew, has exactly these rows."""
    with opened(place, url, read_only=read_only) as dataset:
        assert_holds(expected, dataset, what, schema)


def exists(place: Place, url: str) -> bool:
    """Return what the target says of a URL."""
    return place.target.exists(url, place.creds)


def delete(place: Place, url: str) -> None:
    """Delete a dataset of the place."""
    place.target.delete(url, place.creds)


def copy(place: Place, url: str, other: Place, destination: str) -> None:
    """Copy a dataset of the place to the other one, each with its own credentials."""
    place.target.copy(url, destination, place.creds, other.creds)


def state_of(place: Place) -> dict[str, bytes | None]:
    """Return every object below the root of a place, as the witness sees it."""
    return {key: place.witness.get(key) for key in place.witness.keys("")}
