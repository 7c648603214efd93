"""
What the user held wrong, as one message and an exit code.
"""

from __future__ import annotations

import signal
import sys
from typing import NoReturn

import click

EXIT_USAGE = 2
EXIT_UNJUDGED = 3
EXIT_INTERRUPTED = 130


class usage_errors:  # noqa: N801 - reads as the statement it is
    """Turn what the user held wrong into one message and exit code 2, and a missing extra into how to install it."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None:
            return
        if isinstance(error, KeyboardInterrupt):
            fail("interrupted; `report` shows what was recorded until then", EXIT_INTERRUPTED)
        if isinstance(error, ModuleNotFoundError) and error.name in _EXTRA_OF:
            fail(f'{error.name} is not installed: pip install "deeplake-conformance[{_EXTRA_OF[error.name]}]"')
        if _is_usage_error(error):
            fail(str(error))


_EXTRA_OF = dict.fromkeys(("hypothesis", "pytest", "xdist", "rich", "platformdirs", "jsonschema"), "suite")
_EXTRA_OF |= dict.fromkeys(("docker", "testcontainers"), "containers")


def _is_usage_error(error: BaseException) -> bool:
    from conformance.settings import UsageError

    return isinstance(error, UsageError)


def end_in_order_when_terminated() -> None:
    """Let SIGTERM, which CI systems and `timeout` send, end a run as Ctrl-C does: services stop, nothing is left behind."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def fail(message: str, code: int = EXIT_USAGE) -> NoReturn:
    """Say one line, and exit."""
    click.echo(f"deeplake-conformance: {message}", err=True)
    sys.exit(code)
