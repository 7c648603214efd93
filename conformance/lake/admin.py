"""
The side of the control plane for whoever runs it: makes organisations, users, tokens, storages, keys and datasets by hand.

Its own token is made per start, or given; a token of a user is shown once, in the answer that makes it.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from dataclasses import asdict
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from conformance.fakes.serving import Answer
from conformance.lake import calls
from conformance.lake.refusals import STATUSES, Refused
from conformance.lake.said import Said, Script
from conformance.lake.state import ROLES, Dataset, Key, State, Taken, Unknown
from conformance.lake.storage import BadPath, Root, Storage

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.fakes.serving import Request
    from conformance.lake.limits import Limit
    from conformance.lake.recording import Recent

_ID = re.compile(r"[A-Za-z0-9_.@+-]{1,100}", re.ASCII)
_Told = tuple[int, dict[str, Any]]


class Admin:
    """Answers `/admin/...`."""

    def __init__(self, state: State, token: str, *, script: Script, limit: Limit, recent: Recent) -> None:
        self._state = state
        self._token = token
        self._script = script
        self._limit = limit
        self._recent = recent
        self._routes: tuple[tuple[str, re.Pattern[str], Callable[..., _Told]], ...] = tuple(
            (method, re.compile(path), does)
            for method, path, does in (
                ("POST", "/admin/organisations", self._add_organisation),
                ("PUT", "/admin/organisations/([^/]+)/members/([^/]+)", self._set_member),
                ("POST", "/admin/organisations/([^/]+)/keys", self._add_key),
                ("POST", "/admin/organisations/([^/]+)/keys/([^/]+)/rotate", self._rotate_key),
                ("PATCH", "/admin/organisations/([^/]+)/keys/([^/]+)", self._expire_key),
                ("DELETE", "/admin/organisations/([^/]+)/keys/([^/]+)", self._drop_key),
                ("PUT", "/admin/organisations/([^/]+)/datasets/(.+)", self._put_dataset),
                ("POST", "/admin/users", self._add_user),
                ("POST", "/admin/tokens", self._add_token),
                ("DELETE", "/admin/tokens/([^/]+)", self._revoke),
                ("POST", "/admin/storages", self._add_storage),
                ("POST", "/admin/answers", self._say),
                ("DELETE", "/admin/answers", self._hush),
                ("PUT", "/admin/limit", self._set_limit),
                ("GET", "/admin/requests", self._requests),
            )
        )

    def answer(self, request: Request) -> Answer:
        """Answer one request; every refusal has the form of the protocol's."""
        try:
            self._know(request)
            status, body = self._route(request)
        except Refused as refused:
            return refused.answer()
        except Taken:
            return Answer.of_json({"description": "there is one of this name", "error": "taken"}, HTTPStatus.CONFLICT)
        except Unknown as error:
            told = f"there is no such {error.args[0]}"
            return Answer.of_json({"description": told, "error": "not_found"}, HTTPStatus.NOT_FOUND)
        except BadPath as error:
            return Answer.of_json({"description": str(error), "error": "bad_body"}, STATUSES["bad_body"])
        return Answer.of_json(body, status)

    def _know(self, request: Request) -> None:
        given = request.headers.get("authorization", "")
        right = f"Bearer {self._token}"
        if "authorization" in request.repeated or not hmac.compare_digest(
            given.encode("utf-8", "replace"), right.encode("utf-8", "replace")
        ):
            raise Refused("unauthenticated", "the admin token is needed")

    def _route(self, request: Request) -> _Told:
        allowed = []
        for method, path, does in self._routes:
            found = path.fullmatch(request.path)
            if found is None:
                continue
            if method == request.method:
                return does(request, *(calls.decoded(part) for part in found.groups()))
            allowed.append(method)
        if allowed:
            told = ", ".join(sorted(set(allowed)))
            raise Refused("method_not_allowed", f"this path has {told} only", {"Allow": told})
        raise Refused("no_such_path", "there is nothing at this path")

    # ---- organisations and users

    def _add_organisation(self, request: Request) -> _Told:
        body = calls.body_of(request, {"id": str}, {"storage": str, "root": str, "open_names": bool})
        org = calls.organisation_of(body["id"])
        storage = body.get("storage")
        root: Root | None = None
        if storage is not None:
            held = self._state.storage(storage).place
            root = Root.of(body["root"]) if "root" in body else held.below(org)
            if not held.holds(root):
                raise Refused("bad_body", "root does not lie in the storage")
        elif "root" in body:
            raise Refused("bad_body", "root needs a storage")
        open_names = body.get("open_names", False)
        self._state.add_organisation(org, storage, root, open_names=open_names)
        return 201, {"id": org, "storage": storage, "root": str(root) if root else None, "open_names": open_names}

    def _add_user(self, request: Request) -> _Told:
        body = calls.body_of(request, {"id": str}, {"roles": dict, "endpoint_url": str})
        user, roles = identity_of(body["id"]), body.get("roles", {})
        for org, role in roles.items():
            self._check_role(org, role)
        self._state.add_user(user, endpoint_url=body.get("endpoint_url"))
        for org, role in roles.items():
            self._state.set_role(org, user, role)
        return 201, {"id": user, "roles": roles, "endpoint_url": body.get("endpoint_url")}

    def _set_member(self, request: Request, org: str, user: str) -> _Told:
        role = calls.body_of(request, {}, {"role": str}).get("role")
        if role is not None:
            self._check_role(org, role)
        self._state.set_role(org, user, role)
        return 200, {"organisation": org, "user": user, "role": role}

    def _check_role(self, org: str, role: Any) -> None:
        if role not in ROLES:
            raise Refused("bad_body", f"a role is one of {', '.join(ROLES)}")
        if self._state.organisation(org) is None:
            raise Unknown("organisation")

    def _add_token(self, request: Request) -> _Told:
        body = calls.body_of(request, {"user": str}, {"provider": str, "expires_in": float, "token": str})
        provider = body.get("provider", "activeloop")
        if provider not in calls.PROVIDERS:
            raise Refused("bad_body", f"provider is one of {', '.join(calls.PROVIDERS)}")
        if body.get("token") == "":
            raise Refused("bad_body", "a token is not empty")
        expires_at = request.now + body["expires_in"] if "expires_in" in body else None
        identity, text = self._state.add_token(
            body["user"], provider=provider, expires_at=expires_at, text=body.get("token")
        )
        return 201, {"id": identity, "token": text, "user": body["user"], "expires_at": expires_at}

    def _revoke(self, _request: Request, identity: str) -> _Told:
        self._state.revoke(identity)
        return 200, {}

    # ---- storages, keys, datasets

    def _add_storage(self, request: Request) -> _Told:
        optional = {
            "endpoint_url": str,
            "region": str,
            "access_key": str,
            "secret_key": str,
            "role_arn": str,
            "sts_url": str,
            "life_s": float,
        }
        body = calls.body_of(request, {"id": str, "root": str}, optional)
        identity = identity_of(body.pop("id"))
        storage = Storage(**body)
        if storage.life_s <= 0 or (storage.place.cloud == "s3" and storage.life_s < 900):
            raise Refused("bad_body", "life_s is positive, and at least 900 for S3, as AssumeRole has it")
        if storage.place.cloud == "az" and not _is_base64(storage.secret_key):
            raise Refused("bad_body", "secret_key is the account key in base64")
        self._state.add_storage(identity, storage)
        told = {name: value for name, value in asdict(storage).items() if name not in ("access_key", "secret_key")}
        return 201, {"id": identity} | told

    def _add_key(self, request: Request, org: str) -> _Told:
        body = calls.body_of(request, {"id": str, "storage": str}, {"expires_at": float})
        self._state.add_key(org, identity_of(body["id"]), body["storage"], body.get("expires_at"))
        return 201, self._told_key(org, body["id"])

    def _rotate_key(self, request: Request, org: str, key: str) -> _Told:
        optional = {"access_key": str, "secret_key": str}
        body = calls.body_of(request, {}, optional) if request.body else {}
        self._state.rotate_key(org, key, access_key=body.get("access_key"), secret_key=body.get("secret_key"))
        return 200, self._told_key(org, key)

    def _expire_key(self, request: Request, org: str, key: str) -> _Told:
        body = calls.body_of(request, {}, {"expires_at": float})
        self._state.expire_key(org, key, body.get("expires_at"))
        return 200, self._told_key(org, key)

    def _drop_key(self, _request: Request, org: str, key: str) -> _Told:
        self._state.drop_key(org, key)
        return 200, {}

    def _told_key(self, org: str, key: str) -> dict[str, Any]:
        known: Key | None = self._state.key(org, key)
        if known is None:
            raise Unknown("creds_key")
        return {
            "organisation": org,
            "id": key,
            "root": known.storage.root,
            "expires_at": known.expires_at,
            "generation": known.generation,
        }

    def _put_dataset(self, request: Request, org: str, ds: str) -> _Told:
        optional = {"path": str, "creds_key": str, "public": bool, "agreements": list}
        body = calls.body_of(request, {}, optional) if request.body else {}
        name, agreements = calls.dataset_of(ds), body.get("agreements", [])
        if not all(isinstance(text, str) for text in agreements):
            raise Refused("bad_body", "agreements are texts")
        path = str(Root.of(body["path"])) if "path" in body else None
        if "creds_key" in body and self._state.key(org, body["creds_key"]) is None:
            raise Unknown("creds_key")
        dataset = Dataset(org, name, path, body.get("creds_key"), body.get("public", False), tuple(agreements))
        self._state.put_dataset(dataset)
        return 200, asdict(dataset) | {"agreements": agreements}

    # ---- what it says

    def _say(self, request: Request) -> _Told:
        optional = {
            "status": int,
            "body": str,
            "headers": dict,
            "delay_s": float,
            "cut": bool,
            "silent": bool,
            "times": int,
            "method": str,
            "path": str,
        }
        body = calls.body_of(request, {}, optional)
        headers = body.get("headers", {})
        if not all(isinstance(value, str) for value in headers.values()):
            raise Refused("bad_body", "headers are texts")
        said = Said(
            status=body.get("status", 200),
            body=body.get("body", "").encode(),
            headers=headers,
            delay_s=body.get("delay_s", 0.0),
            cut=body.get("cut", False),
            silent=body.get("silent", False),
        )
        self._script.say(said, times=body.get("times", 1), method=body.get("method"), path=body.get("path"))
        return 201, {}

    def _hush(self, _request: Request) -> _Told:
        self._script.hush()
        return 200, {}

    def _set_limit(self, request: Request) -> _Told:
        body = calls.body_of(request, {}, {"requests": int, "seconds": float})
        if body and (len(body) < 2 or min(body.values()) <= 0):
            raise Refused("bad_body", "a limit is a number of requests in a number of seconds")
        self._limit.set(body.get("requests"), body.get("seconds", 1.0))
        return 200, body

    def _requests(self, _request: Request) -> _Told:
        return 200, {"requests": self._recent.rows()}


def identity_of(text: str) -> str:
    """Return an id of a user, a storage or a key, or refuse it."""
    if not _ID.fullmatch(text):
        raise Refused("bad_body", "an id is 1 to 100 of letters, digits and _ . @ + -")
    return text


def _is_base64(text: str) -> bool:
    try:
        return bool(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return False
