"""
What became of a mutant, read off the record of a run: caught by the requirement that it breaks, or not.

A crash is no kill: an error that only a mistake in Python code raises says that the mutant is broken, not that a check
looked at the right thing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conformance.record import Record
    from tests.mutants.registry import Mutant

KILLED = "killed"
BY_ANOTHER = "killed by another"
SURVIVED = "survived"
CRASHED = "crashed the harness"
BROKEN = "the mutant itself crashed"
FLAKY = "flaky"
UNREACHABLE = "unreachable"
NO_BASELINE = "the reference fails too"

_MISTAKES = re.compile(
    r"(AssertionError|AttributeError|ImportError|ModuleNotFoundError|NameError|NotImplementedError|RecursionError"
    r"|SyntaxError|TypeError|UnboundLocalError|MalformedResult)\b"
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one mutant; `detail` is one line about why, `place` where it was caught.

    `examples` are those of the requirement's checks until the run ended.
    """

    mutant: Mutant
    verdict: str
    place: str = ""
    detail: str = ""
    examples: int = 0
    seconds: float = 0.0

    @property
    def is_good(self) -> bool:
        """Whether the requirement that it breaks caught it."""
        return self.verdict == KILLED


def judge(mutant: Mutant, record: Record) -> Outcome:
    """Return what a run over the mutant's own requirement, or over all of them, shows."""
    failed = [result for result in record.results if result["verdict"] == "fail"]
    real = [result for result in failed if not _is_mistake(result)]
    for result in real:
        if result["requirement"] == mutant.kills:
            tried = sum(each["examples"] for each in record.results if each["requirement"] == mutant.kills)
            return Outcome(mutant, KILLED, result["place"], _seen(result), tried)
    if real:
        first = real[0]
        return Outcome(mutant, BY_ANOTHER, first["place"], f"{first['requirement']}: {_seen(first)}")
    if failed:
        return Outcome(mutant, BROKEN, failed[0]["place"], f"{failed[0]['requirement']}: {_seen(failed[0])}")
    errors = [result for result in record.results if result["verdict"] == "harness-error"]
    if errors or record.harness or not record.complete:
        detail = errors[0]["reason"] if errors else (record.harness or ["the run was cut off"])[0]
        return Outcome(mutant, CRASHED, detail=_one_line(detail))
    for verdict, outcome in (("unreachable", UNREACHABLE), ("flaky", FLAKY)):
        for result in record.results:
            if result["verdict"] == verdict:
                return Outcome(mutant, outcome, result["place"], _one_line(result["reason"] or ""))
    verdicts = sorted({result["verdict"] for result in record.results})
    return Outcome(mutant, SURVIVED, detail=f"verdicts: {', '.join(verdicts) or 'none'}")


def _is_mistake(result: dict[str, Any]) -> bool:
    return _MISTAKES.match(result["failure"]["observed"]) is not None


def _seen(result: dict[str, Any]) -> str:
    failure = result["failure"]
    about = f"{failure['what']}: " if failure.get("what") else ""
    return _one_line(f"{about}expected {failure['expected']}, observed {failure['observed']}")


def _one_line(text: str, longest: int = 160) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 3]}..."
