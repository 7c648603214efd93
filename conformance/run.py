"""
One run from settings to exit code: services, probes of their lies, checks, record, report.
"""

from __future__ import annotations

import os
import platform
import secrets
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import conformance
from conformance import plan, requirements, selecting, sharding
from conformance.departures import Suspects, unsettled
from conformance.divergences import probe_all
from conformance.drawing import prepare
from conformance.hermetic import turned_away
from conformance.record import RECORD, RecordWriter, read_record
from conformance.report import render_junit, render_markdown, render_terminal
from conformance.report.progress import LiveProgress
from conformance.services import RunningService, start_services
from conformance.session import RESULT, Session, target_of
from conformance.settings import RunSettings, UsageError, services_of
from conformance.verdicts import exit_code

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conformance.divergences import Probed
    from conformance.services import Unreachable
    from conformance.targets.selection import TargetSpec


KEPT_RUNS = 20
MOST_WORKERS = 4
LIBRARIES = ("hypothesis", "pytest", "boto3", "azure-storage-blob", "google-cloud-storage")


@dataclass(frozen=True, slots=True)
class Output:
    """Where a run writes, beside the terminal."""

    directory: Path | None = None
    junit: Path | None = None
    markdown: Path | None = None
    verbose: bool = False


def execute(settings: RunSettings, output: Output, *, workers: int | None) -> int:
    """Run the checks and print the report; return the exit code.

    Args:
        settings: what is asked for.
        output: where record and reports go.
        workers: processes that run checks; 0 for this one, None for two per processor, since many wait, at most four.
    """
    prepare(settings.profile)
    spec = target_of(settings)
    if spec.door == "stdio":
        spec.probe()  # a command that does not start is the user's mistake, told before any service is
    planned = plan.of_run(settings)
    own = sharding.own(planned, settings, spec.claims)
    directory = output.directory or default_directory()
    _check_outputs(directory, output)
    started = time.perf_counter()
    with LiveProgress() as progress, RecordWriter(directory / RECORD) as record, ExitStack() as closing:
        record.write("start", **_header(settings, spec))
        before = turned_away() if settings.hermetic else 0
        for requirement, places in planned.items():
            elsewhere = [place for place in places if (requirement, place) not in own]
            told = {"elsewhere": elsewhere} if elsewhere else {}
            record.write("plan", requirement=requirement, places=places, **told)
        wanted = [place for place in settings.places if spec.claims.claims_prefix(_prefix(place))]
        if settings.shard is not None:
            wanted = [place for place in wanted if any(place == name for _, name in own)]
        names = services_of(wanted)
        services: Mapping[str, RunningService | Unreachable] = closing.enter_context(
            start_services(names, wanted=selecting.wanted(settings), directory=directory, progress=progress)
        )
        probed = probe_all(services)
        _record_services(record, services, probed)
        ready = time.perf_counter()
        during = _run_checks(settings, spec, services, probed, record, progress, workers)
        ended = time.perf_counter()
        _record_deaths(record, services)
        more: dict[str, Any] = _turned_away(before, during) if settings.hermetic else {}
        record.end(startup_s=ready - started, run_s=ended - ready, **more)
    return render(directory, "terminal", strict=settings.strict, verbose=output.verbose, output=output)


