"""
The worlds of each cloud in which an identity comes to its end, as data.

A cloud is added by rows in these tables.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from conformance.ending import ENDED_S
from conformance.identities import new_aws
from conformance.sources.aws_services import CREDENTIALS
from conformance.worlds import Way, World, world

if TYPE_CHECKING:
    from conformance.checking import ByCloud
    from conformance.ending import Adjust
    from conformance.setting import Setting


def of(cloud: str, *sources: str) -> list[World]:
    """Return a world for each source."""
    return [world(cloud, source) for source in sources]


SERVED = {
    "aws": of("aws", "aws_assume_role", "aws_web_identity", "aws_sso", "aws_container", "aws_imds"),
    "azure": of("azure", "azure_service_principal", "azure_workload_identity", "azure_managed_identity"),
    "google": of("google", "gcs_env_file", "gcs_gcloud_file", "gcs_metadata"),
    "activeloop": of("activeloop", "activeloop_argument", "activeloop_env", "activeloop_provider_azure"),
}
"""Sources with a service that gives out an identity after the other."""

SERVED_OR_RUN = {
    "aws": [*SERVED["aws"], *of("aws", "aws_process")],
    "azure": [*SERVED["azure"], *of("azure", "azure_cli")],
    "google": SERVED["google"],
    "activeloop": SERVED["activeloop"],
}
"""These, and the commands that do so."""

RENEWED = SERVED_OR_RUN | {"google": [*SERVED["google"], *of("google", "gcs_cache")]}
"""These, and the consent of a user with the token that was had last."""


def with_an_expired_session(source: str) -> Adjust:
    """Return what puts a key with a session token, which is over, where a source has its key."""

    def adjust(setting: Setting) -> None:
        made = new_aws(source, session=True, expires_at=None)
        over = setting.know(replace(made, expires_at=time.time() - 1))
        fields = {"access_key_id": over.name, "secret_access_key": over.secret, "session_token": over.token or ""}
        match source:
            case "aws_dict":
                assert isinstance(setting.creds, dict)  # noqa: S101 - planted by the world
                setting.creds |= {f"aws_{name}": value for name, value in fields.items()}
            case "aws_env":
                setting.variables |= {f"AWS_{name.upper()}": value for name, value in fields.items()}
            case "aws_shared_file":
                setting.section(CREDENTIALS, "default", **{f"aws_{name}": value for name, value in fields.items()})

    return adjust


def _with_a_good_one(source: str) -> tuple[World, str, Adjust | None]:
    return world("aws", source, "aws_imds"), "ExpiredTokenError", with_an_expired_session(source)


def _expired_signature(source: str) -> tuple[World, str, Adjust | None]:
    expired = {source: Way("expired", "ExpiredTokenError")}
    return world("azure", source, "azure_managed_identity", ways=expired), "ExpiredTokenError", None


_EXPIRED_TOKEN = world(
    "activeloop",
    "activeloop_argument",
    "activeloop_env",
    ways={"activeloop_argument": Way("expired", "ExpiredTokenError")},
)

STATIC: dict[str, dict[str, tuple[World, str, Adjust | None]]] = {
    "aws": {source: _with_a_good_one(source) for source in ("aws_dict", "aws_env", "aws_shared_file")},
    "azure": {source: _expired_signature(source) for source in ("azure_dict_sas_token", "azure_env_sas_token")},
    "google": {
        "gcs_oauth_token": (
            world("google", "gcs_oauth_token", "gcs_metadata", lives_s={"gcs_oauth_token": ENDED_S}),
            "AuthenticationError",
            None,
        )
    },
    "activeloop": {"activeloop_argument": (_EXPIRED_TOKEN, "ExpiredTokenError", None)},
}
"""What the caller or the environment gives and nobody renews, where the machine has a good identity; and the error of it."""

_MIB = 1024 * 1024

LARGE_WRITES = {
    "aws": {each: (world("aws", each), 40 * _MIB, 2) for each in ("aws_web_identity", "aws_imds")},
    # up to 64 MiB the SDK makes one request
    "azure": {each: (world("azure", each), 65 * _MIB, 2) for each in ("azure_service_principal",)},
    "google": {each: (world("google", each), 40 * _MIB, 1) for each in ("gcs_env_file", "gcs_metadata")},
    # whichever cloud is behind the control plane
    "activeloop": {each: (world("activeloop", each), 65 * _MIB, 1) for each in ("activeloop_env",)},
}
"""Sources, bytes that targets send in several requests, and after how many of them the identity ends."""

_FEDERATED = Way("external_account", wins=True)

WITH_A_TOKEN_FILE: ByCloud = {
    "aws": of("aws", "aws_web_identity", "aws_container"),
    "azure": of("azure", "azure_workload_identity"),
    "google": {each: world("google", each, ways={each: _FEDERATED}) for each in ("gcs_env_file", "gcs_gcloud_file")},
}
"""Sources that exchange a token which stands in a file, and is replaced there."""

BY_THE_CLOCK: ByCloud = {
    "aws": {str(hours): (world("aws", "aws_env"), hours) for hours in (5, -5)},
    "azure": [
        (world("azure", "azure_env_key"), 5),
        (world("azure", "azure_env_key"), -5),
        (world("azure", "azure_env_sas_token"), 5),
        (world("azure", "azure_managed_identity"), 5),
    ],
    "google": [(world("google", "gcs_gcloud_file"), 5), (world("google", "gcs_metadata"), 5)],
    "activeloop": [(world("activeloop", "activeloop_env"), 5)],
}
"""Worlds, and the hours by which the clock of the service is ahead at which what they send is no good."""

ENDLESS = {"aws": [world("aws", "aws_process", ways={"aws_process": Way("without-end", wins=True)})]}
"""Sources that do not say when what they give ends."""
