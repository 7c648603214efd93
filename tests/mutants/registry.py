"""
What a mutant is: a few lines that change one behaviour of a correct target, and the requirement that must catch it.

```python
@mutant("F037", kills="RANGE-3")
def an_end_of_zero_means_the_whole_object(target):
    \"\"\"Takes an end of zero for a missing one.\"\"\"
    right = target.storage.Reader.get

    def get(self, path, start_bytes=None, end_bytes=None):
        return right(self, path, start_bytes, end_bytes or None)

    return replaced(target.storage.Reader, get=get)
```

A mutant returns what it replaces and replaces nothing itself, so that importing this package changes no target. Faults
that somebody reported, or that are known from other suites, are numbered; one fault may have several mutants, where
implementations get it wrong in several ways. A mutant for a requirement that no such fault breaks has no number.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from conformance import requirements
from tests.mutants import faults

if TYPE_CHECKING:
    from collections.abc import Callable

FAULTS = tuple(range(1, 159))
"""Numbers that are planted, or say why not."""

_REFERENCE = re.compile(r"(?P<project>[\w.-]+/[\w.-]+)(?P<mark>[#@])(?P<number>\w+)")


@dataclass(frozen=True, slots=True)
class Replacement:
    """One attribute of a class or module, and what stands there instead."""

    owner: Any
    name: str
    value: Any


Replacements = list[Replacement]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One wrong target.

    Attributes:
        fault: the number of the fault, such as `F037`; empty if it has none.
        kills: the requirement that must catch it.
        places: where it shows.
        origin: reports that the fault comes from, as `owner/project#1` or `owner/project@commit`, separated by spaces.
        name: the name of its function.
        wrong: what it does wrong, in one sentence.
        change: returns what it replaces in a correct target.
        claims: the claims file of this package that it runs with.
        cases: the cases of its requirement that are tried, empty for all; for one of many worlds, each of which costs time.
        hermetic: whether it is run where nothing can leave the machine, which it would.
    """

    fault: str
    kills: str
    places: tuple[str, ...]
    origin: str
    name: str
    wrong: str
    change: Callable[[Any], Replacements]
    claims: str = "target.toml"
    cases: tuple[str, ...] = ()
    hermetic: bool = False


@dataclass(frozen=True, slots=True)
class Unexpressed:
    """A fault that no mutant plants yet, and why."""

    fault: str
    wrong: str
    reason: str
    origin: str = ""


MUTANTS: dict[str, Mutant] = {}
"""Every mutant by name; filled when the modules of this package are imported."""


def mutant(
    fault: str = "",
    *,
    kills: str,
    places: tuple[str, ...] = ("mem",),
    origin: str = "",
    claims: str = "target.toml",
    cases: tuple[str, ...] = (),
    hermetic: bool = False,
    name: str = "",
    wrong: str = "",
) -> Callable[[Callable[[Any], Replacements]], Callable[[Any], Replacements]]:
    """Register a mutant; its docstring's first line says what is wrong.

    Mutants that are made in a loop are given `name` and `wrong` instead.
    """

    def register(change: Callable[[Any], Replacements]) -> Callable[[Any], Replacements]:
        called, text = name or change.__name__, wrong or (change.__doc__ or "").strip().partition("\n")[0]
        if called in MUTANTS:
            raise ValueError(f"two mutants are called {called}")
        if not text:
            raise ValueError(f"{called} does not say what it does wrong")
        MUTANTS[called] = Mutant(fault, kills, places, origin, called, text, change, claims, cases, hermetic)
        return change

    return register


def replaced(owner: Any, **values: Any) -> Replacements:
    """Return replacements of attributes that a class or module has; raises `AttributeError` if it has not."""
    for name in values:
        getattr(owner, name)
    return [Replacement(owner, name, value) for name, value in values.items()]


def load() -> dict[str, Mutant]:
    """Import all modules with mutants and return the mutants by name, in the order of their requirements."""
    for module in pkgutil.iter_modules(faults.__path__):
        importlib.import_module(f"{faults.__name__}.{module.name}")
    order = list(requirements.load())
    found = sorted(MUTANTS.values(), key=lambda each: (order.index(each.kills), each.fault, each.name))
    return {each.name: each for each in found}


def links(origin: str) -> list[tuple[str, str]]:
    """Return label and address of each report in an origin."""
    found = []
    for match in map(_REFERENCE.fullmatch, origin.split()):
        if match is None:
            raise ValueError(f"an origin is `owner/project#1` or `owner/project@commit`: {origin!r}")
        kind = "issues" if match["mark"] == "#" else "commit"
        label = f"{match['project'].partition('/')[2]}{match['mark']}{match['number']}"
        found.append((label, f"https://github.com/{match['project']}/{kind}/{match['number']}"))
    return found
