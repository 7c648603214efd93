"""
The report as Markdown, for a job summary: the facts of the terminal's report, and every requirement on every place.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from conformance.report.escaping import one_line
from conformance.report.facts import Fact, counted_levels, effort, facts, final_word, origin
from conformance.report.failures import cell_lines, shown_cells

if TYPE_CHECKING:
    from conformance.record import Record

WIDTH = 100
SHOWN_SUBJECTS = 20


def render_markdown(record: Record, *, strict: bool = False) -> str:
    """Return the report of a record as Markdown (GitHub's flavour)."""
    lines = [
        f"# Conformance of {escaped(record.start['target']['name'])}",
        "",
        f"**{escaped(final_word(record, strict=strict))}**",
        "",
        *(f"- {escaped(line)}" for line in [*counted_levels(record), effort(record), origin(record)]),
        f"- started {escaped(record.start['started'])}",
        "",
    ]
    for cell in shown_cells(record):
        heading, *rest = cell_lines(record, cell, width=WIDTH)
        lines += [f"### {escaped(heading)}", "", *_fenced(rest), ""]
    for area in record.areas:
        lines += _area(record, area)
    lines += ["## What else is to be known", "", *(_item(fact) for fact in facts(record))]
    return "\n".join(lines) + "\n"


def _area(record: Record, area: str) -> list[str]:
    places = [escaped(place) for place in record.places]
    lines = [
        f"## {escaped(area)}",
        "",
        f"| requirement | level | {' | '.join(places)} | examples |",
        f"|---|---|{'---|' * len(places)}---:|",
    ]
    for identity, requirement in record.known.items():
        if requirement.area == area:
            verdicts = [record.verdict(identity, place)[0] for place in record.places]
            cells = [record.cell(identity, place) for place in record.places]
            examples = sum(cell.examples for cell in cells if cell is not None)
            title = escaped(f"{identity}: {requirement.title}")
            lines.append(f"| {title} | {requirement.level} | {' | '.join(verdicts)} | {examples} |")
    return [*lines, ""]


def _item(fact: Fact) -> str:
    subjects = ""
    if fact.subjects:
        more = len(fact.subjects) - SHOWN_SUBJECTS
        subjects = ", ".join(fact.subjects[:SHOWN_SUBJECTS]) + (f" and {more} more" if more > 0 else "") + ": "
    hint = f" (hint: {fact.hint})" if fact.hint else ""
    return f"- {fact.label}: {escaped(subjects + fact.text + hint)}"


def _fenced(lines: list[str]) -> list[str]:
    """Return a code block whose fence is longer than any row of backticks inside."""
    longest = max((len(row) for row in re.findall("`+", "\n".join(lines))), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}text", *lines, fence]


def escaped(text: str) -> str:
    """Return text on one line that Markdown shows as it is, in a table's cell too."""
    plain = one_line(text).replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([\\`*_\[\]|~#@>])", r"\\\1", plain)
