"""
Where the keys, signatures and tokens of every cloud turn up.
"""

from __future__ import annotations

import pytest

from conformance import stages
from conformance.checking import checks, in_turns, in_worlds_of
from conformance.expectations import assert_equal, assert_true
from conformance.fakes.redirecting import STATUSES
from conformance.outcomes import of_a_write
from conformance.places import Place
from conformance.scenes import ASKED, FULL, MOVED, SCENES, Scene, assert_kept, go_through, redirects, use
from conformance.surfaces import all_found, proofs_in
from conformance.worlds import World

over_scenes = in_worlds_of("scene", SCENES)


@checks("SEC-1")
@over_scenes
@in_turns(4)
def test_no_secret_in_an_error(place: Place, scene: Scene) -> None:
    """Nor in anything that hangs on it."""
    assert_kept("errors", place, scene)


@checks("SEC-2")
@over_scenes
@in_turns(4)
def test_no_secret_in_a_text(place: Place, scene: Scene) -> None:
    """Of handles, before and after requests."""
    assert_kept("texts", place, scene)


@checks("SEC-3")
@over_scenes
@in_turns(4)
def test_no_secret_in_the_log(place: Place, scene: Scene) -> None:
    """Of all loggers, at DEBUG."""
    assert_kept("logs", place, scene)


@checks("SEC-4")
@over_scenes
@in_turns(4)
def test_no_secret_is_printed(place: Place, scene: Scene) -> None:
    """All of stdout and stderr."""
    assert_kept("output", place, scene)


@checks("SEC-5")
@over_scenes
@in_turns(4)
def test_no_secret_in_a_file(place: Place, scene: Scene) -> None:
    """Below the private directories of the world."""
    assert_kept("files", place, scene)


@checks("SEC-6")
@over_scenes
@in_turns(4)
def test_no_secret_in_arguments_or_variables(place: Place, scene: Scene) -> None:
    """Of the target's process, and of the commands that it runs."""
    assert_kept("children", place, scene)


@checks("SEC-7")
@over_scenes
@in_turns(4)
def test_no_secret_in_a_pickle(place: Place, scene: Scene) -> None:
    """Of handles and of exceptions."""
    assert_kept("pickles", place, scene)


@checks("SEC-8")
@over_scenes
@in_turns(4)
def test_a_secret_goes_where_it_belongs(place: Place, scene: Scene) -> None:
    """Read off every fake, the proxy and the gate."""
    assert_kept("requests", place, scene)


@checks("SEC-9")
@in_worlds_of("world", MOVED)
@in_turns(3)
@pytest.mark.parametrize("status", STATUSES)
def test_no_proof_follows_a_redirect_of_the_service(place: Place, world: World, status: int) -> None:
    """To another name and port, with reading and writing."""
    with stages.running(world, place, adjust=redirects.of_the_service(status)) as stage:
        use(stage)
        assert_equal([], proofs_in(stage, "nobody"), f"proofs that followed a redirect with status {status}")


@checks("SEC-10")
@in_worlds_of("world, server", ASKED)
@in_turns(3)
@pytest.mark.parametrize("status", STATUSES)
def test_no_secret_follows_a_redirect_of_an_identity_service(
    place: Place, world: World, server: str, status: int
) -> None:
    """To another name and port."""
    with stages.running(world, place, adjust=redirects.of_an_identity_service(server, status)) as stage:
        of_a_write(stage)
        asked = stage.setting.servers[server].received
        assert_true(bool(asked), expected="a request to the identity service", observed="none")
        assert_equal([], proofs_in(stage, "nobody"), f"proofs that followed a redirect with status {status}")


@checks("SEC-11")
@in_worlds_of("world", FULL)
@in_turns(2)
def test_nothing_leaks_in_any_world(place: Place, world: World) -> None:
    """At no surface, whichever of many sources wins."""
    with stages.running(world, place, watched=True) as stage:
        go_through(stage, place)
        found = {name: leaks for name, leaks in all_found(stage).items() if leaks}
        assert_equal({}, found, "secrets found, by surface")
