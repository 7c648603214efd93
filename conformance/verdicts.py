"""
The verdicts, worst first, and what a run of them means for the exit code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conformance.record import Record

WORST_FIRST = (
    "fail",
    "unexpected-pass",
    "harness-error",
    "flaky",
    "unreachable",
    "not-run",
    "inconclusive",
    "known-fail",
    "not-claimed",
    "pass",
)
"""Also the order in which several results of one requirement on one place, and records of one run, fold into one."""

RED = ("fail", "unexpected-pass")
UNJUDGED = ("harness-error", "flaky", "unreachable", "not-run")
"""Verdicts that say nothing about the target; a run with one of them has not shown that it conforms."""

CONFORMS = 0
BROKEN = 1
NOT_JUDGED = 3


def worst(verdicts: Iterable[str]) -> str:
    """Return the worst of several verdicts; of none, `not-run`."""
    return min(verdicts, key=WORST_FIRST.index, default="not-run")


def is_red(verdict: str, level: str, *, strict: bool) -> bool:
    """Whether a verdict on a requirement of this level fails a run: MUST and DEFINED do, SHOULD only when strict."""
    return verdict in RED and (strict or level != "SHOULD")


def exit_code(record: Record, *, strict: bool) -> int:
    """Return 1 if a requirement is broken, else 3 if something asked for was not judged, else 0."""
    cells = record.cells()
    if any(is_red(cell.verdict, record.level(cell.requirement), strict=strict) for cell in cells):
        return BROKEN
    unjudged = any(cell.verdict in UNJUDGED for cell in cells)
    exercised = any(cell.examples for cell in cells)
    return NOT_JUDGED if unjudged or not exercised or not record.complete or record.harness else CONFORMS
