"""
Redirects to another host, and what waits there: whoever answers them with a proof has given it away.

Source: RFC 9110, 15.4: 307 and 308 keep method and body, 301 and 302 may turn a POST into a GET.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from conformance.fakes.serving import Answer

if TYPE_CHECKING:
    from conformance.fakes.serving import Fake, Request

STATUSES: Final = (301, 302, 307, 308)


class Redirecting:
    """
    Sends requests to the same target at another base URL, query and all.

    Args:
        name: of the host that redirects.
        to: the other base URL.
        status: of the redirect.
        but: who answers requests without a body in its stead, None for nobody.
    """

    def __init__(self, name: str, to: str, status: int, but: Fake | None = None) -> None:
        self.name = name
        self._to = to
        self._status = status
        self._but = but

    def answer(self, request: Request) -> Answer | None:
        """Answer with the redirect."""
        if self._but is not None and not request.body:
            return self._but.answer(request)
        return Answer(self._status, headers={"Location": f"{self._to}{request.target}"})


class Nobody:
    """The other host: it has nothing, and keeps what it is asked."""

    name = "nobody"

    def answer(self, _request: Request) -> Answer:
        """Answer 404."""
        return Answer(404)
