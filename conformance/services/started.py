"""
Starting services in parallel, and stopping them whatever happens to the runner.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from conformance import stopwatch
from conformance.services import engine, external, kept, runtimes
from conformance.services.description import load
from conformance.services.running import RunningService, Unreachable
from conformance.services.runtimes import NOT_TO_BE_HAD, Engine, Wanted
from conformance.services.watched import Watched

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from conformance.services.provisioning import Progress


@contextmanager
def start_services(
    names: Sequence[str], *, wanted: Wanted | None = None, directory: Path, progress: Progress
) -> Iterator[dict[str, RunningService | Unreachable]]:
    """Start services in parallel, or use those that already run.

    Args:
        names: services to have.
        wanted: how they are to be had; None for processes of this machine.
        directory: where logs go.
        progress: where steps are told.

    Yields:
        One entry per name, in that order: a running service, or why there is none.
    """
    wanted = wanted or Wanted()
    directory.mkdir(parents=True, exist_ok=True)
    watched = Watched()
    having = engine_for(names, wanted)
    try:
        with stopwatch.service(), ThreadPoolExecutor(max(1, len(names))) as pool:
            started = list(pool.map(lambda name: _one(name, wanted, having, directory, watched, progress), names))
        yield dict(zip(names, started, strict=True))
    finally:
        watched.close()
        having.close()


def engine_for(names: Sequence[str], wanted: Wanted) -> Engine:
    """Return the engine if a service may want it, after a sweep of what killed runners left."""
    having = Engine(ask=any(name not in wanted.urls and wanted.runtime_of(name) != "native" for name in names))
    if having.answers:
        with suppress(*engine.errors()):  # what is left is no reason to start nothing
            engine.sweep(having.client)
    return having


def _one(
    name: str, wanted: Wanted, having: Engine, directory: Path, watched: Watched, progress: Progress
) -> RunningService | Unreachable:
    begun = time.monotonic()
    description = load(name)
    url = wanted.urls.get(name)
    found: RunningService | Unreachable
    try:
        if url is not None:
            found = external.connect(description, url)
        elif wanted.reuse:
            found = kept.take(description, wanted, having, progress)
        else:
            found = runtimes.start(description, wanted, having, directory, watched, progress)
    except NOT_TO_BE_HAD as error:
        found = runtimes.told(name, error, (kept.directory() if wanted.reuse else directory) / f"{name}.log")
    if isinstance(found, RunningService):
        progress.done(name, time.monotonic() - begun)
        return _logged(found, having, directory, watched)
    progress.failed(name, found.reason)
    return found


def _logged(service: RunningService, having: Engine, directory: Path, watched: Watched) -> RunningService:
    """Have the output of a container written beside the record, of one that was left running from now on."""
    if service.container is None:
        return service
    from conformance.services.container import Follower

    log = directory / f"{service.name}.log"
    since = int(time.time()) if service.kept else None
    with suppress(*engine.errors()):  # a service whose output cannot be had is still one
        watched.close_last(Follower(having.client, service.container, log, since=since))
    return replace(service, log=log)
