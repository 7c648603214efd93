"""
What every view says beside the table and the failures: the same facts in the same order, without form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from conformance.report.escaping import one_line
from conformance.requirements import LEVELS
from conformance.verdicts import BROKEN, CONFORMS, UNJUDGED, WORST_FIRST, exit_code, is_red

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conformance.record import Record

GROUPED = ("unreachable", "not-run", "inconclusive", "known-fail", "not-claimed")
"""Verdicts that a report names with their reasons, without the whole story of a failure."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing to know: a label of one or two words, a sentence, the results it is about, and what to do."""

    label: str
    text: str
    subjects: tuple[str, ...] = ()
    hint: str = ""


def facts(record: Record) -> list[Fact]:
    """Return what is to be known about a run beside verdicts: what was judged with what, and what was not and why."""
    return [*_what_ran(record), *_services_lost(record), *_grouped(record), *_not_in_plan(record), *_troubles(record)]


def _what_ran(record: Record) -> list[Fact]:
    target = record.start["target"]
    version = f" {target['version']}" if target.get("version") else ""
    found = [Fact("target", one_line(f"{target['name']}{version}, {target['door']}"))]
    if record.start.get("shard"):
        found.append(Fact("shard", one_line(record.start["shard"])))
    if record.parts:
        found.append(Fact("merged", f"{len(record.parts)} in one record", tuple(map(part_name, record.parts))))
    lost = {service["name"] for service in record.lost_services()}
    running = [
        f"{service['name']} {service['version']} ({_runtime(service)})"
        for service in record.services
        if service["state"] == "running" and service["name"] not in lost
    ]
    if running:
        found.append(Fact("services", one_line(", ".join(dict.fromkeys(running)))))
    if record.start.get("hermetic"):
        found.append(Fact("hermetic", _hermetic(record)))
    if "mem" in record.places:
        found.append(Fact("witness", "on mem it is a second handle of the target: nothing else sees its memory"))
    return found


def _hermetic(record: Record) -> str:
    """Say what the kernel turned away, and where that is known, how much of it during no check."""
    text = "in a network namespace that has the loopback only"
    if record.end is None or "turned_away" not in record.end:
        return text
    count, outside = record.end["turned_away"], record.end.get("turned_away_outside")
    if not count:
        return f"{text}; nothing was to leave it"
    rest = f", {outside} of them during no check" if outside else ""
    return f"{text}; packets and connections without a route: {count}{rest}"


def _runtime(service: Mapping[str, Any]) -> str:
    return f"{service['runtime']}, left running" if service.get("left_running") else str(service["runtime"])


def _services_lost(record: Record) -> list[Fact]:
    return [
        Fact(service["state"], one_line(f"{service['name']}: {service['reason']}"), hint=one_line(service["hint"]))
        for service in record.lost_services()
    ]


def _grouped(record: Record) -> list[Fact]:
    """Group results by verdict and reason."""
    groups: dict[tuple[str, str], list[str]] = {}
    for cell in record.cells():
        for result in cell.results:
            if result["verdict"] in GROUPED:
                reason = one_line(result["reason"] or "no reason was given")
                groups.setdefault((result["verdict"], reason), []).append(_subject(result))
        if not cell.results:
            _, reason = record.verdict(cell.requirement, cell.place)
            groups.setdefault(("not-run", reason), []).append(f"{cell.requirement} on {cell.place}")
    order = sorted(groups, key=lambda key: WORST_FIRST.index(key[0]))
    return [Fact(verdict, reason, tuple(groups[verdict, reason])) for verdict, reason in order]


def _subject(result: dict[str, Any]) -> str:
    case = f" {result['case']}" if result["case"] is not None else ""
    return one_line(f"{result['requirement']} on {result['place']}{case}")


