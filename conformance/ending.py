"""
How the identities of a source come to an end in a running world.

The target's clock is never touched. An identity is near its end because its source says so, and has ended because the gate
says so, so that nothing waits for a time to pass.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from conformance.outcomes import source_of
from conformance.worlds import LIFE_S

if TYPE_CHECKING:
    from conformance.identities import Identity
    from conformance.setting import Setting
    from conformance.stages import Stage

Adjust = Callable[["Setting"], None]
"""Changes what was planted, before the target starts."""

SHORT_S = 100.0
"""Seconds that are near the end by every margin, and long enough for a check."""

ENDED_S = -60.0

EAST, WEST = "EAST-9", "WEST9"
"""Time zones in the form of POSIX, nine hours before and behind UTC; no file on the disk is needed for them."""


def first_short(source: str) -> Adjust:
    """Return what lets the next generation of a source live long; the first is as short as the world says."""

    def adjust(setting: Setting) -> None:
        def longer() -> None:
            setting.lives_s[source] = LIFE_S

        if setting.controls[source].is_ready:
            longer()
            setting.rotate(source)
        else:
            setting.after[source] = longer

    return adjust


def expire(stage: Stage, source: str) -> None:
    """Let the gate take every identity of a source that is out for expired, and the source have another."""
    for identity in given_out(stage, source):
        stage.tap.know(replace(identity, expires_at=time.time() - 1))
    stage.rotate(source)


def given_out(stage: Stage, source: str) -> list[Identity]:
    """Return the identities of a source that were given out, the first one first; a key that signs for one is none."""
    known = list(stage.setting.identities.values())
    return [each for each in known if source_of(each.label) == source and each.kind != "google_key"]


def fail_after_the_first(source: str) -> Adjust:
    """Return what lets a source fail once it has given out its first credentials."""

    def adjust(setting: Setting) -> None:
        setting.after[source] = partial(setting.fault, source, "error-500")

    return adjust


def rewrite_after_the_first(source: str) -> Adjust:
    """Return what puts another token into the file of a source, once it has given out credentials that live short."""

    def adjust(setting: Setting) -> None:
        def then() -> None:
            setting.rewrite(source)
            setting.lives_s[source] = LIFE_S

        setting.after[source] = then

    return adjust


def in_zone(zone: str) -> Adjust:
    """Return what sets the time zone of the target."""

    def adjust(setting: Setting) -> None:
        setting.variables["TZ"] = zone

    return adjust
