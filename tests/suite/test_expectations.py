"""
An assertion says what it expected and what it saw, and never mixes the target's mistakes with ours.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.expectations import LONGEST, CheckFailure, assert_equal, assert_true, raises, shown
from conformance.targets import NotClaimed, TargetDied, TargetError

NOT_FOUND = TargetError("StorageKeyNotFound", "no object 'a'", ancestors=["StorageError", "KeyError"])


def _raise(error: BaseException) -> None:
    raise error


def test_equal_values_say_nothing() -> None:
    """Silence is agreement."""
    assert_equal(b"a", b"a")
    assert_equal([1], [1], "the list")
    assert_true(1, expected="anything true", observed=0)


def test_a_difference_names_both_values() -> None:
    """Expected stands before observed, and what it is about before both."""
    with pytest.raises(CheckFailure) as caught:
        assert_equal(b"ab", None, "the witness")

    failure = caught.value
    assert (failure.expected, failure.observed, failure.what) == ("b'ab'", "None", "the witness")
    assert str(failure) == "the witness: expected b'ab', observed None"


def test_a_failure_is_an_assertion() -> None:
    """A runner that knows nothing of us still reports it as one."""
    with pytest.raises(AssertionError, match=r"^expected 1, observed 2$"):
        assert_equal(1, 2)


@pytest.mark.parametrize("value", [0, "", None, [], b"", False])
def test_a_condition_fails_whatever_kind_of_nothing_it_is(value: object) -> None:
    """Truth is Python's; a text is shown as it is, a value as Python writes it."""
    with pytest.raises(CheckFailure) as caught:
        assert_true(value, expected="a sentence", observed=["x"], what="about")

    assert str(caught.value) == "about: expected a sentence, observed ['x']"


@given(value=st.binary(min_size=65, max_size=4096))
def test_long_bytes_show_length_and_both_ends(value: bytes) -> None:
    """Enough to see a cut, a shift or padding."""
    text = shown(value)

    assert text == f"{len(value)} bytes {value[:24]!r}...{value[-8:]!r}"
    assert len(text) < LONGEST


@given(
    value=st.one_of(st.binary(max_size=64), st.text(max_size=100), st.integers(), st.lists(st.booleans(), max_size=9))
)
def test_short_values_show_wholly(value: object) -> None:
    """As Python writes them, so that they can be pasted."""
    assert shown(value) == repr(value)


@given(value=st.integers(LONGEST, 3 * LONGEST).map("a".__mul__))
def test_a_text_is_cut_and_says_so(value: str) -> None:
    """A report stays readable, and tells how much is not shown."""
    text = shown(value)

    assert text.endswith(f"... ({len(value) + 2} characters)")
    assert len(text) <= LONGEST


def test_the_expected_error_is_returned() -> None:
    """By its own name, and by that of a base."""
    assert raises("StorageKeyNotFound", _raise, NOT_FOUND) is NOT_FOUND
    assert raises("KeyError", _raise, NOT_FOUND) is NOT_FOUND


def test_another_error_is_a_failure() -> None:
    """It names the class that came, its message, and the call."""
    with pytest.raises(CheckFailure) as caught:
        raises("StorageBucketNotFound", _raise, NOT_FOUND)

    assert caught.value.expected == "StorageBucketNotFound"
    assert caught.value.observed == "StorageKeyNotFound: no object 'a'"
    assert caught.value.what.startswith("_raise(")


def test_no_error_is_a_failure() -> None:
    """It shows what came instead."""
    with pytest.raises(CheckFailure) as caught:
        raises("ValueError", bytes.upper, b"a")

    assert str(caught.value) == "upper(b'a'): expected ValueError to be raised, observed the result b'A'"


@pytest.mark.parametrize(
    "error", [NotClaimed("no such method"), TargetDied("it ended"), ZeroDivisionError(), KeyError("a")]
)
def test_what_the_target_did_not_raise_passes_through(error: Exception) -> None:
    """A mistake of ours with the right name is no success: only a `TargetError` is the target's answer."""
    with pytest.raises(type(error)):
        raises(type(error).__name__, _raise, error)
