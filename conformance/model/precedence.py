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
    "activeloop": (
        "activeloop_argument",
        "activeloop_env",
        "activeloop_provider_azure",
        "activeloop_provider_gcp",
        "activeloop_creds_key",
    ),
}
"""The sources of each cloud, the winner first."""

SLOTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "aws": (("aws_dict", "aws_dict_profile"), *((source,) for source in ORDER["aws"][2:])),
    "azure": tuple((source,) for source in ORDER["azure"]),
    "google": (ORDER["google"][:7], *((source,) for source in ORDER["google"][7:])),
    "activeloop": (
        ("activeloop_argument",),
        ("activeloop_env",),
        ("activeloop_provider_azure", "activeloop_provider_gcp"),
        ("activeloop_creds_key",),
    ),
}
"""Sources that exclude each other share a slot: a world has at most one of each."""

EXCHANGED = frozenset({"activeloop_creds_key"})
"""Sources that are had for another one's proof: they sign in the winner's stead, and are nothing without one."""

EITHER = {"activeloop": (frozenset({"activeloop_argument", "activeloop_env"}), frozenset(SLOTS["activeloop"][2]))}
"""Two groups of sources of which either may go before the other, as long as it always does (a DEFINED requirement)."""

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


def expected(world: World, first: frozenset[str] = frozenset()) -> Wins | Fails:
    """Return who wins in a world, or how the search ends.

    Args:
        world: with which sources.
        first: sources that go before all others, empty for the order as it stands.
    """
    outcome = _search(world, order_of(world.cloud, first))
    for source in EXCHANGED.intersection(world.sources):
        if isinstance(outcome, Wins):
            outcome = _told(world, source) or outcome
    return outcome


def shown(world: World, first: frozenset[str] = frozenset()) -> Wins | Fails:
    """Return whose proof is shown where another source may be had for it; elsewhere who wins."""
    return _search(world, order_of(world.cloud, first))


def readings(world: World) -> tuple[frozenset[str], ...]:
    """Return the orders that are right in a world, as the sources that go first: two where it has both of `EITHER`."""
    earlier, later = EITHER.get(world.cloud, (frozenset(), frozenset()))
    if earlier.intersection(world.sources) and later.intersection(world.sources):
        return frozenset(), later
    return (frozenset(),)


def order_of(cloud: str, first: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """Return the sources of a cloud, these before all others, and without those that are had for another one's proof."""
    order = [source for source in ORDER[cloud] if source not in EXCHANGED]
    return tuple(sorted(order, key=lambda source: source not in first))


def _search(world: World, order: tuple[str, ...]) -> Wins | Fails:
    for source in order:
        found = _told(world, source) if source in world.sources else None
        if found is not None:
            return found
    return Fails(NOT_FOUND)


def _told(world: World, source: str) -> Wins | Fails | None:
    """Return what a configured source makes of the search, None if it counts as not configured."""
    way = world.way_of(source)
    if way is None or way.wins:
        return Wins(ANONYMOUS if source == "gcs_anon" else source)
    return Fails(way.error, source) if way.error is not None else None


def asked_at_most(world: World, first: frozenset[str] = frozenset()) -> frozenset[str]:
    """Return the sources that may be asked: the winner, or the broken one, those before it, and what it is exchanged for."""
    outcome = shown(world, first)
    order = order_of(world.cloud, first)
    last = outcome.source if outcome.source in order else order[-1]
    before = frozenset(order[: order.index(last) + 1])
    return before | EXCHANGED.intersection(world.sources) if isinstance(outcome, Wins) else before
