"""
What a target says about the credentials that it uses: its function `explain`, and the method of the protocol.

An explanation is plain data, the same through both doors:

```
{"attempts": [{"source": "aws_env", "answer": "credentials", "reason": ""}, ...],
 "winner": "aws_env", "endpoint": "http://127.0.0.1:9000", "region": "us-east-1", "expires_at": None}
```

A Python target may return that as a dictionary, or an object with these attributes; endpoint and region may be objects
with a `value`, and an instant a `datetime`. Nothing is masked here: whether a secret is in it is for a check to see.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypedDict

ANSWERS = ("credentials", "not configured", "broken", "not asked")
"""What a source may have answered."""


class Attempt(TypedDict):
    """What one source answered, and why."""

    source: str
    answer: str
    reason: str


class Explanation(TypedDict):
    """Which credentials are used, and why; `expires_at` is ISO 8601, with offset or Z."""

    attempts: list[Attempt]
    winner: str | None
    endpoint: str | None
    region: str | None
    expires_at: str | None


def as_explanation(value: Any) -> Explanation:
    """Return an explanation from what a target made; raises `ValueError` that names the member that has another form."""
    attempts = _member(value, "attempts")
    if isinstance(attempts, str | bytes | Mapping) or not hasattr(attempts, "__iter__"):
        raise ValueError("attempts is a list")
    return {
        "attempts": [_attempt(each) for each in attempts],
        "winner": _text(value, "winner"),
        "endpoint": _text(value, "endpoint"),
        "region": _text(value, "region"),
        "expires_at": _text(value, "expires_at"),
    }


def _attempt(value: Any) -> Attempt:
    source, answer, reason = (_text(value, name) for name in ("source", "answer", "reason"))
    if not source:
        raise ValueError("source of an attempt is a text")
    if answer not in ANSWERS:
        raise ValueError(f"answer of {source} is one of {', '.join(ANSWERS)}")
    return {"source": source, "answer": answer, "reason": reason or ""}


def _text(value: Any, name: str) -> str | None:
    found = _member(value, name)
    if isinstance(found, datetime):
        return found.isoformat()
    if found is not None and not isinstance(found, str):
        # what also says where it comes from
        found = _member(found, "value")
    if found is not None and not isinstance(found, str):
        raise ValueError(f"{name} is a text or None")
    return found


def _member(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
