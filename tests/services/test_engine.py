"""
Which engine is used, and what is said where none can be.
"""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from conformance.services import Wanted, engine, images, load
from conformance.services.runtimes import Engine, choose


@pytest.mark.parametrize("given", ["tcp://192.0.2.1:2376", "ssh://somebody@192.0.2.1", "http://127.0.0.1:2375"])
def test_an_engine_elsewhere_is_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    """Nothing is sent to it; the message says what would do."""
    monkeypatch.setenv("DOCKER_HOST", given)

    with pytest.raises(engine.EngineMissing) as raised:
        engine.connect()

    assert str(raised.value) == (
        f"the container engine is not on this machine ({given.partition('://')[0]}:// in DOCKER_HOST or the docker context), "
        "and services are reached on its loopback only: use an engine with a unix:// socket here, or --runtime native"
    )


def test_an_engine_that_is_absent_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The socket, and what to do."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none")

    with pytest.raises(engine.EngineMissing) as raised:
        engine.connect()

    assert str(raised.value) == (
        f"no container engine answers at {tmp_path}/none (No such file or directory): start it, set DOCKER_HOST, or use "
        "--runtime native"
    )


def test_a_socket_where_nobody_listens_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As an engine leaves it that was killed."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/s")

    with pytest.raises(engine.EngineMissing, match="no container engine answers at .*Connection refused"):
        engine.connect()


@pytest.mark.parametrize("runtime", ["auto", "native"])
def test_without_an_engine_a_service_is_a_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, runtime: str
) -> None:
    """`auto` asks for no engine that is not there."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none")
    having = Engine(ask=True)

    assert choose(load("moto"), Wanted(runtime=runtime), having) == "native"


def test_an_image_of_its_own_asks_for_a_container() -> None:
    """`auto` with `--image` is not answered by a process."""
    wanted = Wanted(runtime="auto", images={"moto": "official"})

    assert [wanted.runtime_of("moto"), wanted.runtime_of("azurite")] == ["container", "auto"]


def test_a_missing_image_is_told_with_how_to_get_it() -> None:
    """Ours is built or the official one pulled by hand; a given one is pulled by hand."""
    container = load("moto").container

    assert str(images.missing(load("moto"), None)) == (
        "the engine has no image deeplake-conformance/moto:5.2.5: deeplake-conformance services build moto in a checkout of "
        f"the source, or docker pull {container.image}:{container.tag}"
    )
    assert str(images.missing(load("moto"), "mine:1")) == "the engine has no image mine:1: docker pull mine:1"
