"""
From what happened in a check to a verdict, with everything the report says about it.

The families never mix: a broken requirement and an unexpected error of the target are the target's (fail); a service that
does not answer is nobody's (unreachable); what cannot be judged is inconclusive, with its reason; the rest is ours
(harness-error).
"""

from __future__ import annotations

import re
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hypothesis import errors as hypothesis_errors

from conformance.expectations import CheckFailure, Inconclusive, Raised
from conformance.targets import NotClaimed, TargetDied, TargetError
from conformance.testbed import PlaceUnreachable
from conformance.witnesses import WitnessUnreachable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conformance.gate import Exchange

UNANSWERED = {"StorageNetworkConnectionError", "StorageInternalError", "StorageThrottledError"}
"""What a correct target may raise when its service is gone in the middle of a check."""


@dataclass(slots=True)
class Judgement:
    """A verdict with its reason, and for a failure what the report prints."""

    verdict: str
    reason: str | None = None
    failure: dict[str, Any] | None = None
    target_died: bool = False
    lost_service: bool = False
    notes: list[str] = field(default_factory=list)


def judge(error: BaseException | None) -> Judgement:
    """Return the verdict of what a check raised, None if it returned."""
    if error is None:
        return Judgement("pass")
    match error:
        case PlaceUnreachable():
            return Judgement("unreachable", reason=str(error))
        case WitnessUnreachable():
            return Judgement("unreachable", reason=str(error), lost_service=True)
        case Inconclusive():
            return Judgement("inconclusive", reason=str(error))
        case NotClaimed():
            return Judgement("not-claimed", reason=str(error))
        case CheckFailure():
            return _failed(error, expected=error.expected, observed=error.observed, what=error.what)
        case TargetError() if error.is_a("StorageProviderMissingError"):
            # says nothing of the target: this environment lacks what it needs
            return Judgement("unreachable", reason=error.message)
        case TargetError():
            return _failed(error, expected="no error", observed=Raised(error).text())
        case TargetDied():
            judgement = _failed(error, expected="an answer", observed=str(error))
            judgement.target_died = True
            return judgement
        case hypothesis_errors.Flaky():
            return _flaky(error)
        case AssertionError():
            return _failed(error, expected="the assertion to hold", observed=str(error) or _where(error))
        case _:
            text = "".join(traceback.format_exception(error, limit=-12))
            return Judgement("harness-error", reason=f"{type(error).__name__}: {error}", notes=[text])


def _failed(error: BaseException, *, expected: str, observed: str, what: str = "") -> Judgement:
    example, notes = _example(error)
    failure = {"what": what, "example": example, "expected": expected, "observed": observed, "notes": notes}
    return Judgement("fail", reason=None, failure=failure)


def _flaky(error: BaseException) -> Judgement:
    """Tell a target that answers differently each time from one that is wrong each time."""
    inner: Sequence[BaseException] = getattr(error, "exceptions", ())
    told = next((e for e in inner if isinstance(e, CheckFailure | TargetError)), None)
    judgement = _failed(told or error, expected="the same answer each time", observed=str(told or error))
    judgement.verdict = "flaky"
    judgement.reason = "the example failed once and not again with the same operations"
    return judgement


def _example(error: BaseException) -> tuple[str, list[str]]:
    """Return Hypothesis' smallest example out of the notes of an exception, and the other notes."""
    example: list[str] = []
    others: list[str] = []
    for note in getattr(error, "__notes__", []):
        if note.startswith(("Falsifying example", "Failing test case", "Failing explicit example")):
            example += _arguments(note)
        elif match := _DRAWN.match(note):
            example.append(f"{match['label'] or 'drawn'}: {match['value']}")
        elif note.startswith("state = "):
            example.append(note)
        elif not note.startswith(("You can reproduce", "Explanation")):
            others.append(note)
    return "\n".join(example), others


_DRAWN = re.compile(r"Draw \d+(?: \((?P<label>.*?)\))?: (?P<value>.*)", re.DOTALL)


def _arguments(note: str) -> list[str]:
    """Return the arguments of a failing call, without fixtures and handles, or the steps of a state machine."""
    lines = note.splitlines()
    if not lines[0].endswith("("):
        return lines[1:]
    shown = [line.strip().removesuffix(",") for line in lines[1:] if line.strip() != ")"]
    return [line for line in shown if not line.startswith(("place=", "data=data(", "self="))]


def _where(error: BaseException) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"`{frame.line}` in {frame.name}"


def exchange_row(exchange: Exchange) -> dict[str, Any]:
    """Return an exchange as the record holds it: the method, the target, the status and who signed."""
    return {
        "method": exchange.method,
        "target": exchange.target,
        "status": exchange.status,
        "signed_by": exchange.identity or exchange.signed_by,
    }
