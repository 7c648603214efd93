"""
Says nothing while services start.
"""

from __future__ import annotations


class Quiet:
    """A progress display that shows nothing."""

    def step(self, name: str, text: str) -> None:
        """Say nothing."""

    def done(self, name: str, seconds: float) -> None:
        """Say nothing."""

    def failed(self, name: str, reason: str) -> None:
        """Say nothing."""
