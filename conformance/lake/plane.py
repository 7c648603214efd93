"""
The control plane itself: a request becomes an answer, by what the state knows; credentials come from an issuer.

It knows nothing of sockets, so that the service and the fake are the same. The protocol is told in
docs/reference/control-plane.md; it is the one that the client of deeplake 4.7.4 speaks, as measured.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from conformance.fakes.serving import Answer
from conformance.lake import calls
from conformance.lake.refusals import Refused
from conformance.lake.state import ROLES, Dataset, Key, Organisation, Role, State, Taken, Unknown
from conformance.lake.storage import REPO_TYPES, BadPath, Grant, Root, Storage, creds_of, managed_creds_of

if TYPE_CHECKING:
    from conformance.fakes.serving import Request
    from conformance.lake.calls import Asked, Bearer


@dataclass(frozen=True, slots=True)
class Order:
    """What credentials are wanted for.

    Attributes:
        storage: what signs.
        place: the path that they are to open.
        reading: whether they must not be able to write.
        user: who asks, empty for nobody.
        org: the organisation.
        ds: the dataset, empty for managed credentials.
        creds_key: the credential key that they come from, empty for the storage of the organisation.
        generation: of the key.
        now: unix seconds.
    """

    storage: Storage
    place: Root
    reading: bool
    user: str
    org: str
    ds: str
    creds_key: str
    generation: int
    now: float


class StorageUnavailable(Exception):
    """The storage gives no credentials; the message says why, without a secret."""


class Issuer(Protocol):
    """Where short-lived credentials come from."""

    def grant(self, order: Order) -> Grant:
        """Return credentials; raises `StorageUnavailable`."""
        ...

    def expiration_of(self, grant: Grant) -> dict[str, Any]:
        """Return the field `expiration`, or nothing."""
        ...


class ControlPlane:
    """The calls of clients."""

    def __init__(self, state: State, issuer: Issuer) -> None:
        self.state = state
        self._issuer = issuer

    def answer(self, request: Request) -> Answer:
        """Answer one request."""
        try:
            return Answer.of_json(self._told(request))
        except Refused as refused:
            return refused.answer()

    def _told(self, request: Request) -> dict[str, Any]:
        asked = calls.asked_by(request)
        bearer = calls.bearer_of(request)
        user = self.user_of(bearer, request.now)
        if not user and asked.kind != "creds":
            raise Refused("unauthenticated", "a token is needed")
        match asked.kind:
            case "creds":
                return self._creds(request, asked, user)
            case "create":
                return self._create(request, user)
            case "connect":
                return self._connect(request, user)
            case "delete":
                return self._delete(asked, user)
            case "authz":
                return self._authz(request, user)
            case "storage":
                return self._managed(request, asked, user)
            case "profile":
                return {"_id": user, "name": user, "organizations": self.state.organisations_of(user)}
            case "agree" | "disagree":
                return self._agree(request, asked, user)
            case "other":
                raise Refused("no_such_path", "there is nothing at this path")

    def user_of(self, bearer: Bearer, now: float) -> str:
        """Return whose token it is, empty for nobody; raises `Refused`."""
        if not bearer.token:
            return ""
        token = self.state.token(bearer.token)
        if token is None or token.provider != bearer.provider:
            raise Refused("unauthenticated", f"this token is none of provider {bearer.provider}")
        if token.revoked:
            raise Refused("token_revoked", "this token was revoked")
        if token.expires_at is not None and token.expires_at <= now:
            raise Refused("token_expired", "this token is over")
        return token.user

    # ---- credentials

    def _creds(self, request: Request, asked: Asked, user: str) -> dict[str, Any]:
        mode = request.query.get("mode")
        if mode not in (None, "r", "w", "a"):
            raise Refused("bad_body", "mode is r, w or a")
        known = self.state.dataset(asked.org, asked.ds)
        if not user and not (known and known.public and mode == "r"):
            raise Refused("unauthenticated", "a token is needed")
        if known and known.public and mode == "r":
            organisation = self._organisation(asked.org)
            role = self.state.role(asked.org, user) or "read"
        else:
            organisation, role = self._membership(asked.org, user)
        reading = mode == "r" or role == "read"
        if known is None and reading and not organisation.open_names:
            raise Refused("dataset_not_found", f"there is no dataset {asked.ds} in {asked.org}")
        if mode in ("w", "a") and role == "read":
            raise Refused("forbidden", f"reading is all that you may in {asked.org}")
        dataset = known or Dataset(asked.org, asked.ds)
        self._check_agreements(dataset, user)
        key = self._key(dataset.org, dataset.creds_key, request.now) if dataset.creds_key else None
        place, storage = self._lies_at(organisation, dataset, key)
        order = Order(
            storage=storage,
            place=place,
            reading=reading,
            user=user,
            org=dataset.org,
            ds=dataset.name,
            creds_key=key.id if key else "",
            generation=key.generation if key else 0,
            now=request.now,
        )
        grant = self._granted(order)
        return {
            "path": str(place),
            "repo_type": REPO_TYPES[place.cloud],
            "mode": "r" if reading else "w",
            "repository": f"{dataset.org}/{dataset.name}",
            "creds": creds_of(self._seen_by(user, storage), grant) | self._issuer.expiration_of(grant),
        }

    def _managed(self, request: Request, asked: Asked, user: str) -> dict[str, Any]:
        name = request.query.get("query", "").strip()
        if not name:
            raise Refused("bad_body", "the parameter query has to name a credential key")
        _, role = self._membership(asked.org, user)
        key = self._key(asked.org, name, request.now)
        order = Order(
            storage=key.storage,
            place=key.storage.place,
            reading=role == "read",
            user=user,
            org=asked.org,
            ds="",
            creds_key=key.id,
            generation=key.generation,
            now=request.now,
        )
        grant = self._granted(order)
        creds = managed_creds_of(self._seen_by(user, key.storage), grant) | self._issuer.expiration_of(grant)
        return {"creds": creds, "provider": key.storage.place.cloud}

    def _seen_by(self, user: str, storage: Storage) -> Storage:
        """Return a storage at the address at which a user finds it."""
        endpoint = self.state.endpoint_of(user) if user else None
        return storage if endpoint is None else replace(storage, endpoint_url=endpoint)

    def _granted(self, order: Order) -> Grant:
        try:
            return self._issuer.grant(order)
        except StorageUnavailable as error:
            raise Refused("storage_unavailable", str(error), {"Retry-After": "1"}) from None

    def _lies_at(self, organisation: Organisation, dataset: Dataset, key: Key | None) -> tuple[Root, Storage]:
        if key is not None and dataset.path is not None:
            return Root.of(dataset.path), key.storage
        if organisation.storage is None or organisation.root is None:
            raise Refused("dataset_not_found", f"the organisation {organisation.id} has no storage")
        place = Root.of(dataset.path) if dataset.path else Root.of(organisation.root).below(dataset.name)
        return place, self.state.storage(organisation.storage)

    def _key(self, org: str, name: str, now: float) -> Key:
        key = self.state.key(org, name)
        if key is None:
            raise Refused("creds_key_not_found", f"there is no credential key {name[:80]!r} in {org}")
        if key.expires_at is not None and key.expires_at <= now:
            raise Refused("creds_key_expired", f"the credential key {name[:80]!r} is over")
        return key

    def _check_agreements(self, dataset: Dataset, user: str) -> None:
        if not dataset.agreements:
            return
        if not user:
            raise Refused("agreement_needs_login", "log in to accept the agreements of this dataset", code=2)
        if not self.state.has_accepted(dataset.org, dataset.name, user):
            texts = [{"text": text} for text in dataset.agreements]
            raise Refused("agreement_not_accepted", "this dataset has agreements", code=1, agreements=texts)

    # ---- datasets

    def _create(self, request: Request, user: str) -> dict[str, Any]:
        fields = {"tag": str, "public": bool, "rewrite": bool}
        body = calls.body_of(request, fields, {"meta": dict, "repository": str})
        org, _, name = body["tag"].partition("/")
        org, name = calls.organisation_of(org), calls.dataset_of(name)
        organisation, role = self._membership(org, user)
        self._need(role, "write", org)
        if organisation.storage is None:
            raise Refused("bad_body", f"the organisation {org} has no storage")
        known = self.state.dataset(org, name)
        if known is None or known.path is None:
            dataset = Dataset(org, name, public=body["public"], agreements=known.agreements if known else ())
            self._put(dataset, replacing=body["rewrite"])
        elif not body["rewrite"]:
            raise Refused("dataset_exists", f"there is a dataset {name} in {org}")
        return {"tag": f"{org}/{name}"}

    def _connect(self, request: Request, user: str) -> dict[str, Any]:
        body = calls.body_of(request, {"src_path": str, "org_id": str}, {"ds_name": str, "creds_key": str})
        org = calls.organisation_of(body["org_id"])
        try:
            place = Root.of(body["src_path"])
        except BadPath as error:
            raise Refused("bad_body", f"src_path: {error}") from None
        name = calls.dataset_of(body.get("ds_name") or (place.prefix or place.bucket).rpartition("/")[2])
        organisation, role = self._membership(org, user)
        self._need(role, "write", org)
        creds_key = body.get("creds_key") or None
        holder: Root | None = None
        if creds_key:
            holder = self._key(org, creds_key, request.now).storage.place
        elif organisation.root:
            holder = Root.of(organisation.root)
        if holder is None or not holder.holds(place):
            where = f"the storage of {creds_key[:80]!r}" if creds_key else f"the storage of {org}; name a creds_key"
            raise Refused("creds_key_not_found", f"src_path does not lie in {where}")
        dataset = Dataset(org, name, str(place), creds_key)
        known = self.state.dataset(org, name)
        if known is None:
            self._put(dataset, replacing=False)
        elif (known.path, known.creds_key) != (dataset.path, dataset.creds_key):
            raise Refused("dataset_exists", f"there is a dataset {name} in {org}")
        return {"generated_id": f"{org}/{name}"}

    def _delete(self, asked: Asked, user: str) -> dict[str, Any]:
        organisation, role = self._membership(asked.org, user)
        known = self.state.dataset(asked.org, asked.ds)
        if known is None and not organisation.open_names:
            raise Refused("dataset_not_found", f"there is no dataset {asked.ds} in {asked.org}")
        self._need(role, "admin", asked.org)
        if known is not None:
            try:
                self.state.drop_dataset(asked.org, asked.ds)
            except Unknown:
                # somebody else was faster
                raise Refused("dataset_not_found", f"there is no dataset {asked.ds} in {asked.org}") from None
        return {}

    def _agree(self, request: Request, asked: Asked, user: str) -> dict[str, Any]:
        if request.body:
            calls.body_of(request, {})
        self._membership(asked.org, user)
        if self.state.dataset(asked.org, asked.ds) is None:
            raise Refused("dataset_not_found", f"there is no dataset {asked.ds} in {asked.org}")
        self.state.accept(asked.org, asked.ds, user, accepts=asked.kind == "agree")
        return {}

    def _put(self, dataset: Dataset, *, replacing: bool) -> None:
        try:
            self.state.put_dataset(dataset, replacing=replacing)
        except Taken:
            raise Refused("dataset_exists", f"there is a dataset {dataset.name} in {dataset.org}") from None

    # ---- who may

    def _authz(self, request: Request, user: str) -> dict[str, Any]:
        body = calls.body_of(request, {"entity_type": str, "entity_id": str, "action": str})
        if body["entity_type"] != "organization":
            raise Refused("bad_body", "entity_type has to be organization")
        if body["action"] not in ROLES:
            raise Refused("bad_body", f"action has to be one of {', '.join(ROLES)}")
        role = self.state.role(body["entity_id"], user)
        return {"access": role is not None and ROLES.index(role) >= ROLES.index(body["action"])}

    def _organisation(self, org: str) -> Organisation:
        organisation = self.state.organisation(org)
        if organisation is None:
            raise Refused("organisation_not_found", f"there is no organisation {org}")
        return organisation

    def _membership(self, org: str, user: str) -> tuple[Organisation, Role]:
        role = self.state.role(org, user)
        if role is None:
            raise Refused("organisation_not_found", f"there is no organisation {org}")
        return self._organisation(org), role

    @staticmethod
    def _need(role: Role, needed: Role, org: str) -> None:
        if ROLES.index(role) < ROLES.index(needed):
            raise Refused("forbidden", f"this needs the role {needed} in {org}")
