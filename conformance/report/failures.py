"""
A result as lines of text, in the order in which one reads it: requirement and sentence, place, smallest example,
expected, observed, the requests that the gate saw, replay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance.report.escaping import one_line, printable, wrapped, wrapped_exactly
from conformance.verdicts import WORST_FIRST

if TYPE_CHECKING:
    from conformance.record import Record
    from conformance.verdicts import Cell

SHOWN = ("fail", "unexpected-pass", "harness-error", "flaky")
"""Verdicts that a report shows in full."""

SHOWN_REQUESTS = 8
LABEL = 12
"""Columns before the text of a block."""


def shown_cells(record: Record) -> list[Cell]:
    """Return the cells to show in full, worst first, then in the order of the specification."""
    order = {identity: number for number, identity in enumerate(record.known)}
    places = {place: number for number, place in enumerate(record.places)}
    return sorted(
        (cell for cell in record.cells() if cell.verdict in SHOWN),
        key=lambda cell: (
            WORST_FIRST.index(cell.verdict),
            order.get(cell.requirement, len(order)),
            places.get(cell.place, len(places)),
        ),
    )


def cell_lines(record: Record, cell: Cell, *, width: int = 80) -> list[str]:
    """Return the first deciding result of a cell in full, and the other ones by name."""
    first, *others = cell.deciding()
    lines = result_lines(record, first, width=width)
    if others:
        names = dict.fromkeys(_check(result) for result in others)
        lines += _block("also", f"{len(others)} more: {', '.join(names)}", width)
    return lines


def result_lines(record: Record, result: dict[str, Any], *, width: int = 80) -> list[str]:
    """Return the lines of one result."""
    lines = _heading(record, result, width)
    lines += _block("place", f"{result['place']}, {_check(result)}", width)
    if result.get("run"):
        lines += _block("run", result["run"], width)
    if result["reason"]:
        lines += _block("reason", result["reason"], width)
    failure = result["failure"]
    if failure is not None:
        for label in ("example", "about", "expected", "observed"):
            text = failure.get("what" if label == "about" else label)
            if text:
                lines += _block(label, text, width)
        lines += _requests(failure["requests"], width)
        # never wrapped, so that it can be copied
        lines.append(f"  {'replay':<9} {one_line(failure['replay'])}")
    for note in [*(result.get("notes") or []), *((failure or {}).get("notes") or [])]:
        lines += [f"  {line}" for line in printable(note).split("\n")]
    return lines


def _heading(record: Record, result: dict[str, Any], width: int) -> list[str]:
    identity = result["requirement"]
    verdict = "" if result["verdict"] == "fail" else f"  [{result['verdict']}]"
    requirement = record.known.get(identity)
    if requirement is None:
        return [f"{one_line(identity)}{verdict}", "  this requirement is not in the specification of this suite"]
    sentence = [f"  {line}" for line in wrapped(requirement.sentence, width - 2)]
    return [f"{identity} {requirement.level}: {one_line(requirement.title)}{verdict}", *sentence]


def _check(result: dict[str, Any]) -> str:
    """Return the name of the check, with the case."""
    case = f", case {result['case']}" if result["case"] is not None else ""
    return one_line(f"{result['check']}{case}")


def _requests(requests: list[dict[str, Any]], width: int) -> list[str]:
    if not requests:
        return []
    rows = [f"... {len(requests) - SHOWN_REQUESTS} earlier ones"] if len(requests) > SHOWN_REQUESTS else []
    for row in requests[-SHOWN_REQUESTS:]:
        status = "no answer" if row["status"] is None else row["status"]
        signer = f", signed by {row['signed_by']}" if row["signed_by"] else ""
        rows.append(f"{one_line(row['method'])} {one_line(row['target'])} -> {status}{one_line(signer)}")
    return _block("requests", "\n".join(rows), width)


def _block(label: str, text: str, width: int) -> list[str]:
    return [
        f"  {label if number == 0 else '':<9} {line}"
        for number, line in enumerate(wrapped_exactly(text, width - LABEL))
    ]
