"""
Probes: whether a service still shows a known lie, looked at through the witness and never through the target.
"""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance.services.description import Divergence, load
from conformance.services.identities import MAKERS
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
    if lie.probe in OF_IDENTITIES:
        return OF_IDENTITIES[lie.probe](service, bucket)
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


PROBES: dict[str, Callable[[Witness, tuple[str, ...]], bool]] = {"not-kept": not_kept}
"""Probes by the names that descriptions use."""


def _lets_in(kind: str) -> Callable[[RunningService, str], bool]:
    def probe_identity(service: RunningService, bucket: str) -> bool:
        """A principal that must be refused writes an object."""
        return _answer_to(service, kind, bucket) is None

    return probe_identity


def _answer_to(service: RunningService, kind: str, bucket: str) -> str | None:
    """Return the code that a write by this principal is refused with, None if it is not."""
    try:
        witness_for(service, bucket, MAKERS[kind](service, None).creds).put("key", b"value")
    except WitnessUnreachable:
        raise
    except Exception as error:  # noqa: BLE001 - whatever the SDK raises for a refusal
        response = getattr(error, "response", None)
        code = response["Error"]["Code"] if isinstance(response, dict) else getattr(error, "error_code", None)
        return str(getattr(code, "value", code) or type(error).__name__)
    return None


OF_IDENTITIES: dict[str, Callable[[RunningService, str], bool]] = {
    **{f"lets-in-{kind}": _lets_in(kind) for kind in MAKERS},
    "calls-a-wrong-key-a-missing-permission": lambda service, bucket: (
        _answer_to(service, "wrong-secret", bucket) == "AuthorizationFailure"
    ),
}
"""Probes of who is let in, by the same principals that the checks use."""
