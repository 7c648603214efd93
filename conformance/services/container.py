"""
A service as a container: hardened, limited, on a free port of 127.0.0.1, in a network that lets nothing out.

One subclass of testcontainers' `DockerContainer` serves all descriptions. It has no privileges and no capabilities, an
unprivileged user, a file system that is read-only but for its own directories, and a share of the machine. The root
credential is generated per start and given by the environment. Ryuk, testcontainers' own cleaner, stays off unless
`TESTCONTAINERS_RYUK_DISABLED=false` asks for it: it is an image of a registry, and the watchdog does its work.
"""

from __future__ import annotations

import base64
import os
import threading
import time
from contextlib import suppress
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Self

import docker
import requests
from docker.types import Mount
from testcontainers.core.config import ConnectionMode, testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.waiting_utils import WaitStrategy

from conformance.services import engine, processes
from conformance.services.native import PORT_TRIES, READY_S, StartFailed, free_port, new_credential, status_of
from conformance.services.running import LAST_LINES, RunningService

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from testcontainers.core.waiting_utils import WaitStrategyTarget

    from conformance.services.description import Description
    from conformance.services.images import Image

POLL_S = 0.1
LOOK_S = 0.5
"""Seconds between questions to the engine whether a container still runs: they cost it what the container needs to start."""

ANSWER_S = 2.0
USER = "65534:65534"
CPUS = 2.0
MODULE = """\
import { realpathSync } from "node:fs";
import { createRequire } from "node:module";
const require = createRequire("file:///");
process.argv[1] = realpathSync(process.argv[1]); // an official image may start a link
"""
"""What a file that Node would `--require` needs as a module that it imports."""

_MAKING_NETWORK = threading.Lock()
"""Two networks of one name, made at once, are ambiguous to the engine; one for all services of a run is made once."""

TAKEN = ("port is already allocated", "address already in use")


class ServiceContainer(DockerContainer):
    """The container of one service.

    Args:
        description: the service.
        image: what to start.
        log: where its output goes if it does not start.
        host_port: a free port of 127.0.0.1.
        credential: the root user and its key.
        labels: labels beside the service's own.
        network: the name of its network.
        cpus: processors that the engine has.
    """

    def __init__(
        self,
        description: Description,
        image: Image,
        log: Path,
        *,
        host_port: int,
        credential: tuple[str, str],
        labels: Mapping[str, str],
        network: str,
        cpus: float = CPUS,
    ) -> None:
        about = description.container
        values = {"port": str(about.port), "host_port": str(host_port), "preload": _data_url(about.preload)}
        values |= dict(zip(("access_key", "secret_key"), credential, strict=True))
        in_memory = [*about.tmpfs, *([about.volume] if about.volume and not image.ours else [])]
        on_disk = [about.volume] if about.volume and image.ours else []
        super().__init__(
            image.reference,
            docker_client_kw={"environment": {"DOCKER_HOST": engine.address()}, "timeout": engine.ANSWER_S},
            env={"HOME": "/tmp", "TMPDIR": "/tmp"}  # noqa: S108 - directories of the container
            | {name: text.format_map(values) for name, text in about.env.items()},
            labels={engine.OURS: "service", engine.SERVICE: description.name, engine.VERSION: image.version}
            | dict(labels),
            user=USER,
            read_only=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            mounts=[Mount(target=path, source=None, type="volume") for path in on_disk],
            mem_limit=f"{about.memory_mb}m",
            nano_cpus=int(min(CPUS, cpus) * 1e9),
            pids_limit=about.pids,
            dns=["127.0.0.1"],
            healthcheck={"test": ["NONE"]},  # the image's own would ask all the time for what is asked here once
        )
        self.log = log
        self.image = image.reference  # past testcontainers' prefix for a registry
        self._kwargs["network"] = network  # by name, past testcontainers' own class of networks
        self.with_command([word.format_map(values) for word in image.command])
        for path in in_memory:
            self.with_tmpfs_mount(path, "mode=1777")
        self.ports[f"{about.port}/tcp"] = ("127.0.0.1", host_port)  # type: ignore[assignment] # handed on to docker as it is
        self.waiting_for(
            Answer(f"http://127.0.0.1:{host_port}{description.native.ready_path}", description.native.ready_status)
        )

    def start(self) -> Self:
        """Start it and wait until it answers; one that does not is removed."""
        try:
            return super().start()
        except BaseException:
            self._save_output()
            self.stop()
            raise

    def _save_output(self) -> None:
        if self._container is not None:
            with (
                suppress(docker.errors.DockerException, requests.RequestException, OSError),
                self.log.open("ab") as file,
            ):
                file.write(self._container.logs())

    def stop(self, force: bool = True, delete_volume: bool = True) -> None:
        """Remove it and its network; what is gone already is none to remove."""
        client = self.get_docker_client().client
        if self._container is not None:
            engine.remove(client, self.get_container_id())
        with suppress(docker.errors.APIError):  # the engine still takes it off; whoever sweeps comes again
            client.api.remove_network(self._kwargs["network"])
        client.close()


