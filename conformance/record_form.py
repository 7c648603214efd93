"""
The form of a record's lines: which types there are, which fields each must have, and of what kind.

Fields that are not named here may be added without a new version; readers leave them alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance.verdicts import WORST_FIRST

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = 1

NONE = type(None)
TEXT = (str,)
TEXT_OR_NONE = (str, NONE)
COUNT = (int,)
NUMBER = (int, float)
TABLE = (dict,)
TABLE_OR_NONE = (dict, NONE)
LIST = (list,)

SECONDS_OF_A_RESULT = ("target", "witness", "service", "own", "total")
STATES_OF_A_SERVICE = ("running", "unreachable", "died")
STATES_OF_A_DIVERGENCE = ("present", "gone")

FIELDS: Mapping[str, Mapping[str, tuple[type, ...]]] = {
    "start": {
        "record": COUNT,
        "suite": TEXT,
        "target": TABLE,
        "claims": TABLE,
        "places": LIST,
        "profile": TEXT,
        "seed": COUNT,
        "python": TEXT,
        "platform": TEXT,
        "libraries": TABLE,
        "started": TEXT,
    },
    "plan": {"requirement": TEXT, "places": LIST},
    "service": {"name": TEXT, "state": TEXT},
    "divergence": {"service": TEXT, "requirement": TEXT, "case": TEXT, "state": TEXT, "reason": TEXT},
    "result": {
        "requirement": TEXT,
        "place": TEXT,
        "case": TEXT_OR_NONE,
        "check": TEXT,
        "verdict": TEXT,
        "examples": COUNT,
        "operations": COUNT,
        "witness_calls": COUNT,
        "requests": (int, NONE),
        "seconds": TABLE,
        "reason": TEXT_OR_NONE,
        "failure": TABLE_OR_NONE,
    },
    "harness": {"reason": TEXT},
    "end": {"verdicts": TABLE, "exit": COUNT, "seconds": TABLE, "complete": (bool,)},
}

OPTIONAL_OF_START = {"shard": TEXT_OR_NONE, "parts": LIST, "missing": LIST, "seeds": LIST}
"""What a shard's record says of itself, and a merged record of what it came from."""

PART = {
    "record": TEXT,
    "shard": TEXT_OR_NONE,
    "python": TEXT,
    "profile": TEXT,
    "seed": COUNT,
    "places": LIST,
    "started": TEXT,
    "complete": (bool,),
}

FAILURE = {"example": TEXT, "expected": TEXT, "observed": TEXT, "requests": LIST, "replay": TEXT}
REQUEST = {"method": TEXT, "target": TEXT, "status": (int, NONE), "signed_by": TEXT_OR_NONE}


class RecordError(Exception):
    """A line breaks the form of its type; the message names the field."""


def check_line(line: Mapping[str, Any]) -> None:
    """Raise `RecordError` unless a line has the form of its type."""
    kind = line.get("type")
    if not isinstance(kind, str) or kind not in FIELDS:
        raise RecordError(f"unknown type {kind!r}; known: {', '.join(FIELDS)}")
    _check_fields(line, FIELDS[kind], kind)
    if kind == "start":
        _check_start(line)
    elif kind == "plan":
        _check_texts(line["places"], "plan.places")
        _check_elsewhere(line)
    elif kind == "service":
        _check_service(line)
    elif kind == "divergence":
        _one_of(line["state"], STATES_OF_A_DIVERGENCE, "divergence.state")
    elif kind == "result":
        _check_result(line)
    elif kind == "end":
        _check_fields(line["seconds"], dict.fromkeys(("startup", "run"), NUMBER), "end.seconds")
        if not line["complete"]:
            raise RecordError("end.complete is true, or the line is left out")


def _check_start(line: Mapping[str, Any]) -> None:
    if line["record"] != VERSION:
        raise RecordError(f"this suite reads records of version {VERSION}: {line['record']}")
    _check_fields(line["target"], {"name": TEXT, "door": TEXT, "spec": TEXT}, "start.target")
    _check_texts(line["places"], "start.places")
    for name, kinds in OPTIONAL_OF_START.items():
        if name in line:
            _check_fields(line, {name: kinds}, "start")
    for part in line.get("parts", ()):
        if not isinstance(part, dict):
            raise RecordError(f"start.parts holds tables: {type(part).__name__}")
        _check_fields(part, PART, "start.parts")
    _check_texts(line.get("missing", []), "start.missing")


def _check_elsewhere(line: Mapping[str, Any]) -> None:
    """Check the places of a plan line that are another shard's."""
    if "elsewhere" in line:
        _check_fields(line, {"elsewhere": LIST}, "plan")
        _check_texts(line["elsewhere"], "plan.elsewhere")
        foreign = [place for place in line["elsewhere"] if place not in line["places"]]
        if foreign:
            raise RecordError(f"plan.elsewhere names places of plan.places: {foreign[0]!r:.60}")


def _check_service(line: Mapping[str, Any]) -> None:
    _one_of(line["state"], STATES_OF_A_SERVICE, "service.state")
    wanted = {"runtime": TEXT, "version": TEXT} if line["state"] == "running" else {"reason": TEXT, "hint": TEXT}
    _check_fields(line, wanted, "service")


def _check_result(line: Mapping[str, Any]) -> None:
    _one_of(line["verdict"], WORST_FIRST, "result.verdict")
    _check_fields(line["seconds"], dict.fromkeys(SECONDS_OF_A_RESULT, NUMBER), "result.seconds")
    failure = line["failure"]
    if failure is None:
        if line["verdict"] == "fail":
            raise RecordError("result.failure is missing for the verdict 'fail'")
        return
    _check_fields(failure, FAILURE, "result.failure")
    for request in failure["requests"]:
        if not isinstance(request, dict):
            raise RecordError(f"result.failure.requests holds tables: {type(request).__name__}")
        _check_fields(request, REQUEST, "result.failure.requests")


def _check_fields(table: Mapping[str, Any], wanted: Mapping[str, tuple[type, ...]], where: str) -> None:
    for name, kinds in wanted.items():
        if name not in table:
            raise RecordError(f"{where}.{name} is missing")
        value = table[name]
        # a bool is an int for Python, not for a record
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            names = " or ".join(kind.__name__ for kind in kinds)
            raise RecordError(f"{where}.{name} is {names}: {value!r:.60}")


def _check_texts(values: list[Any], where: str) -> None:
    for value in values:
        if not isinstance(value, str):
            raise RecordError(f"{where} holds texts: {value!r:.60}")


def _one_of(word: str, words: tuple[str, ...], where: str) -> None:
    if word not in words:
        raise RecordError(f"{where} is one of {', '.join(words)}: {word!r:.60}")
