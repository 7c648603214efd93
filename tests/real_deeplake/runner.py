"""
Runs the real `deeplake` against the control plane of this project, in a network namespace that has the loopback only.

    python -m tests.real_deeplake.runner                        all steps on all storages
    python -m tests.real_deeplake.runner azurite --only busy,delete
    python -m tests.real_deeplake.runner --write                only writes docs/reference/real-deeplake.md

`tox -e real-deeplake` installs the package beside it. Exit codes: 0 each step came out right or as it is known to; 1 one did
not; 2 usage; 3 unreachable: package, namespaces or services are not to be had, and the reason is told.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from conformance import hermetic
from conformance.services import CONTROL_PLANE, RunningService, start_services
from tests.real_deeplake.bench import Bench
from tests.real_deeplake.page import PAGE, VERSION, page
from tests.real_deeplake.steps import RESTED_ON, STEPS, STORAGES, Step
from tests.sharing import Told

if TYPE_CHECKING:
    from collections.abc import Sequence

AS_KNOWN, DIFFERENT, UNREACHABLE = 0, 1, 3

ANSWER_S = 60.0

RED = ("fail", "unexpected-pass")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, tell, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.real_deeplake.runner", description="Run the real client.")
    parser.add_argument("storages", nargs="*", metavar="STORAGE", help=f"of {', '.join(STORAGES)}; default: all")
    parser.add_argument(
        "--only", default="", metavar="STEPS", help="names, with commas; beside those that others rest on"
    )
    parser.add_argument("--python", default=sys.executable, metavar="PATH", help="an interpreter that has deeplake")
    parser.add_argument("--write", action="store_true", help="write the page and run nothing")
    options = parser.parse_args(arguments)
    if options.write:
        PAGE.write_text(page(), encoding="utf-8")
        print(f"written: {PAGE}")
        return AS_KNOWN
    storages = options.storages or list(STORAGES)
    only = {name for name in options.only.split(",") if name}
    unknown = [*(set(storages) - set(STORAGES)), *(only - {step.name for step in STEPS})]
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    steps = [step for step in STEPS if not only or step.name in only | RESTED_ON]
    why_not = lacking(options.python)
    if not why_not:
        try:
            hermetic.begin_again([*storages, CONTROL_PLANE])
        except hermetic.NotAvailable as error:
            why_not = str(error)
    if why_not:
        print(f"real-deeplake: unreachable: {why_not}", file=sys.stderr)
        return UNREACHABLE
    return run(storages, steps, options.python)


def lacking(python: str) -> str:
    """Return what an interpreter lacks; empty if it has the version that the steps are about. Nothing is imported."""
    code = "from importlib.metadata import version; print(version('deeplake'))"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=ANSWER_S)
    except OSError as error:
        return f"{python}: {error.strerror}"
    found = done.stdout.strip()
    if done.returncode:
        return f"deeplake {VERSION} is not installed for {python}; `tox -e real-deeplake` installs it"
    return "" if found == VERSION else f"deeplake {found} is installed, and the steps are about {VERSION}"


def run(storages: Sequence[str], steps: Sequence[Step], python: str) -> int:
    """Run steps on storages; return the exit code."""
    code = AS_KNOWN
    with (
        tempfile.TemporaryDirectory(prefix="real-") as directory,
        start_services([*storages, CONTROL_PLANE], directory=Path(directory), progress=Told()) as services,
    ):
        plane = services[CONTROL_PLANE]
        for name in storages:
            service = services[name]
            if not isinstance(service, RunningService) or not isinstance(plane, RunningService):
                print(f"{name}: unreachable", flush=True)
                code = code or UNREACHABLE
                continue
            bench = Bench(plane, service, python)
            verdicts = [tell(bench, step) for step in steps if name in step.storages]
            if set(verdicts) & set(RED):
                code = DIFFERENT
    print(f"{hermetic.turned_away()} packets or connections for other machines found no route", flush=True)
    return code


def tell(bench: Bench, step: Step) -> str:
    """Run a step and print what came of it; return the verdict."""
    outcome, told = bench.outcome(step)
    verdict, reason = judged(step, bench.service.name, outcome)
    print(f"{bench.service.name:<16} {step.name:<24} {verdict:<10} {outcome if verdict != 'pass' else ''}".rstrip())
    if verdict == "fail":
        print(f"{'':<41} wanted: {step.wanted}")
        print(f"{'':<41} told: {told[:300]}" if told else "", end="\n" if told else "")
    elif reason:
        print(f"{'':<41} {reason}")
    sys.stdout.flush()
    return verdict


def judged(step: Step, storage: str, outcome: str) -> tuple[str, str]:
    """Return the verdict of an outcome, and the reason where it is known to differ."""
    known = [each for each in step.known if storage in each.storages]
    if outcome == step.wanted:
        return ("unexpected-pass", known[0].reason) if known else ("pass", "")
    for each in known:
        if each.outcome == outcome:
            return "known-fail", each.reason
    return "fail", ""


if __name__ == "__main__":
    sys.exit(main())
