"""
What the control plane is to say instead of the right answer: statuses, pages that are none of its own, silence.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from conformance.fakes.serving import Answer
from conformance.lake.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conformance.fakes.serving import Request


@dataclass(frozen=True, slots=True)
class Said:
    """A scripted answer.

    Attributes:
        status: of HTTP.
        body: whole.
        headers: further ones.
        delay_s: seconds that it is held back.
        cut: whether the connection ends after half of the body.
        silent: whether nothing is said until the client gives up.
        changes: what is different from the right answer, which is then said instead of `body`; None takes a field away.
    """

    status: int = 200
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    delay_s: float = 0.0
    cut: bool = False
    silent: bool = False
    changes: Mapping[str, Any] | None = field(default=None, repr=False)

    def to_answer(self, right: Answer | None = None) -> Answer:
        """Return it as an answer; `right` is what would have been said."""
        body, headers = self.body, dict(self.headers)
        if self.changes is not None and right is not None:
            body = json.dumps(changed(json.loads(right.body), self.changes)).encode()
            headers = {**right.headers, **headers}
        return Answer(self.status, body, headers, self.delay_s, self.cut, self.silent)

    @classmethod
    def of_json(cls, values: object, status: int = 200) -> Self:
        """JSON."""
        return cls(status, json.dumps(values).encode(), {"Content-Type": "application/json"})

    @classmethod
    def status_of(cls, status: int, *, retry_after: int | None = None) -> Self:
        """A refusal with a status, in the form of the control plane."""
        headers = {"Content-Type": "application/json"}
        if retry_after is not None:
            headers["Retry-After"] = str(retry_after)
        words = {
            401: "unauthenticated",
            403: "forbidden",
            404: "dataset_not_found",
            422: "bad_body",
            429: "rate_limited",
        }
        body = {"description": "as it was told to say", "error": words.get(status, "unavailable")}
        return cls(status, json.dumps(body).encode(), headers)

    @classmethod
    def html(cls, status: int = 200) -> Self:
        """A page, as gateways and hotels send."""
        return cls(status, b"<html><body>Welcome to the hotel</body></html>", {"Content-Type": "text/html"})

    @classmethod
    def half_json(cls) -> Self:
        """JSON that ends in the middle, all of which comes."""
        return cls(200, b'{"path": "s3://bucket/org/ds", "repo_', {"Content-Type": "application/json"})

    @classmethod
    def empty(cls, status: int = 200) -> Self:
        """No body."""
        return cls(status)

    @classmethod
    def redirect(cls, url: str) -> Self:
        """Somewhere else, with 307."""
        return cls(307, b"", {"Location": url})

    @classmethod
    def agreement(cls, *texts: str) -> Self:
        """Agreements that are to be accepted."""
        told = [{"text": text} for text in texts]
        refused = Refused("agreement_not_accepted", "this dataset has agreements", code=1, agreements=told)
        return cls._of(refused.answer())

    @classmethod
    def not_logged_in(cls) -> Self:
        """Agreements that only somebody can accept."""
        return cls._of(Refused("agreement_needs_login", "log in to accept the agreements", code=2).answer())

    @classmethod
    def changed(cls, changes: Mapping[str, Any]) -> Self:
        """The right answer with these fields; nested ones by dots, such as `creds.expiration`."""
        return cls(changes=changes)

    @classmethod
    def _of(cls, answer: Answer) -> Self:
        return cls(answer.status, answer.body, answer.headers)


def changed(values: Any, changes: Mapping[str, Any]) -> Any:
    """Return a JSON object with other fields; None takes one away."""
    for name, value in changes.items():
        *way, last = name.split(".")
        at = values
        for step in way:
            at = at.setdefault(step, {})
        if value is None:
            at.pop(last, None)
        else:
            at[last] = value
    return values


class Script:
    """What is to be said, and how often; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: list[_Line] = []

    def say(self, said: Said, *, times: int | None = 1, method: str | None = None, path: str | None = None) -> None:
        """Say this to the next requests of a method and a path prefix; to all of them if `times` is None."""
        with self._lock:
            self._lines.append(_Line(said, times, method, path))

    def hush(self) -> None:
        """Forget all of it."""
        with self._lock:
            self._lines.clear()

    def next_for(self, request: Request) -> Said | None:
        """Return what is to be said to a request, the oldest first, and count it."""
        with self._lock:
            for line in self._lines:
                if line.method not in (None, request.method) or not request.path.startswith(line.path or "/"):
                    continue
                if line.times is not None:
                    line.times -= 1
                    if line.times <= 0:
                        self._lines.remove(line)
                return line.said
        return None


@dataclass(slots=True, eq=False)
class _Line:
    said: Said
    times: int | None
    method: str | None
    path: str | None
