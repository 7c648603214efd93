"""
The record: the JSON-lines truth of one run, of which every report is a view.

The first line is `start`, the last one `end`; a record without it was cut off and says so. Between them stand `plan`
(on which places a requirement is checked, and which of them are another shard's), `service`, `divergence`, `harness` (a
problem of the suite's own) and one `result` per check, place and case. Lines are flushed one by one, so that a killed run
leaves all that it knew. What is written and what is read goes through the same strict form, `record_form`.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from conformance import requirements
from conformance.record_form import RecordError, check_line
from conformance.requirements import ONLY_HERMETIC
from conformance.settings import UsageError
from conformance.verdicts import Cell, Cells, exit_code, fold

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from conformance.requirements import Requirement

RECORD = "record.jsonl"
"""The file's name in the directory of a run."""

NO_CHECK_HERE = "-"
"""Stands where a requirement says nothing about a place, such as one of buckets about `mem`."""

IN_ANOTHER_SHARD = "in another shard"


@dataclass
class Record:
    """A record, read or being written; `known` are the requirements that its ids are looked up in."""

    start: dict[str, Any]
    known: Mapping[str, Requirement] = field(default_factory=requirements.load, repr=False)
    plan: dict[str, list[str]] = field(default_factory=dict)
    elsewhere: set[tuple[str, str]] = field(default_factory=set)
    services: list[dict[str, Any]] = field(default_factory=list)
    divergences: list[dict[str, Any]] = field(default_factory=list)
    results: list[dict[str, Any]] = field(default_factory=list)
    harness: list[str] = field(default_factory=list)
    end: dict[str, Any] | None = None
    path: Path | None = None

    @property
    def complete(self) -> bool:
        """Whether the run came to its end."""
        return self.end is not None

    @property
    def places(self) -> list[str]:
        """The places of the run."""
        return list(self.start["places"])

    @property
    def areas(self) -> list[str]:
        """The areas of the specification, in its order."""
        return list(dict.fromkeys(requirement.area for requirement in self.known.values()))

    @property
    def parts(self) -> list[dict[str, Any]]:
        """What a merged record came from, one table per run; empty for the record of one run."""
        return list(self.start.get("parts", []))

    @property
    def missing(self) -> list[str]:
        """What a merged record lacks, one sentence each: shards that are not there, runs that were cut off."""
        return list(self.start.get("missing", []))

    def level(self, requirement: str) -> str:
        """Return the level of a requirement; one that is not in this specification counts as MUST."""
        return self.known[requirement].level if requirement in self.known else "MUST"

    def lost_services(self) -> list[dict[str, Any]]:
        """Return the services that were asked for and did not start, or died."""
        last = {service["name"]: service for service in self.services}
        return [service for service in last.values() if service["state"] != "running"]

    def cells(self) -> list[Cell]:
        """Return one cell per requirement and place that was asked for; what has no result is `not-run`."""
        return list(self._cells.values())

    def is_asked(self, cell: Cell) -> bool:
        """Whether this record answers for a cell: a shard for its own ones, a merged record or a whole run for all."""
        return bool(self.parts or cell.results or (cell.requirement, cell.place) not in self.elsewhere)

    def asked(self) -> list[Cell]:
        """Return the cells that this record answers for."""
        return [cell for cell in self.cells() if self.is_asked(cell)]

    def cell(self, requirement: str, place: str) -> Cell | None:
        """Return a cell, None where this run was to say nothing about this requirement on this place."""
        return self._cells.get((requirement, place))

    def verdict(self, requirement: str, place: str) -> tuple[str, str]:
        """Return the verdict of any requirement on any place, and why there is no result if there is none.

        `NO_CHECK_HERE` is the verdict where the requirement is checked on other places of this run only.
        """
        cell = self.cell(requirement, place)
        if cell is not None and cell.results:
            return cell.verdict, ""
        if (requirement, place) in self.elsewhere:
            return "not-run", IN_ANOTHER_SHARD
        if cell is not None:
            if not self.complete:
                return "not-run", "the run was cut off before it"
            cases = ", ".join(self.start.get("cases", ()))
            return "not-run", f"no check of it has the case {cases}" if cases else "no result was recorded"
        if any(key[0] == requirement for key in self._cells):
            return NO_CHECK_HERE, f"no check of {requirement} says anything about {place}"
        if requirement == ONLY_HERMETIC and not self.start.get("hermetic"):
            return "not-run", "only a run with --hermetic sees it"
        if self.start.get("only") and requirement not in self.start["only"]:
            return "not-run", "not asked for"
        return "not-run", "no check says anything about these places"

    @cached_property
    def _cells(self) -> Cells:
        return fold(self.results, self.plan)

    def counts(self) -> dict[str, dict[str, int]]:
        """Return by level how many cells have which verdict."""
        counted: dict[str, dict[str, int]] = {}
        for cell in self.cells():
            of_level = counted.setdefault(self.level(cell.requirement), {})
            of_level[cell.verdict] = of_level.get(cell.verdict, 0) + 1
        return {level: dict(sorted(counted[level].items())) for level in requirements.LEVELS if level in counted}

    def take(self, line: dict[str, Any]) -> None:
        """Add one line after the first; raises `RecordError` where its form or its position is wrong."""
        check_line(line)
        if self.complete:
            raise RecordError("nothing follows the line of type 'end'")
        fields = {name: value for name, value in line.items() if name != "type"}
        match line["type"]:
            case "start":
                raise RecordError("a second line of type 'start'")
            case "plan":
                self.plan[fields["requirement"]] = fields["places"]
                self.elsewhere.update((fields["requirement"], place) for place in fields.get("elsewhere", ()))
            case "service":
                self.services.append(fields)
            case "divergence":
                self.divergences.append(fields)
            case "result":
                self.results.append(fields)
            case "harness":
                self.harness.append(fields["reason"])
            case _:
                self.end = fields
        self.__dict__.pop("_cells", None)


