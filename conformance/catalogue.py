"""
What the suite holds, as text: requirements with their checks, services with what is installed.
"""

from __future__ import annotations

import json
import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING

from conformance import plan, requirements, selecting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conformance.requirements import Requirement

WIDTH = 100


def list_requirements(area: str | None, *, as_json: bool) -> str:
    """Return one line per requirement, or JSON with sentences, sources and checks."""
    areas = selecting.areas(area)
    chosen = [requirement for requirement in requirements.load().values() if requirement.area in areas]
    checks = _checks_by_requirement()
    if as_json:
        rows = [asdict(requirement) | {"checks": checks.get(requirement.id, [])} for requirement in chosen]
        return json.dumps(rows, indent=2, ensure_ascii=False)
    lines = [
        f"{requirement.id:<9} {requirement.level:<8} {requirement.title}  ({_count(checks.get(requirement.id, []))})"
        for requirement in chosen
    ]
    return "\n".join(lines)


def show_requirement(identity: str) -> str:
    """Return the sentence of a requirement with its level, source and checks; of an area, its requirements."""
    name = identity.strip().upper()
    areas = selecting.areas(None)
    if name not in requirements.load():
        if identity in areas:
            return list_requirements(identity, as_json=False)
        raise selecting.unknown("area or requirement", identity, (*areas, *requirements.load()))
    requirement: Requirement = requirements.load()[name]
    checks = [check for check in plan.all_checks() if check.marks.requirement == name]
    parts = [
        f"{requirement.id}: {requirement.title}  ({requirement.level}, {requirement.area})",
        "",
        textwrap.fill(requirement.sentence, WIDTH),
        "",
        textwrap.fill(f"Source: {requirement.source}", WIDTH),
        "",
        *(f"Check {check.name}: {check.summary}" for check in checks),
        "",
        f"Run it: deeplake-conformance run --only {requirement.id}",
    ]
    return "\n".join(parts)


def list_services() -> str:
    """Return one line per service: prefix, version, and whether and where it is installed."""
    from conformance.services import load, names
    from conformance.services.provisioning import installed

    lines = []
    for name in names():
        description = load(name)
        where = installed(description)
        state = f"installed in {where}" if where else f"not installed: deeplake-conformance services install {name}"
        lines.append(f"{name:<16} {description.prefix:<4} {description.version:<40} {state}")
    return "\n".join(lines)


def install_services(names: Sequence[str]) -> int:
    """Install the named services, or all; return the exit code."""
    from conformance.report.progress import LiveProgress
    from conformance.services import names as known
    from conformance.services.provisioning import provision

    for name in names:
        if name not in known():
            raise selecting.unknown("service", name, known())
    with LiveProgress() as progress:
        failed = provision(names or known(), progress)
    return 3 if failed else 0


def _checks_by_requirement() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for check in plan.all_checks():
        found.setdefault(check.marks.requirement, []).append(check.name)
    return found


def _count(checks: list[str]) -> str:
    return f"{len(checks)} check" + ("" if len(checks) == 1 else "s")
