"""
The metadata server of Compute Engine, which knows the service account of the machine.

Sources: https://cloud.google.com/compute/docs/metadata/querying-metadata (header, `X-Forwarded-For`, `recursive`),
https://cloud.google.com/compute/docs/access/authenticate-workloads (token, kept until five minutes before its end).
google-auth pings `/` of `GCE_METADATA_IP`, and asks `GCE_METADATA_HOST` for the rest: both name this one.
"""

from __future__ import annotations

from typing import Literal

from conformance.fakes.aws_generations import Generations, Mint
from conformance.fakes.google_grants import CLOUD_SCOPE, STORAGE_SCOPE
from conformance.fakes.serving import Answer, Life, Request

Mode = Literal["account", "no-account", "no-flavour"]
"""A machine with a service account; one without, which refuses tokens; something that answers but is no metadata server."""

ROOT = "/computeMetadata/v1/"

ACCOUNTS = ROOT + "instance/service-accounts/"

FLAVOUR = {"Metadata-Flavor": "Google"}

EMAIL = "machine@conformance.iam.gserviceaccount.com"


class Metadata:
    """
    Gives the tokens of the machine's service account.

    Args:
        label: the source that gets them.
        mint: makes the identity of a label and tells the gate of it.
        life_s: seconds that a token is said to last.
        mode: what kind of machine it is; may be changed between requests.
    """

    name = "gce_metadata"

    def __init__(self, label: str, mint: Mint, life_s: Life, *, mode: Mode = "account") -> None:
        self.mode = mode
        self._tokens = Generations(label, mint, life_s)

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

    def rotate(self) -> None:
        """Let whoever asks next get a token of the next generation."""
        self._tokens.rotate()

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
                issued = self._tokens.current(request.now)
                lasts = int(issued.expires_at - request.now)
                token = {"access_token": issued.identity.secret, "expires_in": lasts, "token_type": "Bearer"}
                return Answer.of_json(token, headers=FLAVOUR)
        return _told(404, "The requested URL was not found on this server.", "text/html; charset=UTF-8")


def _told(status: int, text: str, content_type: str = "application/text") -> Answer:
    return Answer(status, text.encode(), {"Content-Type": content_type, **FLAVOUR})
