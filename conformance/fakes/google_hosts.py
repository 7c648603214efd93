"""
Google's fixed host names, and who plays them behind a `ConnectProxy`.

Seen with google-auth 2.63.0: an authorized user's file is taken to `oauth2.googleapis.com` whatever address it names, an
impersonated account's to `iamcredentials.googleapis.com`, and of an external account without a project the number in its
audience is looked up at `cloudresourcemanager.googleapis.com`. Storage itself is played by nobody: a target that asks
`storage.googleapis.com` although it was given an endpoint leaks.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from conformance.fakes.google_iam import DENIED_PROJECT, Callers
from conformance.fakes.google_refusals import Refused, status_refusal
from conformance.fakes.serving import Answer, Fake, Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.fakes.google_oauth import OAuth
    from conformance.identities import Identity

NUMBER = "123456789012"
"""The number of the one project, which `AUDIENCE` of a subject token names."""


class Projects:
    """The Resource Manager, https://cloud.google.com/resource-manager/reference/rest/v1/projects/get: one project."""

    name = "google_projects"

    def __init__(self, whose: Callable[[str], Identity | None]) -> None:
        self._callers = Callers(whose)

    def answer(self, request: Request) -> Answer:
        """Answer."""
        asked = re.fullmatch(r"/v1/projects/([^/:]+)", request.path)
        if asked is None or request.method != "GET":
            return status_refusal(404, "NOT_FOUND", "Method not found.")
        try:
            self._callers.check(request)
        except Refused as refused:
            return refused.answer
        if asked[1] not in (NUMBER, "conformance"):
            return status_refusal(403, "PERMISSION_DENIED", DENIED_PROJECT)
        return Answer.of_json({"projectNumber": NUMBER, "projectId": "conformance", "lifecycleState": "ACTIVE"})


def google_hosts(oauth: OAuth, *others: Fake) -> dict[str, Fake]:
    """
    Return who plays which host.

    `others` are `IamCredentials` and `Projects` where a world has them; without, asking them is a leak.
    """
    names = {"google_iam": "iamcredentials.googleapis.com", "google_projects": "cloudresourcemanager.googleapis.com"}
    hosts: dict[str, Fake] = dict.fromkeys(
        ("oauth2.googleapis.com", "sts.googleapis.com", "accounts.google.com"), oauth
    )
    return hosts | {names[fake.name]: fake for fake in others}
