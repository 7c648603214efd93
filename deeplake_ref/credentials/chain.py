"""
Walks ordered sources until one answers.

A source has three answers: `Found` (use these), `NotMine` (ask the next) and `Broken` (stop, with the reason). The
order is a tuple that one can read. Every attempt is kept by name, for the final error and for explanations; no attempt
holds a secret.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from deeplake_ref.errors import (
    AuthenticationError,
    CredentialsNotFoundError,
    CredentialsUnavailableError,
    InvalidCredentialsError,
    StorageError,
    redacted,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

C = TypeVar("C")
T = TypeVar("T")
C_co = TypeVar("C_co", covariant=True)

# what is no plain name may be a secret in the wrong place, and is not repeated
_FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,29}")


@dataclass(frozen=True, slots=True)
class Found(Generic[C_co]):
    """The source has credentials."""

    credentials: C_co = field(repr=False)


@dataclass(frozen=True, slots=True)
class NotMine:
    """The source is not configured, for a reason; the next one is asked."""

    reason: str


@dataclass(frozen=True, slots=True)
class Broken:
    """The source is configured and cannot be used; nobody else is asked."""

    error: StorageError


class Source(Protocol[C_co]):
    """One place a credential may come from."""

    @property
    def name(self) -> str:
        """The name that specification, reports and explanations share, such as `aws_env`."""
        ...

    def look(self) -> Found[C_co] | NotMine | Broken:
        """Say what this source has; called once per handle, at the first request."""
        ...


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one source answered."""

    source: str
    answer: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.source}: {self.answer}" + (f" ({self.reason})" if self.reason else "")


@dataclass(frozen=True, slots=True)
class Resolved(Generic[C]):
    """The winner of a walk, by name."""

    source: str
    credentials: C = field(repr=False)


@dataclass(frozen=True, slots=True)
class Walk(Generic[C]):
    """How a walk went: every source's answer in order, and either the winner or why there is none."""

    attempts: tuple[Attempt, ...]
    resolved: Resolved[C] | None
    error: StorageError | None


class Chain(Generic[C]):
    """Resolves once, at first use, however many threads ask.

    `renew` gets other credentials from where the given ones came from, or None if there are none (a static key).
    """

    def __init__(
        self,
        provider: str,
        sources: Sequence[Source[C]],
        hint: str,
        renew: Callable[[C], C | None] = lambda _credentials: None,
    ) -> None:
        self.provider = provider
        self.sources = tuple(sources)
        self.hint = hint
        self._renew = renew
        self.attempts: list[Attempt] = []
        self._lock = threading.Lock()
        self._resolved: Resolved[C] | None = None

    @property
    def source(self) -> str | None:
        """The name of the winner, None before the first request."""
        return self._resolved.source if self._resolved else None

    def resolve(self) -> Resolved[C]:
        """Return the winner.

        Raises:
            CredentialsNotFoundError: no source is configured; the message lists the attempts.
            StorageError: what the first broken source says.
        """
        with self._lock:
            if self._resolved is None:
                self._resolved = self._walk()
            return self._resolved

    def explained(self) -> Walk[C]:
        """Resolve, and return what every source answered; a source behind the one that decided is `not asked`.

        What `resolve` would raise is part of the answer.
        """
        with self._lock:
            error = None
            if self._resolved is None:
                try:
                    self._resolved = self._walk()
                except StorageError as raised:
                    error = raised
            asked = tuple(self.attempts)
            decided = asked[-1].source if asked else "nobody"
            behind = (Attempt(each.name, "not asked", f"behind {decided}") for each in self.sources[len(asked) :])
            return Walk((*asked, *behind), self._resolved, error)

    def call(self, request: Callable[[], T]) -> T:
        """Make a request; where its credentials are rejected and the winner has others, get them, and try once more.

        They are got once for however many threads. Credentials that nobody renews are not replaced by those of another
        source: the rejection is the answer.
        """
        used = self.resolve()
        try:
            return request()
        except AuthenticationError as error:
            # 404 is said of an account that is not there, whoever asks
            if error.http_status == 404 or not self._renewed(used):
                raise
        return request()

    def _renewed(self, rejected: Resolved[C]) -> bool:
        """Whether there are other credentials than the rejected ones."""
        with self._lock:
            if self._resolved is rejected:
                other = self._renew(rejected.credentials)
                if other is None:
                    return False
                self._resolved = Resolved(rejected.source, other)
            return True

    def _walk(self) -> Resolved[C]:
        self.attempts.clear()
        for source in self.sources:
            match self._ask(source):
                case Found(credentials):
                    self.attempts.append(Attempt(source.name, "credentials"))
                    return Resolved(source.name, credentials)
                case NotMine(reason):
                    self.attempts.append(Attempt(source.name, "not configured", reason))
                case Broken(error):
                    self.attempts.append(Attempt(source.name, "broken", str(error)))
                    error.provider = error.provider or self.provider
                    error.effect = error.effect or "none"
                    error.source = source.name
                    raise error
        tried = "; ".join(str(attempt) for attempt in self.attempts)
        raise CredentialsNotFoundError(
            f"no credentials for {self.provider}://: {tried}. {self.hint}", provider=self.provider, effect="none"
        )

    def _ask(self, source: Source[C]) -> Found[C] | NotMine | Broken:
        try:
            return source.look()
        except StorageError as error:
            return Broken(error)
        except Exception as error:  # noqa: BLE001 - what an SDK raises for a broken source may hold a secret
            told = CredentialsUnavailableError(f"{source.name} cannot be used: {type(error).__name__}")
            told.__cause__ = redacted(error)
            return Broken(told)


