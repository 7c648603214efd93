"""
Values and bounds into them.
"""

from __future__ import annotations

import random

from hypothesis import strategies as st

PART = 8 * 1024 * 1024
"""Bytes of a part in the SDKs' managed transfers; 5 MiB is S3's smallest."""

LARGEST_PUT = 64 * 1024 * 1024
"""Bytes up to which Azure's SDK writes a blob in one request (`max_single_put_size`)."""

SMALLEST_PART = 5 * 1024 * 1024


def values(*, max_size: int = 2048) -> st.SearchStrategy[bytes]:
    """Values from empty to `max_size` bytes; most are short, so that examples stay readable."""
    return st.one_of(st.binary(max_size=24), st.binary(max_size=max_size), st.just(b""))


def bounds_within(value: bytes) -> st.SearchStrategy[tuple[int, int]]:
    """Pairs `0 <= start <= end <= len(value)`."""
    position = st.integers(min_value=0, max_value=len(value))
    return st.tuples(position, position).map(lambda pair: (min(pair), max(pair)))


def noise(size: int, seed: int = 0) -> bytes:
    """Return `size` bytes that do not repeat, the same for the same seed."""
    return random.Random(seed).randbytes(size)  # noqa: S311 - content of test objects


LARGE_SIZES = (SMALLEST_PART - 1, SMALLEST_PART, SMALLEST_PART + 1, PART - 1, PART, PART + 1, 2 * PART + 1)
"""Sizes at which clients change from one request to parts."""
