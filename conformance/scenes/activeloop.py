"""
Scenes of Deep Lake: tokens that are shown to the control plane, and what it gives out for the cloud.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.lake import Said
from conformance.scenes.playing import Scene
from conformance.sources.activeloop import ORGANISATION, lake_of
from conformance.worlds import Way, world

if TYPE_CHECKING:
    from conformance.setting import Setting

ENVIRONMENT = world("activeloop", "activeloop_env")


def told_again(setting: Setting) -> None:
    """Let the control plane refuse with a page that tells the token, as debug pages of gateways do."""
    token = setting.variables["ACTIVELOOP_TOKEN"]
    lake_of(setting).say(Said(403, f"<p>Authorization: Bearer {token}</p>".encode()), times=None)


def told_in_a_refusal(setting: Setting) -> None:
    """Let the control plane tell the token in the description of its refusal."""
    token = setting.variables["ACTIVELOOP_TOKEN"]
    said = Said.of_json({"description": f"unknown token {token}", "error": "unauthenticated"}, 401)
    lake_of(setting).say(said, times=None)


def without_a_place(setting: Setting) -> None:
    """Let the control plane give credentials without saying where they belong."""
    lake_of(setting).say(Said.changed({"path": 7}), times=None)


def revoked(setting: Setting) -> None:
    """Revoke the token."""
    lake_of(setting).revoke(setting.variables["ACTIVELOOP_TOKEN"])


def reading(setting: Setting) -> None:
    """Let the owner of the token read only."""
    lake_of(setting).role(setting.variables["ACTIVELOOP_TOKEN"], ORGANISATION, "read")


def broken(source: str, way: str, *others: str) -> Scene:
    """Return the scene of a source that is broken in some way; whatever it raises, no secret may be told."""
    return Scene(world("activeloop", source, *others, ways={source: Way(way, "CredentialsError")}))


SCENES = [
    Scene(world("activeloop", "activeloop_argument")),
    Scene(ENVIRONMENT),
    Scene(world("activeloop", "activeloop_provider_azure")),
    Scene(world("activeloop", "activeloop_provider_gcp")),
    Scene(world("activeloop", "activeloop_argument", "activeloop_creds_key")),
    Scene(ENVIRONMENT, "told again", told_again, works=False),
    Scene(ENVIRONMENT, "told in a refusal", told_in_a_refusal, works=False),
    Scene(ENVIRONMENT, "without a place", without_a_place, works=False),
    Scene(ENVIRONMENT, "revoked", revoked, works=False),
    Scene(ENVIRONMENT, "reading", reading, works=False),
    broken("activeloop_argument", "line-break", "activeloop_env"),
    broken("activeloop_env", "line-break"),
    broken("activeloop_provider_azure", "wrong-secret"),
    broken("activeloop_provider_azure", "garbage"),
    broken("activeloop_creds_key", "unknown", "activeloop_env"),
]
"""Worlds with the most that could be told, in which all works and in which something does not."""

MOVED = [ENVIRONMENT]
"""Worlds in front of a service that redirects."""

ASKED = {
    "activeloop_argument-activeloop": (world("activeloop", "activeloop_argument"), "activeloop"),
    "activeloop_env-activeloop": (ENVIRONMENT, "activeloop"),
    "activeloop_provider_azure-entra": (world("activeloop", "activeloop_provider_azure"), "entra"),
    "activeloop_provider_gcp-activeloop": (world("activeloop", "activeloop_provider_gcp"), "activeloop"),
    "activeloop_creds_key-activeloop": (
        world("activeloop", "activeloop_env", "activeloop_creds_key"),
        "activeloop",
    ),
}
"""Worlds, and the identity service that redirects in each."""
