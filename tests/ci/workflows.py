"""
The workflows and the action as data: their steps, with the values that a runner would put in.
"""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).parents[2]
WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yml"))
ACTION = PROJECT / "action.yml"

CONTEXT = {
    "github.run_number": "17",
    "github.action_path": str(PROJECT),
    "runner.temp": "temporary",
}
"""What expressions outside of a matrix stand for."""

VARIABLES = {"GITHUB_STEP_SUMMARY": "summary.md"}


@dataclass(frozen=True, slots=True)
class Command:
    """One `run:` step of one job, with the values of one combination of its matrix."""

    where: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return self.where


def read(path: Path) -> dict[Any, Any]:
    """Return a file as data; `on` is read as true, as YAML 1.1 wants it."""
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


def jobs(path: Path) -> dict[str, Any]:
    """Return the jobs of a workflow by name."""
    return dict(read(path)["jobs"])


def combinations(job: dict[str, Any]) -> Iterator[dict[str, str]]:
    """Yield what each machine of a job takes of its matrix."""
    matrix = dict(job.get("strategy", {}).get("matrix", {}))
    more = matrix.pop("include", [])
    for values in itertools.product(*matrix.values()):
        yield {f"matrix.{name}": str(value) for name, value in zip(matrix, values, strict=True)}
    for entry in more:
        yield {f"matrix.{name}": str(value) for name, value in entry.items()}


def commands(path: Path) -> list[Command]:
    """Return every command of a workflow, once for each different form that a matrix gives it."""
    found = {}
    for name, job in jobs(path).items():
        for values in combinations(job):
            for step in job["steps"]:
                if "run" in step:
                    words = tuple(shlex.split(shown(expanded(step["run"], CONTEXT | values), VARIABLES)))
                    found[words] = Command(f"{path.name}-{name}-{' '.join(words)[:60]}", words)
    return list(found.values())


def action_commands(inputs: dict[str, str]) -> list[Command]:
    """Return the commands of the action with inputs, the others as they are by default."""
    action = read(ACTION)
    given = {f"inputs.{name}": inputs.get(name, about["default"]) for name, about in action["inputs"].items()}
    found = []
    for step in action["runs"]["steps"]:
        if "run" in step:
            assert "${{" not in step["run"], "an expression inside a script would run what stands in it"
            variables = {name: expanded(text, CONTEXT | given) for name, text in step["env"].items()}
            words = tuple(shlex.split(shown(step["run"], VARIABLES | variables)))
            found.append(Command(f"action-{words[0]}", words))
    return found


def uses(path: Path) -> list[str]:
    """Return the actions that a workflow or the action calls."""
    data = read(path)
    steps = (
        data["runs"]["steps"] if "runs" in data else [step for job in data["jobs"].values() for step in job["steps"]]
    )
    return [step["uses"] for step in steps if "uses" in step]


def expanded(text: str, context: dict[str, str]) -> str:
    """Return a text with the values of its expressions; an expression that is not known here is a KeyError."""
    return re.sub(r"\$\{\{ *([\w.-]+) *\}\}", lambda match: context[match[1]], text)


def shown(script: str, variables: dict[str, str]) -> str:
    """Return a line of shell with its variables: `$NAME`, and `${NAME:+"words"}` where there is one to show."""
    optional = re.sub(r'\$\{(\w+):\+("[^"]*")\}', lambda match: match[2] if variables[match[1]] else "", script)
    return re.sub(r"\$(\w+)", lambda match: variables[match[1]], optional)