def _not_in_plan(record: Record) -> list[Fact]:
    """Name requirements that this run says nothing about on any place."""
    groups: dict[str, list[str]] = {}
    for identity in record.known:
        if record.places and not any(record.cell(identity, place) for place in record.places):
            _, reason = record.verdict(identity, record.places[0])
            groups.setdefault(reason, []).append(identity)
    return [Fact("not-run", reason, tuple(groups[reason])) for reason in sorted(groups)]


def _troubles(record: Record) -> list[Fact]:
    found = [
        Fact("gone", one_line(f"{lie['service']} no longer shows this divergence: {lie['reason']}"), (_lie(lie),))
        for lie in record.divergences
        if lie["state"] == "gone"
    ]
    found += [Fact("harness", one_line(reason)) for reason in record.harness]
    found += [Fact("missing", one_line(sentence)) for sentence in record.missing]
    if not record.complete:
        missing = sum(not cell.results for cell in record.asked())
        text = f"the record has no last line, the run was cut off; {missing} verdicts are missing at least"
        found.append(Fact("incomplete", text))
    return found


def _lie(lie: dict[str, Any]) -> str:
    return one_line(f"{lie['requirement']} {lie['case']}".rstrip())


def final_word(record: Record, *, strict: bool) -> str:
    """Return the sentence that a run comes to."""
    name = one_line(record.start["target"]["name"])
    code = exit_code(record, strict=strict)
    if code == BROKEN:
        return f"{name} does not conform: {_broken(record, strict=strict)}"
    if code != CONFORMS:
        return f"{name} is not judged: {_unjudged(record)}"
    missed = sum(is_red(cell.verdict, "SHOULD", strict=True) for cell in record.cells())
    shard = f" in shard {one_line(record.start['shard'])}" if record.elsewhere else ""
    return f"{name} conforms{shard}" + (
        f", {missed} SHOULD {'does' if missed == 1 else 'do'} not hold" if missed else ""
    )


def _broken(record: Record, *, strict: bool) -> str:
    broken: dict[str, int] = {}
    for cell in record.cells():
        level = record.level(cell.requirement)
        if is_red(cell.verdict, level, strict=strict):
            broken[level] = broken.get(level, 0) + 1
    total = sum(broken.values())
    counted = " and ".join(f"{broken[level]} {level}" for level in LEVELS if level in broken)
    return f"{counted} {'does' if total == 1 else 'do'} not hold"


def _unjudged(record: Record) -> str:
    reasons = [f"{service['name']} {service['state']}" for service in record.lost_services()]
    for verdict in UNJUDGED:
        count = sum(cell.verdict == verdict for cell in record.asked())
        if count:
            reasons.append(f"{count} {verdict}")
    if record.harness:
        reasons.append("the suite had trouble of its own")
    if not record.complete:
        reasons.append("the record is incomplete")
    reasons += record.missing
    return one_line(", ".join(reasons) or "nothing was exercised")


def counted_levels(record: Record) -> list[str]:
    """Return for each level how many requirements on places have which verdict, worst first."""
    return [
        f"{level}: " + ", ".join(f"{verdicts[verdict]} {verdict}" for verdict in WORST_FIRST if verdict in verdicts)
        for level, verdicts in record.counts().items()
    ]


def effort(record: Record) -> str:
    """Return what was tried and how long it took."""
    cells = record.cells()
    tried = f"{sum(cell.examples for cell in cells)} examples, {sum(cell.operations for cell in cells)} operations"
    if record.end is None:
        return tried
    seconds = record.end["seconds"]
    return f"{tried} in {seconds['run']:.0f} s after {seconds['startup']:.0f} s of start-up"


def origin(record: Record) -> str:
    """Return what makes a run come again: suite, profile, seed, Python."""
    start = record.start
    seeds = start.get("seeds", [start["seed"]])
    return one_line(
        f"suite {start['suite']}, profile {start['profile']}, "
        f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}, Python {start['python']}"
    )


def part_name(part: dict[str, Any]) -> str:
    """Return what a run is called among those that were merged."""
    shard = f"shard {part['shard']}, " if part["shard"] else ""
    return one_line(f"{part['record']} ({shard}Python {part['python']})")
