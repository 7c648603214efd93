"""
The paths that must be refused: each breaks the one rule of its group.
"""

from __future__ import annotations

import re

import pytest

from conformance.strategies.urls import CAPITALS, EMPTY, MISSING_PARTS, ONE_SLASH, UNKNOWN

KNOWN = ("mem", "file", "al", "s3", "az", "azure", "gcs", "gs", "gcp")
NAMES_NEEDED = {"mem": 1, "s3": 1, "gcs": 1, "az": 2, "azure": 2}
GROUPS = {
    "EMPTY": EMPTY,
    "MISSING_PARTS": MISSING_PARTS,
    "UNKNOWN": UNKNOWN,
    "ONE_SLASH": ONE_SLASH,
    "CAPITALS": CAPITALS,
}


def test_labels_are_unique() -> None:
    """Over all groups, since EMPTY and MISSING_PARTS are cases of one check."""
    labels = [label for group in GROUPS.values() for label in group]

    assert len(set(labels)) == len(labels)


def test_paths_are_unique() -> None:
    """The same path twice would say nothing new."""
    paths = [path for group in GROUPS.values() for path in group.values()]

    assert len(set(paths)) == len(paths)


@pytest.mark.parametrize("label", MISSING_PARTS)
def test_a_missing_part_is_missing(label: str) -> None:
    """The prefix is known, and one of the names that it needs is empty or not there."""
    scheme, marker, rest = MISSING_PARTS[label].partition("://")

    assert marker
    names = [*rest.split("/"), "", ""][: NAMES_NEEDED[scheme]]
    assert "" in names


def test_every_prefix_with_names_is_there() -> None:
    """Each has at least one path without its first name."""
    first_missing = {
        scheme
        for scheme, _, rest in (path.partition("://") for path in MISSING_PARTS.values())
        if not rest.partition("/")[0]
    }

    assert first_missing >= {"mem", "s3", "az", "gcs"}


@pytest.mark.parametrize("label", UNKNOWN)
def test_an_unknown_prefix_is_well_formed_and_unknown(label: str) -> None:
    """By the grammar of RFC 3986, 3.1, so that nothing but its name is wrong with it."""
    scheme, marker, rest = UNKNOWN[label].partition("://")

    assert marker
    assert rest
    assert re.fullmatch("[a-z][a-z0-9+.-]*", scheme)
    assert scheme not in KNOWN


@pytest.mark.parametrize("label", ONE_SLASH)
def test_one_slash_is_one(label: str) -> None:
    """A word, a colon, a slash, and no second one."""
    assert re.fullmatch("[a-z0-9]+:/[^/].*", ONE_SLASH[label])


@pytest.mark.parametrize("label", CAPITALS)
def test_capitals_are_all_that_is_wrong(label: str) -> None:
    """In lower case the same path would be accepted."""
    scheme, _, rest = CAPITALS[label].partition("://")

    assert scheme not in KNOWN
    assert scheme.lower() in KNOWN
    assert all(rest.split("/"))
    assert len(rest.split("/")) > NAMES_NEEDED.get(scheme.lower(), 0) - 1


@pytest.mark.parametrize("label", EMPTY)
def test_empty_paths_have_nothing_behind_the_prefix(label: str) -> None:
    """Blank counts as empty."""
    assert EMPTY[label].removeprefix("file://").strip() == ""
