"""
Which requirement is checked by what, and on which places: read off the check modules, without running anything.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from conformance import checks as checks_package
from conformance.checking import Marks, marks_of
from conformance.selecting import prefix_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conformance.settings import RunSettings


@dataclass(frozen=True, slots=True)
class Check:
    """One check function: its module and name, its first docstring line, and its marks."""

    name: str
    summary: str
    marks: Marks


@cache
def all_checks() -> tuple[Check, ...]:
    """Return every check of the suite, in the order of modules and lines."""
    found: list[Check] = []
    for module_info in sorted(pkgutil.iter_modules(checks_package.__path__), key=lambda info: info.name):
        if not module_info.name.startswith("test_"):
            continue
        module = importlib.import_module(f"{checks_package.__name__}.{module_info.name}")
        for name, function in inspect.getmembers(module, callable):
            marks = marks_of(function)
            if marks is not None and name.startswith("test_"):
                summary = (inspect.getdoc(function) or "").partition("\n")[0]
                found.append(Check(f"{module_info.name}.{name}", summary, marks))
    return tuple(found)


def of_run(run: RunSettings) -> dict[str, list[str]]:
    """Return the plan of a whole run, of which a shard judges a part."""
    return planned(run.places, profile=run.profile, only=run.only, hermetic=run.hermetic)


def planned(
    places: Iterable[str], *, profile: str, only: Iterable[str] = (), hermetic: bool = False
) -> dict[str, list[str]]:
    """Return, for each requirement asked for, the places on which a check says something about it."""
    chosen = set(only)
    plan: dict[str, list[str]] = {}
    for place in places:
        prefix = prefix_of(place)
        for check in all_checks():
            marks = check.marks
            wanted = (not chosen or marks.requirement in chosen) and (hermetic or not marks.hermetic)
            if wanted and profile in marks.profiles and marks.applies_to(place, prefix):
                row = plan.setdefault(marks.requirement, [])
                if place not in row:
                    row.append(place)
    return plan
