"""
Services between runs: building their images, starting them by hand, and what was left running.

stdout is data: one line per service, or shell variables with `--export`, the only place where a credential is printed.
"""

from __future__ import annotations

import shlex
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from conformance import selecting
from conformance.report.progress import LiveProgress
from conformance.services import Unreachable, Wanted, engine, images, kept, load, runtimes
from conformance.services.external import credential_variables
from conformance.services.runtimes import NOT_TO_BE_HAD, Engine
from conformance.services.started import engine_for
from conformance.settings import AL, DEFAULT_PLACES, UsageError, services_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conformance.services import RunningService
    from conformance.services.kept import Note

DONE = 0
NOT_ALL = 3


def build_images(names: Sequence[str], *, base: str, build_base: str) -> int:
    """Build the images of services one after the other; return the exit code."""
    chosen = selecting.service_names(names)
    failed = False
    having = Engine(ask=True)
    try:
        with LiveProgress() as progress:
            for name in chosen:
                begun = time.monotonic()
                try:
                    images.build(having.client, load(name), progress, base=base, build_base=build_base)
                    progress.done(name, time.monotonic() - begun)
                except (images.BuildFailed, engine.EngineMissing) as error:
                    progress.failed(name, str(error))
                    failed = True
    finally:
        having.close()
    return NOT_ALL if failed else DONE


def start_and_leave(names: Sequence[str], *, runtime: str, images: Sequence[str]) -> int:
    """Start services, or find them running, and leave them; return the exit code."""
    chosen = selecting.service_names(names)
    wanted = Wanted(runtime=runtime, images=selecting.images(images), reuse=True)
    having = engine_for(chosen, wanted)
    try:
        with LiveProgress() as progress:

            def one(name: str) -> RunningService | Unreachable:
                begun = time.monotonic()
                try:
                    service = kept.take(load(name), wanted, having, progress)
                except NOT_TO_BE_HAD as error:
                    lost = runtimes.told(name, error, kept.directory() / f"{name}.log")
                    progress.failed(name, f"{lost.reason}; {lost.hint}")
                    return lost
                progress.done(name, time.monotonic() - begun)
                return service

            with ThreadPoolExecutor(len(chosen)) as pool:
                found = list(pool.map(one, chosen))
    finally:
        having.close()
    running = [each for each in found if not isinstance(each, Unreachable)]
    for service in running:
        print(_line(service, "running"))
    if running:
        _tell_how_to_use(running)
    return DONE if len(running) == len(found) else NOT_ALL


def stop_left(names: Sequence[str]) -> int:
    """Stop services that were left running; return the exit code."""
    chosen = selecting.service_names(names) if names else ()
    code = DONE
    having = Engine(ask=True)
    try:
        for note in _noted(chosen):
            try:
                kept.stop(note, having)
                print(_line(note.service, "stopped"))
            except NOT_TO_BE_HAD as error:
                _say(f"{note.service.name} could not be stopped: {error}")
                code = NOT_ALL
        if not chosen and having.answers:
            kept.remove_strays(having)
            engine.sweep(having.client)
    finally:
        having.close()
    return code


def show_left(names: Sequence[str], *, export: bool) -> int:
    """Show what was left running; return the exit code."""
    notes = _noted(selecting.service_names(names) if names else ())
    if not notes:
        _say("no service was left running: deeplake-conformance services start")
    having = Engine(ask=any(note.service.container for note in notes))
    code = DONE
    try:
        for note in notes:
            try:
                why_not = kept.unusable(note, _as_it_was_wanted(note.service), having)
            except engine.EngineMissing as error:
                why_not = f"cannot be asked for: {error}"
            if why_not:
                code = NOT_ALL
            if export:
                for name, value in credential_variables(note.service).items():
                    print(f"export {name}={shlex.quote(value)}")
            else:
                print(_line(note.service, why_not or "running"))
    finally:
        having.close()
    return code


def print_log(name: str, *, lines: int) -> int:
    """Print the end of what a service wrote; return the exit code."""
    notes = _noted(selecting.service_names([name]))
    if not notes:
        raise UsageError(f"{name} was not left running: deeplake-conformance services start {name}")
    for note in notes:
        service = note.service
        if service.container is not None:
            having = Engine(ask=True)
            try:
                print(having.client.api.logs(service.container, tail=lines).decode(errors="replace"), end="")
            except (engine.EngineMissing, *engine.errors()) as error:  # type: ignore[misc] # made where it is raised
                _say(f"the log of {name} is not to be had: {error}")
                return NOT_ALL
            finally:
                having.close()
        elif service.log is not None:
            print(*service.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:], sep="\n")
    return DONE


def _as_it_was_wanted(service: RunningService) -> Wanted:
    """Return what a service was started for: one from another image than ours has that image for a version."""
    foreign = service.container is not None and service.version != load(service.name).version
    return Wanted(runtime=service.runtime, images={service.name: service.version} if foreign else {})


def _noted(names: Sequence[str]) -> list[Note]:
    return [note for note in kept.notes() if not names or note.service.name in names]


def _line(service: RunningService, state: str) -> str:
    where = f"container {service.container[:12]}" if service.container else f"process {service.pid}"
    return f"{service.name:<16} {service.url:<24} {service.version:<40} {where:<24} {state}"


def _tell_how_to_use(running: Sequence[RunningService]) -> None:
    _say("they run until `deeplake-conformance services stop`; take them with")
    _say("  deeplake-conformance run --reuse")
    urls = " ".join(f"--service-url {service.name}={service.url}" for service in running)
    if any(credential_variables(service) for service in running):
        _say('  eval "$(deeplake-conformance services status --export)" &&')
    _say(f"  deeplake-conformance run {_places_on([service.name for service in running])}{urls}")


def _places_on(names: Sequence[str]) -> str:
    """Return the option that makes a run need all these services, nothing if the default one does."""
    if set(names) <= set(services_of(DEFAULT_PLACES)):
        return ""
    known = selecting.known_places()
    behind = [f"{AL}{name}" for name in names if f"{AL}{name}" in known] if "activeloop" in names else []
    return f"--services {','.join([*(name for name in names if name in known), *behind])} "


def _say(text: str) -> None:
    print(text, file=sys.stderr)
