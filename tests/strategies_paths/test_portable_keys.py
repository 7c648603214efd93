"""
Portable keys are in normal form, fit every place, and never are a directory of one another.
"""

from __future__ import annotations

import pytest
from hypothesis import find, given
from hypothesis import strategies as st

from conformance.strategies.keys import SUFFIX, directories, key_sets, keys, limits_of

PLACES = ("mem", "file", "moto", "minio", "versitygw", "azurite", "fake-gcs-server")


@given(path=st.one_of(keys(), directories()))
def test_portable_paths_are_in_normal_form(path: str) -> None:
    """No empty or dot segment, and no segment that a place trims at its end."""
    for segment in path.split("/"):
        assert segment not in ("", ".", "..")
        assert segment == segment.strip()
        assert not segment.endswith(".")
    path.encode()


@given(key=keys(), place=st.sampled_from(PLACES))
def test_portable_keys_fit_every_place(key: str, place: str) -> None:
    """With room for the root of a check, that comes before them."""
    limits = limits_of(place)
    if limits.longest_key_bytes is not None:
        assert len(key.encode()) <= limits.longest_key_bytes // 2
    if limits.longest_segment_bytes is not None:
        assert max(len(segment.encode()) for segment in key.split("/")) <= limits.longest_segment_bytes


@given(names=key_sets(max_size=8))
def test_no_portable_key_is_a_directory_of_another(names: list[str]) -> None:
    """So that local files can hold every drawn set."""
    assert len(set(names)) == len(names)
    for name in names:
        assert name.endswith(SUFFIX)
        assert not any(other.startswith(f"{name}/") for other in names)


@given(folder=directories())
def test_no_directory_ends_like_a_key(folder: str) -> None:
    """The other half of the same promise."""
    assert not any(segment.endswith(SUFFIX) for segment in folder.split("/"))


@pytest.mark.parametrize("place", ["file", "versitygw"])
def test_places_of_files_hold_no_key_beside_its_child(place: str) -> None:
    """A path is a file or a directory there."""
    assert not limits_of(place).file_beside_directory


def test_keys_shrink_to_the_plainest() -> None:
    """A failure that any key shows is reported with the shortest one."""
    assert find(keys(), lambda _: True) == f"a{SUFFIX}"
    assert find(directories(), lambda _: True) == "a"
    assert find(key_sets(min_size=1), lambda _: True) == [f"a{SUFFIX}"]
