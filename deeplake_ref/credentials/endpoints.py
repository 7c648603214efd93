"""
Endpoints that a caller or the environment names: addresses, not credentials, so that they combine with any identity.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from deeplake_ref.errors import InvalidURIError


def checked_endpoint(url: str, where: str, provider: str) -> str:
    """Return a base URL without trailing slash.

    Args:
        url: what was given.
        where: the field or variable it came from, for messages; the URL itself may hold a password.
        provider: the prefix.

    Raises:
        InvalidURIError: it is not an http(s) URL, or it carries a user, a query or a fragment.
    """
    stripped = url.strip()
    try:
        parts = urlsplit(stripped)
        well_formed = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        well_formed = False
    if not well_formed or re.search(r"[\s\x00-\x1f\x7f]", stripped):
        raise InvalidURIError(f"{where} is not a URL like https://host:port", provider=provider, effect="none")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise InvalidURIError(f"{where} has a user, a query or a fragment", provider=provider, effect="none")
    return stripped.rstrip("/")
