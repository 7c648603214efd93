"""
Azure Shared Key and Shared Key Lite: the account key signs verb, headers and resource.

https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import TYPE_CHECKING
from urllib.parse import unquote

from conformance.gate.proofs.azure_resource import Resource, resource_of
from conformance.gate.proofs.request import Proven, Refused, Request, collapsed, http_time, same, told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from conformance.identities import Identity

_SIGNED = (
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
)


def by_code(name: str) -> object:
    """The order that the page tells: lexicographical."""
    return name


def by_culture(name: str) -> object:
    """The order of the SDKs, which follow the service's .NET: hyphens do not count, `_` comes before digits.

    https://github.com/Azure/azure-sdk-for-python, azure-storage-blob 12.31, `_shared/authentication.py`.
    """
    return name.replace("-", "").replace("_", "!"), name


def by_locale(name: str) -> object:
    """The order of Azurite 3.35, `localeCompare` of ICU: `_` and `-` before digits and letters."""
    return name.replace("_", "\x01").replace("-", "\x02")


def verify(request: Request, identities: Iterable[Identity], *, account: str, max_skew_s: float) -> Proven:
    """Return whose key signed; several keys of an account are tried; raises `Refused` with Azure's code."""
    scheme, _, rest = (request.header("authorization") or "").partition(" ")
    named, _, signature = rest.strip().partition(":")
    if scheme not in ("SharedKey", "SharedKeyLite") or not named or not signature:
        raise Refused("InvalidAuthenticationInfo", "Authentication information is not given in the correct format.")
    _check_date(request, max_skew_s)
    resource = resource_of(request)
    if named != resource.account or named != account:
        raise _failed("The account that signed is not the account of the URL.")
    keys = [each for each in identities if each.kind == "azure_key" and each.name == named]
    orders = (by_code, by_culture)
    strings = [string_to_sign(request, resource, order=order, is_lite=scheme == "SharedKeyLite") for order in orders]
    for each in keys:
        for string in strings:
            if same(signed(each.secret, string), signature):
                if each.expires_at is not None and each.expires_at <= request.now:
                    raise _failed("The key was replaced.", each.label)
                return Proven(each.label)
    told_string = strings[0].encode("unicode_escape").decode("ascii")
    raise _failed(
        "The MAC signature found in the HTTP request is not the same as any computed signature. "
        f"Server used following string to sign: '{told_string}'."
    )


def _failed(detail: str, label: str | None = None) -> Refused:
    return Refused("AuthenticationFailed", fields={"AuthenticationErrorDetail": detail}, label=label)


def _check_date(request: Request, max_skew_s: float) -> None:
    sent = request.header("x-ms-date") or request.header("date")
    at = http_time(sent) if sent else None
    if at is None:
        raise _failed("Neither x-ms-date nor Date tells the time of the request.")
    if abs(request.now - at) > max_skew_s:
        raise _failed(f"Request date header too old or in the future: '{sent}', server time: '{told(request.now)}'")


def string_to_sign(
    request: Request, resource: Resource, *, order: Callable[[str], object] = by_code, is_lite: bool = False
) -> str:
    """Return what an account key signs; Lite leaves out most headers, and all parameters but `comp`."""
    has_own_date = request.header("x-ms-date") is not None
    values = {name: request.header(name) or "" for name in _SIGNED}
    if has_own_date:
        values["date"] = ""
    if values["content-length"] == "0":
        values["content-length"] = ""
    names = ("content-md5", "content-type", "date") if is_lite else _SIGNED
    lines = [request.method, *(values[name] for name in names)]
    own = sorted({name for name, _ in request.headers if name.startswith("x-ms-")}, key=order)  # type: ignore[arg-type]
    headers = "".join(f"{name}:{collapsed(request.header(name) or '')}\n" for name in own)
    return "\n".join(lines) + "\n" + headers + (_lite if is_lite else _canonical)(request, resource)


def _canonical(request: Request, resource: Resource) -> str:
    found: dict[str, list[str]] = {}
    for name, value in request.parameters():
        found.setdefault(unquote(name).lower(), []).append(unquote(value))
    return resource.signed_path + "".join(f"\n{name}:{','.join(sorted(found[name]))}" for name in sorted(found))


def _lite(request: Request, resource: Resource) -> str:
    component = request.decoded().get("comp")
    return resource.signed_path + (f"?comp={component}" if component is not None else "")


def signed(key: str, text: str) -> str:
    """Return the signature of a text by an account key, both in base64; of a key that is none, nothing matches."""
    try:
        raw = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        return ""
    return base64.b64encode(hmac.new(raw, text.encode("utf-8", "surrogateescape"), hashlib.sha256).digest()).decode()
