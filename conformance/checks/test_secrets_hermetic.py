"""
What a target asks beyond this machine; the kernel counts it, in every check of a hermetic run, and here for certain.
"""

from __future__ import annotations

from contextlib import suppress

import pytest

from conformance.checking import checks, only_hermetic
from conformance.places import Place
from conformance.targets import NotClaimed, TargetError


def use(place: Place) -> None:
    """One operation of each kind."""
    writer, reader = place.open_writer(), place.open_reader()
    calls = (
        lambda: writer.set("k", b"value"),
        lambda: reader.get("k"),
        lambda: reader.length("k"),
        lambda: reader.list(""),
        lambda: reader.list_dirs(""),
        lambda: reader.metadata("k"),
        lambda: reader.sign_url("k", 60),
        lambda: writer.remove("k"),
    )
    for call in calls:
        with suppress(NotClaimed, TargetError):
            call()


def fail(place: Place) -> None:
    """Operations that end in an error, which some clients report to their makers."""
    calls = (
        lambda: place.open_reader().get("absent"),
        lambda: place.open_reader("nothing://known", None),
    )
    for call in calls:
        with suppress(NotClaimed, TargetError):
            call()


@checks("SEC-12")
@only_hermetic
@pytest.mark.parametrize("doing", [use, fail], ids=["objects", "errors"])
def test_nothing_leaves_the_machine(place: Place, doing: object) -> None:
    """What is seen is judged after the check, as after all others."""
    assert callable(doing)
    doing(place)
