"""
The Dockerfiles of the services, read as data.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docker"


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """The instructions of a Dockerfile in their order, such as `("USER", "65534:65534")`."""

    text: str
    instructions: tuple[tuple[str, str], ...]

    def all(self, name: str) -> list[str]:
        """Return what follows an instruction, each time that it stands there."""
        return [rest for found, rest in self.instructions if found == name]

    def last(self, name: str) -> str:
        """Return what follows an instruction the last time."""
        return self.all(name)[-1]

    def arguments(self) -> dict[str, str]:
        """Return the defaults of the build arguments."""
        return {name: value.strip('"') for name, _, value in (each.partition("=") for each in self.all("ARG"))}

    def environment(self) -> dict[str, str]:
        """Return the variables of the image."""
        return dict(pair.split("=", 1) for each in self.all("ENV") for pair in each.split())

    def command(self) -> list[str]:
        """Return the whole command that the image starts."""
        words = json.loads(self.last("ENTRYPOINT")) + json.loads(self.last("CMD"))
        return [str(word) for word in words]


def read(service: str) -> Dockerfile:
    """Return the Dockerfile of a service."""
    text = (FOLDER / service / "Dockerfile").read_text(encoding="utf-8")
    lines = re.sub(r"(?m)^\s*#.*\n", "", text).replace("\\\n", "").splitlines()
    found = (line.split(maxsplit=1) for line in lines if line.strip())
    return Dockerfile(text=text, instructions=tuple((name, rest) for name, rest in found))
