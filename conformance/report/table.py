"""
The table of a terminal report: areas or requirements down, places across, in as many blocks as the width needs.

Nothing is told by colour alone: a bare number counts what passes, a number with a letter something else, and a legend
names the letters in use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from conformance.record import NO_CHECK_HERE
from conformance.report.escaping import one_line, wrapped
from conformance.verdicts import WORST_FIRST

if TYPE_CHECKING:
    from conformance.record import Record

LETTERS = {
    "fail": "F",
    "unexpected-pass": "U",
    "harness-error": "H",
    "flaky": "Y",
    "unreachable": "X",
    "not-run": "R",
    "inconclusive": "I",
    "known-fail": "K",
    "not-claimed": "N",
}
STYLES = {
    "pass": "green",
    "fail": "bold red",
    "unexpected-pass": "bold red",
    "harness-error": "magenta",
    "flaky": "magenta",
    "unreachable": "magenta",
    "not-run": "magenta",
}
GAP = 2

Shown = tuple[str, str]
"""A word and its style."""
Row = tuple[str, list[Shown]]


def areas_table(record: Record, width: int) -> list[Text]:
    """Return a table with the counts of each area on each place, and its legend."""
    used: set[str] = set()
    rows: list[Row] = []
    for area in record.areas:
        verdicts = [_verdicts(record, area, place) for place in record.places]
        if any(verdicts):
            used.update(*verdicts)
            rows.append((area, [_counts(row) for row in verdicts]))
    words = [f"{LETTERS[word]} {word}" for word in WORST_FIRST if word in LETTERS and word in used]
    legend = ", ".join(["a bare number passes", *words]) if words else ""
    return _with_legend(_lines("area", rows, record.places, width), legend, width)


def requirements_table(record: Record, width: int) -> list[Text]:
    """Return a table with the verdict of each requirement on each place."""
    rows: list[Row] = []
    for identity, requirement in record.known.items():
        verdicts = [record.verdict(identity, place)[0] for place in record.places]
        rows.append((f"{identity} {requirement.level}", [(verdict, STYLES.get(verdict, "")) for verdict in verdicts]))
    dashes = any(NO_CHECK_HERE in (word for word, _ in shown) for _, shown in rows)
    legend = f"{NO_CHECK_HERE} no check of the requirement says anything about the place" if dashes else ""
    return _with_legend(_lines("requirement", rows, record.places, width), legend, width)


def _verdicts(record: Record, area: str, place: str) -> list[str]:
    cells = [record.cell(identity, place) for identity, known in record.known.items() if known.area == area]
    return [cell.verdict for cell in cells if cell is not None]


def _counts(verdicts: list[str]) -> Shown:
    if not verdicts:
        return NO_CHECK_HERE, ""
    passed = verdicts.count("pass")
    words = [str(passed)] if passed else []
    words += [f"{verdicts.count(word)}{LETTERS[word]}" for word in WORST_FIRST if word in LETTERS and word in verdicts]
    return " ".join(words), STYLES.get(min(verdicts, key=WORST_FIRST.index), "")


def _with_legend(lines: list[Text], legend: str, width: int) -> list[Text]:
    return [*lines, *(Text(line.rstrip()) for line in wrapped(legend, width) if legend), Text()]


def _lines(first: str, rows: list[Row], places: list[str], width: int) -> list[Text]:
    """Return the lines of a table, cut into blocks of whole columns that fit into the width."""
    places = [one_line(place) for place in places]
    label = max([len(first), *(len(name) for name, _ in rows)]) + GAP
    widths = [
        max([len(place), *(len(shown[number][0]) for _, shown in rows)]) + GAP for number, place in enumerate(places)
    ]
    lines: list[Text] = []
    for block in _blocks(widths, width - label):
        if lines:
            lines.append(Text())
        head = [(places[number], "bold", widths[number]) for number in block]
        lines.append(_line((first, "bold", label), head))
        for name, shown in rows:
            lines.append(_line((name, "", label), [(*shown[number], widths[number]) for number in block]))
    return lines


def _blocks(widths: list[int], width: int) -> list[list[int]]:
    blocks: list[list[int]] = [[]]
    taken = 0
    for number, column in enumerate(widths):
        # the gap after the last column may hang over
        if blocks[-1] and taken + column - GAP > width:
            blocks.append([])
            taken = 0
        blocks[-1].append(number)
        taken += column
    return blocks


def _line(label: tuple[str, str, int], columns: list[tuple[str, str, int]]) -> Text:
    line = Text()
    for word, style, width in [label, *columns]:
        line.append(word, style=style)
        line.append(" " * (width - len(word)))
    line.rstrip()
    return line
