"""
Reads the numbered requirements out of `spec/*.md`.

A requirement is a level-2 heading `ID: title`, one quoted normative sentence that starts with its level, and a `Source:`
line. An id is given once and never used again; a withdrawn one stays as `ID: withdrawn`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LEVELS = ("MUST", "SHOULD", "DEFINED")

ONLY_HERMETIC = "SEC-12"
"""The requirement that only a hermetic run can judge."""

_HEADING = re.compile(r"^## (?P<id>[A-Z]+-\d+): (?P<title>.+)$")
_SENTENCE = re.compile(r"^(?P<level>[A-Z]+): (?P<sentence>.+)$", re.DOTALL)


class SpecError(Exception):
    """A page of the specification breaks its own form; the message names page and line."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One numbered normative sentence with its level (`MUST`, `SHOULD`, `DEFINED`) and its source."""

    id: str
    area: str
    level: str
    title: str
    sentence: str
    source: str

    def sort_key(self) -> tuple[str, int]:
        """Return stem and number, so that `OBJ-10` follows `OBJ-9`."""
        stem, number = self.id.split("-")
        return stem, int(number)


@cache
def load() -> dict[str, Requirement]:
    """Return all requirements by id, in the order of areas and numbers."""
    pages = sorted(
        (page for page in files("conformance").joinpath("spec").iterdir() if page.name.endswith(".md")),
        key=lambda page: _order(page.name.removesuffix(".md")),
    )
    found: dict[str, Requirement] = {}
    for page in pages:
        area = page.name.removesuffix(".md")
        for requirement in parse(page.read_text(encoding="utf-8"), area=area):
            if requirement.id in found:
                raise SpecError(
                    f"spec/{area}.md: {requirement.id} is given twice, first in {found[requirement.id].area}"
                )
            found[requirement.id] = requirement
    return found


AREAS = (
    "paths",
    "objects",
    "directories",
    "metadata",
    "ranges",
    "listing",
    "conditional",
    "datasets",
    "errors",
    "handles",
    "credentials_aws",
    "credentials_azure",
    "credentials_google",
    "expiry",
    "secrets",
)


def _order(area: str) -> tuple[int, str]:
    return (AREAS.index(area) if area in AREAS else len(AREAS), area)


def parse(text: str, *, area: str) -> Iterable[Requirement]:
    """Yield the requirements of one page; raises `SpecError` where the form is broken."""
    ids: set[str] = set()
    for block in re.split(r"^(?=## )", text, flags=re.MULTILINE)[1:]:
        heading, _, rest = block.partition("\n")
        match = _HEADING.match(heading)
        if match is None:
            raise SpecError(f"spec/{area}.md: the heading must read `## ID: title`: {heading!r}")
        identity, title = match["id"], match["title"].strip()
        if identity in ids:
            raise SpecError(f"spec/{area}.md: {identity} is given twice")
        ids.add(identity)
        if title != "withdrawn":
            yield _requirement(identity, title, rest, area)


def _requirement(identity: str, title: str, rest: str, area: str) -> Requirement:
    quoted = " ".join(line[1:].strip() for line in rest.splitlines() if line.startswith(">"))
    match = _SENTENCE.match(quoted)
    if match is None or match["level"] not in LEVELS:
        raise SpecError(f"spec/{area}.md: {identity} needs one quoted sentence that starts with {', '.join(LEVELS)}")
    source = re.search(r"^Source: (.+?)(?:\n\n|\Z)", rest, flags=re.MULTILINE | re.DOTALL)
    if source is None:
        raise SpecError(f"spec/{area}.md: {identity} has no `Source:` line")
    return Requirement(identity, area, match["level"], title, match["sentence"], " ".join(source[1].split()))
