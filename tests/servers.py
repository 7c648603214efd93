"""
One service for the fixtures of a test session; where it is not to be had, the tests that need it say so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from conformance.services import RunningService, start_services

if TYPE_CHECKING:
    from collections.abc import Iterator


class Quiet:
    """Nobody watches the progress of a test session."""

    def step(self, name: str, text: str) -> None:
        """Say nothing."""

    def done(self, name: str, seconds: float) -> None:
        """Say nothing."""

    def failed(self, name: str, reason: str) -> None:
        """Say nothing: the reason comes back from the start."""


def started(name: str, factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """Give a running service; it stops with the session."""
    with start_services([name], directory=factory.mktemp(name), progress=Quiet()) as services:
        service = services[name]
        if not isinstance(service, RunningService):
            pytest.skip(f"{name} is not to be had: {service.reason}; {service.hint}")
        yield service
