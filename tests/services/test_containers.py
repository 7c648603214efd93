"""
Services in containers: hardened, on loopback only, gone at the end, whatever the end is.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from conformance.services import (
    RunningService,
    Wanted,
    container,
    engine,
    images,
    kept,
    load,
    names,
    native,
    start_services,
)
from conformance.services.native import StartFailed
from conformance.services.runtimes import Engine
from tests.servers import Quiet
from tests.services.conftest import CONTAINERS, ours

GONE_S = 30.0
WAIT_S = 120.0


def until(condition: Callable[[], object], within_s: float) -> bool:
    """Whether a condition comes true in time."""
    ends = time.monotonic() + within_s
    while time.monotonic() < ends:
        if condition():
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("name", names())
def test_a_container_is_hardened_and_on_loopback_only(having: Engine, tmp_path: Path, name: str) -> None:
    """No privilege, no capability, no root, nothing to write but its own directories, no address but 127.0.0.1."""
    if images.find(having.client, load(name)) is None:
        pytest.skip(str(images.missing(load(name), None)))
    with start_services([name], wanted=CONTAINERS, directory=tmp_path, progress=Quiet()) as services:
        service = services[name]
        assert isinstance(service, RunningService), service
        about = having.client.api.inspect_container(service.container)
        (network,) = about["NetworkSettings"]["Networks"]
        options = having.client.api.inspect_network(network)["Options"]
    host = about["HostConfig"]

    assert (host["Privileged"], host["ReadonlyRootfs"], host["CapDrop"], host["CapAdd"]) == (False, True, ["ALL"], None)
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert about["Config"]["User"] == "65534:65534"
    assert (host["NetworkMode"], host["PidMode"], host["Binds"]) == (network, "", None)
    assert all(limit > 0 for limit in (host["Memory"], host["NanoCpus"], host["PidsLimit"]))
    assert [each["HostIp"] for ports in host["PortBindings"].values() for each in ports] == ["127.0.0.1"]
    published = [each["HostIp"] for ports in about["NetworkSettings"]["Ports"].values() for each in ports or ()]
    assert published == ["127.0.0.1"]
    assert options["com.docker.network.bridge.enable_ip_masquerade"] == "false"
    assert not [word for word in [*about["Args"], *about["Config"]["Cmd"]] if service.secret_key in word]


def test_a_service_ends_with_its_run_and_its_output_is_kept(having: Engine, tmp_path: Path) -> None:
    """Container and network are gone, the log is in the directory of the record."""
    with start_services(["moto"], wanted=CONTAINERS, directory=tmp_path, progress=Quiet()) as services:
        service = services["moto"]
        assert isinstance(service, RunningService), service
        (inside,) = [each for each in ours(having, engine.OWNER) if each["Id"] == service.container]
        run = f"{engine.RUN}={inside['Labels'][engine.RUN]}"

    assert ours(having, run) == []
    assert having.client.api.networks(filters={"label": run}) == []
    assert "GET /moto-api/" in (tmp_path / "moto.log").read_text()


def test_a_container_that_ends_at_once_is_told_with_its_last_lines(having: Engine, tmp_path: Path) -> None:
    """Without waiting for an answer that cannot come; nothing is left of it."""
    description = load("moto")
    image = images.find(having.client, description)
    assert image is not None
    wrong = replace(image, command=("--no-such-flag",))

    with pytest.raises(StartFailed, match=r"its container ended with code 2: .*--no-such-flag"):
        container.start(having.client, description, wrong, tmp_path / "moto.log", run="ends-at-once")

    assert ours(having, f"{engine.RUN}=ends-at-once") == []
    assert "--no-such-flag" in (tmp_path / "moto.log").read_text()


def test_a_port_that_is_taken_meanwhile_is_no_failure(
    having: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one is chosen."""
    free = native.free_port()
    with start_services(["moto"], wanted=CONTAINERS, directory=tmp_path, progress=Quiet()) as services:
        first = services["moto"]
        assert isinstance(first, RunningService), first
        ports = iter([int(first.url.rpartition(":")[2]), free])
        monkeypatch.setattr(container, "free_port", lambda: next(ports))
        with start_services(["moto"], wanted=CONTAINERS, directory=tmp_path, progress=Quiet()) as more:
            second = more["moto"]
            assert isinstance(second, RunningService), second

            assert second.url == f"http://127.0.0.1:{free}"


