"""Services behind the gate, the gate itself, and a certificate authority; once per test process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance.certificates import RunCA
from conformance.gate import Gate, start_gate
from conformance.services import RunningService, start_services


class _Quiet:
    """Nobody watches the progress of a test session."""

    def step(self, name: str, text: str) -> None:
        """Say nothing."""

    def done(self, name: str, seconds: float) -> None:
        """Say nothing."""

    def failed(self, name: str, reason: str) -> None:
        """Say nothing: the reason comes back from the start."""


def _started(name: str, factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    with start_services([name], directory=factory.mktemp(name), progress=_Quiet()) as services:
        service = services[name]
        if not isinstance(service, RunningService):
            pytest.skip(f"{name} is not to be had: {service.reason}; {service.hint}")
        yield service


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """Moto, which accepts any signature."""
    yield from _started("moto", tmp_path_factory)


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """Azurite, with an account of this run."""
    yield from _started("azurite", tmp_path_factory)


@pytest.fixture(scope="session")
def fake_gcs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """fake-gcs-server, which checks no credential."""
    yield from _started("fake-gcs-server", tmp_path_factory)


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> RunCA:
    """The certificate authority of these tests."""
    return RunCA(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="session")
def gate() -> Iterator[Gate]:
    """A running gate."""
    with start_gate() as gate:
        yield gate
