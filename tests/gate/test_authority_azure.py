"""
azure-storage-blob through a gate that decides, in front of Azurite, which knows none of the identities.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError

from conformance.certificates import RunCA
from conformance.gate import Authority, Gate, Tap
from conformance.identities import Identity
from conformance.services import RunningService

ODD_KEYS = ["a b", "a+b", "a%2Fb", "a//b", "é/ü", "a&b=c?d#e", "~'()*!$,;:@", "日本", "%", "a=b"]


def account_key() -> str:
    return base64.b64encode(secrets.token_bytes(64)).decode()


def token(**claims: Any) -> str:
    def part(values: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")

    return f"{part({'alg': 'RS256'})}.{part({'tid': 'tenant-of-the-run', **claims})}.{secrets.token_urlsafe(40)}"


class TokenCredential:
    """A credential that hands out one token, and remembers for which tenant it was asked."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.tenants: list[str | None] = []

    def get_token(self, *_scopes: str, tenant_id: str | None = None, **_rest: Any) -> Any:
        from azure.core.credentials import AccessToken

        self.tenants.append(tenant_id)
        return AccessToken(self._text, int(time.time()) + 3600)


@pytest.fixture(scope="module")
def people(azurite: RunningService) -> dict[str, Identity]:
    account = azurite.access_key
    key = account_key()
    known = [
        Identity("azure_env_key", "azure_key", account, account_key()),
        Identity("azure_dict_account_key", "azure_key", account, account_key()),
        Identity("azure_env_sas_token", "azure_sas", account, key, sas=sas(account, key)),
        Identity("azure_cli", "azure_bearer", "somebody", token()),
        Identity("azure_managed_identity", "azure_bearer", "machine", token(), expires_at=time.time() - 1),
    ]
    return {each.label: each for each in known}


def sas(account: str, key: str, *, permission: str = "rwdlacx", lasts: timedelta = timedelta(hours=1)) -> str:
    from azure.storage.blob import AccountSasPermissions, ResourceTypes, generate_account_sas

    text: str = generate_account_sas(
        account,
        key,
        ResourceTypes(service=True, container=True, object=True),
        AccountSasPermissions.from_string(permission),
        datetime.now(UTC) + lasts,
    )
    return text


@pytest.fixture(scope="module")
def container(azurite: RunningService) -> str:
    name = f"c{secrets.token_hex(4)}"
    client_of(f"{azurite.url}/{azurite.access_key}", name, azurite.secret_key).create_container()
    return name


Opened = Callable[..., Tap]


@pytest.fixture
def opened(gate: Gate, azurite: RunningService, people: dict[str, Identity], ca: RunCA) -> Iterator[Opened]:
    taps: list[Tap] = []

    def open_tap(*, tls: bool = False, **rules: Any) -> Tap:
        rules = {"account": azurite.access_key, "root_key": azurite.secret_key, **rules}
        tap = gate.open(azurite.url, authority=Authority("az", **rules), tls=ca.issue() if tls else None)
        tap.know(*people.values())
        taps.append(tap)
        return tap

    yield open_tap
    for tap in taps:
        tap.close()


def client_of(account_url: str, container: str, credential: Any, **options: Any) -> Any:
    from azure.storage.blob import ContainerClient

    return ContainerClient(account_url, container, credential=credential, retry_total=0, **options)


def url_of(tap: Tap, azurite: RunningService) -> str:
    return f"{tap.url}/{azurite.access_key}"


def refusal(call: Callable[[], object]) -> tuple[str | None, int | None]:
    with pytest.raises(HttpResponseError) as caught:
        call()
    return caught.value.error_code, caught.value.status_code


@pytest.mark.parametrize("label", ["azure_env_key", "azure_dict_account_key"])
@pytest.mark.parametrize("key", ODD_KEYS)
def test_an_account_key_is_let_in_and_named(
    opened: Opened, azurite: RunningService, people: dict[str, Identity], container: str, label: str, key: str
) -> None:
    """Two keys of one account are told apart; Azurite sees its own."""
    tap = opened()
    client = client_of(url_of(tap, azurite), container, people[label].secret)
    client.upload_blob(key, b"v", overwrite=True, metadata={"a_b": "1", "ab": "2", "a1": "3"})

    assert client.download_blob(key).readall() == b"v"
    assert [each.name for each in client.list_blobs(name_starts_with=key)] == [key]
    assert tap.signers() == [label] * 3
    assert {exchange.refused for exchange in tap.requests()} == {None}


