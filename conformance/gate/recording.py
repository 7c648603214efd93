"""
What is kept of an exchange, with secrets masked: who signed stays readable, what proves it does not.
"""

from __future__ import annotations

import re
import time
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from conformance.gate.framing import pairs_of

MASK = "***"

_SECRET_HEADERS = frozenset({"x-amz-security-token", "x-ms-copy-source-authorization", "cookie", "proxy-authorization"})
_SECRET_QUERY = re.compile(
    r"(?i)([?&](?:sig|x-amz-signature|x-amz-security-token|x-goog-signature|signature|access_token|oauth_token|token)=)"
    r"[^&]*"
)
_BEARER_QUERY = re.compile(r"(?i)[?&](access_token|oauth_token|token)=[^&]")
"""A token that whoever reads the URL can use; the other ones are parts of a URL that was signed for one request."""

_SIGNATURE = re.compile(r"(?i)(signature=)[0-9a-f]+")
_SIGV4_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/")
_QUERY_CREDENTIAL = re.compile(r"(?i)[?&]x-(?:amz|goog)-credential=([^&/%]+)")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer.

    Attributes:
        method: as sent.
        target: the raw request target, bytes above ASCII as backslash escapes, signatures masked.
        status: of the final answer, None if there was none.
        request_bytes: bytes of the request's payload, chunk framing not counted.
        response_bytes: bytes of the answer's payload.
        headers: of the request, in order, secrets masked.
        signed_by: the access key id, account or kind of token that signed, None for an unsigned request.
        started_s: seconds since the gate started.
        seconds: from the request's first byte to the answer's last one.
        identity: the label of the identity whose proof was verified, None for an unsigned request, for a proof that holds
            for nobody, and where the gate only records. An expired proof is still somebody's.
        refused: the provider's error code that the gate answered in its stead, None if the service answered.
        bearers: names of the parameters of the target's query that held a token, in small letters. Their values are
            masked, and a token does not belong there (RFC 9700, 4.3.2).
    """

    method: str
    target: str
    status: int | None
    request_bytes: int
    response_bytes: int
    headers: tuple[tuple[str, str], ...]
    signed_by: str | None
    started_s: float
    seconds: float
    identity: str | None = None
    refused: str | None = None
    bearers: tuple[str, ...] = ()

    def header(self, name: str) -> str | None:
        """Return a request header's value, None if it was not sent."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Return the exchange of JSON values."""
        headers = tuple((name, value) for name, value in values["headers"])
        return cls(**(values | {"headers": headers, "bearers": tuple(values["bearers"])}))


@dataclass(slots=True)
class Open:
    """An exchange that is under way: its method, its raw target and its raw head, and what became of it."""

    method: bytes
    target: bytes = field(repr=False)
    head: bytes = field(repr=False)
    started: float
    ended: float | None = None
    request_bytes: int = 0
    response_bytes: int = 0
    status: int | None = None
    identity: str | None = None
    refused: str | None = None


@dataclass
class Recorder:
    """The exchanges of one tap, in the order in which their answers ended.

    A head is read and masked when somebody asks: most are never looked at, and every request would wait for it.
    """

    began: float = field(default_factory=time.monotonic)
    _closed: list[Open] = field(default_factory=list, repr=False)
    _done: list[Exchange] = field(default_factory=list)

    def close(self, exchange: Open) -> None:
        """Keep an exchange that is over; once."""
        if exchange.ended is None:
            exchange.ended = time.monotonic()
            self._closed.append(exchange)

    def exchanges(self) -> list[Exchange]:
        """Return what was kept."""
        self._done += [_told(exchange, self.began) for exchange in self._closed]
        self._closed.clear()
        return self._done

    def clear(self) -> None:
        """Forget what was kept."""
        self._closed.clear()
        self._done.clear()


def _told(exchange: Open, began: float) -> Exchange:
    """Return what may be told of an exchange that is over."""
    target = _text(exchange.target)
    headers = [(_text(name), _text(value)) for name, value in pairs_of(exchange.head)]
    return Exchange(
        method=_text(exchange.method),
        target=masked_target(target),
        status=exchange.status,
        request_bytes=exchange.request_bytes,
        response_bytes=exchange.response_bytes,
        headers=tuple((name, masked_header(name, value)) for name, value in headers),
        signed_by=signer(target, headers),
        started_s=round(exchange.started - began, 6),
        seconds=round((exchange.ended or exchange.started) - exchange.started, 6),
        identity=exchange.identity,
        refused=exchange.refused,
        bearers=bearers_in(target),
    )


def _text(raw: bytes) -> str:
    return raw.decode("ascii", "backslashreplace")


def masked_target(target: str) -> str:
    """Return a request target without what proves an identity."""
    return _SECRET_QUERY.sub(rf"\g<1>{MASK}", target)


def bearers_in(target: str) -> tuple[str, ...]:
    """Return the names of the parameters of a request target that hold a bearer token, in small letters."""
    return tuple(dict.fromkeys(name.lower() for name in _BEARER_QUERY.findall(target)))


def masked_header(name: str, value: str) -> str:
    """Return a header's value without what proves an identity."""
    lower = name.lower()
    if lower in _SECRET_HEADERS:
        return MASK
    if lower == "authorization":
        return _masked_authorization(value)
    return masked_target(value) if lower in ("referer", "x-amz-copy-source", "x-ms-copy-source") else value


def _masked_authorization(value: str) -> str:
    scheme, _, rest = value.partition(" ")
    if scheme.startswith(("AWS4-", "GOOG4-")):
        return _SIGNATURE.sub(rf"\g<1>{MASK}", value)
    if scheme in ("SharedKey", "SharedKeyLite", "AWS"):
        return f"{scheme} {rest.partition(':')[0]}:{MASK}"
    return f"{scheme} {MASK}"


def signer(target: str, headers: list[tuple[str, str]]) -> str | None:
    """Return who signed: the key id of SigV4, the account of SharedKey, else the kind of proof; None for none."""
    authorization = next((value for name, value in headers if name.lower() == "authorization"), None)
    if authorization is not None:
        scheme, _, rest = authorization.partition(" ")
        match = _SIGV4_CREDENTIAL.search(rest)
        if match:
            return match[1]
        if scheme in ("SharedKey", "SharedKeyLite", "AWS"):
            return rest.partition(":")[0]
        return scheme
    query = _QUERY_CREDENTIAL.search(target)
    if query:
        return query[1]
    return "SAS" if re.search(r"[?&]sig=", target) else None
