"""
What one run was asked for: plain data, so that it can be handed to the processes of the run and stand in the record.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

DEFAULT_SERVICES = ("moto", "azurite", "fake-gcs-server")
"""What runs without a container engine on any machine with Python, Node and Go; the others come by name or `all`."""

LOCAL = ("mem", "file")
"""Places without a service."""

AL = "al-"
"""How the names of places begin that reach a service through the Deep Lake control plane."""

DEFAULT_PLACES = (*LOCAL, *DEFAULT_SERVICES, "al-moto")
"""One place of `al://` is enough to see that the control plane is asked well; the others come by name or `all`."""


def services_of(places: Iterable[str]) -> tuple[str, ...]:
    """Return the services that places need, each once; the control plane last."""
    beside = [place for place in places if place not in LOCAL]
    planes = ["activeloop"] if any(place.startswith(AL) for place in beside) else []
    return tuple(dict.fromkeys([*(place.removeprefix(AL) for place in beside), *planes]))


class UsageError(Exception):
    """The user held it wrong; the message says what to do (exit 2)."""


@dataclass(frozen=True, slots=True)
class RunSettings:
    """One run: the target as given, the places, and how much is tried."""

    target: str | None = None
    command: tuple[str, ...] = ()
    claims: str | None = None
    door: str | None = None
    places: tuple[str, ...] = DEFAULT_PLACES
    service_urls: dict[str, str] = field(default_factory=dict)
    runtime: str = "auto"
    images: dict[str, str] = field(default_factory=dict)
    reuse: bool = False
    only: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()
    profile: str = "default"
    seed: int = 0
    shard: str | None = None
    strict: bool = False
    stop_at_failure: bool = False
    validate: bool = False
    hermetic: bool = False

    def services(self) -> tuple[str, ...]:
        """Return the services that the places need."""
        return services_of(self.places)

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
        started = []
        for name in services_of((place,)):
            if name in self.service_urls:
                words += ["--service-url", f"{name}={self.service_urls[name]}"]
            else:
                started.append(name)
        if started:
            words += ["--runtime", self.runtime] if self.runtime != "auto" else []
            for name in started:
                words += ["--image", f"{name}={self.images[name]}"] if name in self.images else []
            words += ["--reuse"] if self.reuse else []
        if self.command:
            words += ["--", *self.command]
        return " ".join(_quoted(word) for word in words)


def _quoted(word: str) -> str:
    import shlex

    return shlex.quote(word)
