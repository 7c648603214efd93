"""
Addresses, tokens and handles on Azure: what an identity is combined with, how it is sent, and how long one lasts.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from conformance import stages
from conformance.checking import checks, in_worlds, needs
from conformance.expectations import CheckFailure, assert_equal, assert_true
from conformance.identities import new_azure_key
from conformance.outcomes import assert_failed, assert_won, of_a_write, source_of
from conformance.places import Place
from conformance.setting import Setting
from conformance.worlds import Way, world

TOKENS = ("azure_service_principal", "azure_workload_identity", "azure_managed_identity", "azure_cli")

BLOCK = 8 * 1024 * 1024


@checks("AZURE-10")
@in_worlds("az")
def test_never_a_key_and_a_signature_at_once(place: Place) -> None:
    """Three times, since either may win."""
    both = {"azure_dict_account_key", "azure_dict_sas_token"}
    won: set[str | None] = set()
    for _ in range(3):
        with stages.running(world("azure", *both), place) as stage:
            outcome = of_a_write(stage)
            for exchange in stage.requests():
                proofs = [exchange.header("authorization") is not None, "sig=" in exchange.target]
                assert_equal(1, sum(proofs), "proofs of one request")
        if outcome.error is not None or len(outcome.signers) != 1:
            raise CheckFailure("one of account_key and sas_token", str(outcome), "who signed")
        won |= outcome.signers
    assert_true(len(won) == 1 and won <= both, expected=f"always the same of {sorted(both)}", observed=str(won))
    claimed = place.target.claims.defined.get("AZURE-10")
    if claimed is not None:
        assert_equal({claimed}, won, "the choice of the claims")


ENDPOINTS = ("endpoint_url", "BlobEndpoint", "AZURE_STORAGE_ENDPOINT")


def addressed(first: str, wrong: str) -> Any:
    """Return what names the service at one place, and another address at all that come behind it."""

    def adjust(setting: Setting) -> None:
        assert isinstance(setting.creds, dict)
        del setting.creds["endpoint_url"]
        name = "AZURE_STORAGE_CONNECTION_STRING"
        for place in ENDPOINTS[ENDPOINTS.index(first) :]:
            url = setting.endpoint if place == first else wrong
            if place == "endpoint_url":
                setting.creds[place] = url
            elif place == "BlobEndpoint":
                text = setting.variables.get(name, "")
                setting.variables[name] = re.sub("BlobEndpoint=.*", f"BlobEndpoint={url}", text)
            else:
                setting.variables[place] = url
        if "azure_env_connection_string" not in setting.world.sources:
            setting.variables.pop(name, None)

    return adjust


@checks("AZURE-11")
@in_worlds("az")
@pytest.mark.parametrize(
    ("source", "first"),
    [
        ("azure_dict_account_key", "endpoint_url"),
        ("azure_dict_account_key", "AZURE_STORAGE_ENDPOINT"),
        ("azure_env_connection_string", "endpoint_url"),
        ("azure_env_connection_string", "BlobEndpoint"),
        ("azure_env_key", "AZURE_STORAGE_ENDPOINT"),
        ("azure_env_sas_token", "AZURE_STORAGE_ENDPOINT"),
        ("azure_managed_identity", "AZURE_STORAGE_ENDPOINT"),
    ],
)
def test_the_endpoint_combines_with_any_source(place: Place, source: str, first: str) -> None:
    """Nothing listens at the addresses that come later."""
    account = place.service.access_key if place.service else ""
    wrong = f"{place.testbed.closed_url}/{account}"
    with stages.running(world("azure", source), place, adjust=addressed(first, wrong)) as stage:
        assert_won(source, of_a_write(stage))


@checks("AZURE-12")
@in_worlds("az")
@pytest.mark.parametrize("source", TOKENS)
def test_no_token_over_plain_http(place: Place, source: str) -> None:
    """And none is asked for; only whether there is a machine's identity cannot be known without a request."""
    with stages.running(world("azure", source), place, tls=False) as stage:
        assert_failed("InvalidCredentialsError", of_a_write(stage), "a token over plain http")
        assert_equal(set(), stage.asked() - {"azure_managed_identity"}, "asked for a token")


@checks("AZURE-13")
@in_worlds("az")
@needs("concurrent")
def test_handles_with_different_keys_do_not_mix(place: Place) -> None:
    """Two handles write at once; each key of an object tells whose it is."""
    with stages.running(world("azure", "azure_env_key"), place) as stage:
        writers = {"azure_env_key": stage.writer()}
        for label in ("first", "second"):
            identity = stage.setting.know(new_azure_key(label, stage.setting.account))
            creds = {"endpoint_url": stage.setting.endpoint, "account_key": identity.secret}
            writers[label] = stage.target.open_writer(stage.url, place.named(creds))
        with ThreadPoolExecutor(6) as pool:
            done = [
                pool.submit(writer.set, f"of-{label}-{number}", b"v")
                for number in range(8)
                for label, writer in writers.items()
            ]
            for each in done:
                each.result()
        found = [(re.search(r"/of-([a-z_]+)-\d", each.target), each.identity) for each in stage.requests()]
        signed = {(match[1], label) for match, label in found if match}
        assert_equal({(label, label) for label in writers}, signed, "whose object, and who signed")


@checks("AZURE-13")
@in_worlds("az")
@pytest.mark.parametrize("source", ["azure_dict_account_key", "azure_env_sas_token", "azure_service_principal"])
def test_every_operation_signs_alike(place: Place, source: str) -> None:
    """Reads, ranges, listings, writes in blocks, removals."""
    with stages.running(world("azure", source), place) as stage:
        writer, reader = stage.writer(), stage.reader()
        writer.set("d/a", b"one")
        writer.set("d/large", bytes(2 * BLOCK))
        reader.get("d/a")
        reader.get("d/a", 1, 2)
        reader.get("d/large")
        reader.length("d/a")
        reader.metadata("d/a")
        reader.list("d")
        reader.list_dirs("")
        writer.remove("d/a")
        writer.remove_directory("d")
        assert_true(len(stage.requests()) >= 10, expected="at least ten requests", observed=len(stage.requests()))
        assert_equal({source}, {source_of(label) for label in stage.signers()}, "who signed")


@checks("AZURE-14")
@in_worlds("az")
def test_a_silent_metadata_service_is_asked_once(place: Place) -> None:
    """It never answers."""
    silent = world("azure", "azure_managed_identity", ways={"azure_managed_identity": Way("stall")})
    with stages.running(silent, place) as stage:
        assert_failed("CredentialsNotFoundError", of_a_write(stage), "with a silent metadata service")
        asked = len(stage.setting.servers["azure_managed_identity"].received)
        assert_equal(1, asked, "requests to the metadata service")


@checks("AZURE-15")
@in_worlds("az")
@needs("concurrent")
@pytest.mark.parametrize("source", TOKENS)
def test_one_token_serves_many_requests(place: Place, source: str) -> None:
    """Sixteen threads begin at once with a handle that has no token yet."""
    with stages.running(world("azure", source), place) as stage:
        writer = stage.writer()
        with ThreadPoolExecutor(16) as pool:
            for each in [pool.submit(writer.set, f"k{number}", b"v") for number in range(32)]:
                each.result()
        assert_equal({source}, stage.signers(), "who signed, and which token")