def _check_outputs(directory: Path, output: Output) -> None:
    """Make the directory of the record, and see that reports can be written, before anything runs."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"the record cannot be written to {directory}: {error.strerror}") from None
    for file in (output.junit, output.markdown):
        if file is not None and not os.access(file.parent, os.W_OK):
            raise UsageError(f"{file} cannot be written: there is no such directory, or it is not yours")


def render(path: Path, form: str, *, strict: bool, verbose: bool, output: Output | None = None) -> int:
    """Print a record in a form, write the files that `output` asks for, and return the exit code it stands for."""
    file = path / RECORD if path.is_dir() else path
    if not file.is_file():
        raise UsageError(f"there is no record: {file}")
    record = read_record(file)
    if form == "markdown":
        print(render_markdown(record, strict=strict))
    elif form == "junit":
        print(render_junit(record, strict=strict))
    else:
        render_terminal(record, _stdout(), verbose=verbose, strict=strict)
    if output is not None and output.junit is not None:
        output.junit.write_text(render_junit(record, strict=strict), encoding="utf-8")
    if output is not None and output.markdown is not None:
        output.markdown.write_text(render_markdown(record, strict=strict), encoding="utf-8")
    return exit_code(record, strict=strict)


def _run_checks(
    settings: RunSettings,
    spec: TargetSpec,
    services: Mapping[str, RunningService | Unreachable],
    probed: list[Probed],
    record: RecordWriter,
    progress: LiveProgress,
    workers: int | None,
) -> int | None:
    """Run all checks; return how often one was turned away by the kernel, None where that cannot be told."""

    def session() -> Session:
        new = Session(settings, spec)
        new.services = dict(services)
        new.lies = {lie.key for lie in probed if lie.present}
        new.run_id = secrets.token_hex(4)
        return new

    processes = min(2 * (os.cpu_count() or 1), MOST_WORKERS) if workers is None else workers
    suspects = Suspects()
    _run_pytest(settings, session(), Recorder(record, progress, suspects), processes)
    again = suspects.again()
    if again:
        alone = session()
        alone.chosen = frozenset(again)
        _run_pytest(settings, alone, Again(record, progress, suspects), 0)
    for result in unsettled(suspects.left(), again=len(again)):
        record.write("result", **result)
    return suspects.during if processes <= 1 else None


def _turned_away(before: int, during: int | None) -> dict[str, int]:
    count = turned_away() - before
    return {"turned_away": count} | ({} if during is None else {"turned_away_outside": count - during})


def _run_pytest(settings: RunSettings, session: Session, recorder: Recorder, processes: int) -> None:
    """Run the checks that the session collects, in so many processes; raises `KeyboardInterrupt`."""
    # Only the plug-ins that the suite needs: whatever else is installed beside it must not change what a run does.
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    os.environ.pop("PYTEST_ADDOPTS", None)
    package = Path(conformance.__file__).parent
    arguments = [
        str(package / "checks"),
        "-c", str(package / "pytest.ini"),
        "--rootdir", str(package),
        "-p", "conformance.plugin",
        "-p", "xdist.plugin",
        "-p", "_hypothesis_pytestplugin",
        "-p", "no:terminal",
        "-p", "no:cacheprovider",
        "--hypothesis-seed", str(settings.seed),
        *(["-n", str(processes), "--dist", "worksteal"] if processes else []),
        *(["-x"] if settings.stop_at_failure else []),
    ]  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="conf-", ignore_cleanup_errors=True) as temporary:
        # else pytest-xdist makes a folder that pytest keeps
        code = pytest.main([*arguments, "--basetemp", temporary], plugins=[session, recorder])
    if code == pytest.ExitCode.INTERRUPTED:
        raise KeyboardInterrupt
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED):
        recorder.record.write("harness", reason=f"pytest ended with {code!r}; see its messages above")


class Recorder:
    """Writes each result as it comes, and moves the progress display."""

    def __init__(self, record: RecordWriter, progress: LiveProgress, suspects: Suspects) -> None:
        self.record = record
        self.progress = progress
        self.suspects = suspects

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the result that the session attached."""
        result: dict[str, Any] | None = getattr(report, RESULT, None)
        if result is not None:
            self.record.write("result", **result)
            self.progress.result(result)
            self.departed(self.suspects.take(report, result))

    def departed(self, also: dict[str, Any] | None) -> None:
        """Keep the result about what was to leave the machine during a check."""
        if also is not None:
            self.record.write("result", **also)
            self.progress.tell(also)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Tell the display how many results will come."""
        self.progress.expect(len(ids))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Tell the display how many results will come, without workers."""
        if session.items:
            self.progress.expect(len(session.items))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Say what could not even be collected; it would be lost in silence otherwise."""
        if report.failed:
            self.record.write("harness", reason=f"{report.nodeid}: {report.longreprtext}")

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Say that a worker process of the suite died."""
        if error:
            self.record.write("harness", reason=f"worker {node.gateway.id} died: {error}")


class Again(Recorder):
    """Keeps of checks that ran again only what was to leave the machine; their own verdicts are given already."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the result about what was to leave the machine."""
        result: dict[str, Any] | None = getattr(report, RESULT, None)
        if result is not None:
            self.departed(self.suspects.take(report, result))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Say nothing: no more results come."""


def _header(settings: RunSettings, spec: TargetSpec) -> dict[str, Any]:
    return {
        "record": 1,
        "suite": conformance.__version__,
        "target": {"name": spec.claims.name or spec.label, "door": spec.door, "spec": spec.label},
        "claims": spec.claims.summary(),
        "places": list(settings.places),
        "only": list(settings.only),
        "cases": list(settings.cases),
        "profile": settings.profile,
        "seed": settings.seed,
        "shard": settings.shard,
        "strict": settings.strict,
        "hermetic": settings.hermetic,
        "requirements": len(requirements.load()),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "libraries": {name: version for name in LIBRARIES if (version := _version(name))},
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _record_services(
    record: RecordWriter, services: Mapping[str, RunningService | Unreachable], probed: list[Probed]
) -> None:
    for name, service in services.items():
        if isinstance(service, RunningService):
            log = service.log.name if service.log else None
            about: dict[str, Any] = {"prefix": service.prefix, "runtime": service.runtime, "version": service.version}
            about |= {"log": log, "left_running": service.kept}
            record.write("service", name=name, state="running", **about)
        else:
            record.write("service", name=name, state="unreachable", reason=service.reason, hint=service.hint)
    for lie in probed:
        record.write(
            "divergence",
            service=lie.divergence.service,
            requirement=lie.divergence.requirement,
            case=lie.divergence.case,
            state="present" if lie.present else "gone",
            reason=lie.divergence.reason,
        )


def _record_deaths(record: RecordWriter, services: Mapping[str, RunningService | Unreachable]) -> None:
    for name, service in services.items():
        if isinstance(service, RunningService) and not service.alive():
            hint = f"its last lines: {service.last_lines()}"
            record.write("service", name=name, state="died", reason="it ended during the run", hint=hint)


def _prefix(name: str) -> str:
    from conformance.selecting import prefix_of

    return prefix_of(name)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def default_directory() -> Path:
    """Return a new directory for a run in the user's cache, and forget the oldest ones."""
    from conformance.services.provisioning import cache_directory

    runs = cache_directory() / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    kept = sorted(path for path in runs.iterdir() if path.is_dir())
    for old in kept[: max(0, len(kept) - KEPT_RUNS + 1)]:
        _remove(old)
    return runs / f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"


def _remove(directory: Path) -> None:
    import shutil

    shutil.rmtree(directory, ignore_errors=True)


def _stdout() -> Any:
    from rich.console import Console

    width = None if sys.stdout.isatty() else 100
    return Console(file=sys.stdout, width=width, highlight=False, soft_wrap=False)
