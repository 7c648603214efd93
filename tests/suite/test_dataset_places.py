"""
A place makes and opens datasets below its root, and closes them with itself.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from conformance.places import Place
from conformance.targets import HarnessError, TargetError
from conformance.targets.selection import resolve
from conformance.testbed import Testbed


@pytest.fixture(params=["in-process", "stdio"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """The miniature target on `mem`, through each door in turn."""
    testbed = Testbed(
        resolve("tests.targets.miniature", (), None, request.param), {}, run_id=uuid.uuid4().hex, worker="t"
    )
    yield testbed.place("mem")
    testbed.close()


def test_datasets_have_urls_of_their_own(place: Place) -> None:
    """Below the root; a name may be given."""
    urls = [place.dataset_url(), place.dataset_url(), place.dataset_url("d")]

    assert len(set(urls)) == 3
    assert all(url.startswith(f"{place.url}/") for url in urls)
    assert urls[2] == f"{place.url}/d"


def test_a_dataset_is_created_and_opened_again(place: Place) -> None:
    """At a URL that is given, and at one of its own."""
    url = place.dataset_url()
    place.create_dataset({"n": "int8"}, url).append({"n": [1]})
    place.create_dataset({"n": "int8"})

    assert place.open_dataset(url).read("n") == [1]
    assert place.open_dataset(url, read_only=True).length() == 1


def test_datasets_are_closed_with_the_place(place: Place) -> None:
    """The miniature then has no columns any more."""
    dataset = place.create_dataset({"n": "int8"})
    place.close()

    with pytest.raises((TargetError, HarnessError), match="no handle|KeyError: n"):
        dataset.read("n")
