"""
What a world is put through, so that whatever can give a secret away has had its chance.

A scene works, fails, is refused by the service and finds nobody there; then every surface is looked at. It is played once per
process of a run, and each check asks about its own surface.
"""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from conformance import checking, stages
from conformance.canaries import Canaries
from conformance.expectations import Inconclusive, assert_equal
from conformance.model.precedence import Wins, expected
from conformance.surfaces import all_found
from conformance.targets import NotClaimed, TargetError
from conformance.worlds import space

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.places import Place
    from conformance.setting import Setting
    from conformance.stages import Stage
    from conformance.worlds import World


@dataclass(frozen=True, slots=True)
class Scene:
    """A world, and what is changed in it before the target starts.

    Attributes:
        world: what is to be set up.
        name: tells scenes of the same world apart.
        adjust: changes what was planted.
        works: whether a write succeeds, None if that is what the world says.
    """

    world: World
    name: str = ""
    adjust: Callable[[Setting], None] | None = field(default=None, repr=False)
    works: bool | None = None

    @property
    def has_to_work(self) -> bool:
        """Whether a write has to succeed; where it does not, little has been looked at."""
        return isinstance(expected(self.world), Wins) if self.works is None else self.works

    def __str__(self) -> str:
        return f"{self.world}{f' {self.name}' if self.name else ''}"


DRAWN = 10
"""Worlds of many sources that are drawn for each cloud."""

_played: dict[tuple[str, str, str], tuple[bool, dict[str, list[str]]]] = {}


def assert_kept(surface: str, place: Place, scene: Scene) -> None:
    """Raise `CheckFailure` if a secret of the scene turned up at that surface."""
    checking.note_example()
    worked, found = played(place, scene)
    assert_equal([], found[surface], f"secrets found, {surface}")
    if scene.has_to_work and not worked:
        raise Inconclusive("a write failed that has to succeed, so that little was looked at")


def played(place: Place, scene: Scene) -> tuple[bool, dict[str, list[str]]]:
    """Return whether a write succeeded, and what was found at each surface."""
    key = (place.testbed.name, place.id, str(scene))
    if key not in _played:
        with stages.running(scene.world, place, adjust=scene.adjust, watched=True) as stage:
            worked = go_through(stage, place)
            _played[key] = worked, all_found(stage)
    return _played[key]


def many(cloud: str) -> list[World]:
    """Return some worlds of several sources, the fullest among them; the same in every run."""
    several = [each for each in space(cloud) if len(each.sources) > 2]
    drawn = random.Random(7).sample(several, min(DRAWN, len(several)))  # noqa: S311 - a choice, not a secret
    return sorted({*drawn, several[-1]}, key=str)


def go_through(stage: Stage, place: Place) -> bool:
    """Use the target: as it is, with identities that the service does not know any more, and with no service.

    Returns:
        whether the first write succeeded.
    """
    worked = use(stage)
    with suppress(TargetError, NotClaimed):
        stage.target.explain(stage.url, stage.creds, stage.token)
    for label in list(stage.setting.identities):
        stage.tap.forget(label)
    use(stage, shortly=True)
    if isinstance(stage.creds, dict):
        path = stage.setting.endpoint.partition("://")[2].partition("/")[2]
        nowhere = place.named({**stage.creds, "endpoint_url": f"{place.testbed.closed_url}/{path}".rstrip("/")})
        with suppress(TargetError, NotClaimed):
            stage.target.open_reader(stage.url, nowhere).get("k")
    if not Canaries.of(stage.setting).all:
        raise ValueError(f"a world without secrets, in which nothing can leak: {stage.setting.world}")
    return worked


def use(stage: Stage, *, shortly: bool = False) -> bool:
    """Make one request of each kind, or of two, and none after credentials that cannot be had.

    Returns:
        whether the write succeeded.
    """
    worked = False
    with suppress(TargetError):
        writer, reader = stage.writer(), stage.reader()
        calls: tuple[Callable[[], object], ...] = (
            lambda: writer.set("k", b"value"),
            lambda: reader.get("k"),
            lambda: reader.get("absent"),
            lambda: reader.list(""),
            lambda: reader.metadata("k"),
            lambda: reader.sign_url("k", 60),
            lambda: writer.remove("k"),
        )
        for call in calls[:2] if shortly else calls:
            try:
                call()
                worked = worked or call is calls[0]
            except NotClaimed:
                continue
            except TargetError as error:
                if error.is_a("CredentialsError") and not error.is_a("AuthenticationError"):
                    break
    return worked
