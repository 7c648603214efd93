"""
Shared access signatures of Azure: of an account, and of a container or blob.

https://learn.microsoft.com/rest/api/storageservices/create-account-sas and .../create-service-sas. A user delegation SAS
is refused: no fake hands out its keys.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from conformance.gate.proofs.azure_resource import Resource, resource_of
from conformance.gate.proofs.request import Proven, Refused, Request, iso_time, same, told
from conformance.gate.proofs.sas_permissions import Needs, needs
from conformance.gate.proofs.shared_key import signed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conformance.identities import Identity

OLDEST = "2015-04-05"
"""The first version with `sip` and `spr`; what is signed before it looks otherwise."""


def carries(request: Request) -> bool:
    """Whether there is a shared access signature in the query."""
    return "sig" in request.decoded()


def verify(request: Request, identities: Iterable[Identity], *, account: str) -> Proven:
    """Return whose shared access signature it is, or whose key made it; raises `Refused` with Azure's code."""
    query = request.decoded()
    resource = resource_of(request)
    if "skoid" in query:
        raise _failed("A user delegation SAS is not supported here.")
    if query.get("sv", "") < OLDEST:
        raise _failed("sv is missing, or too old.")
    if resource.account != account:
        raise _failed("The account of the URL is unknown.")
    label, expires_at = _signer(request, resource, query, list(identities))
    _check_time(query, request.now, label, expires_at)
    _check_use(request, resource, query, label)
    return Proven(label)


def _failed(detail: str, label: str | None = None) -> Refused:
    return Refused("AuthenticationFailed", fields={"AuthenticationErrorDetail": detail}, label=label)


def _signer(
    request: Request, resource: Resource, query: dict[str, str], identities: list[Identity]
) -> tuple[str, float | None]:
    string = account_string(resource, query) if "ss" in query else service_string(request, resource, query)
    given = query["sig"]
    for each in identities:
        # a signature that was handed out is its holder's; one that is new was made by who has the key
        is_handed_out = each.kind == "azure_sas" and each.sas is not None and same(_signature(each.sas), given)
        is_made = each.kind == "azure_key" and each.name == resource.account
        if (is_handed_out or is_made) and same(signed(each.secret, string), given):
            return each.label, each.expires_at
    raise _failed(f"Signature did not match. String to sign used was {string.encode('unicode_escape').decode('ascii')}")


def _signature(sas: str) -> str:
    return Request("GET", "/", sas.removeprefix("?"), (), 0.0).decoded().get("sig", "")


def account_string(resource: Resource, query: dict[str, str]) -> str:
    """Return what signs an account SAS; the encryption scope came with version 2020-12-06."""
    names = ["sp", "ss", "srt", "st", "se", "sip", "spr", "sv"]
    if query["sv"] >= "2020-12-06":
        names.append("ses")
    return "".join(f"{value}\n" for value in (resource.account, *(query.get(name, "") for name in names)))


def service_string(request: Request, resource: Resource, query: dict[str, str]) -> str:
    """Return what signs a service SAS for blobs, by version."""
    version, kind = query["sv"], query.get("sr", "")
    name = f"/blob/{resource.account}/{resource.container}"
    if kind != "c":
        name += f"/{resource.blob}"
    values = [query.get(part, "") for part in ("sp", "st", "se")] + [name]
    values += [query.get(part, "") for part in ("si", "sip", "spr", "sv")]
    if version >= "2018-11-09":
        all_parameters = request.decoded()
        snapshot = {"bs": all_parameters.get("snapshot", ""), "bv": all_parameters.get("versionid", "")}.get(kind, "")
        values += [kind, snapshot]
    if version >= "2020-12-06":
        values.append(query.get("ses", ""))
    values += [query.get(part, "") for part in ("rscc", "rscd", "rsce", "rscl", "rsct")]
    return "\n".join(values)


def _check_time(query: dict[str, str], now: float, label: str, expires_at: float | None) -> None:
    start, end = query.get("st", ""), query.get("se", "")
    begins, ends = (iso_time(start) if start else 0.0), iso_time(end)
    if begins is None or ends is None:
        raise _failed("st or se is not a time, or se is missing.", label)
    if now < begins or now >= ends or (expires_at is not None and now >= expires_at):
        raise _failed(
            f"Signature not valid in the specified time frame: Start [{start}] - Expiry [{end}] - Current [{told(now)}]",
            label,
        )


def _check_use(request: Request, resource: Resource, query: dict[str, str], label: str) -> None:
    needed: Needs = needs(request, resource)
    if query.get("spr") == "https" and not request.is_tls:
        raise Refused("AuthorizationProtocolMismatch", label=label)
    if not _from_here(query.get("sip", "")):
        raise Refused("AuthorizationSourceIPMismatch", label=label)
    if "ss" in query:
        if "b" not in query["ss"]:
            raise Refused("AuthorizationServiceMismatch", label=label)
        if needed.kind not in query.get("srt", ""):
            raise Refused("AuthorizationResourceTypeMismatch", label=label)
    elif not needed.by_service_sas or (needed.kind == "c" and query.get("sr") != "c"):
        raise Refused("AuthorizationPermissionMismatch", label=label)
    if needed.permissions and not set(needed.permissions) & set(query.get("sp", "")):
        raise Refused("AuthorizationPermissionMismatch", label=label)


def _from_here(allowed: str) -> bool:
    """Whether a range of addresses holds this machine's loopback."""
    if not allowed:
        return True
    first, _, last = allowed.partition("-")
    try:
        low, high = ipaddress.IPv4Address(first), ipaddress.IPv4Address(last or first)
    except ValueError:
        return False
    return low <= ipaddress.IPv4Address("127.0.0.1") <= high
