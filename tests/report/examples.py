"""
A small specification and a run over it with one verdict of each kind, as lines of a record.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from conformance import requirements

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from conformance.requirements import Requirement

RANGES = """# Ranges

## RANGE-1: a range is a slice
> MUST: `get(path, start, end)` returns `value[start:end]` for 0 <= start <= end.

Source: deeplake 4.7.4 stubs, `storage.Reader.get`.

## RANGE-2: no negative bounds
> SHOULD: A negative bound raises ValueError before any request.

Source: this suite.
"""

LISTING = """# Listing

## LIST-1: a listing is complete
> MUST: `list(path)` returns all objects below `path`.

Source: deeplake 4.7.4 stubs, `storage.Reader.list`.

## LIST-2: a bucket's root has a rule
> DEFINED: What `list_dirs` does at the root of a bucket is one behaviour.

Source: this suite.
"""

SPEC: dict[str, Requirement] = {
    requirement.id: requirement
    for area, page in (("ranges", RANGES), ("listing", LISTING))
    for requirement in requirements.parse(page, area=area)
}

START: dict[str, Any] = {
    "type": "start",
    "record": 1,
    "suite": "0.1.0",
    "target": {"name": "mymodule", "door": "in-process", "spec": "mymodule"},
    "claims": {"name": "mymodule"},
    "places": ["mem", "moto"],
    "only": [],
    "profile": "quick",
    "seed": 7,
    "python": "3.11.7",
    "platform": "Linux",
    "libraries": {"hypothesis": "6.170.15"},
    "started": "2026-01-02",
}
MOTO = {"type": "service", "name": "moto", "state": "running", "prefix": "s3", "runtime": "native", "version": "5.2.5"}


def plan(requirement: str, *places: str) -> dict[str, Any]:
    """Return a plan line."""
    return {"type": "plan", "requirement": requirement, "places": list(places)}


def result(requirement: str, place: str, verdict: str = "pass", **fields: Any) -> dict[str, Any]:
    """Return a result line; a failure gets the parts that it must have."""
    line: dict[str, Any] = {
        "type": "result",
        "requirement": requirement,
        "place": place,
        "case": None,
        "check": "test_something",
        "verdict": verdict,
        "examples": 25,
        "operations": 50,
        "witness_calls": 25,
        "requests": None,
        "seconds": {"target": 0.25, "witness": 0.25, "service": 0.0, "own": 0.5, "total": 1.0},
        "reason": None,
        "failure": failure(requirement, place) if verdict == "fail" else None,
        "notes": [],
    }
    return line | fields


def failure(requirement: str, place: str, **fields: Any) -> dict[str, Any]:
    """Return the parts of a failure."""
    parts: dict[str, Any] = {
        "what": "",
        "example": "key: 'a'\nvalue: b'\\x00'\nstart, end: 0, 0",
        "expected": "b''",
        "observed": "b'\\x00'",
        "requests": [],
        "replay": f"deeplake-conformance replay {requirement} --place {place} --seed 7 --target mymodule",
        "notes": [],
    }
    return parts | fields


def end(**fields: Any) -> dict[str, Any]:
    """Return a last line."""
    seconds = {"startup": 2.0, "run": 31.0}
    return {"type": "end", "verdicts": {}, "exit": 0, "seconds": seconds, "complete": True} | fields


def written(path: Path, lines: Iterable[dict[str, Any]]) -> Path:
    """Write lines as a record and return its path."""
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="ascii")
    return path


CONFORMING: list[dict[str, Any]] = [
    START,
    *(plan(identity, "mem", "moto") for identity in ("RANGE-1", "RANGE-2", "LIST-1")),
    plan("LIST-2", "moto"),
    MOTO,
    *(result(identity, place) for identity in ("RANGE-1", "RANGE-2", "LIST-1") for place in ("mem", "moto")),
    result("LIST-2", "moto"),
    end(),
]

REQUESTS = [
    {"method": "PUT", "target": "/conf-1/r1/e1/a", "status": 200, "signed_by": "root"},
    {"method": "GET", "target": "/conf-1/r1/e1/a", "status": 206, "signed_by": None},
]

BAD: list[dict[str, Any]] = [
    START | {"places": ["mem", "moto", "azurite"]},
    *(plan(identity, "mem", "moto", "azurite") for identity in ("RANGE-1", "RANGE-2", "LIST-1")),
    plan("LIST-2", "moto"),
    MOTO,
    {
        "type": "service",
        "name": "azurite",
        "state": "unreachable",
        "reason": "no node on PATH",
        "hint": 'pip install "deeplake-conformance[native]"',
    },
    {
        "type": "divergence",
        "service": "moto",
        "requirement": "LIST-1",
        "case": "key-with-empty-segment",
        "state": "gone",
        "reason": "moto folds empty segments",
    },
    result("RANGE-1", "mem"),
    result("RANGE-1", "moto", "fail", failure=failure("RANGE-1", "moto", requests=REQUESTS), case="zero-zero"),
    result("RANGE-1", "moto", "fail", case="at-the-end"),
    result(
        "RANGE-2",
        "mem",
        "fail",
        failure=failure("RANGE-2", "mem", example="", expected="ValueError to be raised", observed="the result b''"),
    ),
    result(
        "RANGE-2",
        "moto",
        "known-fail",
        reason="not built yet (https://example.org/1)",
        failure=failure("RANGE-2", "moto"),
    ),
    result("LIST-1", "mem", "not-claimed", reason="listing is not among the areas of the claims", operations=0),
    result("LIST-1", "moto"),
    result("LIST-1", "moto", "inconclusive", case="key-with-emoji", reason="moto stores another name"),
    *(
        result(identity, "azurite", "unreachable", reason="azurite: no node on PATH", examples=0, operations=0)
        for identity in ("RANGE-1", "RANGE-2", "LIST-1")
    ),
    result("LIST-2", "moto", "harness-error", reason="KeyError: 'x'", notes=["Traceback: here\n  there"]),
    end(),
]
