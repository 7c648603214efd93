"""
The record: the JSON-lines truth of one run, of which every report is a view.

The first line is `start`, the last one `end`; a record without it was cut off and says so. Between them stand `plan` (which
places a requirement is checked on), `service`, `divergence`, `harness` and one `result` per check, place and case. Lines are
flushed one by one, so that a killed run leaves all that it knew.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from conformance import requirements
from conformance.settings import UsageError
from conformance.verdicts import worst

if TYPE_CHECKING:
    from pathlib import Path

VERSION = 1


class RecordWriter:
    """Writes a record line by line; a context manager."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._file = path.open("w", encoding="utf-8")
        self._counts: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._file.close()

    def write(self, kind: str, /, **fields: Any) -> None:  # noqa: ANN401 - JSON values
        """Write one line of a kind."""
        if kind == "result":
            self._counts[fields["verdict"]] = self._counts.get(fields["verdict"], 0) + 1
        # lone surrogates of odd keys stay escaped, so that every line is plain ASCII
        line = json.dumps({"type": kind} | fields, ensure_ascii=True, default=str)
        with self._lock:
            self._file.write(line + "\n")
            self._file.flush()

    def end(self, *, startup_s: float, run_s: float) -> None:
        """Write the last line; without it the record counts as cut off."""
        seconds = {"startup": round(startup_s, 3), "run": round(run_s, 3)}
        self.write("end", results=dict(sorted(self._counts.items())), seconds=seconds)


@dataclass(slots=True)
class Cell:
    """All results of one requirement on one place, folded to the worst verdict."""

    requirement: str
    place: str
    verdict: str
    results: list[dict[str, Any]] = field(default_factory=list)

    @property
    def examples(self) -> int:
        """Examples tried."""
        return sum(result["examples"] for result in self.results)

    @property
    def operations(self) -> int:
        """Calls into the target."""
        return sum(result["operations"] for result in self.results)

    def of(self, verdict: str) -> list[dict[str, Any]]:
        """Return the results with a verdict."""
        return [result for result in self.results if result["verdict"] == verdict]


@dataclass
class Record:
    """A record that was read."""

    start: dict[str, Any]
    plan: dict[str, list[str]] = field(default_factory=dict)
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
        places: list[str] = self.start["places"]
        return places

    def level(self, requirement: str) -> str:
        """Return the level of a requirement; one that is not in this suite's specification counts as MUST."""
        known = requirements.load().get(requirement)
        return known.level if known is not None else "MUST"

    def cells(self) -> list[Cell]:
        """Return one cell per requirement and place that a check says something about; what has no result was not run."""
        return list(self._cells.values())

    def cell(self, requirement: str, place: str) -> Cell | None:
        """Return a cell, None where no check says anything about this requirement on this place."""
        return self._cells.get((requirement, place))

    @cached_property
    def _cells(self) -> dict[tuple[str, str], Cell]:
        cells = {
            (requirement, place): Cell(requirement, place, "not-run")
            for requirement, places in self.plan.items()
            for place in places
        }
        for result in self.results:
            key = (result["requirement"], result["place"])
            cell = cells.setdefault(key, Cell(*key, "not-run"))
            cell.results.append(result)
        for cell in cells.values():
            cell.verdict = worst(result["verdict"] for result in cell.results)
        return cells

    def unchecked(self) -> list[str]:
        """Return requirements of the specification that this run had no check for, unless it asked for others only."""
        if self.start.get("only"):
            return []
        return [identity for identity in requirements.load() if identity not in self.plan]


def read_record(path: Path) -> Record:
    """Return the record in a file; raises `UsageError` where the file is none."""
    record: Record | None = None
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        line = _line(path, number, text)
        if line is None:
            continue
        kind = line.pop("type")
        if record is None:
            if kind != "start" or line.get("record") != VERSION:
                raise UsageError(f"{path.name} is no record of this version: its first line is {kind!r}")
            record = Record(line, path=path)
            continue
        match kind:
            case "plan":
                record.plan[line["requirement"]] = line["places"]
            case "service":
                record.services.append(line)
            case "divergence":
                record.divergences.append(line)
            case "result":
                record.results.append(line)
            case "harness":
                record.harness.append(line["reason"])
            case "end":
                record.end = line
            case _:
                raise UsageError(f"{path.name}, line {number}: unknown type {kind!r}")
    if record is None:
        raise UsageError(f"{path.name} is empty")
    return record


def _line(path: Path, number: int, text: str) -> dict[str, Any] | None:
    try:
        line = json.loads(text)
    except json.JSONDecodeError:
        line = None
    if isinstance(line, dict) and "type" in line:
        return line
    if number > 1:
        return None  # a killed run may have written half a line; the missing `end` says so
    raise UsageError(f"{path.name}, line {number}: no JSON object with a type")
