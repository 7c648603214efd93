"""
The committed tables of who wins are of this space, and the page is made of them.
"""

from __future__ import annotations

import pytest

from conformance import worlds
from conformance.model.precedence import ORDER
from tests.winners.page import DATA, demanded, page, read_data


@pytest.mark.parametrize("cloud", ORDER)
def test_the_reference_wins_as_demanded(cloud: str) -> None:
    """In every world of the table, which has all with up to two sources at least."""
    found = read_data(cloud)
    told = {str(world): demanded(world) for world in worlds.space(cloud)}
    assert set(found) <= set(told)
    assert {str(world) for world in worlds.space(cloud) if len(world.sources) <= 2} <= set(found)
    wrong = {world: row["deeplake_ref"] for world, row in found.items() if row["deeplake_ref"] != told[world]}
    assert wrong == {}


def test_the_page_is_made_of_the_tables() -> None:
    """By the command that its head names."""
    made = page({cloud: read_data(cloud) for cloud in ORDER})
    assert (DATA / "winners.md").read_text(encoding="utf-8") == made