def check_dictionary(
    creds: Mapping[str, Any],
    *,
    provider: str,
    own: Iterable[str],
    foreign: Mapping[str, str],
    types: Mapping[str, type] | None = None,
) -> dict[str, Any]:
    """Return a creds dictionary without its None values.

    Args:
        creds: what the caller gave.
        provider: the prefix, for messages.
        own: the fields of this cloud.
        foreign: fields of other clouds, with the prefix they belong to.
        types: fields that are not strings.

    Raises:
        InvalidCredentialsError: a field is unknown, of another cloud, blank, or of the wrong type; it is named, its
            value is not.
    """
    known = tuple(own)
    given = {}
    for name, value in creds.items():
        if not isinstance(name, str):
            raise _invalid(f"field names of creds are strings: {type(name).__name__}", provider)
        if value is None:
            continue
        if name not in known:
            raise _invalid(_unknown(name, known, foreign, provider), provider, shown(name))
        expected = (types or {}).get(name, str)
        if not isinstance(value, expected) or (expected is not bool and isinstance(value, bool)):
            raise _invalid(f"`{name}` of creds is a {expected.__name__}: {type(value).__name__}", provider, shown(name))
        if isinstance(value, str) and not value.strip():
            raise _invalid(f"`{name}` of creds is blank", provider, shown(name))
        given[name] = value
    return given


def _unknown(name: str, known: tuple[str, ...], foreign: Mapping[str, str], provider: str) -> str:
    if name in foreign:
        return f"`{name}` of creds belongs to {foreign[name]}://, it is not sent to {provider}://"
    near = get_close_matches(name.lower(), known, n=1, cutoff=0.5)
    hint = f"did you mean `{near[0]}`? " if near else ""
    return f"{shown(name)} is unknown; {hint}known: {', '.join(known)}"


def shown(name: str) -> str:
    """Return a field of creds as messages show it; what is no plain name is not repeated."""
    return f"`{name}` of creds" if _FIELD_NAME.fullmatch(name) else "a field of creds"


def _invalid(message: str, provider: str, at: str | None = None) -> InvalidCredentialsError:
    return InvalidCredentialsError(message, provider=provider, effect="none", source="dictionary", at=at)
