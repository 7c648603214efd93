"""The tree of errors."""

from __future__ import annotations

import pickle
import re
import traceback

import pytest

from deeplake_ref import errors
from deeplake_ref.errors import StorageError, redacted

CLASSES = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, StorageError)]


def test_the_drawn_tree_is_the_tree() -> None:
    """The picture in the docstring names every class, under its parent."""
    drawn = re.findall(r"^    ([│ ]*[├└]── )?(\w+Error|Storage\w+)\b", errors.__doc__ or "", re.MULTILINE)
    above = [""]
    seen = set()
    for branch, name in drawn:
        depth = len(branch) // 4
        kind = getattr(errors, name)
        if depth:
            assert kind.__bases__[0].__name__ == above[depth - 1]
        above[depth:] = [name]
        seen.add(kind)

    assert seen == set(CLASSES)


def test_builtin_ancestors() -> None:
    """Callers may catch what they caught before."""
    assert issubclass(errors.StorageKeyNotFound, KeyError)
    assert issubclass(errors.StorageNetworkConnectionError, ConnectionError)
    assert issubclass(errors.InvalidURIError, ValueError)
    assert errors.LogExistsError is errors.DatasetExistsError
    assert errors.LogNotexistsError is errors.DatasetNotFoundError


@pytest.mark.parametrize("kind", CLASSES)
def test_errors_pickle(kind: type[StorageError]) -> None:
    """With message and attributes."""
    error = kind("set: 'k' failed", provider="s3", operation="set", code="X", http_status=500, effect="unknown")

    copy = pickle.loads(pickle.dumps(error))

    assert (type(copy), str(copy), copy.attributes()) == (kind, "set: 'k' failed", error.attributes())


def test_a_missing_key_reads_as_text() -> None:
    """A KeyError would show the representation of its argument."""
    assert str(errors.StorageKeyNotFound("get: no object 'k'")) == "get: no object 'k'"


@pytest.mark.parametrize(("status", "transient"), [(None, False), (400, False), (408, True), (500, True), (502, True)])
def test_server_errors_are_worth_another_try(status: int | None, transient: bool) -> None:
    """By status."""
    assert errors.StorageInternalError("x", http_status=status).transient is transient


def test_what_else_is_worth_another_try() -> None:
    """The network and throttling, not what is refused or insecure."""
    kinds = {kind for kind in CLASSES if kind is not errors.StorageInternalError and kind("x").transient}

    assert kinds == {errors.StorageNetworkConnectionError, errors.StorageThrottledError}


def test_a_cause_keeps_no_text_and_no_frames() -> None:
    """Of the foreign exception only type, code and status are left."""
    try:
        raise ValueError("token=hunter2")
    except ValueError as error:
        told = errors.StorageInternalError("get: 'k' failed")
        told.__cause__ = redacted(error, code="Oops", http_status=500)

    text = "".join(traceback.format_exception(told))
    assert "builtins.ValueError, code Oops, HTTP 500" in text
    assert "hunter2" not in text
    assert "test_errors.py" not in text


def test_the_same_failure_under_another_name() -> None:
    """Attributes and cause go along."""
    lost = errors.StoragePreconditionFailed("lost", provider="s3", http_status=412, effect="none")
    lost.__cause__ = redacted(ValueError("x"))

    told = lost.told_as(errors.StorageKeyAlreadyExists, "set: 'k' exists already")

    assert type(told) is errors.StorageKeyAlreadyExists
    assert (told.attributes(), told.__cause__) == (lost.attributes(), lost.__cause__)
