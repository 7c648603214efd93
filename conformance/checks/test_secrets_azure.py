"""
Where the keys, signatures and tokens of Azure turn up.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conformance import stages
from conformance.checking import checks, in_turns, in_worlds
from conformance.expectations import assert_equal, assert_true
from conformance.fakes.redirecting import STATUSES, Nobody, Redirecting
from conformance.identities import new_aws
from conformance.outcomes import of_a_write
from conformance.places import Place
from conformance.scenes import Scene, assert_kept, go_through, many, use
from conformance.setting import Setting
from conformance.surfaces import all_found, proofs_in
from conformance.worlds import Way, World, world


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

scenes = pytest.mark.parametrize("scene", SCENES, ids=str)


@checks("SEC-1")
@in_worlds("az")
@in_turns(4)
@scenes
def test_no_secret_in_an_error(place: Place, scene: Scene) -> None:
    """Nor in anything that hangs on it."""
    assert_kept("errors", place, scene)


@checks("SEC-2")
@in_worlds("az")
@in_turns(4)
@scenes
def test_no_secret_in_a_text(place: Place, scene: Scene) -> None:
    """Of handles, before and after requests."""
    assert_kept("texts", place, scene)


@checks("SEC-3")
@in_worlds("az")
@in_turns(4)
@scenes
def test_no_secret_in_the_log(place: Place, scene: Scene) -> None:
    """Of all loggers, at DEBUG."""
    assert_kept("logs", place, scene)


@checks("SEC-4")
@in_worlds("az")
@in_turns(4)
@scenes
def test_no_secret_is_printed(place: Place, scene: Scene) -> None:
    """All of stdout and stderr."""
    assert_kept("output", place, scene)


@checks("SEC-5")
@in_worlds("az")
@in_turns(4)
@scenes
def test_no_secret_in_a_file(place: Place, scene: Scene) -> None:
    """Below the private directories of the world."""
    assert_kept("files", place, scene)


@checks("SEC-6")
@in_worlds("az")
@in_turns(4)
@scenes
def test_no_secret_in_arguments_or_variables(place: Place, scene: Scene) -> None:
    """Of the target's process, and of the commands that it runs."""
    assert_kept("children", place, scene)


@checks("SEC-7")
@in_worlds("az")
@in_turns(4)
@scenes
def test_no_secret_in_a_pickle(place: Place, scene: Scene) -> None:
    """Of handles and of exceptions."""
    assert_kept("pickles", place, scene)


@checks("SEC-8")
@in_worlds("az")
@in_turns(4)
@scenes
def test_a_secret_goes_where_it_belongs(place: Place, scene: Scene) -> None:
    """Read off every fake, the proxy and the gate."""
    assert_kept("requests", place, scene)


# ---- redirects


def redirected_service(status: int, *, tls: bool) -> Callable[[Setting], None]:
    """Return what puts a service into the world that redirects to another host, by plain http."""

    def adjust(setting: Setting) -> None:
        other = setting.serve("nobody", Nobody())
        away = other.url if tls else other.url.replace("127.0.0.1", "localhost")
        context = setting.ca.issue().server_context() if tls else None
        server = setting.serve("redirecting", Redirecting("redirecting", away, status), tls=context)
        assert isinstance(setting.creds, dict)
        setting.creds["endpoint_url"] = f"{server.url}/{setting.account}"

    return adjust


@checks("SEC-9")
@in_worlds("az")
@in_turns(3)
@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("source", ["azure_env_key", "azure_dict_sas_token", "azure_service_principal"])
def test_no_proof_follows_a_redirect_of_the_service(place: Place, source: str, status: int) -> None:
    """To another name and port, with reading and writing."""
    adjust = redirected_service(status, tls=source == "azure_service_principal")
    with stages.running(world("azure", source), place, adjust=adjust) as stage:
        use(stage)
        assert_equal([], proofs_in(stage, "nobody"), f"proofs that followed a redirect with status {status}")


def redirected(server: str, status: int) -> Callable[[Setting], None]:
    """Return what lets an identity service redirect whoever shows it a secret."""

    def adjust(setting: Setting) -> None:
        other = setting.serve("nobody", Nobody())
        there = setting.servers[server]
        away = other.url if there.url.startswith("https:") else other.url.replace("127.0.0.1", "localhost")
        there.fake = Redirecting(server, away, status, but=there.fake if server == "entra" else None)

    return adjust


APP_SERVICE = world(
    "azure", "azure_managed_identity", ways={"azure_managed_identity": Way("app-service", "CredentialsError")}
)


@checks("SEC-10")
@in_worlds("az")
@in_turns(3)
@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize(
    ("world", "server"),
    [
        (world("azure", "azure_service_principal"), "entra"),
        (world("azure", "azure_workload_identity"), "entra"),
        (APP_SERVICE, "azure_managed_identity"),
    ],
    ids=str,
)
def test_no_secret_follows_a_redirect_of_an_identity_service(
    place: Place, world: World, server: str, status: int
) -> None:
    """To another name and port."""
    with stages.running(world, place, adjust=redirected(server, status)) as stage:
        of_a_write(stage)
        assert_true(bool(stage.asked() - {"nobody"}), expected="a request to the identity service", observed="none")
        assert_equal([], proofs_in(stage, "nobody"), f"proofs that followed a redirect with status {status}")


# ---- many sources at once


@checks("SEC-11")
@in_worlds("az")
@in_turns(2)
@pytest.mark.parametrize("world", many("azure"), ids=str)
def test_nothing_leaks_in_any_world(place: Place, world: World) -> None:
    """At no surface."""
    with stages.running(world, place, watched=True) as stage:
        go_through(stage, place)
        found = {name: leaks for name, leaks in all_found(stage).items() if leaks}
        assert_equal({}, found, "secrets found, by surface")
