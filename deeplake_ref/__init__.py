"""
A minimal, readable reference implementation of Deep Lake's path prefixes and credential chains.

Importing this package is silent, touches no network and loads no cloud SDK; `mem://` and `file://` never need one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deeplake_ref import client, errors, storage
from deeplake_ref.dataset import Column, Dataset
from deeplake_ref.datasets import copy, create, delete, exists, like, open, open_read_only  # noqa: A004 - deeplake's
from deeplake_ref.organisations import connect, disconnect
from deeplake_ref.storage import Reader, ResourceMeta, Writer

if TYPE_CHECKING:
    from deeplake_ref.explanation import explain

__all__ = [
    "Column",
    "Dataset",
    "Reader",
    "ResourceMeta",
    "Writer",
    "client",
    "connect",
    "copy",
    "create",
    "delete",
    "disconnect",
    "errors",
    "exists",
    "explain",
    "like",
    "open",
    "open_read_only",
    "storage",
]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import what few callers need when it is asked for."""
    if name != "explain":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from deeplake_ref.explanation import explain

    return explain
