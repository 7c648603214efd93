"""
Who must win: the ordered sources of each cloud, and what a world makes of them.

A source that is configured wins unless an earlier one does; one that is configured and broken stops the search with an
error; one that is not configured, or whose trouble counts as that, is passed over. From the contract's section on
credentials, and from nothing else: no implementation is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conformance.worlds import World

ORDER: dict[str, tuple[str, ...]] = {
    "aws": (
        "aws_dict",
        "aws_dict_profile",
        "aws_env",
        "aws_assume_role",
        "aws_web_identity",
        "aws_sso",
        "aws_shared_file",
        "aws_process",
        "aws_config_file",
        "aws_container",
        "aws_imds",
    ),
    "azure": (
        "azure_dict_account_key",
        "azure_dict_sas_token",
        "azure_env_connection_string",
        "azure_env_key",
        "azure_env_sas_token",
        "azure_service_principal",
        "azure_workload_identity",
        "azure_managed_identity",
        "azure_cli",
    ),
    "google": (
        "gcs_key_file",
        "gcs_key_dict",
        "gcs_key_json",
        "gcs_browser",
        "gcs_cache",
        "gcs_anon",
        "gcs_oauth_token",
        "gcs_env_file",
        "gcs_gcloud_file",
        "gcs_metadata",
    ),
}
"""The sources of each cloud, the winner first."""

SLOTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "aws": (("aws_dict", "aws_dict_profile"), *((source,) for source in ORDER["aws"][2:])),
    "azure": tuple((source,) for source in ORDER["azure"]),
    "google": (ORDER["google"][:7], *((source,) for source in ORDER["google"][7:])),
}
"""Sources that exclude each other share a slot: a world has at most one of each."""

ANONYMOUS = "anonymous"
"""The winner of a world that asks for no identity."""

NOT_FOUND = "CredentialsNotFoundError"


@dataclass(frozen=True, slots=True)
class Wins:
    """The source whose identity signs; `ANONYMOUS` if requests are not to be signed."""

    source: str


@dataclass(frozen=True, slots=True)
class Fails:
    """The class of the error, and the source that is to blame, None if there is none at all."""

    error: str
    source: str | None = None


def expected(world: World) -> Wins | Fails:
    """Return who wins in a world, or how the search ends."""
    for source in ORDER[world.cloud]:
        if source not in world.sources:
            continue
        way = world.way_of(source)
        if way is None or way.wins:
            return Wins(ANONYMOUS if source == "gcs_anon" else source)
        if way.error is not None:
            return Fails(way.error, source)
    return Fails(NOT_FOUND)


def asked_at_most(world: World) -> frozenset[str]:
    """Return the sources that may be asked: the winner, or the broken one, and those before it."""
    outcome = expected(world)
    order = ORDER[world.cloud]
    last = outcome.source if outcome.source in order else order[-1]
    return frozenset(order[: order.index(last) + 1])
