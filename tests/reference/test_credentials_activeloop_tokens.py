"""Whose token Deep Lake's control plane is shown, and where it is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from deeplake_ref import client, errors
from deeplake_ref.storage import Reader
from tests.reference.azure_world import World, refusal
from tests.reference.lake_services import URL, Lake, told
from tests.reference.scripted import Reply, scripted

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.usefixtures("no_lake")


# ---- whose token


def test_the_argument_goes_before_the_environment(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTIVELOOP_TOKEN", "another")
    monkeypatch.setenv("ACTIVELOOP_AUTH_PROVIDER", "azure")
    with Reader(URL, token=lake.token) as reader:
        assert reader.list() == []


def test_the_environment_is_read_without_spaces_around_and_before_the_provider(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACTIVELOOP_TOKEN", f" {lake.token}\n")
    monkeypatch.setenv("ACTIVELOOP_AUTH_PROVIDER", "gcp")
    with Reader(URL) as reader:
        assert reader.list() == []


@pytest.mark.parametrize(("token", "provider"), [("", ""), (" \t", " "), ("", "activeloop")])
def test_blank_variables_are_unset_and_nobody_is_an_error(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, token: str, provider: str
) -> None:
    monkeypatch.setenv("ACTIVELOOP_TOKEN", token)
    monkeypatch.setenv("ACTIVELOOP_AUTH_PROVIDER", provider)
    with Reader(URL) as reader, pytest.raises(errors.CredentialsNotFoundError) as raised:
        reader.list()
    assert (raised.value.provider, raised.value.operation, raised.value.effect) == ("al", "list", "none")
    assert lake.plane.asked == []


@pytest.mark.parametrize(
    ("way", "inside"),
    [
        *[("argument", each) for each in ("\r\nx-extra: 1", "\n2", "\x00", " ", "é")],
        *[("environment", each) for each in ("\r\nx-extra: 1", "\n2", " ", "é")],
    ],
)
def test_a_token_that_would_break_the_header_is_refused_before_any_request(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, way: str, inside: str
) -> None:
    token = f"{lake.token}{inside}{lake.token}"
    if way == "environment":
        monkeypatch.setenv("ACTIVELOOP_TOKEN", token)
    with Reader(URL, token=token if way == "argument" else None) as reader:
        with pytest.raises(errors.InvalidCredentialsError) as raised:
            reader.list()
    assert raised.value.source == {"argument": "activeloop_argument", "environment": "activeloop_env"}[way]
    assert lake.token not in str(raised.value)
    assert lake.plane.asked == []


@pytest.mark.parametrize("token", ["", "  ", 7, b"bytes"])
def test_a_token_argument_that_is_none_is_an_error(lake: Lake, monkeypatch: pytest.MonkeyPatch, token: Any) -> None:
    monkeypatch.setenv("ACTIVELOOP_TOKEN", lake.token)
    with Reader(URL, token=token) as reader, pytest.raises(errors.InvalidCredentialsError):
        reader.list()
    assert lake.plane.asked == []


def test_an_unknown_provider_and_one_without_an_identity_are_errors(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACTIVELOOP_AUTH_PROVIDER", "azzure")
    with Reader(URL) as reader, pytest.raises(errors.InvalidCredentialsError):
        reader.list()
    monkeypatch.setenv("ACTIVELOOP_AUTH_PROVIDER", "GCP")
    monkeypatch.setenv("GCE_METADATA_HOST", "127.0.0.1:9")
    monkeypatch.setenv("GCE_METADATA_IP", "127.0.0.1:9")
    with Reader(URL) as reader, pytest.raises(errors.CredentialsUnavailableError) as raised:
        reader.list()
    assert raised.value.source == "activeloop_provider_gcp"
    assert lake.plane.asked == []


def test_the_metadata_server_gives_the_token_of_gcp(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    flavour = {"Metadata-Flavor": "Google", "Content-Type": "application/json"}
    body = f'{{"access_token": "{lake.token}", "expires_in": 3600, "token_type": "Bearer"}}'.encode()
    with scripted(lambda asked: Reply(200, flavour, body if "token" in asked.path else b"{}")) as metadata:
        for name in ("GCE_METADATA_HOST", "GCE_METADATA_IP"):
            monkeypatch.setenv(name, metadata.url.removeprefix("http://"))
        monkeypatch.setenv("ACTIVELOOP_AUTH_PROVIDER", "gcp")
        with Reader(URL) as reader:
            assert reader.list() == []
    assert [each.headers["X-Activeloop-Provider-Type"] for each in lake.asked()] == ["gcp"]


def test_a_service_principal_shows_a_token_for_management(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked_for: list[str] = []

    def answer(form: dict[str, str]) -> Reply:
        asked_for.append(form["scope"])
        return told({"token_type": "Bearer", "expires_in": 3600, "access_token": lake.token})

    monkeypatch.setenv("ACTIVELOOP_AUTH_PROVIDER", " Azure ")
    with World(monkeypatch, tmp_path) as machine:
        machine.entra(answer)
        machine.service_principal()
        with Reader(URL) as reader:
            assert reader.list() == []
    assert len(asked_for) == 1
    assert "https://management.azure.com/.default" in asked_for[0].split()
    assert [each.headers["X-Activeloop-Provider-Type"] for each in lake.asked()] == ["azure"]
    assert all(
        machine_secret not in f"{each.headers}" for each in lake.plane.asked for machine_secret in machine.secrets
    )


def test_an_application_that_entra_refuses_is_the_end(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ACTIVELOOP_AUTH_PROVIDER", "azure")
    with World(monkeypatch, tmp_path) as machine:
        machine.entra(lambda _form: refusal(401, "invalid_client", 7000215))
        machine.service_principal()
        with Reader(URL) as reader, pytest.raises(errors.CredentialsUnavailableError) as raised:
            reader.list()
    assert (raised.value.source, raised.value.provider) == ("activeloop_provider_azure", "al")
    assert lake.plane.asked == []


# ---- where the control plane is


def test_the_endpoint_of_the_process_goes_before_the_environment(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTIVELOOP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(client, "endpoint", f"{lake.plane.url}/")
    with Reader(URL, token=lake.token) as reader:
        assert reader.list() == []


@pytest.mark.parametrize("endpoint", ["127.0.0.1:9", "ftp://127.0.0.1", "http://a.example", "https://u:p@127.0.0.1"])
def test_an_endpoint_that_is_no_base_url_or_in_clear_is_refused(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setenv("ACTIVELOOP_ENDPOINT", endpoint)
    with Reader(URL, token="t") as reader, pytest.raises(errors.InvalidURIError):
        reader.list()
