"""
The report as Markdown, for a job summary: the same facts as on the terminal, with every requirement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance import requirements
from conformance.report.escaping import one_line, printable
from conformance.report.failures import failure_lines, final_word, reasons, red_results

if TYPE_CHECKING:
    from conformance.record import Record


def render_markdown(record: Record, *, strict: bool = False) -> str:
    """Return the report of a record as Markdown."""
    start = record.start
    lines = [
        f"# Conformance of {_cell(start['target']['name'])}",
        "",
        f"**{_cell(final_word(record, strict=strict))}**",
        "",
        f"Suite {start['suite']}, profile {start['profile']}, seed {start['seed']}, Python {start['python']}, {start['started']}",
        "",
    ]
    if not record.complete:
        lines += ["**This record is incomplete: the run was cut off before its end.**", ""]
    lines += _services(record)
    for result in red_results(record):
        lines += ["```text", *(line.replace("```", "` ` `") for line in failure_lines(result, width=100)), "```", ""]
    for area in dict.fromkeys(requirement.area for requirement in requirements.load().values()):
        lines += _area(record, area)
    for verdict in ("unreachable", "inconclusive", "known-fail", "not-claimed"):
        for reason, labels in reasons(record, verdict):
            lines.append(f"- {verdict}: {_cell(', '.join(labels))}: {_cell(reason)}")
    lines += [f"- no check: {identity}" for identity in record.unchecked()]
    lines += [f"- harness: {_cell(reason)}" for reason in record.harness]
    return "\n".join(lines).rstrip() + "\n"


def _services(record: Record) -> list[str]:
    if not record.services:
        return []
    lines = ["| service | version | runtime | state |", "|---|---|---|---|"]
    for service in record.services:
        state = service["state"] if service["state"] == "running" else f"{service['state']}: {service['reason']}"
        row = (service["name"], service.get("version", ""), service.get("runtime", ""), state)
        lines.append("| " + " | ".join(_cell(str(value)) for value in row) + " |")
    return [*lines, ""]


def _area(record: Record, area: str) -> list[str]:
    rows = []
    for identity, requirement in requirements.load().items():
        cells = [record.cell(identity, place) for place in record.places]
        if requirement.area == area and any(cells):
            verdicts = [cell.verdict if cell else "-" for cell in cells]
            examples = sum(cell.examples for cell in cells if cell)
            rows.append(f"| {identity} | {requirement.level} | {_cell(requirement.title)} | {' | '.join(verdicts)} | {examples} |")
    if not rows:
        return []
    places = " | ".join(record.places)
    head = [f"## {area}", "", f"| id | level | requirement | {places} | examples |", "|---" * (len(record.places) + 4) + "|"]
    return [*head, *rows, ""]


def _cell(text: str) -> str:
    """Return text that stays inside its table cell."""
    return one_line(printable(text)).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "\\`")
