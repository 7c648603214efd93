"""
Bearer tokens for Azure Storage, one generation after the other: what the identity services of Azure have in common.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable

from conformance.identities import Identity

STORAGE = "https://storage.azure.com"
"""The resource that a token for blobs is asked for; a slash at its end changes nothing.

Source: https://learn.microsoft.com/azure/storage/blobs/authorize-access-azure-active-directory
"""

Mint = Callable[[str], Identity]
"""Returns the identity of a label, whose `secret` is a bearer token, once the gate knows it."""


class Tokens:
    """The tokens of one source: `label`, then `label#2` and so on.

    The real services hand out the same token until near its end. Here every request gets a new one, so that the wire
    tells how often a target asked.
    """

    def __init__(self, label: str, mint: Mint) -> None:
        self._label = label
        self._mint = mint
        self._counter = itertools.count(1)
        self._lock = threading.Lock()

    def next(self) -> Identity:
        """Return the identity of the next generation."""
        with self._lock:
            generation = next(self._counter)
        return self._mint(self._label if generation == 1 else f"{self._label}#{generation}")


def is_storage(resource: str) -> bool:
    """Tell whether a resource is Azure Storage."""
    return resource.removesuffix("/") == STORAGE
