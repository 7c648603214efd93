"""
From what left a check to a result of its own, and the checks under suspicion once more alone.

A check during which something was to leave the machine keeps its own verdict, notes what was seen, and brings a result of
`SEC-12` with it. Where other processes ran checks at the same time, and no socket of Python told whose it was, it is under
suspicion: the controller runs it again at the end, when nothing else runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance.judging import Judgement
from conformance.requirements import ONLY_HERMETIC

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

    from conformance.lookout import Seen
    from conformance.targets.claims import Claims

DEPARTED = "conformance_departed"
"""The attribute of pytest's report that carries the result of `SEC-12` to the controller."""

SUSPECTED = "conformance_suspected"
"""The attribute that is there if the check is to run again alone."""

MOST_AGAIN = 20
"""Checks that are run again; a target that always asks is under suspicion in every check."""

NOBODY = (
    "packets for other machines had no route while checks ran beside each other, and none of those that were run again "
    "alone asked for one; with -n 1 each is known by its own count"
)


def note(result: dict[str, Any], seen: Seen, *, alone: bool) -> None:
    """Write into the result of a check what was seen meanwhile."""
    result["turned_away"] = seen.turned_away
    who = "" if alone or seen.is_told else "this check, or one beside it: "
    result["notes"] = [*result["notes"], f"{ONLY_HERMETIC}: {who}{seen.text(alone=alone or not seen.is_told)}"]


def departed(result: dict[str, Any], seen: Seen, replay: str, *, alone: bool) -> tuple[Judgement, dict[str, Any]]:
    """Return the judgement about a check during which something was to leave, and the line for the record without it."""
    case = f", case {result['case']}" if result["case"] is not None else ""
    judgement = Judgement(
        "fail",
        failure={
            "what": f"{result['check']}{case}, which is about {result['requirement']}",
            "example": "",
            "expected": "no packet for another machine",
            "observed": seen.text(alone=alone),
            "requests": [],
            "notes": [],
            "replay": replay,
        },
    )
    return judgement, _line(result)


def weighed(judgement: Judgement, claims: Claims, prefix: str) -> Judgement:
    """Return a failure as `not-claimed` where the claims leave the requirement out."""
    reason = claims.not_claimed_reason(ONLY_HERMETIC, prefix)
    return judgement if reason is None else Judgement("not-claimed", reason=reason, failure=judgement.failure)


def completed(line: dict[str, Any], judgement: Judgement) -> dict[str, Any]:
    """Return a line with its verdict."""
    about = {"verdict": judgement.verdict, "reason": judgement.reason, "failure": judgement.failure}
    return line | about | {"notes": judgement.notes}


def unsettled(results: Iterable[dict[str, Any]], *, again: int) -> list[dict[str, Any]]:
    """Return one inconclusive result for each place on which checks were under suspicion, none of which was shown."""
    places: dict[str, list[dict[str, Any]]] = {}
    for result in results:
        places.setdefault(result["place"], []).append(result)
    return [
        completed(_line(each[0]), Judgement("inconclusive", reason=f"{NOBODY} ({again} checks)"))
        for each in places.values()
    ]


def _line(result: dict[str, Any]) -> dict[str, Any]:
    """Return a line of the record about the check of another one; its effort is counted there."""
    return {
        "requirement": ONLY_HERMETIC,
        "place": result["place"],
        "case": None,
        "check": result["check"],
        "examples": 0,
        "operations": 0,
        "witness_calls": 0,
        "requests": None,
        "seconds": dict.fromkeys(result["seconds"], 0.0),
    }


class Suspects:
    """What the controller keeps of a run until it is over.

    Attributes:
        shown: whether a check was shown to ask.
        during: what was turned away while checks ran; each counts what it saw, so that several at once count double.
    """

    def __init__(self) -> None:
        self.shown = False
        self.during = 0
        self._suspected: dict[str, dict[str, Any]] = {}

    def take(self, report: pytest.TestReport, result: dict[str, Any]) -> dict[str, Any] | None:
        """Look at a report with its result, and return the result of `SEC-12` that came with it."""
        also: dict[str, Any] | None = getattr(report, DEPARTED, None)
        self.shown = self.shown or also is not None
        self.during += result.get("turned_away", 0)
        if getattr(report, SUSPECTED, False):
            self._suspected[report.nodeid] = result
        return also

    def again(self) -> dict[str, dict[str, Any]]:
        """Return results under suspicion by the id of their check, at most `MOST_AGAIN`: each check once, then its cases."""
        first: dict[tuple[str, str], str] = {}
        for node, result in self._suspected.items():
            first.setdefault((result["check"], result["place"]), node)
        nodes = dict.fromkeys([*first.values(), *self._suspected])
        return {node: self._suspected[node] for node in list(nodes)[:MOST_AGAIN]}

    def left(self) -> list[dict[str, Any]]:
        """Return all results under suspicion, if nothing that was run again was shown to ask."""
        return [] if self.shown else list(self._suspected.values())
