"""
The control plane as a fake of a world: credentials are identities of the run, and everything that was asked is kept.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from conformance.fakes.serving import Answer, Fault, Life, Request, failing, seconds_of
from conformance.lake import calls
from conformance.lake.plane import ControlPlane, Order
from conformance.lake.refusals import Refused
from conformance.lake.said import Said, Script
from conformance.lake.state import Dataset, Role, State
from conformance.lake.storage import Grant, Root, Storage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from conformance.identities import Identity
    from conformance.lake.calls import Kind

Form = Literal["text", "number", "date", "null", "empty", "absent"]
"""How `expiration` is told: unix seconds as a text or a number, a date of ISO 8601, null, an empty text, or not at all."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request that the control plane got, headers and all.

    Attributes:
        kind: which call it was, `other` for none of the protocol.
        method: of HTTP.
        path: without the query, as sent.
        query: its parameters.
        headers: by lower-case name.
        body: whole.
        status: that was answered, None for none.
        label: whose token it had, empty for nobody's.
        org: in the path.
        ds: in the path, decoded.
        mode: `r` if that was asked for.
        at: unix seconds by the clock of the fake.
    """

    kind: Kind
    method: str
    path: str
    query: Mapping[str, str] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    status: int | None
    label: str
    org: str
    ds: str
    mode: str
    at: float


@dataclass(frozen=True, slots=True)
class Issued:
    """Credentials that were handed out, and what for; `expires_at` is what the answer said."""

    identity: Identity
    org: str
    ds: str
    mode: str
    creds_key: str
    expires_at: float


class FakeControlPlane:
    """A control plane of one world.

    Args:
        mint: makes the identity of a label and tells the gate of it.
        life_s: seconds that credentials live, by what is told.
        reading: makes identities that can only read, where the cloud has such; `mint` if it is not given.

    Attributes:
        faults: how it fails, by the label of the token that a request has.
        expiration: the form of the field.
        promises_s: seconds that it says credentials live, None for what they do.
        issued: what was handed out, oldest first.
    """

    name = "activeloop"

    def __init__(
        self,
        mint: Callable[[str], Identity],
        *,
        life_s: Life = 3600.0,
        reading: Callable[[str], Identity] | None = None,
    ) -> None:
        self.life_s = life_s
        self.faults: dict[str, Fault] = {}
        self.expiration: Form = "text"
        self.promises_s: float | None = None
        self.issued: list[Issued] = []
        self._mint = mint
        self._reading = reading or mint
        self._counts: dict[str, int] = {}
        self._key_labels: dict[tuple[str, str], str] = {}
        self._ids: dict[str, str] = {}
        self._calls: list[Call] = []
        self._script = Script()
        self._lock = threading.Lock()
        self._state = State()
        self._plane = ControlPlane(self._state, self)

    # ---- what there is

    def organisation(self, org: str, storage: Storage, *, open_names: bool = True) -> None:
        """Make an organisation whose datasets lie at `root/name` of a storage."""
        self._state.add_storage(org, storage)
        self._state.add_organisation(org, org, storage.place, open_names=open_names)

    def token(
        self,
        label: str,
        org: str,
        role: Role = "admin",
        *,
        text: str | None = None,
        provider: str = "activeloop",
        life_s: float | None = None,
        now: float | None = None,
    ) -> str:
        """Make a user of an organisation and a token of it; what is given for the token has this label.

        Args:
            label: a source of credentials.
            org: where the user is a member.
            role: of the user there.
            text: a token that somebody else made, such as Entra ID.
            provider: whose it is.
            life_s: seconds that it lives, None for ever.
            now: unix seconds from which it lives; by the clock of this machine if it is not given.
        """
        self._state.add_user(label)
        self._state.set_role(org, label, role)
        begins = datetime.now(UTC).timestamp() if now is None else now
        ends = None if life_s is None else begins + life_s
        identity, token = self._state.add_token(label, provider=provider, expires_at=ends, text=text)
        self._ids[token] = identity
        return token

    def revoke(self, text: str) -> None:
        """End a token."""
        self._state.revoke(self._ids[text])

    def role(self, text: str, org: str, role: Role | None) -> None:
        """Change what the user of a token may do in an organisation."""
        known = self._state.token(text)
        if known is None:
            raise KeyError("unknown token")
        self._state.set_role(org, known.user, role)

    def dataset(
        self,
        org: str,
        ds: str,
        *,
        path: str | None = None,
        creds_key: str | None = None,
        public: bool = False,
        agreements: tuple[str, ...] = (),
    ) -> None:
        """Make a dataset; `path` and `creds_key` as of `connect`."""
        place = None if path is None else str(Root.of(path))
        self._state.put_dataset(Dataset(org, ds, place, creds_key, public, tuple(agreements)))

    def creds_key(self, org: str, key: str, label: str, storage: Storage, *, expires_at: float | None = None) -> None:
        """Make a credential key; what is given for it has this label."""
        self._state.add_storage(f"{org}/{key}", storage)
        self._state.add_key(org, key, f"{org}/{key}", expires_at)
        self._key_labels[org, key] = label

    def rotate_key(self, org: str, key: str) -> None:
        """Begin the next generation of a credential key."""
        self._state.rotate_key(org, key)

    def expire_key(self, org: str, key: str, at: float = 0.0) -> None:
        """Let a credential key be over from a moment on, at once if none is given."""
        self._state.expire_key(org, key, at)

    def drop_key(self, org: str, key: str) -> None:
        """Forget a credential key."""
        self._state.drop_key(org, key)

    # ---- what it says

    def say(self, said: Said, *, times: int | None = 1, method: str | None = None, path: str | None = None) -> None:
        """Say this to the next requests of a method and a path prefix, to all if `times` is None."""
        self._script.say(said, times=times, method=method, path=path)

    def hush(self) -> None:
        """Say the right answers again."""
        self._script.hush()

    def answer(self, request: Request) -> Answer | None:
        """Answer one request, and keep it."""
        said, label = self._script.next_for(request), self.source_of(request)
        answer: Answer | None
        if said is not None:
            answer = said.to_answer(self._plane.answer(request) if said.changes is not None else None)
        elif (fault := self.faults.get(label)) is not None:
            answer = Answer(silent=True) if fault == "stall" else failing(fault)
        else:
            answer = self._plane.answer(request)
        self._keep(request, label, answer)
        return answer

    def source_of(self, request: Request) -> str:
        """Return the label of the token that a request has, empty for an unknown one."""
        text = request.headers.get("authorization", "").removeprefix("Bearer ")
        known = self._state.token(text) if text else None
        return known.user if known else ""

    # ---- what it was asked

    def asked(self, kind: Kind | None = None, label: str | None = None) -> list[Call]:
        """Return what was asked, oldest first; of one kind, or with the token of one label."""
        with self._lock:
            return [call for call in self._calls if kind in (None, call.kind) and label in (None, call.label)]

    def _keep(self, request: Request, label: str, answer: Answer | None) -> None:
        try:
            asked = calls.asked_by(request)
        except Refused:
            asked = calls.Asked("other")
        call = Call(
            kind=asked.kind,
            method=request.method,
            path=request.path,
            query=request.query,
            headers=request.headers,
            body=request.body,
            status=answer.status if answer and not answer.silent else None,
            label=label,
            org=asked.org,
            ds=asked.ds,
            mode="r" if request.query.get("mode") == "r" else "",
            at=request.now,
        )
        with self._lock:
            self._calls.append(call)

    # ---- what it gives

    def grant(self, order: Order) -> Grant:
        """Return the next identity of who asks, or of the credential key."""
        label = self._key_labels.get((order.org, order.creds_key), order.user) or "public"
        life_s = seconds_of(self.life_s)
        with self._lock:
            number = self._counts[label] = self._counts.get(label, 0) + 1
        mint = self._reading if order.reading else self._mint
        identity = mint(label if number == 1 else f"{label}#{number}")
        ends = order.now + (life_s if self.promises_s is None else self.promises_s)
        mode = "r" if order.reading else "w"
        with self._lock:
            self.issued.append(Issued(identity, order.org, order.ds, mode, order.creds_key, ends))
        return grant_of(identity, ends)

    def expiration_of(self, grant: Grant) -> dict[str, Any]:
        """Return the field `expiration` in the form that is set."""
        whole = int(grant.expires_at)
        match self.expiration:
            case "text":
                return {"expiration": str(whole)}
            case "number":
                return {"expiration": whole}
            case "date":
                return {"expiration": f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%SZ}"}
            case "null":
                return {"expiration": None}
            case "empty":
                return {"expiration": ""}
            case "absent":
                return {}


def grant_of(identity: Identity, expires_at: float) -> Grant:
    """Return an identity as credentials; raises `ValueError` for one that no control plane gives out."""
    match identity.kind:
        case "aws" if identity.token:
            return Grant(identity.name, identity.secret, identity.token, expires_at)
        case "azure_sas" if identity.sas:
            return Grant(identity.name, "", identity.sas, expires_at)
        case "google_bearer":
            return Grant("", "", identity.secret, expires_at)
        case _:
            raise ValueError(f"{identity!r} is no short-lived identity")
