"""Fixtures: an engine where there is one, and a cache of one's own that shares the installations of the user's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.services import Wanted, engine, images, load
from conformance.services.provisioning import cache_directory, installed
from conformance.services.runtimes import Engine

CONTAINERS = Wanted(runtime="container")


@pytest.fixture
def having() -> Iterator[Engine]:
    """An engine that has our image of moto; skips with the reason where there is none."""
    try:
        client = engine.connect()
    except engine.EngineMissing as error:
        pytest.skip(str(error))
    client.close()
    found = Engine(ask=True)
    if images.find(found.client, load("moto")) is None:
        found.close()
        pytest.skip(str(images.missing(load("moto"), None)))
    yield found
    found.close()


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache directory where nothing is noted; what is installed is the user's."""
    if installed(load("moto")) is None:
        pytest.skip("moto is not installed: deeplake-conformance services install moto")
    services = cache_directory() / "services"
    own = tmp_path / "cache"
    own.mkdir()
    (own / "services").symlink_to(services)
    monkeypatch.setenv("DEEPLAKE_CONFORMANCE_CACHE", str(own))
    return own


def ours(having: Engine, label: str) -> list[dict[str, Any]]:
    """Return the containers with a label."""
    return engine.containers(having.client, label)
