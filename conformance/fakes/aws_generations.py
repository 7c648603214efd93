"""
The keys that an AWS service gives out: an identity now, and the next one when that is near its end.

The gate holds an identity to its own `expires_at`; what a service *says* is its own, so that a world can have one that
promises more than the gate keeps.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from conformance.fakes.serving import Life, seconds_of
from conformance.identities import Identity

Mint = Callable[[str], Identity]
"""Makes the identity of a label and tells the gate of it before it returns."""

LONGEST_MARGIN_S: Final = 300.0
"""New credentials are there at least five minutes before the old ones end (EC2 User Guide, "Retrieve security credentials
from instance metadata"); a short life is halved instead."""


@dataclass(frozen=True, slots=True)
class Issued:
    """An identity as a service gives it out; `expires_at` is what the service says, in unix seconds."""

    identity: Identity
    expires_at: float

    @property
    def expiration(self) -> str:
        """The end in the form of AWS documents."""
        return timestamp(self.expires_at)


class Generations:
    """The identities of one source: `label`, `label#2`, `label#3` and so on."""

    def __init__(self, label: str, mint: Mint, life_s: Life) -> None:
        self._life_s = life_s
        self._label = label
        self._mint = mint
        self._count = 0
        self._issued: Issued | None = None
        self._lock = threading.Lock()

    @property
    def life_s(self) -> float:
        """Seconds that the next generation lives."""
        return seconds_of(self._life_s)

    def current(self, now: float) -> Issued:
        """Return what is out, or the next generation if that is near its end; a life that is over ends at once."""
        with self._lock:
            issued = self._issued
            if issued is None or issued.expires_at - now <= min(LONGEST_MARGIN_S, self.life_s / 2):
                issued = self._issued = self._next(now, self.life_s)
            return issued

    def renewed(self, now: float, life_s: Life | None = None) -> Issued:
        """Return the next generation, of the given life."""
        with self._lock:
            self._issued = self._next(now, self.life_s if life_s is None else seconds_of(life_s))
            return self._issued

    def rotate(self) -> None:
        """Let whoever asks next get the next generation."""
        with self._lock:
            self._issued = None

    def _next(self, now: float, life_s: float) -> Issued:
        self._count += 1
        label = self._label if self._count == 1 else f"{self._label}#{self._count}"
        return Issued(self._mint(label), now + life_s)


def timestamp(seconds: float) -> str:
    """Return unix seconds as `2026-01-02T03:04:05Z`, rounded down."""
    return datetime.fromtimestamp(int(seconds // 1), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
