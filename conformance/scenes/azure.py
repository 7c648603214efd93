"""
Scenes on Azure: sources with the most that could be told, when all works and when something does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.identities import new_aws
from conformance.scenes.playing import Scene
from conformance.worlds import Way, world

if TYPE_CHECKING:
    from conformance.setting import Setting


def with_another_cloud(setting: Setting) -> None:
    """Set the variables of AWS too, which are none of this cloud's business."""
    identity = setting.know(new_aws("aws_env", session=True, expires_at=None))
    setting.variables["AWS_ACCESS_KEY_ID"] = identity.name
    setting.variables["AWS_SECRET_ACCESS_KEY"] = identity.secret
    setting.variables["AWS_SESSION_TOKEN"] = identity.token or ""


def of_way(source: str, way: str, *, wins: bool = False) -> Scene:
    """Return the scene of a source in some way; whatever it raises, no secret may be told."""
    given = Way(way, wins=True) if wins else Way(way, "CredentialsError")
    return Scene(world("azure", source, ways={source: given}))


SCENES = [
    Scene(world("azure", "azure_dict_account_key")),
    Scene(world("azure", "azure_dict_sas_token")),
    Scene(world("azure", "azure_env_connection_string")),
    Scene(world("azure", "azure_env_key"), "with variables of AWS", with_another_cloud),
    Scene(world("azure", "azure_env_sas_token")),
    Scene(world("azure", "azure_service_principal")),
    Scene(world("azure", "azure_workload_identity")),
    Scene(world("azure", "azure_managed_identity")),
    Scene(world("azure", "azure_cli")),
    of_way("azure_dict_sas_token", "question-mark", wins=True),
    of_way("azure_managed_identity", "app-service", wins=True),
    of_way("azure_cli", "compact", wins=True),
    of_way("azure_dict_account_key", "not-base64"),
    of_way("azure_dict_account_key", "unknown-field"),
    of_way("azure_dict_sas_token", "expired"),
    of_way("azure_dict_sas_token", "another-type"),
    of_way("azure_env_connection_string", "not-base64"),
    of_way("azure_env_key", "not-base64"),
    of_way("azure_env_sas_token", "expired"),
    of_way("azure_service_principal", "wrong-secret"),
    of_way("azure_service_principal", "unknown-tenant"),
    of_way("azure_service_principal", "reset"),
    of_way("azure_workload_identity", "refused-token"),
    of_way("azure_managed_identity", "app-service-refused"),
    of_way("azure_cli", "compact-noise"),
    of_way("azure_cli", "noise"),
    of_way("azure_cli", "expired-token"),
]
"""Worlds with the most that could be told, in which all works and in which something does not."""

MOVED = [world("azure", source) for source in ("azure_env_key", "azure_dict_sas_token", "azure_service_principal")]
"""Worlds in front of a service that redirects."""

APP_SERVICE = world(
    "azure", "azure_managed_identity", ways={"azure_managed_identity": Way("app-service", "CredentialsError")}
)

ASKED = {
    "azure_service_principal-entra": (world("azure", "azure_service_principal"), "entra"),
    "azure_workload_identity-entra": (world("azure", "azure_workload_identity"), "entra"),
    f"{APP_SERVICE}-azure_managed_identity": (APP_SERVICE, "azure_managed_identity"),
}
"""Worlds, and the identity service that redirects in each."""
