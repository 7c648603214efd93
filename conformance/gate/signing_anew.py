"""
An accepted request for Azurite: the client's proof taken out, the emulator's own account key put in.
"""

from __future__ import annotations

import re
from dataclasses import replace
from email.utils import formatdate
from urllib.parse import unquote

from conformance.gate.proofs.azure_resource import SAS_NAMES, resource_of
from conformance.gate.proofs.request import Request
from conformance.gate.proofs.shared_key import by_locale, signed, string_to_sign

_VERSION = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def signed_anew(
    method: bytes,
    version: bytes,
    request: Request,
    pairs: list[tuple[bytes, bytes]],
    *,
    account: str,
    root_key: str,
) -> bytes:
    """Return the raw head of a request, signed by Shared Key.

    The version of a shared access signature also is the version of the request, if it names none. Overrides of answer
    headers (`rscc` and others), which are part of a signature, go with it.
    """
    is_sas = "sig" in request.decoded()
    resource = resource_of(request)
    query = request.query
    kept = [(name, value) for name, value in pairs if name.lower() != b"authorization"]
    sent = {name.lower() for name, _ in kept}
    if b"x-ms-date" in sent:
        # Azurite 3.35 signs Date beside x-ms-date, where Azure takes it for empty
        kept = [(name, value) for name, value in kept if name.lower() != b"date"]
    if is_sas:
        query = "&".join(part for part in query.split("&") if unquote(part.partition("=")[0]) not in SAS_NAMES)
        told = request.decoded().get("sv", "")
        if b"x-ms-version" not in sent and _VERSION.fullmatch(told):
            kept.append((b"x-ms-version", told.encode()))
    if not sent & {b"x-ms-date", b"date"}:
        kept.append((b"x-ms-date", formatdate(request.now, usegmt=True).encode()))
    path = resource.emulator_path
    target = f"{path}?{query}" if query else path
    ours = Request.of_head(method, target.encode("latin-1"), kept, now=request.now)
    # Azurite runs without product-style addresses, so that the account is in its path whatever Host says
    string = string_to_sign(ours, replace(resource, is_product=False), order=by_locale)
    kept.append((b"Authorization", f"SharedKey {account}:{signed(root_key, string)}".encode("latin-1")))
    lines = [b"%s %s %s" % (method, target.encode("latin-1"), version)]
    lines += [b"%s: %s" % (name, value) for name, value in kept]
    return b"\r\n".join(lines) + b"\r\n\r\n"
