"""
Probes: whether a service still shows a known lie, looked at through the witness and never through the target.
"""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance.services.description import Divergence, load
from conformance.services.running import RunningService
from conformance.witnesses import Witness, WitnessUnreachable, witness_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from conformance.services.running import Unreachable


@dataclass(frozen=True, slots=True)
class Probed:
    """A divergence and whether the running service shows it."""

    divergence: Divergence
    present: bool

    @property
    def key(self) -> tuple[str, str, str]:
        """Service, requirement and case."""
        return self.divergence.service, self.divergence.requirement, self.divergence.case


def probe_all(services: Mapping[str, RunningService | Unreachable]) -> list[Probed]:
    """Probe every divergence of the services that run."""
    running = [service for service in services.values() if isinstance(service, RunningService)]
    pairs = [(lie, service) for service in running for lie in load(service.name).divergences]
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda pair: Probed(pair[0], probe(*pair)), pairs))


def probe(lie: Divergence, service: RunningService) -> bool:
    """Whether the service still shows the lie, in a bucket of the probe's own."""
    bucket = f"probe-{secrets.token_hex(6)}"
    witness = witness_for(service, bucket)
    witness.create_root()
    return PROBES[lie.probe](witness, lie.keys)


def _kept(witness: Witness, keys: tuple[str, ...]) -> bool:
    """Whether each key is stored under exactly its name, readable and listed, beside nothing else."""
    for number, key in enumerate(keys):
        value = f"value {number}".encode()
        witness.put(key, value)
        if witness.get(key) != value:
            return False
    return sorted(witness.keys()) == sorted(keys)


def not_kept(witness: Witness, keys: tuple[str, ...]) -> bool:
    """The keys are refused, renamed, merged or missing from listings; all are lies for names the real service holds."""
    try:
        return not _kept(witness, keys)
    except WitnessUnreachable:
        raise
    except Exception:  # noqa: BLE001 - whatever the SDK raises for a refusal, a 500 or an unreadable listing
        return True


def upload_in_parts_ignores_if_match(witness: Witness, _: tuple[str, ...]) -> bool:
    """An upload in parts replaces an object that does not have the etag in `If-Match`."""
    from botocore.exceptions import ClientError

    from conformance.witnesses.s3 import S3Witness

    if not isinstance(witness, S3Witness):
        raise TypeError(f"this probe is for S3, not for {witness.kind}")
    witness.put("object", b"first")
    try:
        witness.put_in_parts("object", b"second", if_match='"0123456789abcdef0123456789abcdef"')
    except ClientError:
        return False
    return witness.get("object") == b"second"


PROBES: dict[str, Callable[[Witness, tuple[str, ...]], bool]] = {
    "not-kept": not_kept,
    "upload-in-parts-ignores-if-match": upload_in_parts_ignores_if_match,
}
"""Probes by the names that descriptions use."""
