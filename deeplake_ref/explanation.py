"""
Says which credentials are used for a path, and why: every source in order with its answer, and where requests go.

Whatever is wrong with the credentials is an answer, never an exception; no answer holds a secret.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from deeplake_ref import advice, urls
from deeplake_ref.credentials import origins
from deeplake_ref.credentials.chain import Attempt
from deeplake_ref.credentials.origins import Addresses, Origin
from deeplake_ref.errors import CredentialsNotFoundError, StorageError
from deeplake_ref.probing import DEADLINE_S, Probe
from deeplake_ref.probing import probe as probed
from deeplake_ref.retry import RetryPolicy
from deeplake_ref.secrets import SecretFields
from deeplake_ref.stores import open_store
from deeplake_ref.stores.activeloop import LentStore

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from deeplake_ref.credentials.chain import Chain, Walk

WITHOUT_CREDENTIALS = {"mem": "the memory of this process", "file": "the local disk"}
"""Prefixes that need no credentials, and where they point."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why requests cannot be made: the class of the error, its message, and what to do about it."""

    error: str
    message: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Which credentials are used for a path, and why.

    Attributes:
        path: in normal form.
        prefix: `mem`, `file`, `al`, `s3`, `az` or `gcs`.
        attempts: every source in order; its answer is `credentials`, `not configured`, `broken` or `not asked`.
        winner: the source whose credentials are used; None if there is none, or none is needed.
        expires_at: when the winner's credentials expire, aware and in UTC; None if they do not, or do not say it.
        endpoint: where requests go, and where that was read from; of `al://` and `creds_key`, the control plane.
        region: the region that requests are signed for, None where there are no regions.
        storage: where the control plane says that the bytes lie; None where no control plane is asked.
        mode: `read` or `read and write`, as the control plane lets the token's owner; None as for `storage`.
        failure: why no requests can be made, None if they can.
        probes: what was tried, in order; empty unless that was asked for.
    """

    path: str
    prefix: str
    attempts: tuple[Attempt, ...] = ()
    winner: str | None = None
    expires_at: datetime | None = None
    endpoint: Origin | None = None
    region: Origin | None = None
    storage: str | None = None
    mode: str | None = None
    failure: Failure | None = None
    probes: tuple[Probe, ...] = ()

    @property
    def needs_credentials(self) -> bool:
        """Whether the place looks at credentials at all."""
        return self.prefix not in WITHOUT_CREDENTIALS

    @property
    def is_usable(self) -> bool:
        """Whether requests can be made, and everything that was tried worked."""
        return self.failure is None and all(each.outcome == "ok" for each in self.probes)

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain data for JSON; instants are ISO 8601."""
        plain = {
            **asdict(self),
            "needs_credentials": self.needs_credentials,
            "expires_at": None if self.expires_at is None else self.expires_at.isoformat(),
        }
        return {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}


def explain(
    path: str,
    creds: Mapping[str, Any] | str | None = None,
    token: str | None = None,
    *,
    probe: bool = False,
    write: bool = False,
) -> Explanation:
    """Explain which credentials are used for a path.

    Sources are asked as by the first request of a handle: files are read, identity services and Deep Lake's control plane
    are asked; the place itself is asked nothing, unless `probe` is set.

    Args:
        path: a path with one of the prefixes, or a bare local path.
        creds: as they would be given to a handle.
        token: a Deep Lake user token; only `al://` and `creds_key` look at it.
        probe: whether to try a listing and a read.
        write: whether to try a write too, and its removal; only with `probe`.

    Raises:
        InvalidURIError: the path breaks a rule.
        ValueError: `write` without `probe`.
    """
    if write and not probe:
        raise ValueError("write is one of the things that probe tries: probe=True, write=True")
    url = urls.parse(path)
    found = _found(url, SecretFields(creds), SecretFields(token))
    if not probe or found.failure is not None:
        return found
    endpoint = str(found.endpoint) if found.endpoint is not None else None
    about = {"source": found.winner, "endpoint": endpoint, "storage": found.storage}
    tried = probed(str(url), creds, token, write=write, **about)
    return replace(found, probes=tried)


