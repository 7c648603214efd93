"""
Runs every mutant against the requirement that must catch it, and writes the kill table.

    python -m tests.mutants.runner                 all, and docs/reference/kill-table.md
    python -m tests.mutants.runner F037 LIST-8     faults, requirements or names of mutants; writes nothing,
                                                   with --into-page their rows, also where they had none

Each mutant is a run of the ordinary command in a process of its own, with a fixed seed, that ends at its first failure;
the services are started once and shared by all.
A mutant that its own requirement does not catch is shown to all requirements, so that the report can say who does.
The reference itself must pass first: against a check that always fails, every mutant dies. Exit codes: 0 if all are
killed by their requirements, 1 if one is not, 3 if a service was unreachable, 2 usage.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.record import read_record
from conformance.settings import UsageError
from tests.mutants.outcomes import (
    BY_ANOTHER,
    CRASHED,
    FLAKY,
    NO_BASELINE,
    SURVIVED,
    UNREACHABLE,
    Outcome,
    judge,
)
from tests.mutants.registry import Mutant, load
from tests.mutants.table import kill_table, with_rows
from tests.sharing import Services, credentials, service_urls, shared_services

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from conformance.record import Record

PROJECT = Path(__file__).parents[2]
PAGE = PROJECT / "docs" / "reference" / "kill-table.md"
CLAIMS = "target.toml"
WORLDS = "worlds.toml"
TIMEOUT_S = 900.0

Passing = set[tuple[str, str]]
"""Requirements and places on which the reference passes."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the mutants that the arguments name, or all; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants.runner", description="Run the mutants.")
    parser.add_argument("words", nargs="*", metavar="WORD", help="fault, requirement or mutant; default: all")
    parser.add_argument("-n", type=int, default=os.cpu_count() or 1, metavar="N", help="mutants at once")
    parser.add_argument("--seed", type=int, default=0, help="other operations")
    parser.add_argument("--into-page", action="store_true", help="write their rows into the page that is there")
    options = parser.parse_args(arguments)
    chosen = _chosen(options.words)
    if not chosen:
        parser.error(f"no mutant is meant by {', '.join(options.words)}")
    started = time.perf_counter()
    with shared_services(place for mutant in chosen for place in mutant.places) as services:
        passing = baseline(chosen, services, processes=options.n, seed=options.seed)
        outcomes = list(run_all(chosen, services, passing, processes=options.n, seed=options.seed))
    _say(f"{time.perf_counter() - started:.0f} s")
    if options.words and options.into_page:
        PAGE.write_text(with_rows(PAGE.read_text(encoding="utf-8"), outcomes), encoding="utf-8")
    return _conclude(outcomes, complete=not options.words)


def _chosen(words: Sequence[str]) -> list[Mutant]:
    mutants = list(load().values())
    return [mutant for mutant in mutants if not words or {mutant.fault, mutant.kills, mutant.name} & set(words)]


def _conclude(outcomes: list[Outcome], *, complete: bool) -> int:
    bad = [outcome for outcome in outcomes if not outcome.is_good]
    _say(f"{len(outcomes) - len(bad)} of {len(outcomes)} mutants are killed by the requirement that they break")
    unreachable = [outcome for outcome in bad if outcome.verdict == UNREACHABLE]
    if complete and not unreachable:
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(kill_table(outcomes), encoding="utf-8")
        _say(f"written: {PAGE.relative_to(PROJECT)}")
    if len(bad) > len(unreachable):
        return 1
    return 3 if unreachable else 0


def baseline(mutants: Iterable[Mutant], services: Services, *, processes: int, seed: int) -> Passing:
    """Return on which places of the mutants the reference itself passes their requirements."""
    mutants = [mutant for mutant in mutants if not mutant.hermetic or namespaces_allowed()]
    whole = {(place, each.kills) for each in mutants if not each.cases for place in each.places}
    # place, claims, whether only some cases are tried, and whether hermetic; then requirements and cases
    wanted: dict[tuple[str, str, bool, bool], tuple[set[str], set[str]]] = {}
    for mutant in mutants:
        claims = WORLDS if mutant.claims == WORLDS else CLAIMS
        for place in mutant.places:
            some = (place, mutant.kills) not in whole
            requirements, cases = wanted.setdefault((place, claims, some, mutant.hermetic), (set(), set()))
            requirements.add(mutant.kills)
            cases.update(mutant.cases if some else ())

    def passing_on(key: tuple[str, str, bool, bool]) -> Passing:
        place, claims, _, hermetic = key
        requirements, cases = wanted[key]
        more = [f"--case={case}" for case in sorted(cases)]
        more += ["--hermetic"] if hermetic else []
        record, log = _run("deeplake_ref", [place], sorted(requirements), services, claims=claims, seed=seed, more=more)
        if record is None:
            raise RuntimeError(f"the reference could not be judged on {place}: {log}")
        passing = {(cell.requirement, cell.place) for cell in record.cells() if cell.verdict == "pass"}
        _say(f"the reference passes {len(passing)} of {len(requirements)} requirements on {place}")
        return passing

    with ThreadPoolExecutor(processes) as pool:
        return set().union(*pool.map(passing_on, sorted(wanted)))


