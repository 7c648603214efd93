"""
Scenes on Google Cloud: sources with the most that could be told, when all works and when something does not.
"""

from __future__ import annotations

from conformance.scenes.playing import Scene
from conformance.worlds import Way, world


def of_way(source: str, way: str, *, wins: bool = False) -> Scene:
    """Return the scene of a source in some way; whatever it raises, no secret may be told."""
    given = Way(way, wins=True) if wins else Way(way, "CredentialsError")
    return Scene(world("google", source, ways={source: given}))


SCENES = [
    Scene(world("google", "gcs_key_file")),
    Scene(world("google", "gcs_key_dict")),
    Scene(world("google", "gcs_key_json")),
    Scene(world("google", "gcs_browser")),
    Scene(world("google", "gcs_cache")),
    Scene(world("google", "gcs_oauth_token")),
    Scene(world("google", "gcs_env_file")),
    Scene(world("google", "gcs_gcloud_file")),
    Scene(world("google", "gcs_metadata")),
    of_way("gcs_cache", "expired", wins=True),
    of_way("gcs_browser", "denied"),
    of_way("gcs_cache", "malformed"),
    of_way("gcs_oauth_token", "unknown-field"),
    of_way("gcs_oauth_token", "line-break"),
    of_way("gcs_gcloud_file", "refused"),
    of_way("gcs_env_file", "garbage"),
    of_way("gcs_env_file", "reset"),
]
"""Worlds with the most that could be told, in which all works and in which something does not."""

MOVED = [world("google", "gcs_oauth_token"), world("google", "gcs_env_file")]
"""Worlds in front of a service that redirects."""

ASKED = {source: (world("google", source), "google") for source in ("gcs_key_file", "gcs_gcloud_file")}
"""Worlds, and the identity service that redirects in each."""
