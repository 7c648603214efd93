"""
The tree of error classes as data, and that the reference has the same one.
"""

from __future__ import annotations

import pytest

import deeplake_ref.errors
from conformance.targets.errors import ALIASES, PARENTS, ancestors_of, with_aliases


@pytest.mark.parametrize("name", PARENTS)
def test_every_class_leads_to_the_root(name: str) -> None:
    """And to itself."""
    assert {name, "StorageError"} <= ancestors_of(name)


@pytest.mark.parametrize(
    ("name", "ancestors"),
    [
        ("ExpiredTokenError", {"ExpiredTokenError", "AuthenticationError", "CredentialsError", "StorageError"}),
        ("StorageKeyNotFound", {"StorageKeyNotFound", "StorageError", "KeyError"}),
        ("StorageTLSError", {"StorageTLSError", "StorageNetworkConnectionError", "StorageError", "ConnectionError"}),
        ("LogExistsError", {"LogExistsError", "DatasetExistsError", "StorageError"}),
        ("DatasetNotFoundError", {"LogNotexistsError", "DatasetNotFoundError", "StorageError"}),
        ("FolderError", {"FolderError"}),
    ],
)
def test_ancestors_are_those_of_the_contract(name: str, ancestors: set[str]) -> None:
    """An unknown class has none but itself."""
    assert ancestors == ancestors_of(name)


def test_aliases_are_added_in_both_directions() -> None:
    """Whichever of the names a target uses."""
    assert {"DatasetExistsError", "LogExistsError", "X"} == with_aliases(["DatasetExistsError", "X"])
    assert {"DatasetExistsError", "LogExistsError", "X"} == with_aliases(["LogExistsError", "X"])


@pytest.mark.parametrize("name", [*PARENTS, *ALIASES])
def test_the_reference_has_the_same_tree(name: str) -> None:
    """Every base that the data name is a base of the reference's class, and no other of the tree is."""
    bases = {kind.__name__ for kind in getattr(deeplake_ref.errors, name).__mro__}

    assert ancestors_of(ALIASES.get(name, name)) - set(ALIASES) == bases & {
        *PARENTS,
        "KeyError",
        "ValueError",
        "ConnectionError",
    }