def run_all(
    mutants: Sequence[Mutant], services: Services, passing: Passing, *, processes: int, seed: int
) -> Iterable[Outcome]:
    """Yield the outcome of each mutant, and tell it, as they end."""
    with ThreadPoolExecutor(processes) as pool:
        pending = [pool.submit(run_one, mutant, services, passing, seed=seed) for mutant in mutants]
        for number, future in enumerate(as_completed(pending), 1):
            outcome = future.result()
            where = f" on {outcome.place}" if outcome.place else ""
            _say(
                f"[{number}/{len(pending)}] {outcome.mutant.fault} {outcome.mutant.name}: {outcome.verdict}"
                f" ({outcome.mutant.kills}{where}, {outcome.seconds:.1f} s): {outcome.detail}"
            )
            yield outcome


def _hermetic(mutant: Mutant) -> list[str]:
    return ["--hermetic"] if mutant.hermetic else []


@cache
def namespaces_allowed() -> bool:
    """Whether a hermetic run can be made here."""
    words = [sys.executable, "-c", "from conformance import hermetic; hermetic.enter()"]
    return subprocess.run(words, cwd=PROJECT, capture_output=True, check=False, timeout=60).returncode == 0


def run_one(mutant: Mutant, services: Services, passing: Passing, *, seed: int) -> Outcome:
    """Run one mutant until its requirement catches it; if it does not, show it to all requirements."""
    if mutant.hermetic and not namespaces_allowed():
        return Outcome(mutant, UNREACHABLE, detail="no network namespace is to be had here")
    missing = [place for place in mutant.places if (mutant.kills, place) not in passing]
    if missing:
        return Outcome(mutant, NO_BASELINE, missing[0], f"{mutant.kills} does not pass without a mutant")
    started = time.perf_counter()
    more = ("-x", *(f"--case={case}" for case in mutant.cases), *_hermetic(mutant))
    outcome = _outcome(mutant, [mutant.kills], services, seed=seed, more=more)
    if outcome.verdict == FLAKY:
        # a race that was seen, and not when its example was repeated: once more, with other operations
        outcome = _outcome(mutant, [mutant.kills], services, seed=seed + 1, more=more)
    if outcome.verdict == SURVIVED:
        wider = _outcome(mutant, [], services, seed=seed, more=("-x", "--profile", "quick", *_hermetic(mutant)))
        outcome = wider if wider.verdict == BY_ANOTHER else outcome
    return replace(outcome, seconds=time.perf_counter() - started)


def _outcome(
    mutant: Mutant, requirements: Sequence[str], services: Services, *, seed: int, more: Sequence[str]
) -> Outcome:
    target = f"tests.mutants.target:{mutant.name}"
    record, log = _run(target, mutant.places, requirements, services, claims=mutant.claims, seed=seed, more=more)
    return judge(mutant, record) if record is not None else Outcome(mutant, CRASHED, detail=log)


def _run(
    target: str,
    places: Sequence[str],
    requirements: Sequence[str],
    services: Services,
    *,
    claims: str = CLAIMS,
    seed: int,
    more: Sequence[str] = (),
) -> tuple[Record | None, str]:
    """Return the record of one run of the command, None if it left none, and the end of what it said."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as directory:
        command = [
            sys.executable, "-m", "conformance", "run",
            "--target", target, "--claims", str(Path(__file__).with_name(claims)), "--places", ",".join(places),
            "--seed", str(seed), "--record", directory, "-n", "0", "--strict", *more,
            *([] if "--hermetic" in more else service_urls(services, places)),
            *(["--only", ",".join(requirements)] if requirements else []),
        ]  # fmt: skip
        environment = os.environ | {"AWS_EC2_METADATA_DISABLED": "true", "PYTHONPATH": str(PROJECT)}
        environment |= credentials(services)
        try:
            # in a directory of its own: some mutants write where they are run
            done = subprocess.run(
                command,
                cwd=directory,
                env=environment,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return None, f"no end after {TIMEOUT_S:g} s"
        said = " / ".join((done.stderr or done.stdout).strip().splitlines()[-3:])
        try:
            return read_record(Path(directory) / "record.jsonl"), said
        except UsageError as error:
            return None, f"{error}; {said}"


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
