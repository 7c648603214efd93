"""
Keeps what is secret in the credentials that the suite handed to a target out of every text that comes back.

A target may put a secret into a message, and a report would spread it. Masked text says which field it was, so that a
check of secrecy still sees the leak.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterator

SHORTEST = 6
"""Characters of a secret that is masked; shorter values, such as the `test` of emulators, are parts of common words."""

_PUBLIC = ("key_id", "creds_key", "key_file", "endpoint", "profile", "account_name", "_url", "_uri", "_email")
_SECRET = ("key", "secret", "token", "sas", "password", "credential", "signature", "connection_string")
_WORDS = frozenset({"anon", "browser", "cache", "ENV"})


class Secrets:
    """The secret values of one target's credentials, by field; may be used from several threads."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Secrets({sorted(set(self._names.values()))})"

    def note(self, creds: object, token: str | None = None) -> None:
        """Remember what is secret in a `creds` argument (dictionary, JSON or word) and in a token."""
        found = dict(secrets_in(creds, "creds"))
        if token:
            found[token] = "token"
        with self._lock:
            for value, name in found.items():
                if len(value) >= SHORTEST:
                    self._names.update(dict.fromkeys((value, quote(value, safe=""), quote_plus(value)), name))

    def hide(self, value: str, name: str) -> None:
        """Remember a secret that is in no `creds` argument, such as one of the environment."""
        with self._lock:
            self._names.update(dict.fromkeys((value, quote(value, safe=""), quote_plus(value)), name))

    def mask(self, text: str) -> str:
        """Return the text with every noted secret replaced by its field's name in brackets."""
        return self.find(text)[0]

    def find(self, text: str) -> tuple[str, frozenset[str]]:
        """Return the masked text and the fields whose secrets were in it."""
        leaked: set[str] = set()
        with self._lock:
            forms = sorted(self._names.items(), key=lambda item: -len(item[0]))
        for value, name in forms:
            if value in text:
                leaked.add(name)
                text = text.replace(value, f"[{name}]")
        return text, frozenset(leaked)


class Unmasked(Secrets):
    """Remembers nothing: for a worker process, whose messages the runner masks, so that it sees what leaked."""

    def note(self, creds: object, token: str | None = None) -> None:
        """Do nothing."""


def secrets_in(value: object, name: str = "creds") -> Iterator[tuple[str, str]]:
    """Yield value and field of everything secret in a `creds` argument (dictionary, JSON or word)."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from secrets_in(inner, str(key))
    elif isinstance(value, str):
        parsed = _json_object(value)
        if parsed is not None:
            yield from secrets_in(parsed, name)
        elif _is_secret(name) and value not in _WORDS:
            yield value, name


def _is_secret(name: str) -> bool:
    lowered = name.lower()
    if any(part in lowered for part in _PUBLIC):
        return False
    return any(part in lowered for part in _SECRET)


def _json_object(text: str) -> dict[str, Any] | None:
    if not text.lstrip().startswith("{"):
        return None
    try:
        parsed = json.loads(text)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None
