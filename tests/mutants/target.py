"""
Mutants as targets: `--target tests.mutants.target:an_end_of_zero_means_the_whole_object`.

A mutant changes the reference for the whole process, so one process holds one mutant. Its claims are in `target.toml`,
or in `impatient.toml` where it would never come to an end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import deeplake_ref
from tests.mutants.registry import load

if TYPE_CHECKING:
    from collections.abc import Callable

_planted: list[str] = []


def __getattr__(name: str) -> Callable[[], Any]:
    """Return the factory of a mutant."""
    mutant = load().get(name)
    if mutant is None:
        raise AttributeError(f"no mutant is called {name!r}")

    def build() -> Any:
        if _planted and _planted != [name]:
            raise RuntimeError(f"this process holds the mutant {_planted[0]} already")
        if not _planted:
            _planted.append(name)
            for replacement in mutant.change(deeplake_ref):
                setattr(replacement.owner, replacement.name, replacement.value)
        return deeplake_ref

    return build