class RecordWriter:
    """Writes a record line by line, from any thread; a context manager."""

    def __init__(self, path: Path, *, known: Mapping[str, Requirement] | None = None) -> None:
        self.path = path
        self._known = requirements.load() if known is None else known
        self._record: Record | None = None
        self._lock = threading.Lock()
        self._file = path.open("w", encoding="ascii")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._file.close()

    def write(self, kind: str, /, **fields: Any) -> None:
        """Write one line; raises `RecordError` if it breaks the form of its kind."""
        # through JSON first: what is kept here is what a reader will see, and lone surrogates of odd keys are escaped
        text = json.dumps({"type": kind} | fields, ensure_ascii=True, allow_nan=False)
        with self._lock:
            self._record = _taken(self._record, json.loads(text), self._known)
            self._file.write(text + "\n")
            self._file.flush()

    def end(self, *, startup_s: float, run_s: float, strict: bool = False, **more: Any) -> None:
        """Write the last line with counts, exit code and what else there is; without it the record counts as cut off."""
        if self._record is None:
            raise RecordError("the first line is of type 'start'")
        seconds = {"startup": round(startup_s, 3), "run": round(run_s, 3)}
        line: dict[str, Any] = {"verdicts": self._record.counts(), "seconds": seconds, "complete": True}
        self._record.end = line
        code = exit_code(self._record, strict=strict)
        self._record.end = None
        self.write("end", **line, exit=code, **more)


def read_record(path: Path, *, known: Mapping[str, Requirement] | None = None) -> Record:
    """Return the record in a file.

    Args:
        path: a file of JSON lines.
        known: the requirements that its ids are looked up in; None for this suite's specification.

    Raises:
        UsageError: the file is no record of this version, or a line is broken; the message names file and line. Half a
            line at the very end is no error: a killed run leaves it, and the missing `end` tells.
    """
    try:
        text = path.read_bytes().decode("ascii")
    except OSError as error:
        raise UsageError(f"the record cannot be read: {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path.name} is no record: byte {error.start} is not ASCII") from None
    specification = requirements.load() if known is None else known
    record: Record | None = None
    *lines, rest = text.split("\n")
    for number, line in enumerate(lines, 1):
        try:
            record = _taken(record, _parsed(line), specification)
        except RecordError as error:
            raise UsageError(f"{path.name}, line {number}: {error}") from None
    if record is None:
        raise UsageError(f"{path.name} is no record: it has no {'whole ' if rest else ''}line")
    record.path = path
    return record


def _taken(record: Record | None, line: dict[str, Any], known: Mapping[str, Requirement]) -> Record:
    """Return the record with one more line."""
    if record is not None:
        record.take(line)
        return record
    check_line(line)
    if line["type"] != "start":
        raise RecordError(f"the first line is of type 'start': {line['type']!r}")
    return Record({name: value for name, value in line.items() if name != "type"}, known)


def _parsed(text: str) -> dict[str, Any]:
    try:
        line = json.loads(text)
    except json.JSONDecodeError as error:
        raise RecordError(f"not JSON: {error.msg} at column {error.colno}") from None
    if not isinstance(line, dict):
        raise RecordError(f"not a JSON object: {type(line).__name__}")
    return line