def _found(url: urls.DatasetURL, creds: SecretFields, token: SecretFields) -> Explanation:
    about: dict[str, Any] = {"path": str(url), "prefix": url.prefix}
    if url.prefix in WITHOUT_CREDENTIALS:
        return Explanation(**about, endpoint=Origin(None, WITHOUT_CREDENTIALS[url.prefix]))
    try:
        # says which extra is missing; nothing is requested
        store = open_store(url, creds.reveal(), RetryPolicy(deadline_s=DEADLINE_S), cast("str | None", token.reveal()))
        store.close()
        if isinstance(store, LentStore):
            return _lent(store, about)
        chain = _chain(url, creds)
    except StorageError as error:
        return Explanation(**about, failure=_failure(error))
    walk = chain.explained()
    where, failure = _addresses(url, creds, walk)
    failure = _unresolved(chain, walk) or failure
    return Explanation(
        **about,
        attempts=walk.attempts,
        winner=walk.resolved.source if walk.resolved else None,
        expires_at=getattr(walk.resolved.credentials, "expires_at", None) if walk.resolved else None,
        endpoint=where.endpoint,
        region=where.region,
        failure=failure,
    )


def _lent(store: LentStore, about: dict[str, Any]) -> Explanation:
    """Explain whose token is shown to the control plane, and what that answers."""
    tokens = store.plane.tokens
    walk = tokens.explained()
    told: dict[str, Any] = {}
    try:
        where = store.plane.address()
        told["endpoint"] = Origin(where.url, where.origin)
        failure = _unresolved(tokens, walk)
    except StorageError as error:
        told["endpoint"], failure = origins.unknown(error).endpoint, _failure(error)
    source = walk.resolved.source if walk.resolved else None
    attempts = walk.attempts
    if failure is None:
        try:
            lease = store.lease()
        except StorageError as error:
            # a lease is asked for what it takes to read
            failure = _failure(error, action="read", endpoint=str(told["endpoint"]))
        else:
            told |= {"storage": str(lease.url), "expires_at": lease.expires_at}
            told["mode"] = "read and write" if lease.writes else "read"
            if store.source not in (None, source):
                # credentials of the organisation sign, and the token is how they were had
                source = store.source
                attempts = (
                    *attempts,
                    Attempt(str(source), "credentials", "of the organisation, for the token's owner"),
                )
    return Explanation(**about, **told, attempts=attempts, winner=source, failure=failure)


def _unresolved(chain: Chain[Any], walk: Walk[Any]) -> Failure | None:
    """Return why a walk has no winner, None if it has one."""
    if isinstance(walk.error, CredentialsNotFoundError) and walk.error.source is None:
        # nobody is to blame, and the attempts say the rest
        return Failure(type(walk.error).__name__, f"no source has credentials for {chain.provider}://", chain.hint)
    return None if walk.error is None else _failure(walk.error)


def _chain(url: urls.DatasetURL, creds: SecretFields) -> Chain[Any]:
    """Return the sources of a cloud, in their order."""
    match url.prefix:
        case "s3":
            from deeplake_ref.credentials import aws

            return aws.chain(creds)
        case "az":
            from deeplake_ref.credentials import azure

            return azure.chain(creds, url.account)
        case _:
            from deeplake_ref.credentials import google

            return google.chain(creds)


def _addresses(url: urls.DatasetURL, creds: SecretFields, walk: Walk[Any]) -> tuple[Addresses, Failure | None]:
    try:
        return origins.of(url, creds, walk.resolved.credentials if walk.resolved else None), None
    except StorageError as error:
        return origins.unknown(error), _failure(error)


def _failure(error: StorageError, **about: str) -> Failure:
    return Failure(type(error).__name__, error.message, advice.advise(error, **about))
