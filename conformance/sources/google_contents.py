"""
Contents of Google's key files, as they should be and with one mistake.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from conformance.sources.google_services import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.sources.google_services import Google

    Content = dict[str, Any]

LACKING = {
    "no-type": ("service_account", "type"),
    "no-private-key": ("service_account", "private_key"),
    "no-client-email": ("service_account", "client_email"),
    "no-refresh-token": ("authorized_user", "refresh_token"),
    "no-credential-source": ("external_account", "credential_source"),
    "no-source-credentials": ("impersonated_service_account", "source_credentials"),
}
"""Ways in which a file of a type lacks a field."""

KEYS: dict[str, Callable[[str], object]] = {
    "blank-private-key": lambda _key: "  ",
    "private-key-of-another-type": lambda key: [key],
    # what becomes of it in a variable of the environment
    "private-key-without-line-breaks": lambda key: key.replace("\n", "\\n"),
    "private-key-cut-short": lambda key: key[:400],
}
"""Ways in which a private key is none."""


def content(google: Google, source: str, way: str | None, kind: str) -> Content:
    """Return the content of a key file of a source, of the type that a way names, else of `kind`."""
    if way in LACKING:
        kind, field = LACKING[way]
        made = google.content(source, kind)
        del made[field]
        return made
    made = google.content(source, way if way in KINDS else kind)
    if way in KEYS:
        made["private_key"] = KEYS[way](made["private_key"])
    match way:
        case "unknown-type":
            made["type"] = "robot"
        case "key-of-aws":
            made["aws_access_key_id"] = "AKIA" + "A" * 16
        case "unknown-field":
            made["private_kee"] = made.pop("private_key")
        case "none-beside":
            made["gcs_oauth_token"] = None
        case "no-subject-file":
            made = google.content(source, "external_account")
            made["credential_source"]["file"] += ".absent"
        case "acting-denied":
            made = google.content(source, "impersonated_service_account")
            url = made["service_account_impersonation_url"]
            made["service_account_impersonation_url"] = url.replace("-acting@", "-other@")
    return made


def text(made: Content, way: str | None) -> bytes:
    """Return a key file as bytes, which are no JSON object in UTF-8 if that is the way."""
    encoded = json.dumps(made).encode()
    texts = {
        "not-json": encoded[:-20],
        "not-text": b"\xff\xfe\x00" + encoded,
        "not-an-object": b"[" + encoded + b"]",
        "empty-file": b"",
    }
    return texts.get(way or "", encoded)
