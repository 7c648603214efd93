"""
Where the keys and tokens of Google turn up.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conformance import stages
from conformance.checking import checks, in_turns, in_worlds
from conformance.expectations import assert_equal, assert_true
from conformance.fakes.redirecting import STATUSES, Nobody, Redirecting
from conformance.outcomes import of_a_write
from conformance.places import Place
from conformance.scenes import Scene, assert_kept, go_through, many, use
from conformance.setting import Setting
from conformance.surfaces import all_found, proofs_in
from conformance.worlds import Way, World, world


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

scenes = pytest.mark.parametrize("scene", SCENES, ids=str)


@checks("SEC-1")
@in_worlds("gcs")
@in_turns(4)
@scenes
def test_no_secret_in_an_error(place: Place, scene: Scene) -> None:
    """Nor in anything that hangs on it."""
    assert_kept("errors", place, scene)


@checks("SEC-2")
@in_worlds("gcs")
@in_turns(4)
@scenes
def test_no_secret_in_a_text(place: Place, scene: Scene) -> None:
    """Of handles, before and after requests."""
    assert_kept("texts", place, scene)


@checks("SEC-3")
@in_worlds("gcs")
@in_turns(4)
@scenes
def test_no_secret_in_the_log(place: Place, scene: Scene) -> None:
    """Of all loggers, at DEBUG."""
    assert_kept("logs", place, scene)


@checks("SEC-4")
@in_worlds("gcs")
@in_turns(4)
@scenes
def test_no_secret_is_printed(place: Place, scene: Scene) -> None:
    """All of stdout and stderr."""
    assert_kept("output", place, scene)


@checks("SEC-5")
@in_worlds("gcs")
@in_turns(4)
@scenes
def test_no_secret_in_a_file(place: Place, scene: Scene) -> None:
    """Below the private directories of the world."""
    assert_kept("files", place, scene)


@checks("SEC-6")
@in_worlds("gcs")
@in_turns(4)
@scenes
def test_no_secret_in_arguments_or_variables(place: Place, scene: Scene) -> None:
    """Of the target's process, and of the commands that it runs."""
    assert_kept("children", place, scene)


@checks("SEC-7")
@in_worlds("gcs")
@in_turns(4)
@scenes
def test_no_secret_in_a_pickle(place: Place, scene: Scene) -> None:
    """Of handles and of exceptions."""
    assert_kept("pickles", place, scene)


@checks("SEC-8")
@in_worlds("gcs")
@in_turns(4)
@scenes
def test_a_secret_goes_where_it_belongs(place: Place, scene: Scene) -> None:
    """Read off every fake, the proxy and the gate."""
    assert_kept("requests", place, scene)


# ---- redirects


def redirected_service(status: int) -> Callable[[Setting], None]:
    """Return what puts a service into the world that redirects to another host."""

    def adjust(setting: Setting) -> None:
        other = setting.serve("nobody", Nobody())
        away = other.url.replace("127.0.0.1", "localhost")
        url = setting.serve("redirecting", Redirecting("redirecting", away, status)).url
        if isinstance(setting.creds, dict):
            setting.creds["endpoint_url"] = url
        else:
            setting.variables["STORAGE_EMULATOR_HOST"] = url

    return adjust


@checks("SEC-9")
@in_worlds("gcs")
@in_turns(3)
@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("source", ["gcs_oauth_token", "gcs_env_file"])
def test_no_proof_follows_a_redirect_of_the_service(place: Place, source: str, status: int) -> None:
    """To another name and port, with reading and writing."""
    with stages.running(world("google", source), place, adjust=redirected_service(status)) as stage:
        use(stage)
        assert_equal([], proofs_in(stage, "nobody"), f"proofs that followed a redirect with status {status}")


def redirected(status: int) -> Callable[[Setting], None]:
    """Return what lets the token endpoint redirect whoever shows it a secret."""

    def adjust(setting: Setting) -> None:
        other = setting.serve("nobody", Nobody())
        there = setting.servers["google"]
        away = other.url.replace("127.0.0.1", "localhost")
        there.fake = Redirecting("google", away, status, but=there.fake)

    return adjust


@checks("SEC-10")
@in_worlds("gcs")
@in_turns(3)
@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("source", ["gcs_key_file", "gcs_gcloud_file"])
def test_no_secret_follows_a_redirect_of_an_identity_service(place: Place, source: str, status: int) -> None:
    """To another name and port."""
    with stages.running(world("google", source), place, adjust=redirected(status)) as stage:
        of_a_write(stage)
        asked = stage.setting.servers["google"].received
        assert_true(bool(asked), expected="a request to the identity service", observed="none")
        assert_equal([], proofs_in(stage, "nobody"), f"proofs that followed a redirect with status {status}")


# ---- many sources at once


@checks("SEC-11")
@in_worlds("gcs")
@in_turns(2)
@pytest.mark.parametrize("world", many("google"), ids=str)
def test_nothing_leaks_in_any_world(place: Place, world: World) -> None:
    """At no surface."""
    with stages.running(world, place, watched=True) as stage:
        go_through(stage, place)
        found = {name: leaks for name, leaks in all_found(stage).items() if leaks}
        assert_equal({}, found, "secrets found, by surface")
