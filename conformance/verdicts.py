"""
The verdicts, worst first, how several of them fold into one, and what a run of them means for the exit code.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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
"""Also the order in which results of one requirement on one place, and the records of several runs, fold into one."""

RED = ("fail", "unexpected-pass")
"""What the target has to answer for."""

UNJUDGED = ("harness-error", "flaky", "unreachable", "not-run")
"""What says nothing about the target; a run with one of them has not shown that it conforms."""

JUDGED = ("fail", "unexpected-pass", "known-fail", "pass")
"""What rests on an observation of the target."""

CONFORMS = 0
BROKEN = 1
NOT_JUDGED = 3


@dataclass(slots=True)
class Cell:
    """All results of one requirement on one place; `results` are result lines of a record."""

    requirement: str
    place: str
    results: list[dict[str, Any]] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """The worst verdict, `not-run` if there is no result."""
        return worst(result["verdict"] for result in self.results)

    @property
    def examples(self) -> int:
        """Examples tried."""
        return sum(result["examples"] for result in self.results)

    @property
    def operations(self) -> int:
        """Calls into the target."""
        return sum(result["operations"] for result in self.results)

    @property
    def seconds(self) -> float:
        """Seconds spent, in all of target, witness, service and suite."""
        return float(sum(result["seconds"]["total"] for result in self.results))

    def deciding(self) -> list[dict[str, Any]]:
        """Return the results that have the verdict of the cell."""
        return [result for result in self.results if result["verdict"] == self.verdict]


Cells = dict[tuple[str, str], Cell]
"""Cells by requirement and place."""


def worst(verdicts: Iterable[str]) -> str:
    """Return the worst of several verdicts; of none, `not-run`."""
    return min(verdicts, key=WORST_FIRST.index, default="not-run")


def fold(results: Iterable[dict[str, Any]], plan: Mapping[str, Iterable[str]] | None = None) -> Cells:
    """Return one cell per requirement and place.

    Several checks, cases, shards or runs may have spoken about the same cell: its verdict is the worst of theirs,
    whatever their order. Folding the results of several records together is how they merge.

    Args:
        results: result lines of one or several records.
        plan: the places on which each requirement was to be checked; what of it has no result is there as `not-run`.
    """
    cells: Cells = {
        (requirement, place): Cell(requirement, place)
        for requirement, places in (plan or {}).items()
        for place in places
    }
    for result in results:
        key = (result["requirement"], result["place"])
        cells.setdefault(key, Cell(*key)).results.append(result)
    return cells


def is_red(verdict: str, level: str, *, strict: bool) -> bool:
    """Whether a verdict on a requirement of this level fails a run: MUST and DEFINED do, SHOULD only when strict."""
    return verdict in RED and (strict or level != "SHOULD")


def exit_code(record: Record, *, strict: bool) -> int:
    """Return 1 if a requirement is broken, else 3 if something that was asked for is not judged, else 0.

    Not judged is: a service that was asked for and is not running, a verdict of `UNJUDGED`, a problem of the suite's
    own, a record that was cut off or lacks another one, and a run in which no verdict rests on a call into the target.
    A shard answers for what it was to run, and may have got nothing that can be judged: the merged record tells.
    """
    cells = record.asked()
    if any(is_red(cell.verdict, record.level(cell.requirement), strict=strict) for cell in cells):
        return BROKEN
    exercised = any(result["verdict"] in JUDGED and result["operations"] for result in record.results)
    exercised = exercised or bool(record.elsewhere and all(cell.verdict not in JUDGED for cell in cells))
    whole = record.complete and not record.missing and not any(cell.verdict in UNJUDGED for cell in cells)
    return CONFORMS if exercised and whole and not record.harness and not record.lost_services() else NOT_JUDGED
