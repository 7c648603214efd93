"""Fixtures that turn lines into a record and a record into text."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from conformance.record import Record, read_record
from conformance.report import render_terminal
from tests.report.examples import SPEC, written

Reading = Callable[[list[dict[str, Any]]], Record]


@pytest.fixture
def read(tmp_path: Path) -> Reading:
    """Writes lines and reads them back, as a run and a report do."""

    def from_lines(lines: list[dict[str, Any]]) -> Record:
        record = read_record(written(tmp_path / "record.jsonl", lines), known=SPEC)
        record.path = Path("out/record.jsonl")
        return record

    return from_lines


def on_terminal(record: Record, width: int = 80, *, verbose: bool = False, strict: bool = False) -> str:
    """Return the terminal report as plain text."""
    console = Console(file=io.StringIO(), width=width, color_system=None)
    render_terminal(record, console, verbose=verbose, strict=strict)
    output = console.file
    assert isinstance(output, io.StringIO)
    return output.getvalue()
