"""
Which shard of a run takes which requirement on which place.

A requirement on a place is never cut: one shard judges it, with all its checks and cases. The split depends on the suite,
the claims, the places and what is asked for, and on nothing of the machine or the seed, so that shards on different machines
fit together. A shard takes neighbours in the order of places, so that it starts few services.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance import requirements
from conformance.costs import cost
from conformance.settings import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from conformance.settings import RunSettings
    from conformance.targets.claims import Claims

Cell = tuple[str, str]
"""A requirement and a place."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One of so many shards, counted from one."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


def parse(text: str) -> Shard:
    """Return the shard that `I/N` names; raises `UsageError` unless 1 <= I <= N."""
    match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise UsageError(f"--shard takes I/N with 1 <= I <= N, such as 1/3: {text!r}")
    return Shard(int(match[1]), int(match[2]))


def own(plan: Mapping[str, Sequence[str]], run: RunSettings, claims: Claims) -> frozenset[Cell]:
    """Return the cells of a plan that a run is to judge: its shard's, or all.

    Args:
        plan: the places on which each requirement is checked, of the whole run.
        run: what was asked for.
        claims: what is not claimed takes no time.

    Raises:
        UsageError: there are more shards than cells.
    """
    cells = [(requirement, place) for requirement, places in plan.items() for place in places]
    if run.shard is None:
        return frozenset(cells)
    shard = parse(run.shard)
    if shard.of > len(cells):
        raise UsageError(f"there are more shards than requirements on places, {len(cells)}: --shard {shard}")
    order = {identity: number for number, identity in enumerate(requirements.load())}
    # whatever the order in which the places were named
    cells.sort(key=lambda cell: (cell[1], order[cell[0]]))
    bounds = cut([_seconds(cell, claims) for cell in cells], shard.of)
    return frozenset(cells[bounds[shard.number - 1] : bounds[shard.number]])


def cut(costs: Sequence[float], parts: int) -> list[int]:
    """Return the bounds that cut costs into so many rows of neighbours, each about even and none empty.

    The first bound is zero and the last one the number of costs; there are no more parts than costs.
    """
    total = sum(costs)
    bounds = [0]
    spent = 0.0
    for part in range(1, parts):
        end = bounds[-1]
        most = len(costs) - (parts - part)
        while end < most and (end == bounds[-1] or spent + costs[end] / 2 <= total * part / parts):
            spent += costs[end]
            end += 1
        bounds.append(end)
    return [*bounds, len(costs)]


def _seconds(cell: Cell, claims: Claims) -> float:
    from conformance.selecting import prefix_of

    requirement, place = cell
    return 0.0 if claims.not_claimed_reason(requirement, prefix_of(place)) else cost(requirement, place)