class Answer(WaitStrategy):
    """Waits for one of the answers that a service gives when it is ready, and notices at once when it has ended."""

    def __init__(self, url: str, statuses: tuple[int, ...]) -> None:
        super().__init__()
        self.url = url
        self.statuses = statuses

    def wait_until_ready(self, container: WaitStrategyTarget) -> None:
        """Wait; raises `StartFailed` with the last lines of the service."""
        begun = looked = time.monotonic()
        while time.monotonic() < begun + READY_S:
            if status_of(self.url, ANSWER_S) in self.statuses:
                return
            if time.monotonic() > looked + LOOK_S:
                looked = time.monotonic()
                _refuse_ended(container)
            time.sleep(POLL_S)
        raise StartFailed(
            f"its container did not answer within {READY_S:.0f} s: {last_lines(container.get_wrapped_container())}"
        )


def _refuse_ended(container: WaitStrategyTarget) -> None:
    container.reload()
    if container.status in ("exited", "dead"):
        state = container.get_wrapped_container().attrs["State"]
        why = "was killed for want of memory" if state.get("OOMKilled") else f"ended with code {state['ExitCode']}"
        raise StartFailed(f"its container {why}: {last_lines(container.get_wrapped_container())}")


class Follower:
    """Writes the output of a container into a file while it runs."""

    def __init__(self, client: docker.DockerClient, container: str, log: Path, *, since: int | None = None) -> None:
        self._stream = client.containers.get(container).logs(stream=True, follow=True, since=since)
        self._thread = threading.Thread(target=self._write, args=(log,), name=f"log-{log.stem}", daemon=True)
        self._thread.start()

    def _write(self, log: Path) -> None:
        with log.open("ab") as file, suppress(docker.errors.APIError, requests.RequestException, OSError, ValueError):
            for piece in self._stream:
                file.write(piece)
                file.flush()

    def close(self) -> None:
        """End; what a container wrote before it was removed is in the file."""
        self._thread.join(timeout=0.2)  # a removed container ends its stream by itself
        if self._thread.is_alive():
            with suppress(OSError, AttributeError, docker.errors.DockerException):
                self._stream.close()
            self._thread.join(timeout=2)


def start(
    client: docker.DockerClient,
    description: Description,
    image: Image,
    log: Path,
    *,
    cpus: float = CPUS,
    run: str,
    kept: str = "",
) -> tuple[RunningService, ServiceContainer]:
    """Start a service and wait until it answers.

    Args:
        client: the engine.
        description: the service.
        image: what to start.
        log: where its output goes if it does not start.
        cpus: processors that the engine has.
        run: the label of the run that it belongs to.
        kept: who may take it again, for one that is left running.

    Raises:
        StartFailed: it did not start, or ended, or does not answer; the message says why, with its last lines.
    """
    _set_up_testcontainers()
    labels = {engine.RUN: run, engine.OWNER: processes.this_process()} | ({engine.KEPT: kept} if kept else {})
    network = f"{engine.OURS}-{run}"
    for attempt in range(PORT_TRIES):
        port = free_port()
        credential = new_credential(description.prefix)
        try:
            with _MAKING_NETWORK:
                if not client.networks.list(names=[network]):
                    engine.network(client, network, labels)
            container = ServiceContainer(
                description, image, log,
                host_port=port, credential=credential, labels=labels, network=network, cpus=cpus,
            ).start()  # fmt: skip
        except (docker.errors.DockerException, requests.RequestException) as error:
            said = str(getattr(error, "explanation", None) or error)
            again = any(text in said for text in (*TAKEN, f"network {network} not found"))
            if attempt == PORT_TRIES - 1 or not again:
                raise StartFailed(f"the engine refused to start {image.reference}: {said}") from None
            continue
        service = RunningService(
            name=description.name,
            prefix=description.prefix,
            url=f"http://127.0.0.1:{port}",
            version=image.version,
            runtime="container",
            access_key=credential[0],
            secret_key=credential[1],
            ready_path=description.native.ready_path,
            container=container.get_container_id(),
        )
        return service, container
    raise AssertionError("the loop returns or raises")


def last_lines(container: Any) -> str:
    """Return the last lines that a container wrote, shortened."""
    with suppress(docker.errors.DockerException, requests.RequestException):
        lines = container.logs(tail=LAST_LINES).decode(errors="replace").splitlines()
        return " / ".join(line.strip()[:200] for line in lines if line.strip()) or "(nothing)"
    return "(no log)"


def _set_up_testcontainers() -> None:
    """Keep testcontainers from pulling its cleaner, and from other addresses than 127.0.0.1 where it runs in a container."""
    if "TESTCONTAINERS_RYUK_DISABLED" not in os.environ:
        testcontainers_config.ryuk_disabled = True
    testcontainers_config.connection_mode_override = ConnectionMode.docker_host


def _data_url(name: str) -> str:
    """Return a file of this package as a module that Node imports, empty for none."""
    if not name:
        return ""
    text = files("conformance.services").joinpath(name).read_text(encoding="utf-8")
    module = MODULE + text
    return f"data:text/javascript;base64,{base64.b64encode(module.encode()).decode()}"
