"""Azure's store with tokens: what is sent, what happens when the service rejects it, and where it is never sent."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from deeplake_ref import errors
from deeplake_ref.retry import RetryPolicy
from deeplake_ref.stores.azure import AzureStore
from deeplake_ref.urls import parse
from tests.reference.azure_world import World, form, new_token, of_json
from tests.reference.scripted import Asked, Reply, Scripted

TIME = "Tue, 24 Nov 2026 12:00:00 GMT"
STORED = Reply(201, {"ETag": '"0x2"', "Last-Modified": TIME})
REJECTED = Reply(401, {"x-ms-error-code": "InvalidAuthenticationInfo"})


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    """A machine without identities."""
    with World(monkeypatch, tmp_path) as made:
        yield made


Opening = Callable[..., AzureStore]


@pytest.fixture
def open_store() -> Iterator[Opening]:
    """Open stores that are closed after the test."""
    opened: list[AzureStore] = []

    def opening(service: Scripted, creds: dict[str, Any] | None = None, deadline_s: float = 20) -> AzureStore:
        retry = RetryPolicy(attempts=3, first_pause_s=0.001, deadline_s=deadline_s)
        given = {"endpoint_url": f"{service.url}/acct", **(creds or {})}
        opened.append(AzureStore(parse("az://acct/box/ds"), given, retry))
        return opened[-1]

    yield opening
    for store in opened:
        store.close()


def bearers(service: Scripted) -> list[str | None]:
    """Return the proofs that a service got."""
    return [asked.headers.get("Authorization") for asked in service.asked]


@pytest.mark.parametrize("plant", [World.service_principal, World.workload_identity, World.virtual_machine, World.az])
def test_the_token_is_sent_in_its_header_only(
    world: World, open_store: Opening, plant: Callable[[World], object]
) -> None:
    """One token for all requests of a handle."""
    world.entra()
    plant(world)
    service = world.run(lambda _asked: STORED, secure=True)
    store = open_store(service)
    for key in ("a", "b"):
        store.put(key, b"v")
    token = (bearers(service)[0] or "").removeprefix("Bearer ")

    assert token in world.secrets
    assert bearers(service) == [f"Bearer {token}"] * 2
    assert not [asked for asked in service.asked if token in asked.target]
    assert all(asked.headers["x-ms-version"] >= "2017-11-09" for asked in service.asked)


@pytest.mark.parametrize(
    "rejection",
    [REJECTED, Reply(401), Reply(403, {"x-ms-error-code": "AuthenticationFailed"})],
    ids=["InvalidAuthenticationInfo", "no-code", "AuthenticationFailed"],
)
def test_a_rejected_token_is_replaced_and_tried_once_more(world: World, open_store: Opening, rejection: Reply) -> None:
    """With another token of the same source."""
    machine = world.virtual_machine()
    first = []

    def answer(asked: Asked) -> Reply:
        first.append(asked.headers["Authorization"])
        return rejection if asked.headers["Authorization"] == first[0] else STORED

    service = world.run(answer, secure=True)
    open_store(service).put("k", b"v")

    assert (len(machine.asked), len(set(bearers(service))), len(service.asked)) == (2, 2, 2)


def test_a_second_rejection_is_told(world: World, open_store: Opening) -> None:
    """After two requests, and nobody else is asked."""
    machine, calls = world.virtual_machine(), world.az()
    service = world.run(lambda _asked: REJECTED, secure=True)
    with pytest.raises(errors.AuthenticationError, match="clock") as caught:
        open_store(service).put("k", b"v")

    assert (caught.value.source, caught.value.http_status, caught.value.effect) == (
        "azure_managed_identity",
        401,
        "none",
    )
    assert (len(machine.asked), len(service.asked), calls.exists()) == (2, 2, False)
    assert not [secret for secret in world.secrets if secret in f"{caught.value}{caught.value.__cause__}"]


def test_the_same_token_again_is_not_tried(world: World, open_store: Opening) -> None:
    """As from an `az` that keeps it."""
    calls = world.az()
    service = world.run(lambda _asked: REJECTED, secure=True)
    with pytest.raises(errors.AuthenticationError):
        open_store(service).put("k", b"v")

    assert len(service.asked) == 1
    assert len(calls.read_text(encoding="utf-8").splitlines()) == 2


def test_a_source_that_cannot_renew_is_told(world: World, open_store: Opening) -> None:
    """A later source is not used instead."""
    replies = [of_json({"access_token": new_token(), "expires_in": "3600"}), Reply(500)]
    world.virtual_machine(lambda _asked: replies.pop(0))
    calls = world.az()
    service = world.run(lambda _asked: REJECTED, secure=True)
    with pytest.raises(errors.CredentialsUnavailableError) as caught:
        open_store(service).put("k", b"v")

    assert (caught.value.source, caught.value.http_status) == ("azure_managed_identity", 500)
    assert (len(service.asked), calls.exists()) == (1, False)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (404, "ResourceNotFound"),
        (403, "AuthorizationPermissionMismatch"),
        (404, "BlobNotFound"),
        (404, "ContainerNotFound"),
    ],
)
def test_what_is_no_rejection_is_not_tried_again(world: World, open_store: Opening, status: int, code: str) -> None:
    """Another token would not help."""
    machine = world.virtual_machine()
    service = world.run(lambda _asked: Reply(status, {"x-ms-error-code": code}), secure=True)
    with pytest.raises(errors.StorageError):
        open_store(service).put("k", b"v")

    assert (len(machine.asked), len(service.asked)) == (1, 1)


@pytest.mark.parametrize("creds", [{"account_key": "a2V5"}, {"sas_token": "sv=1&sig=x"}], ids=["key", "sas"])
def test_static_credentials_are_not_tried_again(world: World, open_store: Opening, creds: dict[str, str]) -> None:
    """Nor is somebody else asked."""
    machine = world.virtual_machine()
    service = world.run(lambda _asked: Reply(403, {"x-ms-error-code": "AuthenticationFailed"}), secure=True)
    with pytest.raises(errors.AuthenticationError):
        open_store(service, creds).put("k", b"v")

    assert (len(machine.asked), len(service.asked)) == (0, 1)


def test_the_key_of_a_dictionary_wins_over_its_signature(world: World, open_store: Opening) -> None:
    """Both are never sent."""
    service = world.run(lambda _asked: STORED, secure=True)
    open_store(service, {"account_key": "a2V5", "sas_token": "sv=1&se=2020-01-01&sig=x"}).put("k", b"v")

    assert (bearers(service)[0] or "").startswith("SharedKey acct:")
    assert "sig" not in service.asked[0].query


def test_an_expired_signature_makes_no_request(world: World, open_store: Opening) -> None:
    """And nobody else is asked."""
    machine = world.virtual_machine()
    service = world.run(lambda _asked: STORED, secure=True)
    with pytest.raises(errors.ExpiredTokenError):
        open_store(service, {"sas_token": "sv=1&se=2020-01-01&sig=x"}).put("k", b"v")

    assert (machine.asked, service.asked) == ([], [])


def test_no_token_is_sent_over_http(world: World, open_store: Opening) -> None:
    """No request is made, and no token is asked for."""
    entra = world.entra()
    world.service_principal()
    service = world.run(lambda _asked: STORED)
    with pytest.raises(errors.InvalidCredentialsError, match="`endpoint_url` of creds"):
        open_store(service).put("k", b"v")

    assert (entra.asked, service.asked) == ([], [])


def test_many_threads_renew_a_rejected_token_once(world: World, open_store: Opening) -> None:
    """All of them had the first one, and all succeed with the second."""
    machine = world.virtual_machine()
    threads = 16
    together = threading.Barrier(threads)
    first: list[str] = []

    def answer(asked: Asked) -> Reply:
        proof = asked.headers["Authorization"]
        first.append(proof)
        if proof != first[0]:
            return STORED
        together.wait(20)
        return REJECTED

    service = world.run(answer, secure=True)
    store = open_store(service)
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(store.put, f"k{number}", b"v") for number in range(threads)]:
            done.result(30)

    assert (len(machine.asked), len(set(bearers(service))), len(service.asked)) == (2, 2, 2 * threads)


def test_many_threads_get_the_first_token_once(world: World, open_store: Opening) -> None:
    """However many start together."""
    entra = world.entra()
    world.service_principal()
    store = open_store(world.run(lambda _asked: STORED, secure=True))
    with ThreadPoolExecutor(16) as pool:
        for done in [pool.submit(store.put, f"k{number}", b"v") for number in range(16)]:
            done.result(30)

    assert sum(asked.method == "POST" for asked in entra.asked) == 1


def test_an_identity_service_that_hangs_does_not_outlast_the_operation(world: World, open_store: Opening) -> None:
    """The time of a handle holds for its identity too."""
    from tests.reference.scripted import HANG

    entra = world.run(lambda _asked: HANG, secure=True)
    world.set(AZURE_AUTHORITY_HOST=entra.url)
    world.service_principal()
    with pytest.raises(errors.CredentialsUnavailableError):
        open_store(world.run(lambda _asked: STORED, secure=True), deadline_s=0.9).put("k", b"v")

    assert len(entra.asked) == 1


def test_a_token_signs_no_urls(world: World, open_store: Opening) -> None:
    """The error names who won."""
    world.virtual_machine()
    service = world.run(lambda _asked: STORED, secure=True)
    with pytest.raises(errors.StorageOperationUnsupported, match="azure_managed_identity"):
        open_store(service).sign_url("k", 60)

    assert service.asked == []


def test_later_changes_of_the_environment_do_not_matter(world: World, open_store: Opening) -> None:
    """A renewal is of the same identity, by the same service."""
    entra = world.entra()
    world.service_principal()
    proof = world.secrets[0]
    replies = [REJECTED, STORED]

    def answer(_asked: Asked) -> Reply:
        world.service_principal()
        world.set(AZURE_AUTHORITY_HOST="https://127.0.0.1:1", AZURE_STORAGE_KEY="a2V5")
        return replies.pop(0)

    service = world.run(answer, secure=True)
    open_store(service).put("k", b"v")

    assert [form(asked)["client_secret"] for asked in entra.asked if asked.method == "POST"] == [proof, proof]
    assert len(set(bearers(service))) == 2


def test_a_rotated_token_file_is_read_again(world: World, open_store: Opening) -> None:
    """At each renewal."""
    entra = world.entra()
    path = world.workload_identity()
    rotated = new_token()
    replies = [REJECTED, STORED]

    def answer(_asked: Asked) -> Reply:
        path.write_text(rotated, encoding="utf-8")
        return replies.pop(0)

    open_store(world.run(answer, secure=True)).put("k", b"v")

    assert [rotated in asked.body.decode() for asked in entra.asked] == [False, True]
