"""
What one run was asked for: plain data, so that it can be handed to the processes of the run and stand in the record.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conformance.services import Wanted

DEFAULT_SERVICES = ("moto", "azurite", "fake-gcs-server")
"""What runs without a container engine on any machine with Python, Node and Go; the others come by name or `all`."""


class UsageError(Exception):
    """The user held it wrong; the message says what to do (exit 2)."""


@dataclass(frozen=True, slots=True)
class RunSettings:
    """One run: the target as given, the places, and how much is tried."""

    target: str | None = None
    command: tuple[str, ...] = ()
    claims: str | None = None
    door: str | None = None
    places: tuple[str, ...] = ("mem", "file", *DEFAULT_SERVICES)
    service_urls: dict[str, str] = field(default_factory=dict)
    runtime: str = "auto"
    images: dict[str, str] = field(default_factory=dict)
    reuse: bool = False
    only: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()
    profile: str = "default"
    seed: int = 0
    strict: bool = False
    stop_at_failure: bool = False
    validate: bool = False
    hermetic: bool = False

    def services(self) -> tuple[str, ...]:
        """Return the places that are services."""
        return tuple(place for place in self.places if place not in ("mem", "file"))

    def wanted(self) -> Wanted:
        """Return how the services are to be had."""
        from conformance.services import Wanted

        # an engine is outside of a namespace
        runtime = "native" if self.hermetic else self.runtime
        return Wanted(runtime=runtime, urls=self.service_urls, images=self.images, reuse=self.reuse)

    def to_json(self) -> str:
        """Return the settings as JSON, for a worker process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> RunSettings:
        """Return the settings of a worker process."""
        values = json.loads(text)
        for name in ("command", "places", "only", "cases"):
            values[name] = tuple(values[name])
        return cls(**values)

    def replay_line(self, requirement: str, place: str, case: str | None) -> str:
        """Return the one line that shows this result again."""
        words = ["deeplake-conformance", "replay", requirement, "--place", place, "--seed", str(self.seed)]
        if self.profile != "default":
            words += ["--profile", self.profile]
        if case is not None:
            words += ["--case", case]
        if self.target is not None:
            words += ["--target", self.target]
        if self.claims is not None:
            words += ["--claims", self.claims]
        if self.door is not None and not self.command:
            words += ["--door", self.door]
        if self.hermetic:
            words += ["--hermetic"]
        if place in self.service_urls:
            words += ["--service-url", f"{place}={self.service_urls[place]}"]
        elif place in self.services():
            words += ["--runtime", self.runtime] if self.runtime != "auto" else []
            words += ["--image", f"{place}={self.images[place]}"] if place in self.images else []
            words += ["--reuse"] if self.reuse else []
        if self.command:
            words += ["--", *self.command]
        return " ".join(_quoted(word) for word in words)


def _quoted(word: str) -> str:
    import shlex

    return shlex.quote(word)
