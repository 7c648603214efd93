"""
Probes: whether a service still shows a known lie, looked at through the witness and never through the target.
"""

from __future__ import annotations

import re
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance import bare_http
from conformance.services.description import Divergence, load
from conformance.services.identities import MAKERS
from conformance.services.running import RunningService
from conformance.witnesses import Witness, WitnessUnreachable, witness_for
from conformance.witnesses.s3 import S3Witness

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from conformance.services.running import Unreachable


RACING_S = 15.0
"""Seconds after which a race that never went wrong is known to be none; the one that is known shows in about one."""


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
    try:
        if lie.probe in OF_IDENTITIES:
            return OF_IDENTITIES[lie.probe](service, bucket)
        return PROBES[lie.probe](witness, lie.keys)
    finally:
        if service.outlives_the_run:
            _remove(witness)


def _remove(witness: Witness) -> None:
    """Remove the bucket of a probe where the service lets it: some cannot list what the probe wrote."""
    with suppress(Exception):
        witness.remove_root()


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

    if not isinstance(witness, S3Witness):
        raise TypeError(f"this probe is for S3, not for {witness.kind}")
    witness.put("object", b"first")
    try:
        witness.put_in_parts("object", b"second", if_match='"0123456789abcdef0123456789abcdef"')
    except ClientError:
        return False
    return witness.get("object") == b"second"


def _signed(witness: Witness) -> str:
    """Return a presigned URL of an object that is there; the probes of signatures are for S3."""
    if not isinstance(witness, S3Witness):
        raise TypeError(f"{witness.kind} has no presigned URLs for probes")
    witness.put("object.k", b"content")
    return witness.sign_url("object.k", 600)


def changed_signature_accepted(witness: Witness, _keys: tuple[str, ...]) -> bool:
    """A presigned URL whose signature is all zeros still reads the object."""
    changed = re.sub(r"(?<=X-Amz-Signature=)[0-9a-f]+", "0" * 64, _signed(witness))
    return bare_http.ask("GET", changed).body == b"content"


def past_expiry_accepted(witness: Witness, _keys: tuple[str, ...]) -> bool:
    """A presigned URL that was over years ago still reads the object."""
    changed = re.sub(r"(?<=X-Amz-Date=)\d{8}T\d{6}Z", "20150830T123600Z", _signed(witness))
    return bare_http.ask("GET", changed).body == b"content"


def write_by_reading_url_accepted(witness: Witness, _keys: tuple[str, ...]) -> bool:
    """A URL that was presigned for GET writes and deletes."""
    url = _signed(witness)
    bare_http.ask("PUT", url, body=b"other")
    wrote = witness.get("object.k") == b"other"
    bare_http.ask("DELETE", url)
    return wrote and witness.get("object.k") is None


def wrong_secret_accepted(witness: Witness, _keys: tuple[str, ...]) -> bool:
    """A request that is signed with a wrong secret reads the object."""
    _signed(witness)
    if not isinstance(witness, S3Witness):
        return False
    try:
        return witness.as_stranger().get("object.k") == b"content"
    except WitnessUnreachable:
        raise
    except Exception:  # noqa: BLE001 - the SDK's error for a refusal
        return False


def writes_beside_removals_refused(witness: Witness, _keys: tuple[str, ...]) -> bool:
    """A write of an object that is alone in its directory fails while others remove it; this needs some tries."""
    late = time.monotonic() + RACING_S
    with ThreadPoolExecutor(4) as pool:
        while time.monotonic() < late:
            witness.put("d/e/object.k", b"old")
            pending = [pool.submit(witness.put, "d/e/object.k", bytes([65 + number]) * 1000) for number in range(2)]
            pending += [pool.submit(witness.delete, "d/e/object.k") for _ in range(2)]
            errors = [future.exception() for future in pending]
            if any(error is not None and not isinstance(error, WitnessUnreachable) for error in errors):
                return True
    return False


PROBES: dict[str, Callable[[Witness, tuple[str, ...]], bool]] = {
    "not-kept": not_kept,
    "upload-in-parts-ignores-if-match": upload_in_parts_ignores_if_match,
    "changed-signature-accepted": changed_signature_accepted,
    "past-expiry-accepted": past_expiry_accepted,
    "write-by-reading-url-accepted": write_by_reading_url_accepted,
    "wrong-secret-accepted": wrong_secret_accepted,
    "writes-beside-removals-refused": writes_beside_removals_refused,
}
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