def test_large_blobs_and_blocks_are_let_in(
    opened: Opened, azurite: RunningService, people: dict[str, Identity], container: str
) -> None:
    """Every verb that the SDK's transfers use."""
    tap = opened()
    client = client_of(
        url_of(tap, azurite),
        container,
        people["azure_env_key"].secret,
        max_single_put_size=1024 * 1024,
        max_block_size=1024 * 1024,
        max_single_get_size=1024 * 1024,
    )
    data = secrets.token_bytes(3 * 1024 * 1024 + 1)
    client.upload_blob("large", data, overwrite=True, max_concurrency=2)

    assert client.download_blob("large", max_concurrency=2).readall() == data
    client.delete_blob("large")
    assert set(tap.signers()) == {"azure_env_key"}


def test_a_shared_access_signature_is_let_in_and_named(
    opened: Opened, azurite: RunningService, people: dict[str, Identity], container: str
) -> None:
    """The one that a source holds; with and without a question mark; what names it is masked."""
    tap = opened()
    for prefix in ("", "?"):
        client = client_of(url_of(tap, azurite), container, prefix + (people["azure_env_sas_token"].sas or ""))
        client.upload_blob("by-sas/a b+c", b"v", overwrite=True)
        assert client.download_blob("by-sas/a b+c").readall() == b"v"
        assert [each.name for each in client.list_blobs(name_starts_with="by-sas")] == ["by-sas/a b+c"]

    assert tap.signers() == ["azure_env_sas_token"] * 6
    assert all("sig=***" in exchange.target for exchange in tap.requests())


@pytest.mark.parametrize("of_container", [True, False], ids=["container", "blob"])
def test_a_new_service_sas_names_whose_key_made_it(
    opened: Opened, azurite: RunningService, people: dict[str, Identity], container: str, of_container: bool
) -> None:
    """As a signed URL of the reference."""
    from azure.storage.blob import (
        BlobSasPermissions,
        ContainerSasPermissions,
        generate_blob_sas,
        generate_container_sas,
    )

    tap, account, key = opened(), azurite.access_key, people["azure_env_key"].secret
    client_of(url_of(tap, azurite), container, key).upload_blob("a b", b"v", overwrite=True)
    end = datetime.now(UTC) + timedelta(minutes=5)
    if of_container:
        made = generate_container_sas(
            account, container, key, permission=ContainerSasPermissions(read=True), expiry=end
        )
    else:
        made = generate_blob_sas(
            account, container, "a b", account_key=key, permission=BlobSasPermissions(read=True), expiry=end
        )
    client = client_of(url_of(tap, azurite), container, made)

    assert client.download_blob("a b").readall() == b"v"
    assert refusal(lambda: client.upload_blob("a b", b"w", overwrite=True)) == ("AuthorizationPermissionMismatch", 403)
    other = ("BlobNotFound", 404) if of_container else ("AuthenticationFailed", 403)
    assert refusal(lambda: client.download_blob("other").readall()) == other
    label, *_ = tap.signers()
    assert label == "azure_env_key"


def test_a_bearer_token_is_let_in_over_tls(
    opened: Opened, azurite: RunningService, people: dict[str, Identity], container: str, ca: RunCA
) -> None:
    """Azurite, which speaks http here, sees its own key."""
    tap = opened(tls=True)
    credential = TokenCredential(people["azure_cli"].secret)
    client = client_of(url_of(tap, azurite), container, credential, connection_verify=str(ca.ca_pem))
    client.upload_blob("by-token", b"v", overwrite=True)

    assert client.download_blob("by-token").readall() == b"v"
    assert tap.signers() == ["azure_cli"] * 2


