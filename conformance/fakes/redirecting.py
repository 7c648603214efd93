"""
Redirects to another host, and what waits there: whoever answers them with a proof has given it away.

Source: RFC 9110, 15.4: 307 and 308 keep method and body, 301 and 302 may turn a POST into a GET.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from conformance.fakes.serving import Answer

if TYPE_CHECKING:
    from conformance.fakes.serving import Request

STATUSES: Final = (301, 302, 307, 308)


class Redirecting:
    """Sends every request to the same target at another base URL, query and all."""

    def __init__(self, name: str, to: str, status: int) -> None:
        self.name = name
        self._to = to
        self._status = status

    def answer(self, request: Request) -> Answer:
        """Answer with the redirect."""
        return Answer(self._status, headers={"Location": f"{self._to}{request.target}"})


class Nobody:
    """The other host: it has nothing, and keeps what it is asked."""

    name = "nobody"

    def answer(self, _request: Request) -> Answer:
        """Answer 404."""
        return Answer(404)
