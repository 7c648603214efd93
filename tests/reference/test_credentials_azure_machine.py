"""Machines with a managed identity, without one, and with one that fails."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from deeplake_ref import errors
from tests.reference.azure_identities import told_of
from tests.reference.azure_world import World, of_json
from tests.reference.scripted import HANG, RESET, Asked, Reply, Scripted

ABSENT = {
    "reset": RESET,
    "hang": HANG,
    "identity-not-found": of_json({"error": "invalid_request", "error_description": "Identity not found"}, 400),
    "another-cloud": Reply(404, {"Content-Type": "text/html"}, b"<html>404"),
    "another-cloud-denies": Reply(401),
    "proxy": Reply(403, {"Content-Type": "text/plain"}, b"connecting to 169.254.169.254:80: unreachable"),
}


@pytest.mark.parametrize("answer", ABSENT.values(), ids=ABSENT.keys())
def test_a_machine_without_identity_is_not_mine(azure_world: World, answer: Reply) -> None:
    """It is asked once, and `az` next."""
    machine = azure_world.virtual_machine(lambda _asked: answer)
    azure_world.az()
    walked = azure_world.chain(patience_s=0.5 if answer is HANG else 10)

    assert walked.resolve().source == "azure_cli"
    assert len(machine.asked) == 1


FAILING = {
    "500": Reply(500, {}, b"sEcReT"),
    "429": of_json({"error": "sEcReT"}, 429),
    "forbidden": of_json({"error": "sEcReT"}, 403),
    "page": Reply(200, {"Content-Type": "text/html"}, b"<html>sEcReT"),
    "empty": Reply(200),
    "no-token": of_json({"access_token": " ", "expires_on": "9999999999"}),
    "no-end": of_json({"access_token": "sEcReT"}),
    "odd-end": of_json({"access_token": "sEcReT", "expires_on": "tomorrow sEcReT"}),
    "list": of_json(["sEcReT"]),
}


@pytest.mark.parametrize("answer", FAILING.values(), ids=FAILING.keys())
@pytest.mark.parametrize("place", [World.virtual_machine, World.app_service], ids=["machine", "app-service"])
def test_a_managed_identity_that_fails_stops(
    azure_world: World,
    caplog: pytest.LogCaptureFixture,
    place: Callable[[World, Callable[[Asked], Reply]], Scripted],
    answer: Reply,
) -> None:
    """In one request."""
    caplog.set_level(logging.DEBUG)
    service, calls = place(azure_world, lambda _asked: answer), azure_world.az()
    with pytest.raises(errors.CredentialsUnavailableError) as caught:
        azure_world.chain().resolve()

    assert (caught.value.source, len(service.asked), calls.exists()) == ("azure_managed_identity", 1, False)
    assert not [secret for secret in ("sEcReT", *azure_world.secrets) if secret in told_of(caught.value, caplog)]


@pytest.mark.parametrize("answer", ABSENT.values(), ids=ABSENT.keys())
def test_an_app_service_that_is_configured_and_fails_stops(azure_world: World, answer: Reply) -> None:
    """Whatever would say that a virtual machine is not there."""
    azure_world.app_service(lambda _asked: answer)
    azure_world.az()
    with pytest.raises(errors.CredentialsUnavailableError, match="IDENTITY_ENDPOINT"):
        azure_world.chain(patience_s=0.5 if answer is HANG else 10).resolve()


@pytest.mark.parametrize("place", ["azure_managed_identity", "azure_cli"])
def test_a_token_that_has_expired_is_not_used(azure_world: World, place: str) -> None:
    """Though the source hands it out."""
    if place == "azure_cli":
        azure_world.az(life_s=-5)
    else:
        azure_world.virtual_machine(azure_world.machine_answer(-5))
    with pytest.raises(errors.ExpiredTokenError) as caught:
        azure_world.chain().resolve()

    assert caught.value.source == place
    assert not [secret for secret in azure_world.secrets if secret in str(caught.value)]
