"""Services behind the gate, the gate itself, and a certificate authority; once per test process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance.certificates import RunCA
from conformance.gate import Gate, start_gate
from conformance.services import RunningService
from tests.servers import started


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """Moto, which accepts any signature."""
    yield from started("moto", tmp_path_factory)


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """Azurite, with an account of this run."""
    yield from started("azurite", tmp_path_factory)


@pytest.fixture(scope="session")
def fake_gcs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """fake-gcs-server, which checks no credential."""
    yield from started("fake-gcs-server", tmp_path_factory)


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> RunCA:
    """The certificate authority of these tests."""
    return RunCA(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="session")
def gate() -> Iterator[Gate]:
    """A running gate."""
    with start_gate() as gate:
        yield gate
