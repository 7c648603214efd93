"""
The managed identity services of Azure: of a virtual machine and of an App Service.

Both hand out a token to whoever can send a header, and ask for no secret of the caller's own. The life of a token is told
as text, not as a number.

Sources: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token (requests,
answers, errors), https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service (headers) and
https://learn.microsoft.com/azure/app-service/overview-managed-identity (REST endpoint reference).
"""

from __future__ import annotations

import hmac
import re
from typing import TYPE_CHECKING

from conformance.fakes.azure_tokens import Mint, Tokens, is_storage
from conformance.fakes.serving import Answer, Life, Request, seconds_of

if TYPE_CHECKING:
    from collections.abc import Iterable

OTHER_NAMES = ("object_id", "principal_id", "msi_res_id", "mi_res_id")
"""Parameters that name an identity otherwise than by its client id; no identity here goes by them."""


class VirtualMachine:
    """The token endpoint of the Instance Metadata Service, on which `AZURE_POD_IDENTITY_AUTHORITY_HOST` points.

    Without that variable azure-identity, as one of a chain, first sends a request that has no `Metadata`, to see whether
    anybody answers; 400 is the answer it wants. With it, it does not ask (1.27, `_credentials/imds.py`).

    Args:
        label: the source whose tokens it hands out.
        mint: makes and announces an identity.
        life_s: seconds that it tells its tokens live.
        client_ids: the user-assigned identities of the machine.
        system_assigned: whether it has an identity of its own, which is meant where none is named.
    """

    PATH = "/metadata/identity/oauth2/token"

    name = "azure_imds"

    def __init__(
        self,
        label: str,
        mint: Mint,
        life_s: Life,
        client_ids: Iterable[str] = (),
        *,
        system_assigned: bool = True,
    ) -> None:
        self._tokens = Tokens(label, mint)
        self.life_s = life_s
        self._client_ids = frozenset(client_ids)
        self._system_assigned = system_assigned

    def answer(self, request: Request) -> Answer:
        """Answer with a token, or with JSON of `error` and `error_description`."""
        query = request.query
        if request.path != self.PATH:
            return _metadata_error(404, "not_found", "The requested path does not exist")
        if request.method != "GET":
            return _metadata_error(405, "invalid_request", f"Method {request.method} is not allowed")
        if request.headers.get("metadata") != "true":
            return _metadata_error(400, "bad_request_102", "Required metadata header not specified")
        if "x-forwarded-for" in request.headers:
            return _metadata_error(400, "bad_request", "X-Forwarded-For is not allowed: the request came by a proxy")
        if not _is_version(query.get("api-version"), "2018-02-01"):
            return _metadata_error(
                400, "invalid_request", "Required query variable 'api-version' is missing or invalid"
            )
        resource = query.get("resource")
        if not resource:
            return _metadata_error(400, "invalid_request", "Required query variable 'resource' is missing")
        if not is_storage(resource):
            described = f"AADSTS50001: The application named {resource} was not found in the tenant"
            return _metadata_error(400, "invalid_resource", described)
        problem = self._problem(query)
        if problem:
            return _metadata_error(400, "invalid_request", problem)
        told_s = seconds_of(self.life_s)
        return Answer.of_json(
            {
                "access_token": self._tokens.next().secret,
                "refresh_token": "",
                "expires_in": str(int(told_s)),
                "expires_on": str(int(request.now + told_s)),
                "not_before": str(int(request.now) - 300),
                "resource": resource,
                "token_type": "Bearer",
            }
        )

    def _problem(self, query: dict[str, str]) -> str | None:
        if any(name in query for name in OTHER_NAMES):
            return "Identity not found"
        if "client_id" in query:
            return None if query["client_id"] in self._client_ids else "Identity not found"
        if self._system_assigned or len(self._client_ids) == 1:
            return None  # the only user-assigned identity is meant where there is no other
        if self._client_ids:
            return "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity"
        return "Identity not found"


class AppService:
    """The local token service of an App Service: `IDENTITY_ENDPOINT` is its URL with `PATH`, `IDENTITY_HEADER` its secret.

    Its errors are JSON of `statusCode` and `message`. A resource that it does not know is a vague 500, as MSAL says of the
    real one (`msal/managed_identity.py`).

    Args:
        label: the source whose tokens it hands out.
        mint: makes and announces an identity.
        life_s: seconds that it tells its tokens live.
        header_secret: what `X-IDENTITY-HEADER` has to hold.
        client_ids: its user-assigned identities.
        system_assigned: whether it has an identity of its own, which is meant where none is named.
    """

    PATH = "/msi/token"

    name = "azure_app_service"

    def __init__(
        self,
        label: str,
        mint: Mint,
        life_s: Life,
        header_secret: str,
        client_ids: Iterable[str] = (),
        *,
        system_assigned: bool = True,
    ) -> None:
        self._tokens = Tokens(label, mint)
        self.life_s = life_s
        self._header_secret = header_secret.encode()
        self._client_ids = frozenset(client_ids)
        self._system_assigned = system_assigned

    def answer(self, request: Request) -> Answer:
        """Answer with a token, or with JSON of `statusCode` and `message`."""
        query = request.query
        if request.path.removesuffix("/") != self.PATH:
            return _service_error(404, "The requested path does not exist.")
        if request.method != "GET":
            return _service_error(405, f"Method {request.method} is not allowed.")
        told = request.headers.get("x-identity-header", "").encode()
        if not hmac.compare_digest(told, self._header_secret):
            return _service_error(401, "X-IDENTITY-HEADER is missing or does not match.")
        if not _is_version(query.get("api-version"), "2019-08-01"):
            return _service_error(400, "The api-version is missing or not supported.")
        resource = query.get("resource")
        if not resource:
            return _service_error(400, "The resource is missing.")
        if any(name in query for name in OTHER_NAMES) or query.get("client_id") not in {None, *self._client_ids}:
            message = (
                "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId."
            )
            return _service_error(400, message)
        if "client_id" not in query and not self._system_assigned:
            return _service_error(400, "Unable to load the proper Managed Identity.")
        if not is_storage(resource):
            return _service_error(500, "An unexpected error occurred while fetching the token.")
        told_s = seconds_of(self.life_s)
        identity = self._tokens.next()
        return Answer.of_json(
            {
                "access_token": identity.secret,
                "expires_on": str(int(request.now + told_s)),
                "not_before": str(int(request.now) - 300),
                "resource": resource,
                "token_type": "Bearer",
                "client_id": query.get("client_id", identity.name),
            }
        )


def _is_version(told: str | None, first: str) -> bool:
    """Tell whether a version is a date from the first one on, as versions of Azure's APIs are."""
    return told is not None and re.fullmatch(r"20\d\d-\d\d-\d\d", told) is not None and told >= first


def _metadata_error(status: int, error: str, description: str) -> Answer:
    return Answer.of_json({"error": error, "error_description": description}, status)


def _service_error(status: int, message: str) -> Answer:
    return Answer.of_json({"statusCode": status, "message": message}, status)
