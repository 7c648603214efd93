"""
How Google says no, in its two dialects: OAuth's (RFC 6749, 5.2) and that of its other services.
"""

from __future__ import annotations

from conformance.fakes.serving import Answer


class Refused(Exception):
    """Ends the handling of a request with an answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def refusal(status: int, error: str, description: str) -> Answer:
    """Return OAuth's form: an error code and a sentence."""
    return Answer.of_json({"error": error, "error_description": description}, status)


def status_refusal(status: int, code: str, message: str) -> Answer:
    """Return the form of Google's other services, https://cloud.google.com/apis/design/errors."""
    return Answer.of_json({"error": {"code": status, "message": message, "status": code}}, status)
