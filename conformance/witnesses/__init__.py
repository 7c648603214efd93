"""
Second ways to the same bytes that do not pass through the target: the service's official SDK, or the disk.

`mem://` lives inside the target, so its witness is a second handle of the target itself, and reports say so. A witness is
honest about keys: what it is given it stores or raises for, and it shows every key there is, byte for byte. It never
retries, so that a lost service is noticed at once: `WitnessUnreachable`.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar

from conformance import stopwatch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from conformance.services import RunningService

__all__ = ["Witness", "WitnessUnreachable", "timed", "witness_for"]

P = ParamSpec("P")
R = TypeVar("R")

TIMEOUT_S = 30.0
"""Longest wait for one answer of a local server; moto under load has been seen to take 3 s for a listing of 5,000 keys."""

THREADS = 8
"""Requests at once in `put_many`: more gives nothing on two cores."""


class WitnessUnreachable(Exception):
    """The service behind the witness refuses connections, or does not answer in time."""


class Witness(Protocol):
    """A second way to one root; keys are relative to it, in the place's own bytes."""

    kind: str

    def create_root(self) -> None:
        """Make the bucket, container or directory."""
        ...

    def put(self, key: str, value: bytes) -> None:
        """Store an object."""
        ...

    def put_many(self, values: Mapping[str, bytes]) -> None:
        """Store many objects, several at once."""
        ...

    def get(self, key: str) -> bytes | None:
        """Return the bytes of an object, None if there is none."""
        ...

    def size(self, key: str) -> int | None:
        """Return the size in bytes of an object, None if there is none."""
        ...

    def keys(self, prefix: str = "") -> list[str]:
        """Return all keys that start with `prefix`, a plain string, sorted by UTF-8 bytes."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; a missing one is no error."""
        ...

    def delete_all(self) -> None:
        """Remove every object below the root."""
        ...

    def remove_root(self) -> None:
        """Remove every object, and the bucket or container too where the root is one."""
        ...

    def begin_upload(self, key: str) -> None:
        """Begin an upload in parts and leave it unfinished, where the service has such."""
        ...

    def at(self, root: str) -> Witness:
        """Return a witness with the same client for another root of the same bucket; empty means the bucket's own."""
        ...


def timed(method: Callable[P, R]) -> Callable[P, R]:
    """Count the time of a witness's method as the witness's."""

    @functools.wraps(method)
    def measured(*arguments: P.args, **keywords: P.kwargs) -> R:
        with stopwatch.witness():
            return method(*arguments, **keywords)

    return measured


def utf8_sorted(keys: list[str]) -> list[str]:
    """Return keys in the order of their UTF-8 bytes."""
    return sorted(keys, key=lambda key: key.encode("utf-8", "surrogatepass"))


def witness_for(service: RunningService, bucket: str, creds: Mapping[str, Any] | None = None) -> Witness:
    """Return the witness of a service, rooted at a bucket or container.

    Args:
        service: what to look at.
        bucket: the bucket or container.
        creds: a creds dictionary of somebody else than the root user, to see whether the service lets them in.
    """
    if service.prefix == "s3":
        from conformance.witnesses import s3

        return s3.S3Witness(service, bucket, client=s3.client_for(service, creds))
    if service.prefix == "az":
        from conformance.witnesses import azure

        return azure.AzureWitness(service, bucket, client=azure.client_for(service, bucket, creds))
    from conformance.witnesses import gcs

    return gcs.GcsWitness(service, bucket, client=gcs.client_for(service, creds))
