"""
A run under a plain pytest: `pytest --pyargs conformance.checks --target mymodule`.

The services are started and stopped around pytest's own session, and the table of requirements is printed after its summary.
No record is written; the command does that.
"""

from __future__ import annotations

import secrets
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conformance import selecting
from conformance.divergences import probe_all
from conformance.services import start_services
from conformance.session import RESULT, Session
from conformance.settings import UsageError
from conformance.verdicts import worst

if TYPE_CHECKING:
    from conformance.settings import RunSettings


class Quiet:
    """Says nothing while services start; pytest owns the terminal."""

    def step(self, name: str, text: str) -> None:
        """Say nothing."""

    def done(self, name: str, seconds: float) -> None:
        """Say nothing."""

    def failed(self, name: str, reason: str) -> None:
        """Say nothing; the verdicts will."""


class StandaloneRun:
    """Starts services before the first check, and prints verdicts at the end."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._closing = ExitStack()
        self._verdicts: dict[tuple[str, str], list[str]] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Start the services."""
        logs = Path(self._closing.enter_context(tempfile.TemporaryDirectory(prefix="conformance-logs-")))
        names = self.session.run.services()
        started = start_services(names, wanted=selecting.wanted(self.session.run), directory=logs, progress=Quiet())
        self.session.services = dict(self._closing.enter_context(started))
        self.session.lies = {lie.key for lie in probe_all(self.session.services) if lie.present}
        self.session.run_id = secrets.token_hex(4)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the verdicts."""
        result = getattr(report, RESULT, None)
        if result is not None:
            self._verdicts.setdefault((result["requirement"], result["place"]), []).append(result["verdict"])

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print one line per requirement and place that is no pass, and the counts."""
        cells = {key: worst(verdicts) for key, verdicts in self._verdicts.items()}
        terminalreporter.section("conformance")
        for (requirement, place), verdict in cells.items():
            if verdict != "pass":
                terminalreporter.write_line(f"{requirement} on {place}: {verdict}")
        counts = {verdict: list(cells.values()).count(verdict) for verdict in sorted(set(cells.values()))}
        terminalreporter.write_line(", ".join(f"{count} {verdict}" for verdict, count in counts.items()))

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Stop the services."""
        self._closing.close()


def start(config: pytest.Config, settings: RunSettings) -> None:
    """Register what a run under a plain pytest needs."""
    try:
        session = Session(settings)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None
    config.pluginmanager.register(session, session.__name__)
    config.pluginmanager.register(StandaloneRun(session), "conformance-standalone")
