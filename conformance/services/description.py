"""
What a service is, read from its `<name>.toml`: all that the runtimes know of it.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

ORDER = ("moto", "azurite", "fake-gcs-server", "minio", "versitygw", "activeloop")

CONTROL_PLANE = "activeloop"
"""The service that stores nothing itself: it gives out credentials for the others."""


@dataclass(frozen=True, slots=True)
class Divergence:
    """A known lie of a service: only this case of this requirement is inconclusive, while the probe shows it.

    Attributes:
        service: the service's name.
        requirement: the requirement's id.
        case: the case label, empty for a check without cases.
        versions: versions it was seen with.
        reason: what the service does instead.
        probe: the name of a probe in `conformance.divergences`.
        keys: keys for the probe.
    """

    service: str
    requirement: str
    case: str
    versions: tuple[str, ...]
    reason: str
    probe: str
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Native:
    """How to run a service as a process of this machine; texts may hold `{port}` and its like."""

    command: tuple[str, ...]
    ready_path: str
    ready_status: tuple[int, ...]
    install: dict[str, Any]
    env: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Container:
    """How to run a service as a container: the official image, the folder that builds ours, and what both are started with.

    Texts may hold `{port}`, the port inside, `{host_port}`, the one on 127.0.0.1, the root credential, and `{preload}`.

    Attributes:
        image: the official image, without its tag.
        tag: the tag of the official image that is nearest to the version.
        build: the folder in the source that our image is built from.
        port: where the service listens inside.
        command: what follows the image's entry point.
        official_command: the same for the official image, where it differs.
        env: its environment.
        tmpfs: directories of its own in memory.
        volume: a directory on disk that ends with the container, empty for none; only our image lets any user write there,
            with another one it is in memory.
        preload: a file of this package that a Node is to run first, handed over in `{preload}` as a `data:` URL.
        source: whether our image is made from the source of this package, which the build then gets beside the folder.
        memory_mb: most memory.
        pids: most processes and threads.
    """

    image: str
    tag: str
    build: str
    port: int
    command: tuple[str, ...] = ()
    official_command: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    tmpfs: tuple[str, ...] = ("/tmp",)  # noqa: S108 - a mount of the container
    volume: str = ""
    preload: str = ""
    source: bool = False
    memory_mb: int = 1024
    pids: int = 512


@dataclass(frozen=True, slots=True)
class Description:
    """One service.

    `authority` says how requests reach it that the gate has verified: `forward` as they are, `sign-again` with the
    service's own key; empty where no worlds are set up in front of it.
    """

    name: str
    prefix: str
    version: str
    authority: str
    native: Native
    container: Container
    divergences: tuple[Divergence, ...]


@cache
def names() -> tuple[str, ...]:
    """Return the names of all described services, the quick ones first."""
    found = [
        page.name.removesuffix(".toml")
        for page in files("conformance.services").iterdir()
        if page.name.endswith(".toml")
    ]
    return tuple(sorted(found, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name)))


def storages() -> tuple[str, ...]:
    """Return the names of the services that store something."""
    return tuple(name for name in names() if name != CONTROL_PLANE)


@cache
def load(name: str) -> Description:
    """Return the description of a service; raises `KeyError` for an unknown one."""
    if name not in names():
        raise KeyError(name)
    values = tomllib.loads(files("conformance.services").joinpath(f"{name}.toml").read_text(encoding="utf-8"))
    native = values["native"]
    return Description(
        name=values["name"],
        prefix=values["prefix"],
        version=values["version"],
        authority=values.get("authority", ""),
        native=Native(
            command=tuple(native["command"]),
            ready_path=native["ready_path"],
            ready_status=tuple(native["ready_status"]),
            install=native["install"],
            env=native.get("env", {}),
        ),
        container=Container(**{name: _frozen(value) for name, value in values["container"].items()}),
        divergences=tuple(
            Divergence(
                service=name,
                requirement=lie["requirement"],
                case=case,
                versions=tuple(lie["versions"]),
                reason=lie["reason"],
                probe=lie["probe"],
                keys=tuple(lie.get("keys", ())),
            )
            for lie in values.get("divergence", ())
            for case in _cases(lie.get("case", ""))
        ),
    )


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _cases(given: str | list[str]) -> list[str]:
    """Return the case labels of a divergence: one, or several that one lie is behind."""
    return [given] if isinstance(given, str) else given


def divergence(service: str, requirement: str, case: str) -> Divergence:
    """Return one divergence; raises `KeyError` if there is none."""
    for lie in load(service).divergences:
        if (lie.requirement, lie.case) == (requirement, case):
            return lie
    raise KeyError((service, requirement, case))
