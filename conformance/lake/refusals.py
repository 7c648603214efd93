"""
How the control plane says no: one form, and a word for each reason (docs/reference/control-plane.md).
"""

from __future__ import annotations

from typing import Any

from conformance.fakes.serving import Answer

STATUSES = {
    "bad_header": 400,
    "bad_json": 400,
    "unauthenticated": 401,
    "token_revoked": 401,
    "token_expired": 401,
    "forbidden": 403,
    "agreement_not_accepted": 403,
    "agreement_needs_login": 403,
    "organisation_not_found": 404,
    "dataset_not_found": 404,
    "creds_key_not_found": 404,
    "no_such_path": 404,
    "method_not_allowed": 405,
    "bad_body": 422,
    "bad_name": 422,
    "dataset_exists": 422,
    "creds_key_expired": 422,
    "rate_limited": 429,
    "storage_unavailable": 503,
}
"""The status of each word."""


class Refused(Exception):
    """Ends the handling of a request; `fields` are further ones of the body."""

    def __init__(self, error: str, description: str, headers: dict[str, str] | None = None, **fields: Any) -> None:
        super().__init__(error, description)
        self.error = error
        self.description = description
        self.headers = headers or {}
        self.fields = fields

    def answer(self) -> Answer:
        """Return it as an answer."""
        status = STATUSES[self.error]
        headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
        body = {"description": self.description, "error": self.error, **self.fields}
        return Answer.of_json(body, status, headers | self.headers)
