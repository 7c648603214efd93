"""
Keys that every place can store, and what each place cannot.

Random sequences use portable keys only, so that shrinking does not end at a limit of one place. A portable key never is a
directory of another one: names of objects end in `.k`, names of directories never do.
"""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from conformance.settings import AL

LETTERS = "abcxyz0189"
MARKS = "-_+%#&=;:~!$'(),@"
WIDE = "éñ日本😀"
SUFFIX = ".k"


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """What a place can store.

    Attributes:
        file_beside_directory: whether `a` and `a/b` can both be objects.
        longest_segment_bytes: the longest name between two slashes, None for no limit.
        longest_key_bytes: the longest key, None for no limit.
    """

    file_beside_directory: bool = True
    longest_segment_bytes: int | None = None
    longest_key_bytes: int | None = None


OBJECTS = KeyLimits(longest_key_bytes=1024)
_LIMITS = {
    "mem": KeyLimits(),
    "file": KeyLimits(file_beside_directory=False, longest_segment_bytes=255),
    # both keep objects as files (MinIO README, "erasure backend"; versitygw "posix backend"), seen with the pinned versions
    "minio": KeyLimits(file_beside_directory=True, longest_segment_bytes=255, longest_key_bytes=1024),
    "versitygw": KeyLimits(file_beside_directory=False, longest_segment_bytes=255, longest_key_bytes=1024),
}


def limits_of(place: str) -> KeyLimits:
    """Return what a place can store."""
    return _LIMITS.get(place.removeprefix(AL), OBJECTS)


def segments() -> st.SearchStrategy[str]:
    """Names between two slashes that every place can hold, the shortest and plainest first."""
    inner = st.text(alphabet=LETTERS + MARKS + WIDE + " .", min_size=0, max_size=6)
    ends = st.sampled_from(LETTERS + WIDE)
    return st.one_of(
        st.sampled_from(["a", "b", "ab", "a b"]),
        st.builds(lambda first, middle, last: first + middle + last, ends, inner, ends),
    )


def directories(*, max_depth: int = 3) -> st.SearchStrategy[str]:
    """Directories of one to `max_depth` segments."""
    return st.lists(segments(), min_size=1, max_size=max_depth).map("/".join)


def keys(*, max_depth: int = 2) -> st.SearchStrategy[str]:
    """Portable keys below zero to `max_depth` directories."""
    return st.builds(
        lambda folders, name: "/".join([*folders, name + SUFFIX]),
        st.lists(segments(), max_size=max_depth),
        segments(),
    )


def key_sets(*, min_size: int = 0, max_size: int = 8) -> st.SearchStrategy[list[str]]:
    """Sets of different portable keys, as lists."""
    return st.lists(keys(), min_size=min_size, max_size=max_size, unique=True)
