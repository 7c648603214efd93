"""
The metadata server of Compute Engine, which knows the service account of the machine.

Sources: https://cloud.google.com/compute/docs/metadata/querying-metadata (header, `X-Forwarded-For`, `recursive`),
https://cloud.google.com/compute/docs/access/authenticate-workloads (token, kept until five minutes before its end).
google-auth pings `/` of `GCE_METADATA_IP`, and asks `GCE_METADATA_HOST` for the rest: both name this one.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Literal

from conformance.fakes.google_grants import CLOUD_SCOPE, STORAGE_SCOPE
from conformance.fakes.serving import Answer, Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.identities import Identity

Mode = Literal["account", "no-account", "no-flavour"]
"""A machine with a service account; one without, which refuses tokens; something that answers but is no metadata server."""

KEPT_UNTIL_S = 300
"""Seconds before its end from which on a token is not given again."""

ROOT = "/computeMetadata/v1/"

ACCOUNTS = ROOT + "instance/service-accounts/"

FLAVOUR = {"Metadata-Flavor": "Google"}

EMAIL = "machine@conformance.iam.gserviceaccount.com"


class Metadata:
    """
    Gives the tokens of the machine's service account.

    Args:
        label: the source that gets them.
        mint: returns the identity of the next generation of a source, known to the gate by then.
        life_s: seconds that a token is said to last.
        mode: what kind of machine it is; may be changed between requests.
    """

    name = "gce_metadata"

    def __init__(self, label: str, mint: Callable[[str], Identity], life_s: float, *, mode: Mode = "account") -> None:
        self.mode = mode
        self._label = label
        self._mint = mint
        self._life_s = life_s
        self._kept: tuple[Identity, float] | None = None
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Answer:
        """Answer."""
        if self.mode == "no-flavour":
            return Answer(200, b"<html>It works!</html>", {"Content-Type": "text/html"})
        if request.headers.get("metadata-flavor") != "Google":
            return _told(403, "Missing Metadata-Flavor:Google header.", "text/html; charset=UTF-8")
        if "x-forwarded-for" in request.headers:
            return _told(403, "X-Forwarded-For is not allowed.", "text/html; charset=UTF-8")
        if request.method not in ("GET", "HEAD"):
            return _told(405, "Method not allowed.", "text/html; charset=UTF-8")
        return self._value(request)

    def forget(self) -> None:
        """Give a token of the next generation at the next request, as when the account is changed."""
        with self._lock:
            self._kept = None

    def _value(self, request: Request) -> Answer:
        match request.path:
            case "/":
                return _told(200, "computeMetadata/\n")
            case path if path == ROOT + "project/project-id":
                return _told(200, "conformance")
            case path if path == ROOT + "project/numeric-project-id":
                return _told(200, "123456789012")
            case path if path.startswith(ACCOUNTS) and self.mode == "account":
                account, _, rest = path.removeprefix(ACCOUNTS).partition("/")
                if account in ("default", EMAIL):
                    return self._of_account(rest, request)
        # among them the universe domain, whose absence means googleapis.com
        return _told(404, "The requested URL was not found on this server.", "text/html; charset=UTF-8")

    def _of_account(self, rest: str, request: Request) -> Answer:
        scopes = [CLOUD_SCOPE, STORAGE_SCOPE]
        match rest:
            case "" if request.query.get("recursive", "").lower() == "true":
                account = {"aliases": ["default"], "email": EMAIL, "scopes": scopes}
                return Answer.of_json(account, headers=FLAVOUR)
            case "":
                return _told(200, "aliases\nemail\nidentity\nscopes\ntoken\n")
            case "email":
                return _told(200, EMAIL)
            case "scopes":
                return _told(200, "".join(f"{scope}\n" for scope in scopes))
            case "token":
                identity, ends = self._current(request.now)
                lasts = int(ends - request.now)
                token = {"access_token": identity.secret, "expires_in": lasts, "token_type": "Bearer"}
                return Answer.of_json(token, headers=FLAVOUR)
        return _told(404, "The requested URL was not found on this server.", "text/html; charset=UTF-8")

    def _current(self, now: float) -> tuple[Identity, float]:
        with self._lock:
            if self._kept is None or self._kept[1] - KEPT_UNTIL_S <= now:
                self._kept = self._mint(self._label), now + self._life_s
            return self._kept


def _told(status: int, text: str, content_type: str = "application/text") -> Answer:
    return Answer(status, text.encode(), {"Content-Type": content_type, **FLAVOUR})
