"""
What a person consented to, kept for the next time: `${DEEPLAKE_HOME:-~/.deeplake}/gcs_token.json`.

The content is that of an `authorized_user` key file with `token`, `expiry` (ISO 8601 in UTC) and `scopes` beside. It is
JSON, since whoever can plant a pickle runs code (as in deeplake 3.9.52, which also looked in the working directory).
Directory 0700, file 0600, whatever the umask; replaced as a whole.
"""

from __future__ import annotations

import json
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deeplake_ref.credentials import google_files
from deeplake_ref.credentials.google_exchange import Exchange, fetching
from deeplake_ref.credentials.google_files import invalid
from deeplake_ref.credentials.google_tokens import GoogleCredentials, Token
from deeplake_ref.errors import CredentialsNotFoundError
from deeplake_ref.secrets import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "gcs_token.json"


def path() -> Path:
    """Return where the consent is kept."""
    home = os.environ.get("DEEPLAKE_HOME", "").strip()
    return Path(home or "~/.deeplake").expanduser() / NAME


@dataclass(frozen=True, slots=True)
class Kept:
    """One consent: the client that asked, what it can get tokens with, and the last one."""

    client: Mapping[str, str]
    refresh_token: Secret
    token: Token | None = None

    def credentials(self, about: str) -> GoogleCredentials:
        """Return what the consent makes; new tokens are kept, too."""

        def ask(exchange: Exchange) -> Token:
            token = google_files.user_token(self.client, self.refresh_token.reveal(), exchange)
            # that it cannot be kept makes the token no worse
            with suppress(OSError):
                save(Kept(self.client, self.refresh_token, token))
            return token

        return GoogleCredentials(self.token, fetching(about, {self.client["token_uri"].strip()}, ask, expires=True))

    def __reduce_ex__(self, _protocol: object) -> Any:
        raise TypeError("a consent is not pickled")

    def __repr__(self) -> str:
        return "Kept('***')"


def save(kept: Kept) -> None:
    """Write a consent; raises `OSError`."""
    content = {
        "type": "authorized_user",
        **kept.client,
        "refresh_token": kept.refresh_token.reveal(),
        "scopes": [google_files.SCOPE],
    }
    if kept.token is not None:
        content["token"] = kept.token.text.reveal()
        if kept.token.expires_at is not None:
            content["expiry"] = kept.token.expires_at.isoformat()
    target = path()
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = target.with_name(f".{NAME}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(json.dumps(content).encode())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def load() -> Kept:
    """Return the consent that is kept.

    Raises:
        CredentialsNotFoundError: there is none.
        InvalidCredentialsError: the file is not what `save` wrote.
    """
    where = path()
    if not os.path.lexists(where):
        message = f"no consent is stored at {where}; use creds='browser' first"
        raise CredentialsNotFoundError(message, provider="gcs", effect="none")
    about = f"the stored consent {where}"
    info = google_files.read(str(where), about)
    if google_files.checked(info, about) != "authorized_user":
        raise invalid(f"`type` of {about} is not authorized_user")
    client = {
        "client_id": info["client_id"],
        "client_secret": info["client_secret"],
        "token_uri": info.get("token_uri") or google_files.TOKEN_URI,
    }
    return Kept(client, Secret(info["refresh_token"]), _token(info, about))


def _token(info: Mapping[str, Any], about: str) -> Token | None:
    text, expiry = info.get("token"), info.get("expiry")
    if text is None:
        return None
    if not isinstance(text, str) or not text.strip():
        raise invalid(f"`token` of {about} is a str that is not blank")
    try:
        at = datetime.fromisoformat(str(expiry))
        return Token(Secret(text), at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC))
    except (TypeError, ValueError, OverflowError):
        pass
    raise invalid(f"`expiry` of {about} is not a time like 2030-01-31T12:00:00+00:00")
