"""
What a check can do to one source while its world runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.fakes import Fault


@dataclass(frozen=True, slots=True)
class Controls:
    """The means, as functions; `Setting` calls them by the name of the source.

    Attributes:
        questions: how often it was asked for credentials.
        rotate: lets whoever asks next get the next generation; None where everybody does.
        fail: lets it fail from now on, or work again.
        rewrite: puts another token into the file that it stands on, and lets its service refuse the old one.
        is_ready: whether its first credentials were made before anybody asked, as those of a command are.
    """

    questions: Callable[[], int]
    fail: Callable[[Fault | None], None]
    rotate: Callable[[], None] | None = None
    rewrite: Callable[[], None] | None = None
    is_ready: bool = False
