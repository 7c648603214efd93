"""
How a service is had: at somebody else's URL, in a container, or as a process of this machine.

`auto` takes the URL if there is one, else a container if an engine answers and has an image, else a process. A container
that does not start is told and not replaced by a process: who has an engine wants to know.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from conformance.services import engine, images, native
from conformance.services.engine import EngineMissing
from conformance.services.images import BuildFailed, ImageMissing
from conformance.services.native import StartFailed
from conformance.services.provisioning import InstallationFailed
from conformance.services.running import Unreachable
from conformance.services.toolchains import ToolMissing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from docker import DockerClient

    from conformance.services.description import Description
    from conformance.services.images import Image
    from conformance.services.provisioning import Progress
    from conformance.services.running import RunningService
    from conformance.services.watched import Watched

RUNTIMES = ("auto", "container", "native")

NOT_TO_BE_HAD = (EngineMissing, ImageMissing, BuildFailed, StartFailed, InstallationFailed, ToolMissing, OSError)
"""What a start raises for a service that is not to be had."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How services are to be had.

    Attributes:
        runtime: `auto`, `container` or `native`.
        urls: where a service already runs, by name.
        images: images other than ours, by name; `official` for the one that the description names.
        reuse: whether those are taken that were left running, and these are left running too.
        processes: services that are processes of this machine whatever the runtime.
    """

    runtime: str = "native"
    urls: Mapping[str, str] = field(default_factory=dict)
    images: Mapping[str, str] = field(default_factory=dict)
    reuse: bool = False
    processes: frozenset[str] = frozenset()

    def runtime_of(self, name: str) -> str:
        """Return the runtime of one service; an image of its own asks for a container."""
        if name in self.processes:
            return "native"
        return "container" if self.runtime == "auto" and name in self.images else self.runtime


class Engine:
    """The container engine as one start sees it: asked once, and only if somebody may want it."""

    def __init__(self, *, ask: bool) -> None:
        self._client: DockerClient | None = None
        self._missing: EngineMissing | None = None
        if ask:
            try:
                self._client = engine.connect()
            except EngineMissing as error:
                self._missing = error

    @property
    def answers(self) -> bool:
        """Whether there is one to use."""
        return self._client is not None

    @property
    def client(self) -> DockerClient:
        """Its client; raises `EngineMissing` with what to do."""
        if self._client is None:
            raise self._missing or EngineMissing("no container engine was asked for")
        return self._client

    @cached_property
    def cpus(self) -> float:
        """The processors that it has; more than these cannot be given to a container."""
        return float(self.client.info().get("NCPU") or 1)

    def image(self, description: Description, wanted: Wanted) -> Image | None:
        """Return the image that a service would start from, None without one."""
        return images.find(self.client, description, wanted.images.get(description.name)) if self.answers else None

    def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            self._client.close()


def choose(description: Description, wanted: Wanted, having: Engine) -> str:
    """Return `container` or `native` for a service without a URL."""
    runtime = wanted.runtime_of(description.name)
    if runtime != "auto":
        return runtime
    return "container" if having.image(description, wanted) is not None else "native"


def start(
    description: Description,
    wanted: Wanted,
    having: Engine,
    directory: Path,
    watched: Watched,
    progress: Progress,
    *,
    kept: str = "",
) -> RunningService:
    """Start a service in its runtime.

    Args:
        description: the service.
        wanted: what was asked for.
        having: the engine.
        directory: where its log goes.
        watched: who stops it.
        progress: where steps are told.
        kept: who may take it again, for one that is to be left running.

    Raises:
        EngineMissing, ImageMissing, BuildFailed, StartFailed, InstallationFailed, ToolMissing, OSError: `NOT_TO_BE_HAD`.
    """
    if choose(description, wanted, having) == "native":
        return native.start(description, directory, watched, progress)
    client = having.client
    image = having.image(description, wanted) or _built(client, description, wanted, progress)
    from conformance.services import container

    progress.step(description.name, f"starting {image.reference}")
    log = directory / f"{description.name}.log"
    service, started = container.start(
        client, description, image, log, cpus=having.cpus, run=watched.expect_containers(), kept=kept
    )
    watched.stop_container_later(started.get_container_id(), started)
    return service


def _built(client: DockerClient, description: Description, wanted: Wanted, progress: Progress) -> Image:
    """Return our image, built first; raises `ImageMissing` where it cannot be."""
    given = wanted.images.get(description.name)
    if given is not None or images.folder(description) is None:
        raise images.missing(description, given)
    images.build(client, description, progress)
    found = images.find(client, description)
    if found is None:
        raise images.missing(description, None)
    return found


def told(name: str, error: BaseException, log: Path) -> Unreachable:
    """Return why a service is not to be had, and what to do."""
    match error:
        case ToolMissing():
            return Unreachable(name, str(error), "or give one that runs: --service-url")
        case EngineMissing() | ImageMissing():
            reason, _, hint = str(error).rpartition(": ")
            return Unreachable(name, reason, hint)
        case BuildFailed():
            return Unreachable(name, f"its image could not be built: {error}", "or --runtime native")
        case InstallationFailed() | StartFailed():
            return Unreachable(name, str(error), f"its log: {log}")
        case _:
            return Unreachable(name, f"it could not be started: {error}", "check that the cache directory is usable")
