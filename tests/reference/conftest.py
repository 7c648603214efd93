"""Servers that the stores are tried against, started once per test process."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from conformance.services import RunningService
from deeplake_ref import client
from tests.reference.aws_world import World, world
from tests.reference.azure_world import World as AzureWorld
from tests.reference.google_services import Services, google_services
from tests.reference.lake_services import Lake, lake_services
from tests.servers import started

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LAKE_PREFIXES = ("ACTIVELOOP_", "AZURE_", "GOOGLE_", "GCE_", "IDENTITY_", "MSI_")


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """Azurite, with an account of this run."""
    yield from started("azurite", tmp_path_factory)


@pytest.fixture(scope="session")
def fake_gcs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """fake-gcs-server, which checks no credential."""
    yield from started("fake-gcs-server", tmp_path_factory)


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """Moto, which accepts any signature."""
    yield from started("moto", tmp_path_factory)


@pytest.fixture(scope="session")
def moto_url(moto: RunningService) -> str:
    """The address of moto."""
    return moto.url


@pytest.fixture
def no_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without AWS credentials; returns its home directory."""
    for name in [name for name in os.environ if name.startswith("AWS_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(home / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(home / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return home


@pytest.fixture
def aws_world(no_aws: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A machine whose services answer, and which has no credentials yet."""
    with world(no_aws, monkeypatch) as made:
        yield made


@pytest.fixture
def azure_world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[AzureWorld]:
    """A machine without identities of Azure."""
    with AzureWorld(monkeypatch, tmp_path) as made:
        yield made


@pytest.fixture
def no_google(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without Google credentials and without a metadata server; returns its home directory."""
    prefixes = ("GOOGLE_", "GCE_", "CLOUDSDK_", "STORAGE_", "DEEPLAKE_")
    for name in [name for name in os.environ if name.startswith(prefixes) or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    # even if it were asked, it would not be the real one
    monkeypatch.setenv("GCE_METADATA_HOST", "127.0.0.1:9")
    monkeypatch.setenv("GCE_METADATA_IP", "127.0.0.1:9")
    return home


@pytest.fixture
def google(no_google: Path) -> Iterator[Services]:
    """Identity services of Google, for a machine that has no credentials."""
    with google_services() as services:
        yield services


@pytest.fixture
def no_lake(no_aws: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that nobody gave a token, and whose public control plane is nowhere."""
    for name in [name for name in os.environ if name.startswith(LAKE_PREFIXES)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", str(no_aws))
    monkeypatch.setattr(client, "PUBLIC_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(client, "endpoint", None)


@pytest.fixture
def lake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    """A control plane and a cloud; the environment says where."""
    with lake_services() as made:
        monkeypatch.setenv("ACTIVELOOP_ENDPOINT", made.plane.url)
        yield made


@pytest.fixture
def no_cloud(no_aws: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that knows nobody, on any cloud."""
    for name in [name for name in os.environ if name.startswith(("AZURE_", "GOOGLE_", "STORAGE_EMULATOR", "CLOUDSDK"))]:
        monkeypatch.delenv(name)
    for name in ("NO_GCE_CHECK", "AZURE_TOKEN_CREDENTIALS"):
        monkeypatch.setenv(name, "true" if name == "NO_GCE_CHECK" else "dev")
    # nothing on PATH may know anybody either
    monkeypatch.setenv("PATH", str(no_aws))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(no_aws / "gcloud"))
    return no_aws
