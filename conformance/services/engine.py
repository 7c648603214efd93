"""
The container engine of this machine: where it listens, whether it answers, and what of ours lives in it.

Every container carries labels: the run that it belongs to, the process that started it, and whether it was left running on
purpose. They are what the watchdog and the sweep before the next start go by, so that a runner that is killed leaves none.

Only an engine on this machine will do: a remote one would publish the ports there, on a loopback that is not ours.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance.services.processes import is_over

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from docker import DockerClient

OURS = "deeplake-conformance"
SERVICE = f"{OURS}.service"
VERSION = f"{OURS}.version"
RUN = f"{OURS}.run"
OWNER = f"{OURS}.owner"
KEPT = f"{OURS}.kept"
"""Names of labels."""

DEFAULT_SOCKET = "/var/run/docker.sock"
CONNECT_S = 5.0
ANSWER_S = 30
INSTALL = 'pip install "deeplake-conformance[containers]"'
LATE_S = 20.0
"""Seconds for which containers of a killed runner are looked for: the engine may still be creating one."""


class EngineMissing(Exception):
    """No engine can be used; the message says why and what to do."""


def address() -> str:
    """Return where the engine listens, such as `unix:///var/run/docker.sock`.

    From `DOCKER_HOST`, else the usual socket, else the current context of the `docker` command.

    Raises:
        EngineMissing: the engine is not on this machine.
    """
    found = os.environ.get("DOCKER_HOST", "").strip()
    if not found and not Path(DEFAULT_SOCKET).exists():
        found = _of_context()
    if found and not found.startswith("unix://"):
        raise EngineMissing(
            f"the container engine is not on this machine ({found.partition('://')[0]}:// in DOCKER_HOST or the docker "
            "context), and services are reached on its loopback only: use an engine with a unix:// socket here, or "
            "--runtime native"
        )
    return found or f"unix://{DEFAULT_SOCKET}"


def connect() -> DockerClient:
    """Return a client of the engine; the caller closes it.

    Raises:
        EngineMissing: there is none, it may not be used, or the Python package for it is absent.
    """
    base_url = address()
    _refuse_silent(base_url.removeprefix("unix://"))
    for package in ("docker", "testcontainers"):
        if importlib.util.find_spec(package) is None:
            raise EngineMissing(f"the Python package {package} is not installed: {INSTALL}")
    import docker

    try:
        client = docker.DockerClient(base_url=base_url, timeout=ANSWER_S)
        client.ping()
    except (docker.errors.DockerException, OSError) as error:
        raise EngineMissing(f"the container engine at {base_url} does not answer: {error}") from None
    return client


def _refuse_silent(path: str) -> None:
    """Raise `EngineMissing` where nothing listens, before anything heavy is imported."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(CONNECT_S)
        try:
            probe.connect(path)
        except PermissionError:
            raise EngineMissing(
                f"this user may not use the container engine at {path}: join its group (`sudo usermod -aG docker $USER`, "
                "then log in again), or set DOCKER_HOST to a rootless engine, or use --runtime native"
            ) from None
        except OSError as error:
            raise EngineMissing(
                f"no container engine answers at {path} ({error.strerror or error}): start it, set DOCKER_HOST, or use "
                "--runtime native"
            ) from None


def _of_context() -> str:
    """Return the address of the current context of the `docker` command, as Docker Desktop sets it."""
    if not (Path.home() / ".docker" / "config.json").is_file():
        return ""
    with suppress(Exception):  # a broken file of another program is not ours to judge
        from docker.context import ContextAPI

        context = ContextAPI.get_current_context()
        return str(context.Host or "") if context is not None else ""
    return ""


def image_id(client: DockerClient, reference: str) -> str | None:
    """Return the id of an image that the engine has, None if it has not; nothing is pulled."""
    import docker

    try:
        return str(client.images.get(reference).id)
    except docker.errors.NotFound:
        return None


def network(client: DockerClient, name: str, labels: Mapping[str, str]) -> None:
    """Make a network that publishes ports and lets nothing out.

    Without masquerading a packet to the outside keeps an address that nobody answers to (docker.io 20.10).
    """
    options = {"com.docker.network.bridge.enable_ip_masquerade": "false"}
    client.networks.create(name, driver="bridge", options=options, labels=dict(labels))


def remove(client: DockerClient, container: str) -> None:
    """Remove a container with its volumes, running or not; one that is gone is none to remove."""
    import docker

    try:
        client.api.remove_container(container, v=True, force=True)
    except docker.errors.NotFound:
        return
    except docker.errors.APIError as error:
        if error.status_code != 409:  # another process removes it at this moment
            raise


def remove_networks(client: DockerClient, label: str, *, of_others: bool = False) -> None:
    """Remove the networks with a label that no container uses any more.

    Args:
        client: the engine.
        label: `name` or `name=value`.
        of_others: only those whose runner has ended, or that a service was left running in.
    """
    import docker

    for each in client.api.networks(filters={"label": label}):
        labels = each["Labels"]
        if of_others and not (KEPT in labels or is_over(labels[OWNER])):
            continue
        with suppress(docker.errors.APIError):  # still used, or gone
            client.api.remove_network(each["Id"])


def containers(client: DockerClient, label: str) -> list[dict[str, Any]]:
    """Return the containers with a label, `name` or `name=value`, in any state: `Id`, `Labels`, `State` and more."""
    return list(client.api.containers(all=True, filters={"label": label}))


def sweep(client: DockerClient, *, but: Collection[str] = ()) -> list[str]:
    """Remove containers whose runner has ended without them; return their services.

    Args:
        client: the engine.
        but: ids of containers that were left running on purpose.
    """
    swept = []
    for each in containers(client, OWNER):
        labels = each["Labels"]
        if each["Id"] not in but and KEPT not in labels and is_over(labels[OWNER]):
            remove(client, each["Id"])
            swept.append(labels.get(SERVICE, "?"))
    remove_networks(client, OWNER, of_others=True)
    return swept


def remove_run(run: str, spared: Collection[str], *, late_s: float = LATE_S) -> None:
    """Remove the containers of a run that was killed, for as long as the engine may still be creating one.

    Args:
        run: the label of the run.
        spared: ids that the run has handed over to be left running.
        late_s: seconds for which to look.
    """
    client = connect()
    ends = time.monotonic() + late_s
    quiet = 0
    while quiet < 4 and time.monotonic() < ends:
        found = [each["Id"] for each in containers(client, f"{RUN}={run}") if each["Id"] not in spared]
        for each in found:
            remove(client, each)
        quiet = 0 if found else quiet + 1
        time.sleep(0.5)
    remove_networks(client, f"{RUN}={run}")
    client.close()


def errors() -> tuple[type[Exception], ...]:
    """Return what the engine's client raises."""
    import docker
    import requests

    return docker.errors.DockerException, requests.RequestException, OSError
