"""
What a requirement costs on a place, in seconds of the quick profile: a table that a record gives, kept beside this module.

    python -m conformance.costs out/record.jsonl

writes the table again, as the mean of the records named. It serves to split runs evenly; nothing is judged by it. Seconds
differ between machines and profiles; a split does not, since every machine reads the same table.
"""

from __future__ import annotations

import argparse
import csv
import sys
from functools import cache
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING

from conformance.selecting import prefix_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from conformance.record import Record

TABLE = Path(__file__).with_name("costs.tsv")
"""Requirements down, places across, seconds in the cells; an empty cell was not measured."""

Costs = dict[str, dict[str, float]]
"""Seconds by requirement, by place."""


def cost(requirement: str, place: str) -> float:
    """Return seconds: measured on the place, else on places of its prefix, else of the requirement, else of all."""
    known = load().get(requirement, {})
    if place in known:
        return known[place]
    prefix = prefix_of(place)
    like = [seconds for at, seconds in known.items() if prefix_of(at) == prefix] or list(known.values())
    return fmean(like) if like else _usual()


@cache
def load() -> Costs:
    """Return the table."""
    with TABLE.open(encoding="ascii", newline="") as file:
        return {
            row.pop("requirement"): {place: float(seconds) for place, seconds in row.items() if seconds}
            for row in csv.DictReader(file, delimiter="\t")
        }


@cache
def _usual() -> float:
    return median(seconds for row in load().values() for seconds in row.values())


def measured(records: Iterable[Record]) -> Costs:
    """Return the mean seconds of what ran in records; what did not run says nothing of what it would cost."""
    found: dict[str, dict[str, list[float]]] = {}
    for record in records:
        for cell in record.cells():
            if cell.results and cell.verdict not in ("unreachable", "not-run", "not-claimed"):
                found.setdefault(cell.requirement, {}).setdefault(cell.place, []).append(cell.seconds)
    return {name: {place: fmean(seconds) for place, seconds in row.items()} for name, row in found.items()}


def written(costs: Costs, order: Iterable[str]) -> str:
    """Return the table as text, with requirements in an order."""
    places = list(dict.fromkeys(place for row in costs.values() for place in row))
    lines = ["\t".join(["requirement", *places])]
    for requirement in order:
        if requirement in costs:
            row = costs[requirement]
            lines.append("\t".join([requirement, *(f"{row[place]:.2f}" if place in row else "" for place in places)]))
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the table from records."""
    from conformance import requirements
    from conformance.record import read_record
    from conformance.settings import UsageError

    parser = argparse.ArgumentParser(prog="python -m conformance.costs", description=__doc__.strip().splitlines()[0])
    parser.add_argument("records", nargs="+", type=Path, metavar="RECORD", help="records of quick runs")
    options = parser.parse_args(arguments)
    try:
        records = [read_record(path) for path in options.records]
    except UsageError as error:
        parser.error(str(error))
    TABLE.write_text(written(measured(records), requirements.load()), encoding="ascii")
    return 0


if __name__ == "__main__":
    sys.exit(main())
