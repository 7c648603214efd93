"""Targets of these tests, through both doors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from conformance.targets import Target
from conformance.targets.claims import DEFAULT_OPTIONS, Claims
from conformance.targets.selection import TargetSpec, resolve

MINIATURE = "tests.targets.miniature"

SECRET = "sEcReT/of+this=run"
CREDS: dict[str, Any] = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": SECRET, "aws_region": "us-east-1"}


def claims(**options: Any) -> Claims:
    """Return claims of everything, with these options."""
    return Claims(options=DEFAULT_OPTIONS | options)


@pytest.fixture(params=["in-process", "stdio"])
def spec(request: pytest.FixtureRequest) -> TargetSpec:
    """The miniature target, through each door in turn."""
    return resolve(MINIATURE, (), None, request.param)


@pytest.fixture
def target(spec: TargetSpec) -> Iterator[Target]:
    """The running target."""
    running = spec.start()
    yield running
    running.close()
