"""
Runs targets in every world of a cloud and writes down who signed.

    python -m tests.winners.runner                     the reference in all worlds, the raw SDKs in those that they claim
    python -m tests.winners.runner aws -n 2 --up-to 2   one cloud, worlds of at most two sources

Writes docs/reference/winners-<cloud>.tsv, one line per world and one column per target, and docs/reference/winners.md, which
is made of those.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance import worlds
from conformance.model.precedence import ANONYMOUS, ORDER
from conformance.services import RunningService, start_services
from conformance.settings import services_of
from tests.sharing import Told
from tests.winners.page import DATA, demanded, read_data, write_data, write_page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conformance.testbed import Testbed
    from conformance.worlds import World

PLACES = {"aws": "moto", "azure": "azurite", "google": "fake-gcs-server", "activeloop": "al-moto"}
"""Where the worlds of each cloud are set up."""

RAW = {"aws": "boto3", "azure": "azure_identity", "google": "google_auth"}
"""The adapter of each cloud's SDK, in `examples`; Deep Lake's own tokens have none."""

_testbeds: dict[str, Testbed] = {}
_services: dict[str, RunningService] = {}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, write, and return 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.winners.runner", description="Write down who wins.")
    parser.add_argument("clouds", nargs="*", metavar="CLOUD", help=f"of {', '.join(ORDER)}; default: all")
    parser.add_argument("-n", type=int, default=os.cpu_count() or 1, metavar="N", help="worlds at once")
    parser.add_argument("--up-to", type=int, default=99, metavar="N", help="worlds of at most so many sources")
    options = parser.parse_args(arguments)
    for cloud in options.clouds or list(ORDER):
        targets = {"deeplake_ref": "deeplake_ref"}
        if cloud in RAW:
            targets[RAW[cloud]] = f"examples/{RAW[cloud]}_target.py"
        found = winners(cloud, targets, up_to=options.up_to, processes=options.n)
        write_data(cloud, found if options.up_to == 99 else read_data(cloud) | found)
    write_page()
    print(f"written: {DATA}")
    return 0


def winners(cloud: str, targets: dict[str, str], *, up_to: int, processes: int) -> dict[str, dict[str, str]]:
    """Return what came of each world, by world and target."""
    space = [world for world in worlds.space(cloud) if len(world.sources) <= up_to]
    found: dict[str, dict[str, str]] = {str(world): {} for world in space}
    with tempfile.TemporaryDirectory(prefix="winners-") as directory:
        with start_services(services_of([PLACES[cloud]]), directory=Path(directory), progress=Told()) as services:
            told = {name: service.to_dict() for name, service in services.items()}
            for name, target in targets.items():
                claimed = _claimed(target)
                wanted = [world for world in space if claimed is None or claimed.issuperset(world.sources)]
                started = time.perf_counter()
                with ProcessPoolExecutor(processes, initializer=_prepare, initargs=(told, target)) as pool:
                    for world, outcome in zip(wanted, pool.map(_outcome, wanted, chunksize=8), strict=True):
                        found[str(world)][name] = outcome
                    for _ in range(processes):
                        pool.submit(_end).result()
                took = time.perf_counter() - started
                print(f"{cloud}: {name} in {len(wanted)} worlds, {took:.0f} s", flush=True)
    return found


def _claimed(target: str) -> set[str] | None:
    from conformance.targets.selection import resolve

    claims = resolve(target, (), None, None).claims
    return None if claims.sources is None else set(claims.sources)


def _prepare(services: dict[str, dict[str, Any]], target: str) -> None:
    """Make the testbed of one process."""
    import atexit

    from conformance.targets.selection import resolve
    from conformance.testbed import Testbed

    _services.update({name: RunningService.from_dict(told) for name, told in services.items()})
    testbed = Testbed(resolve(target, (), None, None), _services, run_id=f"{os.getpid():x}", worker="w")
    _testbeds["own"] = testbed
    atexit.register(testbed.close)


def _outcome(world: World) -> str:
    """Return who signed, or the class of the error."""
    from conformance import stages
    from conformance.outcomes import of_a_write

    place = _testbeds["own"].place(PLACES[world.cloud], own_bucket=False)
    rules: dict[str, Any] = {"anonymous": "allow"} if demanded(world) == ANONYMOUS else {}
    with stages.running(world, place, **rules) as stage:
        outcome = of_a_write(stage)
    if outcome.error is not None and not outcome.signers:
        return outcome.error.class_name
    signed = "+".join(sorted(str(source or "anonymous") for source in outcome.signers))
    return signed if outcome.error is None else f"{signed}, then {outcome.error.class_name}"


def _end() -> None:
    """Close the testbed of one process."""
    testbed = _testbeds.pop("own", None)
    if testbed is not None:
        testbed.close()


if __name__ == "__main__":
    sys.exit(main())
