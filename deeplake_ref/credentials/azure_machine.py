"""
The managed identity of the machine: of an App Service by its variables, of a virtual machine by asking.

One GET each, which is made here. `ManagedIdentityCredential` of azure-identity 1.27 takes blank variables for an App Service
(MSAL 1.39, `"IDENTITY_ENDPOINT" in os.environ`), workload identity for a managed one, tells no status, and asks a virtual
machine up to six times. `AZURE_CLIENT_ID` names a user-assigned identity; without it the machine's own is meant.

`IDENTITY_ENDPOINT` configures the App Service, with `IDENTITY_HEADER`; whatever fails then is broken. A virtual machine is
found by its Instance Metadata Service, at a link-local address unless `AZURE_POD_IDENTITY_AUTHORITY_HOST` says otherwise. It
is not there if nobody answers within 2 seconds or the answer is 400, which says that the machine has no such identity. Nor
is it if 401, 403, 404 or 405 come without JSON, as from the metadata services of other clouds, or from a proxy. Every other
answer but a token is broken: somebody is there, and the next source would be somebody else.

Azure Arc, Service Fabric, Azure ML and Cloud Shell are not supported; `MSI_ENDPOINT` is not read.

Sources: "How to use managed identities for Azure resources on an Azure VM to acquire an access token", "How to use managed
identities for App Service and Azure Functions" (Microsoft Learn).
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from deeplake_ref import sessions
from deeplake_ref.credentials.azure_entra import PATIENCE_S, answer, left_out, unavailable, variable
from deeplake_ref.credentials.azure_texts import Answer, invalid
from deeplake_ref.credentials.azure_tokens import NotThereError, Token
from deeplake_ref.credentials.chain import NotMine
from deeplake_ref.endpoints import checked_endpoint
from deeplake_ref.errors import InvalidURIError, StorageError
from deeplake_ref.secrets import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deeplake_ref.credentials.azure_addresses import Destination

PROBE_S = 2.0
"""Seconds in which a virtual machine has to answer, since most machines are none."""

LINK_LOCAL = "http://169.254.169.254"
PATH = "/metadata/identity/oauth2/token"


class _UnreachedError(Exception):
    """Nobody answered, or not in time; the text is the type of what was raised."""


@dataclass(frozen=True, slots=True)
class ManagedIdentity:
    """The identity that Azure gave to the machine."""

    destination: Destination
    patience_s: float = PATIENCE_S
    name: str = "azure_managed_identity"

    def look(self) -> Answer:
        """Answer with its tokens, if the machine has one."""
        skipped = left_out(self.name)
        if skipped is not None:
            return skipped
        service = variable("IDENTITY_ENDPOINT")
        return self._machine() if service is None else self._app_service(service)

    def _app_service(self, service: str) -> Answer:
        header = variable("IDENTITY_HEADER")
        if header is None:
            raise invalid(
                "IDENTITY_ENDPOINT is set without IDENTITY_HEADER (Azure Arc is not supported)", "IDENTITY_ENDPOINT"
            )
        if variable("IDENTITY_SERVER_THUMBPRINT"):
            raise invalid("IDENTITY_SERVER_THUMBPRINT is set, and Service Fabric is not supported", "IDENTITY_ENDPOINT")
        _check("IDENTITY_ENDPOINT", service)
        self.destination.check()
        query = {"api-version": "2019-08-01", "resource": self.destination.resource, **_named()}
        secret = Secret(header)

        def ask() -> Token:
            try:
                status, body = _asked(service, query, {"X-IDENTITY-HEADER": secret.reveal()}, self.patience_s)
            except _UnreachedError as error:
                message = f"{self.name}: IDENTITY_ENDPOINT was not reached: {error}"
                failure: StorageError = unavailable(message, None, at="IDENTITY_ENDPOINT")
            else:
                token = _token(body) if status == 200 else None
                if token is not None:
                    return token
                failure = self._refused("IDENTITY_ENDPOINT", status)
            raise failure

        return answer(self.name, ask)

    def _machine(self) -> Answer:
        host = variable("AZURE_POD_IDENTITY_AUTHORITY_HOST") or LINK_LOCAL
        _check("AZURE_POD_IDENTITY_AUTHORITY_HOST", host)
        url = host.rstrip("/") + PATH
        query = {"api-version": "2018-02-01", "resource": self.destination.resource, **_named()}
        if self.destination.insecure is not None:
            return self._nobody(url)
        later = partial(self._ask_machine, url, query, self.patience_s)
        return answer(self.name, later, partial(self._ask_machine, url, query, min(PROBE_S, self.patience_s)))

    def _ask_machine(self, url: str, query: Mapping[str, str], patience_s: float) -> Token:
        try:
            status, body = _asked(url, query, {"Metadata": "true"}, patience_s)
        except _UnreachedError as error:
            absent: str | None = f"no virtual machine of Azure answers: {error}"
            status, body = 0, None
        else:
            absent = _absent(status, body)
        if absent is not None:
            raise NotThereError(absent)
        token = _token(body) if status == 200 else None
        if token is None:
            raise self._refused("the metadata service", status)
        return token

    def _nobody(self, url: str) -> Answer:
        """Answer where no token may be asked for: without the header, 400 says that the service is there."""
        try:
            status, _ = _asked(url, {}, {}, min(PROBE_S, self.patience_s))
        except _UnreachedError as error:
            return NotMine(f"no virtual machine of Azure answers: {error}")
        if status != 400:
            return NotMine(f"no virtual machine of Azure answers: HTTP {status}")
        raise self.destination.refusal()

    def _refused(self, who: str, status: int) -> StorageError:
        told = "answered without a token" if status == 200 else f"refused: HTTP {status}"
        hint = "check the identities of this machine and AZURE_CLIENT_ID"
        return unavailable(f"{self.name}: {who} {told}; {hint}", None, status=status)


def _named() -> dict[str, str]:
    client = variable("AZURE_CLIENT_ID")
    return {} if client is None else {"client_id": client}


def _check(name: str, url: str) -> None:
    try:
        checked_endpoint(url, name, "az")
    except InvalidURIError:
        pass
    else:
        return
    raise invalid(f"{name} is not a URL like http://host:port, without user, query and fragment", name)


def _absent(status: int, body: Any) -> str | None:
    """Return why an answer is that of no virtual machine with the identity, None if it is of one."""
    if status == 400:
        return "the virtual machine has no such identity: HTTP 400"
    if status in (401, 403, 404, 405) and not isinstance(body, dict):
        return f"no virtual machine of Azure answers: HTTP {status}"
    return None


def _asked(url: str, query: Mapping[str, str], headers: Mapping[str, str], patience_s: float) -> tuple[int, Any]:
    """Return status and JSON of one GET, None for what is no JSON; no proxy gets it."""
    from requests import Session
    from urllib3 import Timeout

    deadline = sessions.Deadline(patience_s)
    reason = ""
    with Session() as session:
        sessions.settle(session, url)
        session.proxies = {}
        try:
            with session.get(
                url,
                params=dict(query),
                headers=dict(headers),
                timeout=Timeout(total=patience_s),  # type: ignore[arg-type]
                allow_redirects=False,
                stream=True,
            ) as response:
                text = sessions.error_text(response.raw, deadline)
                return response.status_code, _json(text)
        except Exception as error:  # noqa: BLE001 - whatever it is, no answer came
            reason = type(error).__name__
    raise _UnreachedError(reason)


def _json(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _token(body: Any) -> Token | None:
    """Return the token of an answer, None if it is not there; seconds come as text, and may count from now."""
    if not isinstance(body, dict):
        return None
    text = body.get("access_token")
    if not isinstance(text, str) or not text.strip():
        return None
    left, ends = _seconds(body.get("expires_in")), _seconds(body.get("expires_on"))
    if left is not None:
        return Token(Secret(text), time.time() + left)
    return None if ends is None else Token(Secret(text), ends)


def _seconds(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        seconds = float(value)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None
