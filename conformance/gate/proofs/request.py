"""
A request as a verifier sees it, and what it says about one.
"""

from __future__ import annotations

import datetime as dt
import email.utils
import hmac
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?]*")
_BLANKS = re.compile(r"[ \t]+")
_BASIC = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z")


@dataclass(frozen=True, slots=True)
class Request:
    """The head of a request; text is Latin-1, so that every byte of the wire is one character.

    Attributes:
        method: as sent.
        path: the raw path, without query, scheme and host.
        query: the raw query, without question mark.
        headers: in order, names in lower case, values stripped.
        now: unix seconds by the gate's clock.
        is_tls: whether it came over TLS.
    """

    method: str
    path: str = field(repr=False)
    query: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    now: float
    is_tls: bool = False
    _values: dict[str, str] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in self.headers:
            known = self._values.get(name)
            self._values[name] = value if known is None else f"{known},{value}"

    @classmethod
    def of_head(
        cls, method: bytes, target: bytes, pairs: Iterable[tuple[bytes, bytes]], *, now: float, is_tls: bool = False
    ) -> Request:
        """Return the request of a head's parts."""
        text = (
            _ABSOLUTE.sub("", target.decode("latin-1"), count=1)
            if not target.startswith(b"/")
            else target.decode("latin-1")
        )
        path, _, query = text.partition("?")
        headers = tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in pairs)
        return cls(method.decode("latin-1"), path or "/", query, headers, now, is_tls)

    def header(self, name: str) -> str | None:
        """Return the value of a header, repeats joined by commas; None if it was not sent."""
        return self._values.get(name)

    def parameters(self) -> list[tuple[str, str]]:
        """Return the raw parameters of the query, in order; still percent-encoded."""
        parts = (part.partition("=") for part in self.query.split("&") if part)
        return [(name, value) for name, _, value in parts]

    def decoded(self) -> dict[str, str]:
        """Return the decoded parameters of the query; of a repeated one the first, as what is signed is not repeated."""
        found: dict[str, str] = {}
        for name, value in self.parameters():
            found.setdefault(unquote(name), unquote(value))
        return found


class BodyCheck(Protocol):
    """Watches a body on its way."""

    def update(self, piece: bytes) -> None:
        """Take the next piece; raises `Refused` once it cannot become right."""
        ...

    def finish(self) -> None:
        """Say that the body ended; raises `Refused` if it is not what was signed."""
        ...


@dataclass(frozen=True, slots=True)
class Proven:
    """A proof that holds: whose it is, and what remains to be seen of the body."""

    label: str | None
    body: BodyCheck | None = None


class Refused(Exception):
    """The provider would not serve this.

    Attributes:
        code: the provider's error code.
        message: its text, None for the one that is documented for the code.
        fields: what else its body tells, by element name.
        label: whose proof it was, if the proof itself holds: an expired token is still somebody's.
    """

    def __init__(
        self,
        code: str,
        message: str | None = None,
        *,
        fields: Mapping[str, str] | None = None,
        label: str | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.fields = dict(fields or {})
        self.label = label


def collapsed(value: str) -> str:
    """Return a header's value as signatures take it: without outer blanks, inner runs as one."""
    return _BLANKS.sub(" ", value).strip()


def same(left: str | bytes, right: str | bytes) -> bool:
    """Whether two proofs are equal, in constant time."""
    return hmac.compare_digest(_bytes(left), _bytes(right))


def _bytes(text: str | bytes) -> bytes:
    return text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text


def basic_time(text: str) -> float | None:
    """Return the unix seconds of `20130524T000000Z`, None for anything else."""
    match = _BASIC.fullmatch(text)
    if match is None:
        return None
    try:
        return dt.datetime(*map(int, match.groups()), tzinfo=dt.UTC).timestamp()  # type: ignore[misc, arg-type]
    except ValueError:
        return None


def http_time(text: str) -> float | None:
    """Return the unix seconds of `Fri, 24 May 2013 00:00:00 GMT`, None for anything else."""
    try:
        return email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def iso_time(text: str) -> float | None:
    """Return the unix seconds of an ISO 8601 instant or day in UTC, None for anything else."""
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=dt.UTC)).timestamp()


def told(now: float) -> str:
    """Return unix seconds as `2013-05-24T00:00:00Z`."""
    return dt.datetime.fromtimestamp(now, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
