"""
Services that are left running between runs, so that the next one does not start from zero.

What runs is noted in the user's cache, one file per service and runtime, with the root credential and therefore for the
user alone (mode 0600). A noted service is taken again only if it is the same one, of the version that would be started, and
answers; otherwise it is stopped and started anew.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from conformance.services import engine, processes, runtimes
from conformance.services.description import load, names
from conformance.services.native import status_of
from conformance.services.provisioning import cache_directory, locked
from conformance.services.running import RunningService
from conformance.services.watchdog import stop_group
from conformance.services.watched import Watched

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conformance.services.description import Description
    from conformance.services.provisioning import Progress
    from conformance.services.runtimes import Engine, Wanted

ANSWER_S = 5.0


@dataclass(frozen=True, slots=True)
class Note:
    """What is known of a service that was left running.

    Attributes:
        service: the service, with its credential.
        image: the id of its image, empty for a process.
        processes: its process groups, with when they were started.
        directories: what ends with it.
    """

    service: RunningService
    image: str = ""
    processes: dict[str, str] = field(default_factory=dict)
    directories: list[str] = field(default_factory=list)


def directory() -> Path:
    """Return where notes and logs are."""
    return cache_directory() / "kept"


def notes() -> list[Note]:
    """Return what is noted, in the order of the services."""
    paths = [directory() / f"{name}-{runtime}.json" for name in names() for runtime in ("container", "native")]
    return [note for path in paths if (note := _read(path)) is not None]


def take(description: Description, wanted: Wanted, having: Engine, progress: Progress) -> RunningService:
    """Return a service that was left running, or start one that will be.

    Raises:
        NOT_TO_BE_HAD of `conformance.services.runtimes`.
    """
    with _locked(description.name):
        for runtime in _candidates(description, wanted):
            note = _read(_path(description.name, runtime))
            if note is None or (runtime == "container" and not having.answers):
                continue
            why_not = unusable(note, wanted, having)
            if not why_not:
                progress.step(description.name, f"taking the one that was left running ({runtime})")
                return note.service
            progress.step(description.name, f"the one that was left running {why_not}: starting anew")
            stop(note, having)
        return _start(description, wanted, having, progress)


def unusable(note: Note, wanted: Wanted, having: Engine) -> str:
    """Return why a noted service cannot be taken, empty if it can."""
    service = note.service
    description = load(service.name)
    if not is_alive(note, having):
        return "has ended"
    if service.container is None:
        if service.version != description.version:
            return f"is of version {service.version}"
    else:
        image = having.image(description, wanted)
        if image is None or image.id != note.image:
            return "is of another image"
    if status_of(service.url + service.ready_path, ANSWER_S) not in description.native.ready_status:
        return "does not answer"
    return ""


def is_alive(note: Note, having: Engine) -> bool:
    """Whether what was noted still runs; raises `EngineMissing` for a container without its engine."""
    if note.service.container is None:
        return all(processes.runs(int(pid), started) for pid, started in note.processes.items())
    found = engine.containers(having.client, engine.KEPT)
    return any(each["Id"] == note.service.container and each["State"] == "running" for each in found)


def stop(note: Note, having: Engine) -> None:
    """Stop a noted service and forget it; raises `EngineMissing` for a container without its engine."""
    if note.service.container is not None:
        engine.remove(having.client, note.service.container)
        engine.remove_networks(having.client, f"{engine.KEPT}={_who()}", of_others=True)
    for pid, started in note.processes.items():
        if processes.runs(int(pid), started):
            stop_group(int(pid))
    for each in note.directories:
        shutil.rmtree(each, ignore_errors=True)
    _path(note.service.name, note.service.runtime).unlink(missing_ok=True)


def remove_strays(having: Engine) -> int:
    """Remove containers that this user left running and that no note speaks of; return how many."""
    known = {note.service.container for note in notes()}
    strays = [each for each in engine.containers(having.client, f"{engine.KEPT}={_who()}") if each["Id"] not in known]
    for each in strays:
        engine.remove(having.client, each["Id"])
    return len(strays)


def _start(description: Description, wanted: Wanted, having: Engine, progress: Progress) -> RunningService:
    watched = Watched()
    try:
        log = directory() / f"{description.name}.log"
        log.unlink(missing_ok=True)
        service = runtimes.start(description, wanted, having, directory(), watched, progress, kept=_who())
        service = replace(service, kept=True)
        image = having.image(description, wanted) if service.container else None
        pids = {str(service.pid): processes.started_at(service.pid)} if service.pid is not None else {}
        _write(Note(service, image.id if image else "", pids, watched.directories()))
        watched.hand_over()
        return service
    finally:
        watched.close()


def _candidates(description: Description, wanted: Wanted) -> tuple[str, ...]:
    runtime = wanted.runtime_of(description.name)
    return ("container", "native") if runtime == "auto" else (runtime,)


def _path(name: str, runtime: str) -> Path:
    return directory() / f"{name}-{runtime}.json"


def _who() -> str:
    """Return the text that stands on containers which only this user's cache knows of."""
    return str(cache_directory())


@contextmanager
def _locked(name: str) -> Iterator[None]:
    directory().mkdir(parents=True, exist_ok=True, mode=0o700)
    with locked(directory() / f"{name}.lock"):
        yield


def _read(path: Path) -> Note | None:
    """Return a note; one of another form, or broken, is none, and goes."""
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return Note(**(values | {"service": RunningService.from_dict(values["service"])}))
    except (OSError, ValueError, KeyError, TypeError):
        path.unlink(missing_ok=True)
        return None


def _write(note: Note) -> None:
    """Write a note for this user alone, whole or not at all."""
    path = _path(note.service.name, note.service.runtime)
    unfinished = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(note) | {"service": note.service.to_dict()}, file)
        unfinished.rename(path)
    finally:
        with suppress(FileNotFoundError):
            unfinished.unlink()
