"""
One record of several runs: shards, services, Python versions.

The worst verdict counts, by requirement, place, check and case. What a run was to judge and did not is `not-run` and as bad
as that; what was another shard's gives way to that shard's results. Examples, operations and seconds are sums. The merged
record names its parts, and what is missing: a shard that is not there, a run that was cut off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance.record import RECORD, RecordWriter, read_record
from conformance.report.facts import part_name
from conformance.settings import UsageError
from conformance.sharding import parse
from conformance.verdicts import WORST_FIRST

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from conformance.record import Record
    from conformance.requirements import Requirement

ALIKE = (("suite", "suite versions"), ("target", "targets"), ("claims", "claims"))
"""What the first lines of records must have in common, and what it is called."""

SUMS = ("examples", "operations", "witness_calls")

Line = dict[str, Any]


def merge_files(
    paths: Sequence[Path],
    directory: Path | None,
    *,
    strict: bool = False,
    known: Mapping[str, Requirement] | None = None,
) -> Record:
    """Write the record that several come to, and return it.

    Args:
        paths: record files, or directories that hold one.
        directory: where the merged record goes; None for a new one among the runs in the user's cache.
        strict: whether a SHOULD that fails fails the run; also if it did in one of them.
        known: the requirements that ids are looked up in; None for this suite's specification.

    Raises:
        UsageError: a file is no record, is given twice or would be written over, or records are of different suite
            versions, targets or claims.
    """
    from conformance.run import default_directory

    files = [path / RECORD if path.is_dir() else path for path in paths]
    into = (directory or default_directory()) / RECORD
    _distinct(files, into)
    records = [read_record(file, known=known) for file in files]
    _alike(records)
    start = _start(records) | {"strict": strict or any(record.start.get("strict") for record in records)}
    into.parent.mkdir(parents=True, exist_ok=True)
    with RecordWriter(into, known=known) as writer:
        writer.write("start", **start)
        for line in _plan(records):
            writer.write("plan", **line)
        for kind, lines in (("service", _services(records)), ("divergence", _divergences(records))):
            for line in lines:
                writer.write(kind, **line)
        for line in _worst(records):
            writer.write("result", **line)
        for reason in dict.fromkeys(reason for record in records for reason in record.harness):
            writer.write("harness", reason=reason)
        seconds = [record.end["seconds"] for record in records if record.end is not None]
        startup_s, run_s = (float(sum(each[name] for each in seconds)) for name in ("startup", "run"))
        writer.end(startup_s=startup_s, run_s=run_s, strict=start["strict"], **_turned_away(records))
    return read_record(into, known=known)


def _distinct(files: Sequence[Path], into: Path) -> None:
    seen = {into.resolve()}
    for file in files:
        if not file.is_file():
            raise UsageError(f"there is no record: {file}")
        if file.resolve() == into.resolve():
            raise UsageError(f"the merged record would be written over one of its parts: {file}")
        if file.resolve() in seen:
            raise UsageError(f"a record is given twice: {file}")
        seen.add(file.resolve())


def _alike(records: Sequence[Record]) -> None:
    """Refuse records that do not speak about the same thing."""
    first, *others = records
    for other in others:
        for name, words in ALIKE:
            if first.start[name] != other.start[name]:
                values = "\n".join(f"  {record.path}: {_said(record.start[name])}" for record in (first, other))
                raise UsageError(f"records of different {words} do not merge:\n{values}")


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {entry}" for name, entry in value.items())
    return str(value)


def _start(records: Sequence[Record]) -> Line:
    """Return the first line: what is the same stands as it is, what differs side by side."""
    starts = [record.start for record in records]
    parts = [part for record in records for part in record.parts or [_part(record)]]
    seeds = _unique(seed for start in starts for seed in start.get("seeds", [start["seed"]]))
    texts = {name: _joined(start[name] for start in starts) for name in ("profile", "python", "platform")}
    libraries = _unique(name for start in starts for name in start["libraries"])
    return (
        starts[0]
        | texts
        | {
            "places": _places(starts),
            "only": _asked(starts, "only"),
            "cases": _asked(starts, "cases"),
            "seed": seeds[0],
            "seeds": seeds,
            "shard": None,
            "hermetic": all(start.get("hermetic") for start in starts),
            "libraries": {
                name: _joined(start["libraries"][name] for start in starts if name in start["libraries"])
                for name in libraries
            },
            "started": min(start["started"] for start in starts),
            "parts": parts,
            "missing": missing(parts),
        }
    )


def _part(record: Record) -> Line:
    start, path = record.start, record.path
    name = "record" if path is None else path.parent.name if path.name == RECORD and path.parent.name else path.name
    copied = {field: start[field] for field in ("python", "profile", "seed", "places", "started")}
    asked = {"only": start.get("only", []), "cases": start.get("cases", [])}
    return {"record": name, "shard": start.get("shard"), "complete": record.complete} | copied | asked


def missing(parts: Sequence[Line]) -> list[str]:
    """Return one sentence for each shard that is not among the parts of a merged record, and each part that was cut off.

    Shards belong together if they were asked for the same: as many shards, places, profile, Python's minor version.
    """
    sets: dict[tuple[Any, ...], list[Line]] = {}
    for part in parts:
        if part["shard"]:
            of = parse(part["shard"]).of
            minor = ".".join(part["python"].split(".")[:2])
            asked = (tuple(sorted(part[name])) for name in ("places", "only", "cases"))
            sets.setdefault((of, minor, part["profile"], *asked), []).append(part)
    found = []
    for (of, minor, profile, places, *_), members in sets.items():
        there = {parse(part["shard"]).number for part in members}
        where = f" (profile {profile}, Python {minor}, on {', '.join(places)})" if len(sets) > 1 else ""
        found += [f"shard {number}/{of} is not there{where}" for number in range(1, of + 1) if number not in there]
    return found + [f"{part_name(part)} was cut off" for part in parts if not part["complete"]]


def _places(starts: Sequence[Line]) -> list[str]:
    from conformance.selecting import known_places

    order = {name: number for number, name in enumerate(known_places())}
    places = _unique(place for start in starts for place in start["places"])
    return sorted(places, key=lambda place: order.get(place, len(order)))


def _asked(starts: Sequence[Line], name: str) -> list[str]:
    """Return what was asked for by name in any run; nothing where one of them was asked for all."""
    asked = [start.get(name, []) for start in starts]
    return _unique(word for words in asked for word in words) if all(asked) else []


def _plan(records: Sequence[Record]) -> list[Line]:
    own = {cell for record in records for cell in _own(record)}
    plan: dict[str, list[str]] = {}
    for record in records:
        for requirement, places in record.plan.items():
            plan[requirement] = _unique([*plan.get(requirement, []), *places])
    order = list(records[0].known)
    lines = []
    for requirement in sorted(plan, key=lambda name: order.index(name) if name in order else len(order)):
        elsewhere = [place for place in plan[requirement] if (requirement, place) not in own]
        line: Line = {"requirement": requirement, "places": plan[requirement]}
        lines.append(line | ({"elsewhere": elsewhere} if elsewhere else {}))
    return lines


def _own(record: Record) -> list[tuple[str, str]]:
    """Return the requirements and places that a record was to judge."""
    cells = [(requirement, place) for requirement, places in record.plan.items() for place in places]
    return [cell for cell in cells if cell not in record.elsewhere]


def _services(records: Sequence[Record]) -> list[Line]:
    """Return what is known of services; a service that one of the runs lost comes last, and so counts as lost."""
    lines = _unique(line for record in records for line in record.services)
    return sorted(lines, key=lambda line: line["state"] != "running")


def _turned_away(records: Sequence[Record]) -> dict[str, int]:
    """Return what the kernel turned away in all runs, where every one of them counted it."""
    ends = [record.end or {} for record in records]
    names = ("turned_away", "turned_away_outside")
    return {name: sum(end[name] for end in ends) for name in names if all(name in end for end in ends)}


def _divergences(records: Sequence[Record]) -> list[Line]:
    return _unique(line for record in records for line in record.divergences)


def _worst(records: Sequence[Record]) -> list[Line]:
    """Return one result for each requirement, place, check and case: the worst one, with the effort of all."""
    kept: dict[tuple[Any, ...], Line] = {}
    for record in records:
        run = "" if record.parts else part_name(_part(record))
        for result in [*record.results, *_not_run(record)]:
            key = tuple(result[name] for name in ("requirement", "place", "check", "case"))
            named = ({"run": run} if run else {}) | result
            kept[key] = _worse(kept[key], named) if key in kept else named
    return list(kept.values())


def _worse(one: Line, other: Line) -> Line:
    """Return the worse of two results of the same case, the first if they are alike, with the effort of both."""
    requests = [result["requests"] for result in (one, other) if result["requests"] is not None]
    effort = {name: one[name] + other[name] for name in SUMS}
    seconds = {name: round(one["seconds"][name] + other["seconds"][name], 4) for name in one["seconds"]}
    worse = min(one, other, key=lambda result: WORST_FIRST.index(result["verdict"]))
    return worse | effort | {"seconds": seconds, "requests": sum(requests) if requests else None}


def _not_run(record: Record) -> list[Line]:
    """Return a result for each cell that a run was to judge and has nothing about, so that another run's cannot hide it."""
    seconds = dict.fromkeys(("target", "witness", "service", "own", "total"), 0.0)
    return [
        {
            "requirement": cell.requirement,
            "place": cell.place,
            "case": None,
            "check": NO_CHECK,
            "verdict": "not-run",
            **dict.fromkeys(SUMS, 0),
            "requests": None,
            "seconds": seconds,
            "reason": record.verdict(cell.requirement, cell.place)[1],
            "failure": None,
            "notes": [],
        }
        for cell in ([] if record.parts else record.asked())
        if not cell.results
    ]


NO_CHECK = "-"
"""Stands for the check of a result that there is not."""


def _unique(values: Iterable[Any]) -> list[Any]:
    """Return values without repetition, in the order of their first appearance."""
    found: list[Any] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found


def _joined(texts: Iterable[str]) -> str:
    """Return different texts side by side; a text that was joined before comes apart again."""
    return ", ".join(_unique(part for text in texts for part in text.split(", ")))
