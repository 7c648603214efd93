"""
How each source is planted into a world, one file per cloud.

`ground` lays what every world of a cloud has: metadata services that say no, so that nothing asks beyond loopback. Then each
source of the world is planted, as it should be or in one of its broken ways.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from conformance.fakes import Fake
    from conformance.setting import Setting
    from conformance.worlds import Way

    Plant = Callable[[Setting, str | None], None]
    """Plants a source, in the way of that name if one is given."""


def ground(setting: Setting) -> None:
    """Lay the ground of the setting's cloud."""
    _module(setting.world.cloud).ground(setting)


def hosts(setting: Setting) -> Mapping[str, Fake]:
    """Return the fixed hosts of the setting's cloud that no variable redirects, and who plays them."""
    played: Mapping[str, Fake] = _module(setting.world.cloud).hosts(setting)
    return played


def plant(setting: Setting, source: str, way: Way | None) -> None:
    """Plant one source of the setting's world."""
    plants: dict[str, Plant] = _module(setting.world.cloud).PLANTS
    plants[source](setting, None if way is None else way.name)


def _module(cloud: str):  # type: ignore[no-untyped-def]
    from importlib import import_module

    return import_module(f"conformance.sources.{cloud}")
