"""
Endpoints that a caller or the environment names: addresses, not credentials, so that they combine with any identity.
"""

from __future__ import annotations

import ipaddress
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
    if not _is_base_url(stripped):
        message = f"{where} is not a URL like https://host:port, without user, query and fragment"
        raise InvalidURIError(message, provider=provider, effect="none")
    return stripped.rstrip("/")


def _is_base_url(url: str) -> bool:
    if not re.fullmatch(r"https?://[!-~]+", url) or re.search(r"[@?#\\]", url):
        return False
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def is_loopback(url: str) -> bool:
    """Whether a URL stays on this machine."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
