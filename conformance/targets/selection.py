"""
From what the user names to a target that can be started: a module, a `.py` file, a registered name, or a command.

A `TargetSpec` is plain data, so that every process of a run can start the same target from it.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.settings import UsageError
from conformance.targets import HarnessError, locating
from conformance.targets.claims import Claims
from conformance.targets.claims_file import read_claims

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from conformance.targets import Target
    from conformance.targets.in_process import InProcessTarget
    from conformance.targets.masking import Secrets
    from conformance.targets.overheard import Overheard
    from conformance.targets.process import Started

IN_PROCESS = "in-process"
STDIO = "stdio"


@dataclass(frozen=True, slots=True)
class TargetSpec:
    """A target that can be started any number of times.

    Attributes:
        label: the target as the user names it, for people.
        door: `in-process` or `stdio`.
        claims: what it says it does.
        target: the word for a Python target, None for a command.
        command: the words of a command, empty for a Python target.
        claims_file: where the claims were read, None if it has no such file.
        validate: whether every message is checked against the schema of the protocol; only through stdio.
    """

    label: str
    door: str
    claims: Claims
    target: str | None = None
    command: tuple[str, ...] = ()
    claims_file: str | None = None
    validate: bool = False

    def start(
        self,
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        secrets: Secrets | None = None,
        overheard: Overheard | None = None,
    ) -> Target:
        """Start the target; raises `HarnessError` if it does not start.

        Args:
            environment: all variables of its process, None for a copy of ours; only through stdio.
            cwd: its working directory, None for ours; only through stdio.
            secrets: what is masked in its texts besides the creds that it is given; only through stdio.
            overheard: what keeps all that it says; only through stdio.
        """
        if self.door == IN_PROCESS:
            return self.start_in_process()
        from conformance.targets import process

        words = self.words()
        try:
            started = process.start(words, environment, cwd)
        except OSError as error:
            raise HarnessError(f"the target cannot be started: {words[0]}: {error.strerror}") from None
        return self.speaking_to(started, secrets, overheard)

    def speaking_to(
        self, process: Started, secrets: Secrets | None = None, overheard: Overheard | None = None
    ) -> Target:
        """Return the target in a process that was started with `words`; raises `HarnessError` if it does not answer."""
        from conformance.protocol import Schema
        from conformance.targets.stdio import StdioTarget

        schema = Schema() if self.validate else None
        return StdioTarget(process, self.claims, name=self.label, schema=schema, secrets=secrets, overheard=overheard)

    def through_stdio(self) -> TargetSpec:
        """Return the same target in a process of its own."""
        return replace(self, door=STDIO)

    def from_anywhere(self) -> TargetSpec:
        """Return the same target, named so that a process with another PATH and working directory finds it."""
        file, colon, attribute = (self.target or "").partition(":")
        target = f"{Path(file).resolve()}{colon}{attribute}" if file.endswith(".py") else self.target
        claims = str(Path(self.claims_file).resolve()) if self.claims_file else None
        command = self.command
        if command:
            command = (str(Path(shutil.which(command[0]) or command[0]).absolute()), *command[1:])
        return replace(self, target=target, claims_file=claims, command=command)

    def start_in_process(self, secrets: Secrets | None = None) -> InProcessTarget:
        """Return the Python target as objects of this process."""
        from conformance.targets.in_process import InProcessTarget

        if self.target is None:
            raise HarnessError("a command is not a Python object")
        located = locating.locate(self.target)
        version = located.version()
        return InProcessTarget(located.build(), self.claims, name=self.label, version=version, secrets=secrets)

    def probe(self) -> tuple[str, str]:
        """Start the target once, stop it, and return its name and version; raises `UsageError` if it does not start."""
        try:
            target = self.start()
        except HarnessError as error:
            raise UsageError(str(error)) from None
        try:
            return target.name, target.version
        finally:
            target.close()

    def words(self) -> tuple[str, ...]:
        """Return the command that serves the target behind the protocol."""
        if self.target is None:
            return self.command
        words = [sys.executable, "-m", "conformance.worker", "--target", self.target]
        if self.claims_file is not None:
            words += ["--claims", self.claims_file]
        return tuple(words)


def resolve(
    target: str | None,
    command: Sequence[str],
    claims: Path | None,
    door: str | None,
    *,
    validate: bool = False,
) -> TargetSpec:
    """Return the target that the user names; raises `UsageError` that says what would be right.

    Args:
        target: `package.module`, `package.module:attribute`, `file.py`, `file.py:attribute`, or a registered name; None
            for the only registered one, unless there is a command.
        command: program and arguments of a target that speaks the protocol.
        claims: its claims file; None for the one beside a Python target, if there is one.
        door: `in-process` or `stdio`; None for the target's natural one.
        validate: check every message against the schema of the protocol.
    """
    if command:
        return _of_command(target, tuple(command), claims, door, validate=validate)
    word = target if target is not None else locating.only_registered()
    chosen = door or (STDIO if validate else IN_PROCESS)
    if validate and chosen != STDIO:
        raise UsageError("messages are checked against the schema only with --door stdio: in process there are none")
    located = locating.locate(word)
    file = claims if claims is not None else located.claims_file()
    return TargetSpec(
        label=word,
        door=chosen,
        claims=Claims() if file is None else read_claims(file),
        target=word,
        claims_file=None if file is None else str(file),
        validate=validate,
    )


def _of_command(
    target: str | None, command: tuple[str, ...], claims: Path | None, door: str | None, *, validate: bool
) -> TargetSpec:
    if target is not None:
        raise UsageError(f"one target at a time: --target {target}, or the command `{shlex.join(command)}`")
    if door == IN_PROCESS:
        raise UsageError("a command is always reached through stdio: leave --door out")
    if shutil.which(command[0]) is None:
        raise UsageError(_no_command(command[0]))
    return TargetSpec(
        label=shlex.join(command),
        door=STDIO,
        claims=Claims() if claims is None else read_claims(claims),
        command=command,
        claims_file=None if claims is None else str(claims),
        validate=validate,
    )


def _no_command(program: str) -> str:
    if Path(program).is_file():
        return f"not an executable file: {program}; name its interpreter first, such as `python {program}`"
    hints = {
        "node": 'install Node.js, or pip install "deeplake-conformance[native]"',
        "go": 'install Go, or pip install "deeplake-conformance[native]"',
    }
    return f"command not found: {program}; {hints.get(program, 'is it installed and on PATH?')}"
