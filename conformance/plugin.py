"""
The pytest side: options, and the session that turns outcomes into verdicts.

Registered as an entry point, so that `pytest --pyargs conformance.checks --target mymodule` works in any environment. It
stays asleep, and imports nothing of the suite, in every pytest run that has no check of ours among its arguments.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from conformance.settings import RunSettings

CHECKS = Path(__file__).parent / "checks"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of a run; the command has the same ones."""
    group = parser.getgroup("deeplake-conformance", "conformance of storage backends for Deep Lake paths")
    group.addoption("--target", metavar="MODULE[:ATTRIBUTE]", help="implementation under test, shaped like `deeplake`")
    group.addoption("--claims", metavar="FILE", help="claims file of the target")
    group.addoption("--door", choices=("in-process", "stdio"), help="how the target is reached")
    group.addoption("--services", metavar="NAMES", help="services to run against: names, `all` or `none`")
    group.addoption("--only", metavar="AREA|REQ", action="append", default=[], help="area or requirement to check")
    group.addoption("--profile", choices=("quick", "default", "thorough"), default="default", help="how much is tried")


def pytest_configure(config: pytest.Config) -> None:
    """Wake up where checks of ours are to run: in the command, in its workers, and under a plain pytest."""
    given = getattr(config, "workerinput", {}).get("conformance")
    if given is not None:
        from conformance.session import Session

        config.pluginmanager.register(Session.of_worker(config, given), "conformance-session")
    elif not config.pluginmanager.has_plugin("conformance-session") and _asked_for_checks(config):
        from conformance.standalone import start

        start(config, _settings(config))


def _asked_for_checks(config: pytest.Config) -> bool:
    for argument in config.args:
        path = Path(argument.split("::")[0]).resolve()
        if argument.startswith("conformance.checks") or CHECKS in (path, *path.parents):
            return True
    return False


def _settings(config: pytest.Config) -> RunSettings:
    import pytest

    from conformance import selecting
    from conformance.settings import RunSettings, UsageError

    option = config.getoption
    try:
        return RunSettings(
            target=option("--target"),
            claims=option("--claims"),
            door=option("--door"),
            places=selecting.places(option("--services")),
            only=selecting.only(option("--only")),
            profile=option("--profile"),
            seed=int(option("--hypothesis-seed", default=None) or 0),
        )
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None
