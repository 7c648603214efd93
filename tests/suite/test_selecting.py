"""
From words of the user to places and requirements.
"""

from __future__ import annotations

import pytest

from conformance import requirements, selecting
from conformance.settings import UsageError


def test_local_places_always_run() -> None:
    """`--services` adds to `mem` and `file`."""
    assert selecting.places("none") == ("mem", "file")
    assert selecting.places("moto") == ("mem", "file", "moto")
    assert selecting.places(None) == ("mem", "file", "moto", "azurite", "fake-gcs-server", "al-moto")
    assert selecting.places("moto,al-azurite") == ("mem", "file", "moto", "al-azurite")


def test_all_means_every_description() -> None:
    """`all` takes the services that need a longer build too, and `al://` before each that gives out sessions."""
    storages = {"minio", "versitygw", "moto", "azurite", "fake-gcs-server"}
    behind = {f"al-{name}" for name in storages - {"versitygw"}}
    assert storages | behind == set(selecting.places("all")[2:])


def test_places_can_be_exact() -> None:
    """`--places` is all there is, once each."""
    assert selecting.places(None, "moto,mem,moto") == ("moto", "mem")


def test_an_area_means_all_its_requirements() -> None:
    """Areas and ids mix, and an id is never there twice."""
    chosen = selecting.only(["ranges,RANGE-1", "OBJ-1"])

    assert chosen[-1] == "OBJ-1"
    assert len(chosen) == len(set(chosen))
    assert {requirements.load()[identity].area for identity in chosen} == {"ranges", "objects"}


@pytest.mark.parametrize("word", ["minoi", "MINIO", "moto,"])
def test_an_unknown_service_names_the_nearest(word: str) -> None:
    """A trailing comma is forgiven, a wrong name is not."""
    if word == "moto,":
        assert selecting.places(word) == ("mem", "file", "moto")
        return
    with pytest.raises(UsageError, match="unknown service"):
        selecting.places(word)
