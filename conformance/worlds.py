"""
Worlds: everything around a target for one example, as plain data.

A world names the sources that are configured, and how one of them is broken; it prints as its difference from the empty
world. Every key in it is made when a stage sets it up (`conformance/stages.py`).
"""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from conformance.model.precedence import ORDER, SLOTS

if TYPE_CHECKING:
    from collections.abc import Iterable

MANY = 300
"""Worlds of one cloud up to which every profile takes all."""

SAMPLED = 60
"""Worlds of a larger space that the default profile draws on top of the small and the nearly full ones."""


@dataclass(frozen=True, slots=True, order=True)
class Way:
    """One way in which a source is not as it usually is.

    Attributes:
        name: a word for labels, such as `no-secret`.
        error: the class of the error that it has to give; None if it counts as not configured.
        wins: whether it is fine all the same, and only unusual.
    """

    name: str
    error: str | None = None
    wins: bool = False


@dataclass(frozen=True, slots=True)
class World:
    """The configured sources of one cloud.

    Attributes:
        cloud: `aws`, `azure`, `google` or `activeloop`.
        sources: their names, in the order of precedence.
        ways: sources that are not as they should be, and in which way.
        lives_s: seconds that a source's credentials live, where a check says so.
    """

    cloud: str
    sources: tuple[str, ...] = ()
    ways: tuple[tuple[str, Way], ...] = ()
    lives_s: tuple[tuple[str, float], ...] = ()

    def way_of(self, source: str) -> Way | None:
        """Return in which way a source is not as it should be, None if it is."""
        return dict(self.ways).get(source)

    def life_of(self, source: str) -> float:
        """Return the seconds that the credentials of a source live."""
        return dict(self.lives_s).get(source, LIFE_S)

    def __str__(self) -> str:
        words = []
        for source in self.sources:
            way = self.way_of(source)
            words.append(source if way is None else f"{source}({way.name})")
        return "+".join(words) or "nothing"


LIFE_S = 3600.0
"""Seconds that credentials live unless a check says otherwise: longer than any margin at which an SDK refreshes them."""


def world(
    cloud: str, *sources: str, ways: dict[str, Way] | None = None, lives_s: dict[str, float] | None = None
) -> World:
    """Return a world of these sources, in the order of precedence."""
    order = ORDER[cloud]
    unknown = [source for source in sources if source not in order]
    if unknown:
        raise ValueError(f"no source of {cloud}: {unknown}")
    return World(
        cloud,
        tuple(sorted(set(sources), key=order.index)),
        tuple(sorted((ways or {}).items())),
        tuple(sorted((lives_s or {}).items())),
    )


@cache
def space(cloud: str) -> tuple[World, ...]:
    """Return every world of a cloud: the product of its slots, worlds with few sources first."""
    choices = itertools.product(*((None, *slot) for slot in SLOTS[cloud]))
    worlds = [world(cloud, *(source for source in chosen if source)) for chosen in choices]
    order = ORDER[cloud]
    return tuple(sorted(worlds, key=lambda each: (len(each.sources), [order.index(name) for name in each.sources])))


def chosen(cloud: str, *, profile: str, seed: int, sources: Iterable[str] | None = None) -> tuple[World, ...]:
    """Return the worlds that a profile tries.

    Thorough takes all. Where there are more than `MANY`, default takes those with up to three sources, those that lack up
    to two, and a sample by the seed. Quick takes those with one source, with two neighbours in the order, and with all,
    and a smaller sample.

    Args:
        cloud: whose.
        profile: of the run.
        seed: of the run; decides the sample and nothing else.
        sources: those that the target claims, None for all.
    """
    claimed = set(ORDER[cloud] if sources is None else sources)
    worlds = [each for each in space(cloud) if claimed.issuperset(each.sources)]
    if profile == "thorough" or (profile == "default" and len(worlds) <= MANY):
        return tuple(worlds)
    full = max((len(each.sources) for each in worlds), default=0)
    quick = profile == "quick"
    kept = {each for each in worlds if (_is_plain(each, full) if quick else _is_telling(each, full))}
    rest = [each for each in worlds if each not in kept]
    share = SAMPLED // 6 if quick else SAMPLED
    drawn = random.Random(seed).sample(rest, min(share, len(rest)))  # noqa: S311 - a choice, not a secret
    return tuple(each for each in worlds if each in kept or each in drawn)


def _is_plain(world: World, full: int) -> bool:
    """Whether a world has at most one source, two that follow each other, or all that there can be."""
    order = ORDER[world.cloud]
    places = [order.index(source) for source in world.sources]
    return len(places) <= 1 or len(places) == full or (len(places) == 2 and places[1] == places[0] + 1)


def _is_telling(world: World, full: int) -> bool:
    """Whether a world has up to three sources, or lacks up to two."""
    return len(world.sources) <= 3 or len(world.sources) >= full - 2
