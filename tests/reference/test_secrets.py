"""Secrets do not get out by accident."""

from __future__ import annotations

import copy
import pickle
import secrets

import pytest

from deeplake_ref.secrets import Secret, SecretFields

TEXT = secrets.token_hex(16)
SEALED = [Secret(TEXT), SecretFields({"aws_secret_access_key": TEXT})]


@pytest.mark.parametrize("sealed", SEALED, ids=["text", "fields"])
def test_nothing_prints_a_secret(sealed: Secret | SecretFields) -> None:
    """Nor a container of it."""
    shown = [repr(sealed), str(sealed), f"{sealed}", f"{sealed:>80}", repr([sealed])]

    assert not [text for text in shown if TEXT in text]
    assert not hasattr(sealed, "__dict__")


@pytest.mark.parametrize("sealed", SEALED, ids=["text", "fields"])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_secret_is_not_pickled(sealed: Secret | SecretFields, protocol: int) -> None:
    """By no protocol."""
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(sealed, protocol)


@pytest.mark.parametrize("sealed", SEALED, ids=["text", "fields"])
def test_copies_are_the_secret_itself(sealed: Secret | SecretFields) -> None:
    """So that a deep copy of what holds it does not spread it."""
    assert copy.copy(sealed) is sealed
    assert copy.deepcopy(sealed) is sealed


def test_secrets_compare_by_text() -> None:
    """And only to secrets."""
    assert Secret("a") == Secret("a")
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert Secret("\ud800") == Secret("\ud800")
    assert not Secret("")


def test_fields_are_a_copy() -> None:
    """What the caller changes later does not matter."""
    given = {"aws_access_key_id": "before"}
    fields = SecretFields(given)
    given["aws_access_key_id"] = "after"

    assert fields.reveal() == {"aws_access_key_id": "before"}
    assert [SecretFields(None).reveal(), SecretFields("ENV").reveal()] == [None, "ENV"]
