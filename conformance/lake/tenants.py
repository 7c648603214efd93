"""
The organisations and tokens of a run's `al://` places, made through the admin side of the running control plane.

A bucket has an organisation of its own name, whose datasets lie at the bucket's top, so that `al://bucket/root` and the path
`root` in the bucket are the same. Whoever looks at a place through the gate is another user, who is told the gate's address.
"""

from __future__ import annotations

import http.client
import json
import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from conformance.services.running import RunningService
from conformance.targets.tokened import TokenCreds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from conformance.services.running import Unreachable

ACTIVELOOP_ENDPOINT = "ACTIVELOOP_ENDPOINT"
"""The variable that tells a target where its control plane is."""

TIMEOUT_S = 30.0


class AdminRefused(Exception):
    """The admin side refused what a place needs; the message says which call, its status and its word."""


class Tenants:
    """What one process of a run has made at the control plane.

    Args:
        plane: the running control plane.
    """

    def __init__(self, plane: RunningService) -> None:
        self.url = plane.url
        self._token = plane.secret_key
        self._lock = threading.Lock()
        self._organisations: dict[tuple[str, str], str] = {}
        self._users: dict[str | None, tuple[str, TokenCreds]] = {}
        self._name = os.urandom(6).hex()

    def url_of(self, service: RunningService, bucket: str, path: str) -> str:
        """Return the `al://` path of a path in a bucket, whose organisation is made if it is new."""
        with self._lock:
            if (service.name, bucket) not in self._organisations:
                self._make(service, bucket)
            return f"al://{self._organisations[service.name, bucket]}/{path}"

    def creds(self, endpoint: str | None) -> TokenCreds:
        """Return the token of a user who may do everything, and finds storages at an endpoint if one is given."""
        with self._lock:
            if endpoint not in self._users:
                user = f"u{len(self._users)}-{self._name}"
                roles = dict.fromkeys(self._organisations.values(), "admin")
                self._ask("POST", "users", {"id": user, "roles": roles, "endpoint_url": endpoint})
                token = self._ask("POST", "tokens", {"user": user})["token"]
                self._users[endpoint] = user, TokenCreds(token)
            return self._users[endpoint][1]

    def _make(self, service: RunningService, bucket: str) -> None:
        root = service.url_of(bucket)
        # a bucket that is missing has the same name at every service
        name = bucket if bucket not in self._organisations.values() else f"{bucket}-{service.name}"
        keys = {"access_key": service.access_key, "secret_key": service.secret_key}
        self._ask("POST", "storages", {"id": name, "root": root, "endpoint_url": service.url} | keys)
        self._ask("POST", "organisations", {"id": name, "storage": name, "root": root, "open_names": True})
        self._organisations[service.name, bucket] = name
        for user, _ in self._users.values():
            self._ask("PUT", f"organisations/{quote(name)}/members/{quote(user)}", {"role": "admin"})

    def _ask(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        parts = urlsplit(self.url)
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
        try:
            connection.request(method, f"/admin/{path}", json.dumps(body), headers)
            answer = connection.getresponse()
            told_: dict[str, Any] = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status >= 300:
            raise AdminRefused(f"{method} /admin/{path.partition('/')[0]}: {answer.status} {told_.get('error')}")
        return told_


def tenants_of(services: Mapping[str, RunningService | Unreachable]) -> Tenants | None:
    """Return what a run makes at its control plane, None if it has none."""
    plane = services.get("activeloop")
    return Tenants(plane) if isinstance(plane, RunningService) else None


@contextmanager
def told(variable: str, value: str) -> Iterator[None]:
    """Give this process, and those that it starts, a variable meanwhile."""
    before = os.environ.get(variable)
    os.environ[variable] = value
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(variable, None)
        else:
            os.environ[variable] = before
