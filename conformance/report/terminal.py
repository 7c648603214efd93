"""
The report on a terminal: failures first, then the table, then what else is to be known, then the word.

Readable without colour and at 80 columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from conformance.report.escaping import encodable, one_line, wrapped
from conformance.report.facts import counted_levels, effort, facts, final_word, origin
from conformance.report.failures import cell_lines, shown_cells
from conformance.report.table import areas_table, requirements_table
from conformance.verdicts import CONFORMS, exit_code

if TYPE_CHECKING:
    from rich.console import Console

    from conformance.record import Record
    from conformance.report.facts import Fact

LABEL = 14
"""Columns before the text of a fact."""

SHOWN_SUBJECTS = 4
WIDEST = 100


def render_terminal(record: Record, console: Console, *, verbose: bool = False, strict: bool = False) -> None:
    """Print the report of a record.

    Args:
        record: the record.
        console: where to; its width, colours and encoding are respected.
        verbose: a table with every requirement instead of counts, and every subject of a reason.
        strict: whether a SHOULD that fails fails the run.
    """
    width = min(console.width, WIDEST)
    for cell in shown_cells(record):
        heading, *lines = cell_lines(record, cell, width=width)
        _print(console, Text(heading, style="bold red"))
        for line in [*lines, ""]:
            _print(console, Text(line))
    for row in requirements_table(record, width) if verbose else areas_table(record, width):
        _print(console, row)
    for fact in facts(record):
        for line in _fact_lines(fact, width, verbose=verbose):
            _print(console, Text(line))
    style = "bold green" if exit_code(record, strict=strict) == CONFORMS else "bold red"
    _print(console, Text())
    _print(console, Text(final_word(record, strict=strict), style=style))
    where = [f"record: {one_line(str(record.path))}"] if record.path is not None else []
    for line in [*counted_levels(record), effort(record), origin(record), *where]:
        _print(console, Text(line))


def _fact_lines(fact: Fact, width: int, *, verbose: bool) -> list[str]:
    text = fact.text
    if fact.subjects:
        shown = fact.subjects if verbose else fact.subjects[:SHOWN_SUBJECTS]
        more = f" and {len(fact.subjects) - len(shown)} more" if len(fact.subjects) > len(shown) else ""
        text = f"{', '.join(shown)}{more}: {text}"
    lines = wrapped(text, width - LABEL)
    if fact.hint:
        lines += wrapped(f"hint: {fact.hint}", width - LABEL)
    return [f"{fact.label if number == 0 else '':<{LABEL - 1}} {line}".rstrip() for number, line in enumerate(lines)]


def _print(console: Console, text: Text) -> None:
    """Print one line as it is: no markup, no wrapping, nothing that the stream cannot hold."""
    encoding = console.encoding
    if encodable(text.plain, encoding) != text.plain:
        text = Text(encodable(text.plain, encoding), style=text.style)
    console.print(text, soft_wrap=True, highlight=False)
