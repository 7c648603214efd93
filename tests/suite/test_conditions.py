"""
Conditional writes as checks make them: a refusal is no loss, and the model says who wins.
"""

from __future__ import annotations

from typing import Any

import pytest

from conformance.conditions import condition, loses, set_if
from conformance.expectations import CheckFailure
from conformance.model.conditional import ConditionalObjects
from conformance.targets import NotClaimed, TargetError


class Writer:
    """Raises what it was given, or stores nothing and answers None."""

    def __init__(self, error: TargetError | None = None) -> None:
        self.error = error
        self.given: dict[str, Any] = {}

    def set(self, path: str, content: bytes, **given: Any) -> None:
        self.given = given
        if self.error is not None:
            raise self.error


def test_a_condition_is_one_keyword() -> None:
    """The other one is not given at all."""
    assert condition("if_absent", "7") == {"if_absent": True}
    assert condition("if_match", "7") == {"if_match": "7"}


@pytest.mark.parametrize("call", [set_if, loses])
def test_a_refusal_is_not_claimed(call: Any) -> None:
    """Neither a win nor a loss, and the reason says what was refused."""
    writer = Writer(TargetError("StorageOperationUnsupported", "no locks"))

    with pytest.raises(NotClaimed, match="if_match is refused here: no locks"):
        call(writer, "k", b"v", if_match="7")
    assert writer.given == {"if_match": "7"}


def test_each_condition_has_its_loss() -> None:
    """The other one's class is a failure, and so is a win."""
    exists = Writer(TargetError("StorageKeyAlreadyExists"))

    assert loses(exists, "k", b"v", if_absent=True).class_name == "StorageKeyAlreadyExists"  # type: ignore[arg-type]
    with pytest.raises(CheckFailure, match="StoragePreconditionFailed"):
        loses(exists, "k", b"v", if_match="7")  # type: ignore[arg-type]
    with pytest.raises(CheckFailure, match="if_absent=True"):
        loses(Writer(), "k", b"v", if_absent=True)  # type: ignore[arg-type]


def test_the_model_compares_etags_of_what_is_there() -> None:
    """What was removed has none."""
    model = ConditionalObjects()
    assert model.wins("k", if_absent=True)
    assert not model.wins("k", if_match="1")
    model.stored("k", b"v", "1")

    assert model.wins("k", if_match="1")
    assert not model.wins("k", if_match="2")
    assert not model.wins("k", if_absent=True)
    model.remove("k")
    assert model.wins("k", if_absent=True)
    assert not model.wins("k", if_match="1")
