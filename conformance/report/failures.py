"""
A failure as lines of text, in the order in which one reads it: requirement and sentence, place, smallest example, expected,
observed, what went over the wire, replay.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from conformance import requirements
from conformance.report.escaping import one_line, printable
from conformance.verdicts import worst

if TYPE_CHECKING:
    from conformance.record import Record

SHOWN_REQUESTS = 8


def red_results(record: Record) -> list[dict[str, Any]]:
    """Return the results to show in full, worst first: broken, erred, flaky and unexpectedly passed ones."""
    shown = ("fail", "unexpected-pass", "harness-error", "flaky")
    chosen = [result for result in record.results if result["verdict"] in shown]
    return sorted(chosen, key=lambda result: (shown.index(result["verdict"]), result["requirement"], result["place"]))


def failure_lines(result: dict[str, Any], *, width: int = 80) -> list[str]:
    """Return the lines of one failure."""
    requirement = requirements.load().get(result["requirement"])
    level = requirement.level if requirement else "?"
    sentence = requirement.sentence if requirement else "(not in this specification)"
    verdict = "" if result["verdict"] == "fail" else f"  [{result['verdict']}]"
    lines = [f"{result['requirement']} {level}{verdict}"]
    lines += textwrap.wrap(sentence, width - 2, initial_indent="  ", subsequent_indent="  ")
    case = f", case {result['case']}" if result.get("case") else ""
    lines.append(f"  place     {result['place']}{one_line(case)}  ({result['check']})")
    if result.get("reason"):
        lines += _block("reason", result["reason"], width)
    failure = result.get("failure")
    if failure is not None:
        if failure.get("example"):
            lines += _block("example", failure["example"], width)
        if failure.get("what"):
            lines += _block("about", failure["what"], width)
        lines += _block("expected", failure["expected"], width)
        lines += _block("observed", failure["observed"], width)
        lines += _requests(failure.get("requests") or [], width)
        lines += [f"  replay    {printable(failure['replay'])}"]
    for note in result.get("notes") or []:
        lines += [f"    {line}" for line in printable(note).splitlines()]
    return lines


def _block(label: str, text: str, width: int) -> list[str]:
    rows: list[str] = []
    for line in printable(text).splitlines() or [""]:
        rows += textwrap.wrap(line, width - 12, subsequent_indent="  ", break_long_words=True) or [""]
    return [f"  {label if number == 0 else '':<9} {row}" for number, row in enumerate(rows)]


def _requests(requests: list[dict[str, Any]], width: int) -> list[str]:
    rows = [
        f"{row['method']} {one_line(row['target'])} {row['status']}"
        + (f" signed by {row['signed_by']}" if row.get("signed_by") else "")
        for row in requests[-SHOWN_REQUESTS:]
    ]
    if len(requests) > SHOWN_REQUESTS:
        rows.insert(0, f"... {len(requests) - SHOWN_REQUESTS} before")
    return [f"  {'wire' if number == 0 else '':<9} {row[: width - 12]}" for number, row in enumerate(rows)]


def reasons(record: Record, verdict: str) -> list[tuple[str, list[str]]]:
    """Return the reasons of a verdict, each with the requirements, places and cases it covers."""
    grouped: dict[str, list[str]] = {}
    for result in record.results:
        if result["verdict"] == verdict:
            case = f" {result['case']}" if result.get("case") else ""
            label = one_line(f"{result['requirement']}@{result['place']}{case}")
            grouped.setdefault(one_line(result.get("reason") or "no reason given"), []).append(label)
    return sorted(grouped.items())


def final_word(record: Record, *, strict: bool) -> str:
    """Return the sentence at the end of a report, with counts per level."""
    from conformance.verdicts import BROKEN, CONFORMS, exit_code

    by_requirement: dict[str, list[str]] = {}
    for cell in record.cells():
        by_requirement.setdefault(cell.requirement, []).append(cell.verdict)
    parts = []
    for level in requirements.LEVELS:
        verdicts = [worst(v) for identity, v in by_requirement.items() if record.level(identity) == level]
        if verdicts:
            held = sum(verdict in ("pass", "inconclusive") for verdict in verdicts)
            parts.append(f"{held} of {len(verdicts)} {level}")
    code = exit_code(record, strict=strict)
    word = {CONFORMS: "conforms", BROKEN: "does not conform"}.get(code, "not judged")
    name = record.start["target"]["name"]
    return f"{name} {word}: {', '.join(parts) or 'nothing'} hold on {len(record.places)} places"
