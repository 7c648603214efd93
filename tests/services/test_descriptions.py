"""
A container is started as the process is: what differs is where it listens and where it keeps its data.
"""

from __future__ import annotations

import base64

import pytest

from conformance.services import load, names
from conformance.services.images import own_reference

ELSEWHERE = {"azurite": {"--require"}}
"""Flags of one of the two: what Node runs first comes to a container by its environment."""

OF_THIS_MACHINE = {"PYTHONPATH"}
"""Variables that name where the source is."""

IN_CONTAINERS = [name for name in names() if load(name).container.command]
"""The services that a container is described for."""


def test_the_servers_that_store_something_have_containers() -> None:
    """So that none of them loses its command unseen."""
    assert {"moto", "azurite", "fake-gcs-server", "minio", "versitygw"} <= set(IN_CONTAINERS)


@pytest.mark.parametrize("name", IN_CONTAINERS)
def test_a_container_has_the_flags_of_the_process(name: str) -> None:
    """No flag that changes what the service does is in one command alone."""
    description = load(name)
    native = {word for word in description.native.command if word.startswith("-") and word != "-m"}
    inside = {word for word in description.container.command if word.startswith("-")}

    assert native ^ inside == ELSEWHERE.get(name, set())


@pytest.mark.parametrize("name", IN_CONTAINERS)
def test_a_container_has_the_environment_of_the_process(name: str) -> None:
    """The same variables with the same values, but for what names a file of this machine."""
    description = load(name)
    native = {name: value for name, value in description.native.env.items() if name not in OF_THIS_MACHINE}

    assert native.items() <= description.container.env.items()


@pytest.mark.parametrize("name", [each for each in names() if load(each).container.official_command])
def test_the_official_image_is_given_the_same_flags(name: str) -> None:
    """Its entry point differs, what follows does not."""
    container = load(name).container

    assert container.official_command[-len(container.command) :] == container.command


@pytest.mark.parametrize("name", names())
def test_our_image_is_named_by_service_and_version(name: str) -> None:
    """A registry is no part of the name."""
    assert own_reference(load(name)) == f"deeplake-conformance/{name}:{load(name).version}"


def test_what_node_runs_first_is_handed_over_as_a_module() -> None:
    """The container needs no file of this machine for it."""
    pytest.importorskip("testcontainers")
    from conformance.services.container import _data_url

    kind, _, text = _data_url("azurite_unswept.cjs").partition(";base64,")

    assert kind == "data:text/javascript"
    assert b"DEFAULT_GC_INTERVAL_MS" in base64.b64decode(text)
