"""
The report on a terminal: failures first, then one table of areas and places, then what could not be judged, then the word.

Nothing is told by colour alone, and it fits into 80 columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from conformance import requirements
from conformance.report.escaping import one_line, printable
from conformance.report.failures import failure_lines, final_word, reasons, red_results
from conformance.verdicts import WORST_FIRST, exit_code, worst

if TYPE_CHECKING:
    from rich.console import Console

    from conformance.record import Cell, Record

STYLES = {"pass": "green", "fail": "bold red", "unexpected-pass": "red", "harness-error": "magenta", "flaky": "magenta"}
SHOWN_LABELS = 4


def render_terminal(record: Record, console: Console, *, verbose: bool = False, strict: bool = False) -> None:
    """Print the report of a record."""
    for result in red_results(record):
        for number, line in enumerate(failure_lines(result, width=min(console.width, 100))):
            console.print(Text(line, style="bold red" if number == 0 else ""), soft_wrap=True)
        console.print()
    console.print(_requirements_table(record) if verbose else _areas_table(record))
    for line in _remarks(record):
        console.print(Text(line), soft_wrap=True)
    console.print()
    style = "bold green" if exit_code(record, strict=strict) == 0 else "bold red"
    console.print(Text(final_word(record, strict=strict), style=style), soft_wrap=True)
    replay = f"seed {record.start['seed']}, profile {record.start['profile']}"
    where = f"; record: {record.path}" if record.path is not None else ""
    console.print(Text(f"{_examples(record)}; {replay}{where}"), soft_wrap=True)


def _examples(record: Record) -> str:
    examples = sum(cell.examples for cell in record.cells())
    operations = sum(cell.operations for cell in record.cells())
    seconds = (record.end or {}).get("seconds", {})
    time = f" in {seconds['run']:.0f} s (start-up {seconds['startup']:.0f} s)" if seconds else ""
    return f"{examples} examples, {operations} operations{time}"


def _areas_table(record: Record) -> Table:
    """One row per area, one column per place: how many requirements hold, and what the others are."""
    table = _table(record, "area")
    areas = dict.fromkeys(requirement.area for requirement in requirements.load().values())
    for area in areas:
        row = [_summary(_cells_of(record, area, place)) for place in record.places]
        if any(cell.plain != "-" for cell in row):
            table.add_row(area, *row)
    return table


def _cells_of(record: Record, area: str, place: str) -> list[Cell]:
    known = requirements.load()
    return [
        cell
        for cell in record.cells()
        if cell.place == place and cell.requirement in known and known[cell.requirement].area == area
    ]


def _summary(cells: list[Cell]) -> Text:
    if not cells:
        return Text("-")
    passed = sum(cell.verdict == "pass" for cell in cells)
    others = [
        f"{count} {verdict}"
        for verdict in WORST_FIRST
        if verdict != "pass" and (count := sum(cell.verdict == verdict for cell in cells))
    ]
    text = ", ".join([f"{passed} pass", *others] if passed or not others else others)
    return Text(text, style=STYLES.get(worst(cell.verdict for cell in cells), ""))


def _requirements_table(record: Record) -> Table:
    """One row per requirement, its verdict on each place."""
    table = _table(record, "requirement")
    for identity, requirement in requirements.load().items():
        cells = [record.cell(identity, place) for place in record.places]
        if any(cells):
            row = [Text(cell.verdict, style=STYLES.get(cell.verdict, "")) if cell else Text("-") for cell in cells]
            table.add_row(f"{identity} {requirement.level}", *row)
    return table


def _table(record: Record, first: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(first, no_wrap=True)
    for place in record.places:
        table.add_column(place)
    return table


def _remarks(record: Record) -> list[str]:
    lines: list[str] = []
    target = record.start["target"]
    running = [
        f"{service['name']} {service['version']} ({service['runtime']})"
        for service in record.services
        if service["state"] == "running"
    ]
    lines += ["", f"target {one_line(target['name'])} through the {target['door']} door"]
    if running:
        lines.append("services: " + ", ".join(running))
    if "mem" in record.places:
        lines.append("mem: the witness is a second handle of the target, nothing else can see its memory")
    lines += [
        f"{service['name']} {service['state']}: {printable(service['reason'])}\n  {printable(service.get('hint') or '')}"
        for service in record.services
        if service["state"] != "running"
    ]
    lines += [
        f"divergence gone: {lie['service']} no longer shows {lie['requirement']} {lie['case']} ({lie['reason']})"
        for lie in record.divergences
        if lie["state"] == "gone"
    ]
    for verdict in ("unreachable", "inconclusive", "known-fail", "not-claimed"):
        for reason, labels in reasons(record, verdict):
            more = f" and {len(labels) - SHOWN_LABELS} more" if len(labels) > SHOWN_LABELS else ""
            lines.append(f"{verdict}: {', '.join(labels[:SHOWN_LABELS])}{more}: {reason}")
    not_run = [f"{cell.requirement}@{cell.place}" for cell in record.cells() if cell.verdict == "not-run"]
    if not_run:
        lines.append(f"not-run: {len(not_run)}, such as {', '.join(not_run[:SHOWN_LABELS])}")
    lines += [f"no check: {identity}" for identity in record.unchecked()]
    lines += [f"harness: {printable(reason)}" for reason in record.harness]
    if not record.complete:
        lines.append("this record is incomplete: the run was cut off before its end")
    return lines
