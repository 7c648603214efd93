"""
Google's IAM Credentials service, `iamcredentials.googleapis.com`: acting as a service account, and where one may act.

Sources: https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken,
https://cloud.google.com/apis/design/errors. The look-up of locations is not documented; google-auth 2.62.2 sends the
bearer token to it on its own, whatever the storage endpoint is; 2.63.0 does so only where a variable asks for it
(`google/auth/_regional_access_boundary_utils.py`).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from conformance.fakes.aws_generations import Generations, Mint
from conformance.fakes.google_refusals import Refused, status_refusal
from conformance.fakes.serving import Answer, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from conformance.identities import Identity

GENERATE = re.compile(r"/v1/projects/-/serviceAccounts/([^/:]+):generateAccessToken")

LOCATIONS = re.compile(r"/v1/projects/[^/]+/.+/allowedLocations|/v1/locations/global/.+/allowedLocations")

LONGEST_LIFE_S = 3600

UNAUTHENTICATED = (
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
    "authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."
)

DENIED_PROJECT = "The caller does not have permission"

DENIED = "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)."


class Callers:
    """Those who may ask one of Google's services: whoever has a token that was given and is not over."""

    def __init__(self, whose: Callable[[str], Identity | None]) -> None:
        self._whose = whose

    def check(self, request: Request) -> None:
        """Raise `Refused` unless there is a good token."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        caller = self._whose(token) if scheme.lower() == "bearer" else None
        if caller is None or (caller.expires_at is not None and caller.expires_at <= request.now):
            raise Refused(status_refusal(401, "UNAUTHENTICATED", UNAUTHENTICATED))


class IamCredentials:
    """
    Gives tokens of service accounts to those who may act as them.

    Args:
        mint: makes the identity of a label and tells the gate of it.
        accounts: the e-mail address of each account that may be acted as, and the source that gets its tokens.
        whose: returns the identity that an access token proves, None for unknown ones; `OAuth.issued_to` is one.
    """

    name = "google_iam"

    def __init__(
        self,
        mint: Mint,
        *,
        accounts: Mapping[str, str],
        whose: Callable[[str], Identity | None],
    ) -> None:
        self._accounts = {email: Generations(label, mint, LONGEST_LIFE_S) for email, label in accounts.items()}
        self._labels = dict(accounts)
        self._callers = Callers(whose)

    def answer(self, request: Request) -> Answer:
        """Answer."""
        generate = GENERATE.fullmatch(request.path)
        try:
            if generate and request.method == "POST":
                self._callers.check(request)
                return self._generated(generate[1], request)
            if LOCATIONS.fullmatch(request.path) and request.method == "GET":
                self._callers.check(request)
                return Answer.of_json({"locations": [], "encodedLocations": "0x0"})  # everywhere
        except Refused as refused:
            return refused.answer
        return status_refusal(404, "NOT_FOUND", "Method not found.")

    def source_of(self, request: Request) -> str:
        """Return the source that asks, the name of the fake if it cannot be told."""
        generate = GENERATE.fullmatch(request.path)
        return self._labels.get(generate[1], self.name) if generate else self.name

    def _generated(self, email: str, request: Request) -> Answer:
        try:
            asked = json.loads(request.body)
        except ValueError:
            return status_refusal(400, "INVALID_ARGUMENT", "Invalid JSON payload received.")
        scopes = asked.get("scope") if isinstance(asked, dict) else None
        if not isinstance(scopes, list) or not scopes:
            return status_refusal(400, "INVALID_ARGUMENT", "scope must be provided.")
        lifetime = re.fullmatch(r"(\d+)s", str(asked.get("lifetime", "3600s")))
        if lifetime is None or not 0 < int(lifetime[1]) <= LONGEST_LIFE_S:
            message = f"The lifetime must be between 1 and {LONGEST_LIFE_S} seconds."
            return status_refusal(400, "INVALID_ARGUMENT", message)
        if email not in self._accounts:
            return status_refusal(403, "PERMISSION_DENIED", DENIED)
        issued = self._accounts[email].renewed(request.now, float(lifetime[1]))
        return Answer.of_json({"accessToken": issued.identity.secret, "expireTime": issued.expiration})
