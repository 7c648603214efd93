"""
What the worlds of each cloud are put through to see where secrets turn up: the scenes, by cloud, as data.

A cloud is added by a module with `SCENES`, `MOVED` and `ASKED`, and a line in the tables below.
"""

from __future__ import annotations

from conformance.scenes import activeloop, aws, azure, google
from conformance.scenes.playing import Scene, assert_kept, go_through, many, use

SCENES = {
    "aws": aws.SCENES,
    "azure": azure.SCENES,
    "google": google.SCENES,
    "activeloop": activeloop.SCENES,
}
"""Worlds with the most that could be told."""

MOVED = {"aws": aws.MOVED, "azure": azure.MOVED, "google": google.MOVED, "activeloop": activeloop.MOVED}
"""Worlds in front of a service that redirects."""

ASKED = {"aws": aws.ASKED, "azure": azure.ASKED, "google": google.ASKED, "activeloop": activeloop.ASKED}
"""Worlds with an identity service that redirects, and its name."""

FULL = {cloud: many(cloud) for cloud in SCENES}
"""Worlds of many sources."""

__all__ = ["ASKED", "FULL", "MOVED", "SCENES", "Scene", "assert_kept", "go_through", "many", "use"]
