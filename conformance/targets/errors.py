"""
The tree of error classes of the contract, as data, for targets that send only the name of a class.

    StorageError
    +-- CredentialsError
    |   +-- CredentialsNotFoundError        nothing was configured
    |   +-- InvalidCredentialsError         configured, and wrong before any request
    |   +-- CredentialsUnavailableError     configured, and its source did not answer
    |   +-- AuthenticationError             the service refused the proof
    |       +-- ExpiredTokenError
    +-- StorageAccessDenied                 known, but not allowed
    +-- StorageKeyNotFound                  also KeyError
    +-- StorageBucketNotFound
    +-- StorageKeyAlreadyExists
    +-- StoragePreconditionFailed
    +-- StorageNetworkConnectionError       also ConnectionError
    |   +-- StorageTLSError
    +-- StorageThrottledError
    +-- StorageInternalError
    +-- StorageOperationUnsupported
    +-- StorageProviderMissingError         the optional dependency is not installed
    +-- InvalidURIError                     also ValueError
    +-- DatasetExistsError                  alias LogExistsError
    +-- DatasetNotFoundError                alias LogNotexistsError

A target in Python shows its real bases instead; only aliases are added to those.

Source: names of `deeplake` 4.7.4 where it has them; the contract's page docs/reference/protocol.md, "Errors".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

PARENTS: dict[str, tuple[str, ...]] = {
    "StorageError": (),
    "CredentialsError": ("StorageError",),
    "CredentialsNotFoundError": ("CredentialsError",),
    "InvalidCredentialsError": ("CredentialsError",),
    "CredentialsUnavailableError": ("CredentialsError",),
    "AuthenticationError": ("CredentialsError",),
    "ExpiredTokenError": ("AuthenticationError",),
    "StorageAccessDenied": ("StorageError",),
    "StorageKeyNotFound": ("StorageError", "KeyError"),
    "StorageBucketNotFound": ("StorageError",),
    "StorageKeyAlreadyExists": ("StorageError",),
    "StoragePreconditionFailed": ("StorageError",),
    "StorageNetworkConnectionError": ("StorageError", "ConnectionError"),
    "StorageTLSError": ("StorageNetworkConnectionError",),
    "StorageThrottledError": ("StorageError",),
    "StorageInternalError": ("StorageError",),
    "StorageOperationUnsupported": ("StorageError",),
    "StorageProviderMissingError": ("StorageError",),
    "InvalidURIError": ("StorageError", "ValueError"),
    "DatasetExistsError": ("StorageError",),
    "DatasetNotFoundError": ("StorageError",),
}
"""Direct bases of every class of the contract; Python's own exceptions among them are leaves here."""

ALIASES: dict[str, str] = {
    "LogExistsError": "DatasetExistsError",
    "LogNotexistsError": "DatasetNotFoundError",
}
"""Other names of a class, to the name above."""


def with_aliases(names: Iterable[str]) -> frozenset[str]:
    """Return the names together with every other name that the contract has for one of them."""
    found = set(names)
    for alias, name in ALIASES.items():
        if alias in found or name in found:
            found |= {alias, name}
    return frozenset(found)


def ancestors_of(name: str) -> frozenset[str]:
    """Return the name of a class and of all its bases in the contract; of an unknown class only its own name."""
    found: set[str] = set()
    waiting = [ALIASES.get(name, name), name]
    while waiting:
        current = waiting.pop()
        found.add(current)
        waiting.extend(PARENTS.get(current, ()))
    return with_aliases(found)
