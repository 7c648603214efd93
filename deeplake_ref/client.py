"""
Where Deep Lake's control plane is: `client.endpoint`, else `ACTIVELOOP_ENDPOINT`, else the public one.

`deeplake.client.endpoint` is what the client of deeplake 4.7.4 has; the variable is ours. Both are addresses, no credentials.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from deeplake_ref.endpoints import checked_endpoint, is_loopback
from deeplake_ref.errors import InvalidURIError

PUBLIC_ENDPOINT = "https://app.activeloop.ai"

VARIABLE = "ACTIVELOOP_ENDPOINT"

endpoint: str | None = None
"""The base URL of the control plane for this process, None for what the environment says."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A base URL without trailing slash, and the place that it was read from."""

    url: str
    origin: str


def address() -> Endpoint:
    """Return where the control plane is, and who says so.

    Raises:
        InvalidURIError: it is no base URL, or the token would travel in clear to another machine.
    """
    named, configured = endpoint, os.environ.get(VARIABLE, "").strip()
    if named is not None:
        found = Endpoint(checked_endpoint(named, "client.endpoint", "al"), "client.endpoint")
    elif configured:
        found = Endpoint(checked_endpoint(configured, VARIABLE, "al"), VARIABLE)
    else:
        found = Endpoint(PUBLIC_ENDPOINT, "the public one")
    if found.url.startswith("http:") and not is_loopback(found.url):
        message = f"{found.origin} is http, over which a token is sent to loopback only; use https"
        raise InvalidURIError(message, provider="al", effect="none")
    return found
