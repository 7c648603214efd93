"""
How much longer until three services are ready than until the slowest of them is, started alone?

    python benchmarks/services_start.py [--quick] [--runtime native|container]

Medians of interleaved starts, in seconds until all answer; the ratio is from the same run.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from measuring import Talk, interleaved, table

from conformance.services import RunningService, Wanted, start_services
from conformance.services.runtimes import Engine
from conformance.settings import DEFAULT_SERVICES

ALL = "all at once"


class Quiet(Talk):
    """Tells failures only: a terminal costs time too."""

    def step(self, name: str, text: str) -> None:
        """Say nothing."""

    def done(self, name: str, seconds: float) -> None:
        """Say nothing."""


def seconds_to_ready(names: Sequence[str], runtime: str) -> float:
    """Return how long services took to be ready; they are stopped again, which is not counted."""
    begun = time.perf_counter()
    with (
        tempfile.TemporaryDirectory(prefix="benchmark-") as directory,
        start_services(names, wanted=Wanted(runtime=runtime), directory=Path(directory), progress=Quiet()) as services,
    ):
        ready = time.perf_counter() - begun
        for service in services.values():
            if not isinstance(service, RunningService):
                raise SystemExit(f"{service.name}: {service.reason}; {service.hint}")
    return ready


def rows_of(runtime: str, rounds: int) -> list[tuple[str, str, str, str]]:
    """Return the rows of one runtime."""
    taken: dict[str, list[float]] = {name: [] for name in (*DEFAULT_SERVICES, ALL)}
    contenders = {
        name: lambda name=name: taken[name].append(
            seconds_to_ready(DEFAULT_SERVICES if name == ALL else (name,), runtime)
        )
        for name in taken
    }
    interleaved(contenders, rounds)
    seconds = {name: statistics.median(values[1:]) for name, values in taken.items()}
    slowest = max(seconds[name] for name in DEFAULT_SERVICES)
    return [(runtime, name, f"{value:.2f}", f"{value / slowest:.2f}") for name, value in seconds.items()]


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description="Parallel start of services.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--runtime", action="append", choices=("native", "container"), help="only this one")
    options = parser.parse_args()
    having = Engine(ask=True)
    runtimes = options.runtime or (["native", "container"] if having.answers else ["native"])
    having.close()
    rows = [row for runtime in runtimes for row in rows_of(runtime, 2 if options.quick else 5)]
    print(table(("runtime", "services", "s to ready", "ratio to the slowest alone"), rows))


if __name__ == "__main__":
    main()
