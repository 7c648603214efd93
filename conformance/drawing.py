"""
How Hypothesis draws in a run: as the seed says, as much as the profile says, and each example is counted.
"""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, settings

from conformance import checking
from conformance.services.provisioning import cache_directory

if TYPE_CHECKING:
    from collections.abc import Callable


def prepare(profile: str) -> None:
    """Make what is tried depend on the seed, and on nothing else; checks read this when they are imported."""
    checking.profile = profile
    # else Hypothesis leaves a folder wherever the command is called
    os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(cache_directory() / "hypothesis"))
    settings.register_profile(
        "conformance",
        max_examples=checking.examples(profile),
        derandomize=False,  # Hypothesis would not look at the seed where it sees a CI
        database=None,
        deadline=None,  # properties with I/O: time is bounded by the deadline of each call
        print_blob=False,
        report_multiple_bugs=False,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=(
            HealthCheck.too_slow,  # servers set the pace
            HealthCheck.function_scoped_fixture,  # `place` keeps examples apart by fresh names
            HealthCheck.data_too_large,  # values around part sizes
        ),
    )
    settings.load_profile("conformance")
    _draw_no_constants_of_modules()


def _draw_no_constants_of_modules() -> None:
    """Keep Hypothesis from drawing constants that it finds in imported modules of the checkout.

    Which modules are imported differs between a wheel and a checkout, and between places, as the reference loads its SDKs
    lazily; the same seed would give different operations (Hypothesis 6.170, `providers._get_local_constants`).
    """
    from hypothesis.internal.conjecture import providers

    if hasattr(providers, "_get_local_constants") and hasattr(providers, "_local_constants"):
        nothing = providers._local_constants  # noqa: SLF001 - no public switch exists
        providers._get_local_constants = lambda: nothing  # noqa: SLF001


def count_examples(function: Callable[..., Any]) -> None:
    """Let a check that draws note each example, once however often it is collected."""
    handle = getattr(function, "hypothesis", None)
    if handle is None:
        if not getattr(function, "conformance_counted", False):
            function.conformance_counted = True  # type: ignore[attr-defined]
        return
    inner = handle.inner_test
    if getattr(inner, "conformance_counted", False):
        return

    @functools.wraps(inner)
    def counted(*arguments: object, **keywords: object) -> object:
        checking.note_example()
        return inner(*arguments, **keywords)

    counted.conformance_counted = True  # type: ignore[attr-defined]
    handle.inner_test = counted
