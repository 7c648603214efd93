"""
Shards: every requirement on every place is in exactly one, the split is the same everywhere and about even.
"""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance import costs, plan, requirements, selecting
from conformance.record import Record
from conformance.services import storages
from conformance.settings import RunSettings, UsageError
from conformance.sharding import cut, own, parse
from conformance.targets.claims import Claims
from tests.report.examples import START, result

ALL = ("mem", "file", *storages())
CLAIMS = Claims()


def shards(of: int, run: RunSettings, claims: Claims = CLAIMS) -> list[frozenset[tuple[str, str]]]:
    """Return what each of so many shards takes."""
    planned = plan.planned(run.places, profile=run.profile, only=run.only)
    return [
        own(planned, RunSettings(places=run.places, only=run.only, shard=f"{number}/{of}", seed=number), claims)
        for number in range(1, of + 1)
    ]


@pytest.mark.parametrize("of", [1, 2, 3, 7, 40])
def test_every_cell_is_in_exactly_one_shard(of: int) -> None:
    """Whatever the number of shards, and none is empty."""
    split = shards(of, RunSettings(places=ALL))
    planned = plan.planned(ALL, profile="default")
    cells = [(requirement, place) for requirement, places in planned.items() for place in places]

    assert sorted(cells) == sorted(cell for shard in split for cell in shard)
    assert all(split)


def test_the_split_does_not_depend_on_the_order_of_places() -> None:
    """One machine may name them otherwise than the next."""
    assert shards(3, RunSettings(places=ALL)) == shards(3, RunSettings(places=ALL[::-1]))


def test_shards_are_about_even_by_the_table() -> None:
    """No shard is further from the even share than one requirement on one place costs."""
    split = shards(6, RunSettings(places=ALL))
    seconds = [sum(costs.cost(*cell) for cell in shard) for shard in split]
    dearest = max(costs.cost(*cell) for shard in split for cell in shard)

    assert max(seconds) - sum(seconds) / 6 <= dearest


def test_a_shard_starts_few_services() -> None:
    """Its cells are neighbours in the order of places."""
    places = [{place for _, place in shard} for shard in shards(7, RunSettings(places=ALL))]

    assert sum(map(len, places)) < len(ALL) + len(places)


def test_what_is_not_claimed_costs_nothing() -> None:
    """A target of one prefix gets shards of one size, not one that has all the work."""
    claims = Claims(prefixes=("s3",))
    split = shards(3, RunSettings(places=("mem", "file", "moto", "azurite")), claims)
    seconds = [sum(costs.cost(*cell) for cell in shard if cell[1] == "moto") for shard in split]

    assert min(seconds) > 0.8 * max(seconds)


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "1/0", "-1/2", "a/b", "1/2/3", "", "١/٢"])
def test_a_shard_that_there_is_not_is_refused(text: str) -> None:
    """The message shows the form."""
    with pytest.raises(UsageError, match=r"--shard takes I/N with 1 <= I <= N, such as 1/3"):
        parse(text)


def test_more_shards_than_cells_are_refused() -> None:
    """An empty shard would exercise nothing."""
    run = RunSettings(places=("mem",), only=("OBJ-1",), shard="1/2")

    with pytest.raises(UsageError, match=r"more shards than requirements on places, 1: --shard 1/2"):
        own(plan.planned(run.places, profile="quick", only=run.only), run, CLAIMS)


@given(seconds=st.lists(st.floats(0, 100), min_size=1, max_size=30), data=st.data())
def test_cuts_leave_no_part_empty(seconds: list[float], data: st.DataObject) -> None:
    """Bounds rise from the first cost to the last."""
    parts = data.draw(st.integers(1, len(seconds)))
    bounds = cut(seconds, parts)

    assert [0, len(seconds), parts + 1] == [bounds[0], bounds[-1], len(bounds)]
    assert all(low < high for low, high in pairwise(bounds))


def test_the_table_of_costs_is_about_this_suite() -> None:
    """Its requirements and places exist, and it knows most of what the default run does."""
    table = costs.load()
    planned = plan.planned(RunSettings().places, profile="quick")
    known = sum(place in table.get(requirement, {}) for requirement, places in planned.items() for place in places)

    assert set(table) <= set(requirements.load())
    assert {place for row in table.values() for place in row} <= set(selecting.known_places())
    assert known > 0.5 * sum(map(len, planned.values()))


def test_an_unmeasured_place_costs_what_its_prefix_does() -> None:
    """MinIO is like moto, a new requirement like the others."""
    assert costs.load()["OBJ-1"]["moto"] == costs.cost("OBJ-1", "minio")
    assert costs.cost("OBJ-1", "minio") != costs.cost("OBJ-1", "mem")
    assert costs.cost("NEW-1", "mem") > 0


def test_the_table_is_what_records_measured() -> None:
    """The mean of what ran; what did not run leaves its cell empty."""
    one = Record(
        START, results=[result("OBJ-1", "mem"), result("OBJ-1", "moto", "unreachable"), result("OBJ-2", "moto")]
    )
    seconds = {"target": 3.0, "witness": 0.0, "service": 0.0, "own": 0.0, "total": 3.0}
    two = Record(START, results=[result("OBJ-1", "mem", seconds=seconds)])

    assert costs.written(costs.measured([one, two]), ["OBJ-2", "OBJ-1", "OBJ-3"]) == (
        "requirement\tmem\tmoto\nOBJ-2\t\t1.00\nOBJ-1\t2.00\t\n"
    )


def test_the_shard_of_a_run_reaches_its_workers() -> None:
    """They take the same cells as the process that writes the record."""
    run = RunSettings(shard="1/2")

    assert run == RunSettings.from_json(run.to_json())
