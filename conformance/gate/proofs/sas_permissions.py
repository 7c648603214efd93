"""
What a shared access signature has to permit, by operation.

The tables of https://learn.microsoft.com/rest/api/storageservices/create-account-sas#account-sas-permissions-by-operation
and .../create-service-sas#permissions-for-a-directory-container-or-blob.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conformance.gate.proofs.azure_resource import Resource
    from conformance.gate.proofs.request import Request


@dataclass(frozen=True, slots=True)
class Needs:
    """What an operation needs.

    Attributes:
        kind: `s`, `c` or `o`: service, container, object.
        permissions: letters of which one is enough; empty if none is needed.
        by_service_sas: whether the SAS of a container or blob can allow it at all.
    """

    kind: str
    permissions: str
    by_service_sas: bool = True


_OBJECT = {
    ("GET", "tags"): "t",
    ("PUT", "tags"): "t",
    ("PUT", "block"): "w",
    ("PUT", "blocklist"): "w",
    ("PUT", "page"): "w",
    ("PUT", "appendblock"): "aw",
    ("PUT", "lease"): "wd",
    ("PUT", "snapshot"): "cw",
    ("PUT", "immutabilitypolicies"): "i",
    ("DELETE", "immutabilitypolicies"): "i",
    ("PUT", "legalhold"): "i",
    ("POST", "query"): "r",
    # putting a blob where none was needs c, replacing one needs w; which of them it is only the service knows
    ("PUT", ""): "cw",
}


def needs(request: Request, resource: Resource) -> Needs:
    """Return what a request needs."""
    query = request.decoded()
    component = query.get("comp", "").lower()
    method = request.method.upper()
    if resource.blob or (resource.container and query.get("restype", "").lower() != "container"):
        return Needs("o", _of_object(method, component, query))
    if resource.container:
        return _of_container(method, component)
    if component == "list":
        return Needs("s", "l", by_service_sas=False)
    return Needs("s", "r" if method in ("GET", "HEAD") else "w", by_service_sas=False)


def _of_object(method: str, component: str, query: dict[str, str]) -> str:
    if method in ("GET", "HEAD"):
        return "t" if component == "tags" else "r"
    if method == "DELETE":
        return _OBJECT.get((method, component)) or ("x" if "versionid" in query else "d")
    return _OBJECT.get((method, component), "w")


def _of_container(method: str, component: str) -> Needs:
    if method in ("GET", "HEAD"):
        if component == "list":
            return Needs("c", "l")
        return Needs("c", "r", by_service_sas=False)
    if method == "DELETE":
        return Needs("c", "d", by_service_sas=False)
    if component == "lease":
        return Needs("c", "wd", by_service_sas=False)
    return Needs("c", "w" if component else "cw", by_service_sas=False)