def test_an_image_that_is_not_there_is_told(having: Engine, tmp_path: Path) -> None:
    """Nothing is pulled."""
    wanted = Wanted(runtime="container", images={"moto": "deeplake-conformance/none:0"})
    with start_services(["moto"], wanted=wanted, directory=tmp_path, progress=Quiet()) as services:
        lost = services["moto"]

    assert not isinstance(lost, RunningService)
    assert lost.reason == "the engine has no image deeplake-conformance/none:0"
    assert lost.hint == "docker pull deeplake-conformance/none:0"


def test_a_container_that_was_left_running_is_taken_again(having: Engine, own_cache: Path, tmp_path: Path) -> None:
    """The second run finds it, and `stop` leaves nothing of it."""
    wanted = Wanted(runtime="container", reuse=True)
    found = []
    for run in ("first", "second"):
        with start_services(["moto"], wanted=wanted, directory=tmp_path / run, progress=Quiet()) as services:
            service = services["moto"]
            assert isinstance(service, RunningService), service
            found.append(service)
    (note,) = kept.notes()
    labels = having.client.api.inspect_container(note.service.container)["Config"]["Labels"]
    engine.sweep(having.client)
    alive = kept.is_alive(note, having)
    kept.stop(note, having)

    assert found[0].container == found[1].container
    assert alive, "a sweep spares it"
    assert ours(having, f"{engine.RUN}={labels[engine.RUN]}") == []
    assert having.client.api.networks(filters={"label": f"{engine.RUN}={labels[engine.RUN]}"}) == []


STARTS = """
import sys
from pathlib import Path
from conformance.services import Wanted, start_services
from tests.servers import Quiet

with start_services(["moto"], wanted=Wanted(runtime="container"), directory=Path(sys.argv[1]), progress=Quiet()) as services:
    print(services["moto"].container, flush=True)
    input()
"""


def started_elsewhere(directory: Path) -> tuple[subprocess.Popen[str], str]:
    """Return a runner that is another process, and the container that it started."""
    runner = subprocess.Popen(
        [sys.executable, "-c", STARTS, str(directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert runner.stdout is not None
    return runner, runner.stdout.readline().strip()


def gone(client: docker.DockerClient, identity: str) -> bool:
    """Whether the engine has no such container."""
    try:
        client.api.inspect_container(identity)
    except docker.errors.NotFound:
        return True
    return False


def test_a_killed_runner_leaves_no_container(having: Engine, tmp_path: Path) -> None:
    """`kill -9`: the watchdog removes by label what the runner started."""
    runner, identity = started_elsewhere(tmp_path)
    run = having.client.api.inspect_container(identity)["Config"]["Labels"][engine.RUN]
    os.kill(runner.pid, signal.SIGKILL)
    runner.communicate(timeout=WAIT_S)

    assert until(lambda: gone(having.client, identity), GONE_S)
    assert until(lambda: not having.client.api.networks(filters={"label": f"{engine.RUN}={run}"}), GONE_S)


def test_the_next_start_sweeps_what_runner_and_watchdog_left(having: Engine, tmp_path: Path) -> None:
    """Both were killed."""
    runner, identity = started_elsewhere(tmp_path)
    children = Path(f"/proc/{runner.pid}/task/{runner.pid}/children").read_text().split()
    for pid in [*map(int, children), runner.pid]:
        os.kill(pid, signal.SIGKILL)
    runner.communicate(timeout=WAIT_S)
    left = not gone(having.client, identity)

    with start_services(["moto"], wanted=CONTAINERS, directory=tmp_path, progress=Quiet()):
        pass

    assert left
    assert gone(having.client, identity)
