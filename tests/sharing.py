"""
Services that many runs of the command share: started once, told to each run by its URL, keys by the environment.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.services import RunningService, Unreachable, start_services
from conformance.services.external import credential_variables
from conformance.settings import services_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Services = Mapping[str, RunningService | Unreachable]


@contextmanager
def shared_services(places: Iterable[str]) -> Iterator[Services]:
    """Start the services that these places need."""
    wanted = services_of(places)
    with tempfile.TemporaryDirectory(prefix="shared-") as directory:
        with start_services(wanted, directory=Path(directory), progress=Told()) as services:
            yield services


def service_urls(services: Services, places: Iterable[str]) -> list[str]:
    """Return the options that tell a run where the services of its places are."""
    wanted = services_of(places)
    running = {name: each for name, each in services.items() if isinstance(each, RunningService) and name in wanted}
    return [f"--service-url={name}={service.url}" for name, service in running.items()]


def credentials(services: Services) -> dict[str, str]:
    """Return the variables from which a run learns the root credentials of services that it did not start."""
    found: dict[str, str] = {}
    for service in services.values():
        if not isinstance(service, RunningService):
            continue
        found |= credential_variables(service)
    return found


class Told:
    """Tells what services do, a line each."""

    def step(self, name: str, text: str) -> None:
        """Tell a step."""
        print(f"{name}: {text}", flush=True)

    def done(self, name: str, seconds: float) -> None:
        """Tell that a service is ready."""
        print(f"{name}: ready after {seconds:.1f} s", flush=True)

    def failed(self, name: str, reason: str) -> None:
        """Tell that a service is not to be had."""
        print(f"{name}: {reason}", flush=True)
