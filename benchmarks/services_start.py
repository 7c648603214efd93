"""
What does the start of several services cost, beside the slowest of them alone?

    python benchmarks/services_start.py [--quick] [--runtime native|container]

Medians of interleaved starts with their stops; the ratio of all at once to the slowest alone is from the same run.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from measuring import Talk, interleaved, table

from conformance.services import RunningService, Wanted, start_services
from conformance.services.runtimes import Engine
from conformance.settings import DEFAULT_SERVICES


def started(names: Sequence[str], runtime: str) -> None:
    """Start services, wait until they answer, and stop them."""
    with (
        tempfile.TemporaryDirectory(prefix="benchmark-") as directory,
        start_services(names, wanted=Wanted(runtime=runtime), directory=Path(directory), progress=Quiet()) as services,
    ):
        for service in services.values():
            if not isinstance(service, RunningService):
                raise SystemExit(f"{service.name}: {service.reason}; {service.hint}")


class Quiet(Talk):
    """Says nothing: a terminal costs time too."""

    def step(self, name: str, text: str) -> None:
        """Say nothing."""

    def done(self, name: str, seconds: float) -> None:
        """Say nothing."""


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description="Parallel start of services.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--runtime", action="append", choices=("native", "container"), help="only this one")
    options = parser.parse_args()
    having = Engine(ask=True)
    runtimes = options.runtime or (["native", "container"] if having.answers else ["native"])
    having.close()
    rows = []
    for runtime in runtimes:
        contenders = {
            name: (lambda name=name, runtime=runtime: started([name], runtime)) for name in DEFAULT_SERVICES
        } | {"all at once": lambda runtime=runtime: started(DEFAULT_SERVICES, runtime)}
        seconds = interleaved(contenders, 2 if options.quick else 5)
        slowest = max(seconds[name] for name in DEFAULT_SERVICES)
        rows += [(runtime, name, f"{value:.2f}", f"{value / slowest:.2f}") for name, value in seconds.items()]
    print(table(("runtime", "services", "s, start and stop", "ratio to the slowest alone"), rows))


if __name__ == "__main__":
    main()
