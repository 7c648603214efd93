"""
Runs the suite on a correct target, the reference, over many seeds and all services, and counts what turns red.

    python -m tests.soak.runner                    50 seeds, quick profile, all services
    python -m tests.soak.runner --seeds 5 --door stdio --services moto

The target is correct, so that every red result is a false alarm: of a check, of a harness, or of a service that lies
and whose description does not say so. Each is told with the line that shows it again. Exit codes: 0 if there is none, 1 if
there is one, 3 if a run left no complete record.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance import selecting
from conformance.record import read_record
from conformance.settings import UsageError
from tests.sharing import Services, credentials, service_urls, shared_services

if TYPE_CHECKING:
    from collections.abc import Sequence

ALARMS = {"fail", "flaky", "harness-error", "unexpected-pass", "unreachable"}
"""Verdicts that a correct target on services that run does not get."""

TIMEOUT_S = 3600.0

RUNS_PER_SERVICE = 5
"""Runs after which services are started anew: Azurite keeps what was removed, 2 GB of it after ten runs."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run so many seeds, tell alarms, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.runner", description="Look for false alarms.")
    parser.add_argument("--seeds", type=int, default=50, metavar="N", help="how many seeds")
    parser.add_argument("--first", type=int, metavar="SEED", help="the first seed; the others follow it")
    parser.add_argument("--profile", default="quick", choices=("quick", "default", "thorough"))
    parser.add_argument("--services", default="all", metavar="NAMES", help="as for the command")
    parser.add_argument("--door", default="in-process", choices=("in-process", "stdio"))
    parser.add_argument("--target", default="deeplake_ref", metavar="MODULE[:ATTRIBUTE]", help="a correct target")
    parser.add_argument("--only", metavar="AREA|REQ", help="as for the command")
    options = parser.parse_args(arguments)
    places = selecting.places(options.services)
    first = options.first if options.first is not None else random.randrange(2**31)  # noqa: S311 - no secret
    alarms, cut = 0, 0
    for block in range(0, options.seeds, RUNS_PER_SERVICE):
        with shared_services(places) as services:
            for number in range(block, min(block + RUNS_PER_SERVICE, options.seeds)):
                started = time.perf_counter()
                found = run_one(first + number, places, services, options)
                cut += found is None
                alarms += len(found or [])
                for result in found or []:
                    told(result)
                took = time.perf_counter() - started
                print(
                    f"[{number + 1}/{options.seeds}] seed {first + number}: {_count(found)}, {took:.0f} s", flush=True
                )
    print(f"{alarms} alarms in {options.seeds - cut} runs" + (f", {cut} runs were cut off" if cut else ""))
    return 1 if alarms else 3 if cut else 0


def run_one(seed: int, places: Sequence[str], services: Services, options: argparse.Namespace) -> list[Any] | None:
    """Return the red results of one run, None if it left no complete record."""
    with tempfile.TemporaryDirectory(prefix="soak-") as directory:
        command = [
            sys.executable, "-m", "conformance", "run",
            "--target", options.target, "--door", options.door, "--places", ",".join(places),
            "--profile", options.profile, "--seed", str(seed), "--record", directory,
            *service_urls(services, places),
            *(["--only", options.only] if options.only else []),
        ]  # fmt: skip
        try:
            subprocess.run(
                command, env=os.environ | credentials(services), capture_output=True, timeout=TIMEOUT_S, check=False
            )
            record = read_record(Path(directory) / "record.jsonl")
        except (subprocess.TimeoutExpired, UsageError):
            return None
        if not record.complete or record.harness:
            return None
        return [result for result in record.results if result["verdict"] in ALARMS]


def _count(found: list[Any] | None) -> str:
    return "cut off" if found is None else f"{len(found)} alarms"


def told(result: dict[str, Any]) -> None:
    """Tell one alarm."""
    where = f"{result['place']}{' ' + result['case'] if result['case'] else ''}"
    print(f"{result['verdict']}: {result['requirement']} on {where}: {result['reason'] or ''}")
    failure = result["failure"] or {}
    for name in ("what", "example", "expected", "observed", "replay"):
        if failure.get(name):
            print(f"  {name}: {failure[name]}")


if __name__ == "__main__":
    sys.exit(main())
