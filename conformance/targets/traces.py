"""
The forms in which a secret may stand in bytes or text that a target gives away.
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable

SHORTEST = 6
"""Characters of a secret that is looked for; shorter values are parts of common words."""


def traces(secret: str) -> dict[str, bytes]:
    """Return the forms of a secret by name: clear, reversed, percent, JSON, hexadecimal, base64 at each of three offsets."""
    raw = secret.encode()
    percent = quote(secret, safe="")
    found = {
        "in clear": raw,
        "in UTF-16": secret.encode("utf-16-le"),
        "reversed": raw[::-1],
        "percent-encoded": percent.encode(),
        "percent-encoded in small letters": _small(percent).encode(),
        "percent-encoded twice": quote(percent, safe="").encode(),
        "percent-encoded as a path": quote(secret).encode(),
        "percent-encoded as a form": quote_plus(secret).encode(),
        "in JSON": json.dumps(secret)[1:-1].encode(),
        "in JSON with slashes escaped": json.dumps(secret)[1:-1].replace("/", "\\/").encode(),
        "in hexadecimal": raw.hex().encode(),
    }
    for offset in range(3):
        # the ends depend on the neighbours of the secret, so that only what lies between is looked for
        inner = raw[(3 - offset) % 3 :]
        whole = inner[: len(inner) // 3 * 3]
        for name, encode in (("base64", base64.b64encode), ("base64 of URLs", base64.urlsafe_b64encode)):
            found[f"in {name} at {offset}"] = encode(whole)
    names = {form: name for name, form in reversed(found.items()) if len(form) >= SHORTEST}
    return {name: form for form, name in reversed(names.items())}


def _small(percent: str) -> str:
    return re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), percent)


def traces_in(data: bytes | str, secrets: Iterable[tuple[str, str]]) -> list[str]:
    """Return which secrets stand in the data, and in which form; the secrets are pairs of field and value."""
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    upper = raw.upper()
    return [
        f"{field} {name}"
        for field, value in secrets
        if len(value) >= SHORTEST
        for name, form in traces(value).items()
        if form in raw or ("hexadecimal" in name and form.upper() in upper)
    ]
