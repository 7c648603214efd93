"""
A minimal, readable reference implementation of Deep Lake's path prefixes and credential chains.

Importing this package is silent, touches no network and loads no cloud SDK; `mem://` and `file://` never need one.
"""

from deeplake_ref import errors, storage
from deeplake_ref.storage import Reader, ResourceMeta, Writer

__all__ = ["Reader", "ResourceMeta", "Writer", "errors", "storage"]

__version__ = "0.1.0"
