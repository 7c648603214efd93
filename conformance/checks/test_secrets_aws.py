"""
Where the keys and tokens of AWS turn up.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conformance import stages
from conformance.checking import checks, in_turns, in_worlds
from conformance.expectations import assert_equal
from conformance.fakes.redirecting import STATUSES, Nobody, Redirecting
from conformance.identities import new_aws
from conformance.outcomes import of_a_write
from conformance.places import Place
from conformance.scenes import Scene, assert_kept, go_through, many, use
from conformance.setting import Setting
from conformance.surfaces import all_found, proofs_in
from conformance.worlds import Way, World, world

INVALID = "InvalidCredentialsError"
UNAVAILABLE = "CredentialsUnavailableError"


def with_token_in_the_dictionary(setting: Setting) -> None:
    """Give a key with a session token in the dictionary."""
    identity = setting.know(new_aws("aws_dict", session=True, expires_at=None))
    assert isinstance(setting.creds, dict)
    setting.creds |= {
        "aws_access_key_id": identity.name,
        "aws_secret_access_key": identity.secret,
        "aws_session_token": identity.token,
    }


def with_token_in_the_environment(setting: Setting) -> None:
    """Give a key with a session token in variables."""
    identity = setting.know(new_aws("aws_env", session=True, expires_at=None))
    setting.variables["AWS_ACCESS_KEY_ID"] = identity.name
    setting.variables["AWS_SECRET_ACCESS_KEY"] = identity.secret
    setting.variables["AWS_SESSION_TOKEN"] = identity.token or ""


def expired(setting: Setting) -> None:
    """Give a token whose time is over, which the service says."""
    identity = setting.know(new_aws("aws_env", session=True, expires_at=1.0))
    setting.variables["AWS_ACCESS_KEY_ID"] = identity.name
    setting.variables["AWS_SECRET_ACCESS_KEY"] = identity.secret
    setting.variables["AWS_SESSION_TOKEN"] = identity.token or ""


def broken(source: str, way: str, *behind: str) -> Scene:
    """Return the scene of a source that is broken in some way; whatever it raises, no secret may be told."""
    return Scene(world("aws", source, *behind, ways={source: Way(way, "CredentialsError")}))


SCENES = [
    Scene(world("aws", "aws_dict"), "with token", with_token_in_the_dictionary),
    Scene(world("aws", "aws_env"), "with token", with_token_in_the_environment),
    Scene(world("aws", "aws_env"), "expired", expired, works=False),
    Scene(world("aws", "aws_assume_role", "aws_web_identity")),
    Scene(world("aws", "aws_web_identity")),
    Scene(world("aws", "aws_sso")),
    Scene(world("aws", "aws_shared_file")),
    Scene(world("aws", "aws_process")),
    Scene(world("aws", "aws_container")),
    Scene(world("aws", "aws_imds")),
    broken("aws_dict", "unknown-field", "aws_env"),
    broken("aws_dict", "line-break-in-key-id", "aws_env"),
    broken("aws_dict", "secret-of-another-type", "aws_env"),
    broken("aws_web_identity", "refused-token"),
    broken("aws_assume_role", "denied"),
    broken("aws_sso", "another-account"),
    broken("aws_sso", "garbage"),
    broken("aws_process", "telling"),
    broken("aws_process", "bad-json"),
    broken("aws_process", "wrong-version"),
    broken("aws_container", "refused-token"),
    broken("aws_container", "reset"),
]
"""Worlds with the most that could be told, in which all works and in which something does not."""

scenes = pytest.mark.parametrize("scene", SCENES, ids=str)


@checks("SEC-1")
@in_worlds("s3")
@in_turns(4)
@scenes
def test_no_secret_in_an_error(place: Place, scene: Scene) -> None:
    """Nor in anything that hangs on it."""
    assert_kept("errors", place, scene)


@checks("SEC-2")
@in_worlds("s3")
@in_turns(4)
@scenes
def test_no_secret_in_a_text(place: Place, scene: Scene) -> None:
    """Of handles, before and after requests."""
    assert_kept("texts", place, scene)


@checks("SEC-3")
@in_worlds("s3")
@in_turns(4)
@scenes
def test_no_secret_in_the_log(place: Place, scene: Scene) -> None:
    """Of all loggers, at DEBUG."""
    assert_kept("logs", place, scene)


@checks("SEC-4")
@in_worlds("s3")
@in_turns(4)
@scenes
def test_no_secret_is_printed(place: Place, scene: Scene) -> None:
    """All of stdout and stderr."""
    assert_kept("output", place, scene)


@checks("SEC-5")
@in_worlds("s3")
@in_turns(4)
@scenes
def test_no_secret_in_a_file(place: Place, scene: Scene) -> None:
    """Below the private directories of the world."""
    assert_kept("files", place, scene)


@checks("SEC-6")
@in_worlds("s3")
@in_turns(4)
@scenes
def test_no_secret_in_arguments_or_variables(place: Place, scene: Scene) -> None:
    """Of the target's process, and of the commands that it runs."""
    assert_kept("children", place, scene)


@checks("SEC-7")
@in_worlds("s3")
@in_turns(4)
@scenes
def test_no_secret_in_a_pickle(place: Place, scene: Scene) -> None:
    """Of handles and of exceptions."""
    assert_kept("pickles", place, scene)


@checks("SEC-8")
@in_worlds("s3")
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
        assert isinstance(setting.creds, dict)
        away = other.url.replace("127.0.0.1", "localhost")
        setting.creds["endpoint_url"] = setting.serve("redirecting", Redirecting("redirecting", away, status)).url

    return adjust


@checks("SEC-9")
@in_worlds("s3")
@in_turns(3)
@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("source", ["aws_env", "aws_container"])
def test_no_proof_follows_a_redirect_of_the_service(place: Place, source: str, status: int) -> None:
    """To another name and port, with reading and writing."""
    with stages.running(world("aws", source), place, adjust=redirected_service(status)) as stage:
        use(stage)
        assert_equal([], proofs_in(stage, "nobody"), f"proofs that followed a redirect with status {status}")


def redirected(server: str, status: int) -> Callable[[Setting], None]:
    """Return what lets an identity service redirect to another host."""

    def adjust(setting: Setting) -> None:
        other = setting.serve("nobody", Nobody())
        away = other.url.replace("127.0.0.1", "localhost")
        setting.servers[server].fake = Redirecting(server, away, status)

    return adjust


@checks("SEC-10")
@in_worlds("s3")
@in_turns(3)
@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize(
    ("source", "server"),
    [
        ("aws_assume_role", "sts"),
        ("aws_web_identity", "sts"),
        ("aws_sso", "aws_sso"),
        ("aws_container", "aws_container"),
        ("aws_imds", "aws_imds"),
    ],
)
def test_no_secret_follows_a_redirect_of_an_identity_service(
    place: Place, source: str, server: str, status: int
) -> None:
    """To another name and port."""
    with stages.running(world("aws", source), place, adjust=redirected(server, status)) as stage:
        of_a_write(stage)
        assert_equal([], proofs_in(stage, "nobody"), f"proofs that followed a redirect with status {status}")


# ---- many sources at once


@checks("SEC-11")
@in_worlds("s3")
@in_turns(2)
@pytest.mark.parametrize("world", many("aws"), ids=str)
def test_nothing_leaks_in_any_world(place: Place, world: World) -> None:
    """At no surface."""
    with stages.running(world, place, watched=True) as stage:
        go_through(stage, place)
        found = {name: leaks for name, leaks in all_found(stage).items() if leaks}
        assert_equal({}, found, "secrets found, by surface")