@pytest.mark.parametrize("secret", ["azure_managed_identity", "unknown"])
def test_a_bearer_token_that_is_none_is_challenged(
    opened: Opened, azurite: RunningService, people: dict[str, Identity], container: str, ca: RunCA, secret: str
) -> None:
    """Expired or unknown: 401, and the SDK asks once more, for the tenant of the challenge."""
    tap = opened(tls=True)
    known = people.get(secret)
    credential = TokenCredential(known.secret if known else token())
    client = client_of(url_of(tap, azurite), container, credential, connection_verify=str(ca.ca_pem))

    assert refusal(lambda: client.upload_blob("k", b"v")) == ("InvalidAuthenticationInfo", 401)
    assert credential.tenants == [None, "tenant-of-the-run"]
    assert tap.signers() == [secret if known else None] * 2
    assert {exchange.refused for exchange in tap.requests()} == {"InvalidAuthenticationInfo"}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("wrong-key", ("AuthenticationFailed", 403)),
        ("anonymous", ("NoAuthenticationInformation", 401)),
        ("expired-sas", ("AuthenticationFailed", 403)),
        ("unknown-sas", ("AuthenticationFailed", 403)),
        ("reading-sas", ("AuthorizationPermissionMismatch", 403)),
    ],
)
def test_a_refusal_reaches_the_sdk(
    opened: Opened,
    azurite: RunningService,
    people: dict[str, Identity],
    container: str,
    kind: str,
    expected: tuple[str, int],
) -> None:
    """Under Azure's code, also where the answer has no body; nothing is stored."""
    tap, account = opened(), azurite.access_key
    key = people["azure_env_sas_token"].secret
    given = {
        "wrong-key": account_key(),
        "anonymous": None,
        "expired-sas": sas(account, key, lasts=timedelta(seconds=-5)),
        "unknown-sas": sas(account, account_key()),
        "reading-sas": sas(account, key, permission="r"),
    }[kind]
    if kind.endswith("-sas") and kind != "unknown-sas":
        tap.know(replace(people["azure_env_sas_token"], label=kind, sas=given))
    client = client_of(url_of(tap, azurite), container, given)
    name = secrets.token_hex(8)

    assert refusal(lambda: client.upload_blob(name, b"x" * 2_000_000)) == expected
    if kind != "reading-sas":
        assert refusal(lambda: client.get_blob_client(name).get_blob_properties()) == expected
    assert {exchange.refused for exchange in tap.requests()} == {expected[0]}
    with pytest.raises(ResourceNotFoundError):
        client_of(url_of(tap, azurite), container, people["azure_env_key"].secret).download_blob(name)


def test_the_account_key_of_the_emulator_is_nobody(opened: Opened, azurite: RunningService, container: str) -> None:
    """It is the gate's, no source has it."""
    client = client_of(url_of(opened(), azurite), container, azurite.secret_key)

    assert refusal(lambda: client.upload_blob("k", b"v")) == ("AuthenticationFailed", 403)


@pytest.mark.parametrize("clock_s", [-1000.0, 1000.0])
def test_a_clock_that_is_off_is_refused(
    opened: Opened, azurite: RunningService, people: dict[str, Identity], container: str, clock_s: float
) -> None:
    """The gate's clock is moved, never the client's."""
    client = client_of(url_of(opened(clock_s=clock_s), azurite), container, people["azure_env_key"].secret)

    with pytest.raises(ClientAuthenticationError, match="Request date header too old or in the future") as caught:
        client.upload_blob("k", b"v")
    assert (caught.value.error_code, caught.value.status_code) == ("AuthenticationFailed", 403)


def test_anonymous_is_let_in_where_it_is_allowed(opened: Opened, azurite: RunningService, container: str) -> None:
    """And named nobody."""
    tap = opened(anonymous="allow")
    list(client_of(url_of(tap, azurite), container, None).list_blobs())

    assert tap.signers() == [None]


def test_a_key_that_is_forgotten_is_refused(
    opened: Opened, azurite: RunningService, people: dict[str, Identity], container: str
) -> None:
    """And the other one of the account stays."""
    tap = opened()
    tap.forget("azure_env_key")
    forgotten, stays = (people[label].secret for label in ("azure_env_key", "azure_dict_account_key"))

    assert refusal(lambda: client_of(url_of(tap, azurite), container, forgotten).upload_blob("k", b"v"))[1] == 403
    client_of(url_of(tap, azurite), container, stays).upload_blob("stays", b"v", overwrite=True)
