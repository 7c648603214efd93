"""Where `explain` says that requests go, and who says so."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from deeplake_ref.credentials import aws, azure, google, origins
from deeplake_ref.credentials.azure_texts import AzureCredentials
from deeplake_ref.explanation import explain
from deeplake_ref.secrets import SecretFields
from deeplake_ref.urls import parse
from tests.reference.explained import KEYS, canary, texts

if TYPE_CHECKING:
    from collections.abc import Callable


pytestmark = pytest.mark.usefixtures("no_cloud")


@pytest.mark.parametrize(
    ("creds", "environment", "endpoint", "region"),
    [
        ({}, {}, ("https://s3.amazonaws.com", "the public one"), ("us-east-1", "default")),
        (
            {"endpoint_url": "http://h:1/", "aws_region": "eu-x-1"},
            {"AWS_ENDPOINT_URL_S3": "http://h:2", "AWS_REGION": "eu-x-2"},
            ("http://h:1", "`endpoint_url` of creds"),
            ("eu-x-1", "`aws_region` of creds"),
        ),
        (
            {},
            {"AWS_ENDPOINT_URL_S3": "http://h:2", "AWS_ENDPOINT_URL": "http://h:3", "AWS_REGION": "eu-x-2"},
            ("http://h:2", "AWS_ENDPOINT_URL_S3"),
            ("eu-x-2", "AWS_REGION"),
        ),
        (
            {},
            {"AWS_ENDPOINT_URL": "http://h:3", "AWS_REGION": " ", "AWS_DEFAULT_REGION": "eu-x-3"},
            ("http://h:3", "AWS_ENDPOINT_URL"),
            ("eu-x-3", "AWS_DEFAULT_REGION"),
        ),
    ],
    ids=["nothing", "dictionary", "variables", "second-variables"],
)
def test_addresses_on_s3_have_an_origin(
    creds: dict[str, str],
    environment: dict[str, str],
    endpoint: tuple[str, str],
    region: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where nobody has credentials."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    for keys in ({}, KEYS):
        found = explain("s3://b", {**keys, **creds})
        assert found.endpoint == origins.Origin(*endpoint)
        assert found.region == origins.Origin(*region)


def test_a_profile_says_where_requests_go(no_cloud: Path) -> None:
    """If nobody before it does."""
    (no_cloud / "config").write_text("[default]\nregion = eu-x-9\nendpoint_url = http://127.0.0.1:9\n")
    found = explain("s3://b", KEYS)

    assert found.endpoint == origins.Origin("http://127.0.0.1:9", "profile 'default'")
    assert found.region == origins.Origin("eu-x-9", "profile 'default'")


def test_a_broken_file_does_not_hide_the_rest(no_cloud: Path) -> None:
    """It is told of the sources; the address is the one without the file."""
    (no_cloud / "config").write_text("[default\nno")
    found = explain("s3://b")

    assert found.failure is not None
    assert found.failure.error == "InvalidCredentialsError"
    assert found.endpoint == origins.Origin("https://s3.amazonaws.com", "the public one")


def test_an_endpoint_that_is_none_is_a_failure() -> None:
    """Though there is a winner; it is not repeated, as it may hold a password."""
    password = canary().replace("@", "").replace("/", "")
    found = explain("s3://b", {**KEYS, "endpoint_url": f"http://user:{password}@h"})

    assert (found.winner, found.is_usable) == ("aws_dict", False)
    assert found.failure is not None
    assert found.failure.error == "InvalidURIError"
    assert password not in texts(found)


ACCOUNT_KEY = base64.b64encode(b"an account key of this test").decode()
AT = f"AccountName=acct;AccountKey={ACCOUNT_KEY};BlobEndpoint=http://h:5/acct"


@pytest.mark.parametrize(
    ("creds", "environment", "value", "origin"),
    [
        ({}, {}, "https://acct.blob.core.windows.net", "the account in the path"),
        (
            {"endpoint_url": "http://h:1"},
            {"AZURE_STORAGE_ENDPOINT": "http://h:2"},
            "http://h:1",
            "`endpoint_url` of creds",
        ),
        ({}, {"AZURE_STORAGE_ENDPOINT": "http://h:2/"}, "http://h:2", "AZURE_STORAGE_ENDPOINT"),
        (
            {},
            {"AZURE_STORAGE_CONNECTION_STRING": AT, "AZURE_STORAGE_ENDPOINT": "http://h:2"},
            "http://h:5/acct",
            "BlobEndpoint of AZURE_STORAGE_CONNECTION_STRING",
        ),
    ],
    ids=["nothing", "dictionary", "variable", "connection-string"],
)
def test_the_endpoint_on_azure_has_an_origin(
    creds: dict[str, str], environment: dict[str, str], value: str, origin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection string counts only while it is the winner."""
    for name, text in environment.items():
        monkeypatch.setenv(name, text)
    found = explain("az://acct/c", creds)

    assert (found.endpoint, found.region) == (origins.Origin(value, origin), None)


@pytest.mark.parametrize(
    ("creds", "emulator", "value", "origin"),
    [
        ({}, "", "https://storage.googleapis.com", "the public one"),
        ({"endpoint_url": "http://h:1"}, "h:2", "http://h:1", "`endpoint_url` of creds"),
        ({}, "h:2", "http://h:2", "STORAGE_EMULATOR_HOST"),
        ({}, "http://h:2", "http://h:2", "STORAGE_EMULATOR_HOST"),
    ],
)
def test_the_endpoint_on_gcs_has_an_origin(
    creds: dict[str, Any], emulator: str, value: str, origin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With and without a scheme."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", emulator)
    found = explain("gcs://b", {"anon": True, **creds})

    assert (found.winner, found.endpoint) == ("gcs_anon", origins.Origin(value, origin))


@pytest.mark.parametrize("path", ["s3://b", "az://acct/c", "gcs://b"])
def test_addresses_are_those_of_the_stores(path: str) -> None:
    """Only the words are made here."""
    url, creds = parse(path), SecretFields({"endpoint_url": "http://h:7"})
    stores: dict[str, Callable[[], str | None]] = {
        "s3": lambda: aws.addressing(creds).endpoint_url,
        "az": lambda: azure.endpoint(creds, AzureCredentials(), url.account),
        "gcs": lambda: google.endpoint(creds),
    }

    assert origins.of(url, creds, None).endpoint.value == stores[url.prefix]()
