"""
The instance metadata service of EC2, as far as credentials go.

Source: EC2 User Guide, "How Instance Metadata Service Version 2 works", "Access instance metadata for an EC2 instance"
(statuses 400, 401, 403, 404) and "Retrieve security credentials from instance metadata". A session starts with a PUT, whose
header says how many seconds it lives, from 1 to 21600; a PUT that came through a proxy is refused.
"""

from __future__ import annotations

import re
import secrets
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Literal

from conformance.fakes.aws_generations import Generations, timestamp
from conformance.fakes.serving import Answer

if TYPE_CHECKING:
    from conformance.fakes.aws_generations import Mint
    from conformance.fakes.serving import Life, Request

TOKEN_PATH: Final = "/latest/api/token"  # noqa: S105 - a path
CREDENTIALS_PATH: Final = "/latest/meta-data/iam/security-credentials"
LONGEST_SESSION_S: Final = 21600

Flaw = Literal["listing-error", "listing-empty", "document-error", "document-garbage", "document-refusal"]
"""How the service fails after it has answered the token request: the listing of roles has status 500 or no text; the document
has status 500, is no JSON, or says with status 200 that EC2 may not assume the role."""

_ZONE: Final = {"availability-zone": "us-east-1a", "region": "us-east-1"}


class Imds:
    """Metadata of an instance that has one role; the same document until it is near its end.

    `role=None` is an instance without a role. `v1` also answers requests without a session, as instances that do not require
    one do. `enabled=False` is an instance whose metadata is switched off, which answers 403 to everything.
    """

    name = "imds"

    def __init__(
        self,
        label: str,
        mint: Mint,
        life_s: Life,
        role: str | None = "conformance-role",
        *,
        v1: bool = False,
        enabled: bool = True,
        flaw: Flaw | None = None,
    ) -> None:
        self.flaw = flaw
        self._generations = Generations(label, mint, life_s)
        self._role = role
        self._v1 = v1
        self._enabled = enabled
        self._sessions: dict[str, float] = {}
        self._lock = threading.Lock()

    def rotate(self) -> None:
        """Let the next request for the document get the next generation."""
        self._generations.rotate()

    def end_sessions(self) -> None:
        """Refuse every session token that is out, as after a restart of the instance."""
        with self._lock:
            self._sessions.clear()

    def handed_out(self) -> list[str]:
        """Return the tokens of sessions."""
        with self._lock:
            return list(self._sessions)

    def answer(self, request: Request) -> Answer:
        """Answer."""
        if not self._enabled:
            return _refused(403)
        if request.path == TOKEN_PATH:
            return self._start_session(request) if request.method == "PUT" else _refused(405)
        if request.method not in ("GET", "HEAD"):
            return _refused(405)
        if not self._is_allowed(request):
            return _refused(401)
        return self._metadata(request)

    def _start_session(self, request: Request) -> Answer:
        if "x-forwarded-for" in request.headers:
            return _refused(403)
        told = request.headers.get("x-aws-ec2-metadata-token-ttl-seconds", "").strip()
        if not re.fullmatch("[0-9]{1,5}", told) or not 1 <= int(told) <= LONGEST_SESSION_S:
            return _refused(400)
        token = secrets.token_urlsafe(40) + "=="
        with self._lock:
            self._sessions[token] = request.now + int(told)
        headers = {"Content-Type": "text/plain", "X-Aws-Ec2-Metadata-Token-Ttl-Seconds": told}
        return Answer(200, token.encode(), headers)

    def _is_allowed(self, request: Request) -> bool:
        token = request.headers.get("x-aws-ec2-metadata-token")
        if token is None:
            return self._v1
        with self._lock:
            return request.now < self._sessions.get(token, 0.0)

    def _metadata(self, request: Request) -> Answer:
        path = request.path
        if path.startswith("/latest/meta-data/placement/"):
            zone = _ZONE.get(path.rpartition("/")[2])
            return _text(zone) if zone else _refused(404)
        if self._role is None or not path.startswith(CREDENTIALS_PATH):
            return _refused(404)
        match path.removeprefix(CREDENTIALS_PATH):
            case "" | "/":
                if self.flaw == "listing-error":
                    return _refused(500)
                return _text("" if self.flaw == "listing-empty" else self._role)
            case name if name == f"/{self._role}":
                return self._document(request.now)
            case _:
                return _refused(404)

    def _document(self, now: float) -> Answer:
        match self.flaw:
            case "document-error":
                return _refused(500)
            case "document-garbage":
                return _text('{"Code": "Success", "AccessKeyId"')
            case "document-refusal":
                message = "EC2 cannot assume the role conformance-role. Please see documentation at https://docs.aws.amazon.com/."
                refusal = {"Code": "AssumeRoleUnauthorizedAccess", "Message": message, "LastUpdated": timestamp(now)}
                return Answer.of_json(refusal, headers={"Content-Type": "text/plain"})
            case _:
                issued = self._generations.current(now)
        document = {
            "Code": "Success",
            "LastUpdated": timestamp(issued.expires_at - self._generations.life_s),
            "Type": "AWS-HMAC",
            "AccessKeyId": issued.identity.name,
            "SecretAccessKey": issued.identity.secret,
            "Token": issued.identity.token,
            "Expiration": issued.expiration,
        }
        return Answer.of_json(document, headers={"Content-Type": "text/plain"})


def _text(text: str) -> Answer:
    return Answer(200, text.encode(), {"Content-Type": "text/plain"})


def _refused(status: int) -> Answer:
    title = f"{status} - {HTTPStatus(status).phrase}"
    page = (
        '<?xml version="1.0" encoding="iso-8859-1"?>\n<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">'
        f"<head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n"
    )
    return Answer(status, page.encode(), {"Content-Type": "text/html"})
