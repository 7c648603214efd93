"""
The Azure CLI: a command `az` in a directory for `PATH`, which can only `account get-access-token`.

The command is a line of `sh` that runs `azure_cli_command.py` with this Python, so it needs nothing on `PATH`. It reads what
to answer from `az.json` beside it, at every call, and writes its calls to `az.calls`, and how it was started, arguments and
variables as they are, to `az.started`. All hold secrets of the run or come near them: mode 0600.

Sources: https://learn.microsoft.com/cli/azure/account#az-account-get-access-token (arguments),
https://learn.microsoft.com/cli/azure/authenticate-azure-cli (the answer, `expires_on` since 2.54), azure-cli
`command_modules/profile/custom.py` and `azure/cli/core/_profile.py` (its fields and errors).
"""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conformance.identities import Identity

Way = Literal[
    "signed-in",
    "old",
    "compact",
    "noise",
    "compact-noise",
    "garbage",
    "silent",
    "not-signed-in",
    "sign-in-expired",
    "fails",
    "hangs",
]
"""How the command behaves.

It answers in its own form; as before 2.54, without `expires_on`; on one line without spaces; after a line of other text;
both of these; with a page that is no JSON; with nothing. Or it fails: nobody has signed in; who has must do so again; for
another reason; or not within `azure_cli_command.HANG_S`.
"""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the command.

    Attributes:
        arguments: what followed `az`; a secret in it is blotted out.
        held_secret: whether one was there.
        variables: the names of environment variables that held one.
        exit_code: what it returned, None while it hangs.
    """

    arguments: tuple[str, ...]
    held_secret: bool
    variables: tuple[str, ...]
    exit_code: int | None


class AzureCli:
    """The command in one directory.

    Args:
        directory: exists, and is put on `PATH`.
        tenant: of who has signed in.
        subscription: the selected one.
        way: how it behaves.
        secrets: what must not be among its arguments, besides the tokens that it hands out.
    """

    def __init__(
        self,
        directory: Path,
        *,
        tenant: str,
        subscription: str,
        way: Way = "signed-in",
        secrets: Iterable[str] = (),
    ) -> None:
        self._answers = directory / "az.json"
        self._calls = directory / "az.calls"
        self.started = directory / "az.started"
        self._told: dict[str, object] = {
            "tenant": tenant,
            "subscription": subscription,
            "way": way,
            "secrets": [secret for secret in secrets if secret],
            "tokens": [],
        }
        self._write()
        command = Path(__file__).with_name("azure_cli_command.py")
        words = (sys.executable, "-I", "-S", str(command), str(self._answers), str(self._calls))
        shim = directory / "az"
        shim.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n', encoding="utf-8")
        shim.chmod(0o755)

    def behave(self, way: Way) -> None:
        """Behave in this way from the next call on."""
        self._told["way"] = way
        self._write()

    def answer_with(self, *identities: Identity) -> None:
        """Hand out the tokens of these, one a call from the first call on, and the last one from then on.

        An identity has to say when it expires; one that has expired is handed out like any other, as by `az`.
        """
        tokens = []
        for identity in identities:
            if identity.expires_at is None:
                raise ValueError(f"the token of `az` has an end: {identity.label}")
            tokens.append({"accessToken": identity.secret, "expires_on": int(identity.expires_at)})
        self._told["tokens"] = tokens
        self._write()

    def calls(self) -> tuple[Call, ...]:
        """Return its calls so far, also those that were refused."""
        if not self._calls.exists():
            return ()
        lines = [json.loads(line) for line in self._calls.read_text(encoding="utf-8").splitlines()]
        ends = {line["call"]: line["exit_code"] for line in lines if "exit_code" in line}
        return tuple(
            Call(tuple(line["arguments"]), line["held_secret"], tuple(line["variables"]), ends.get(line["call"]))
            for line in lines
            if "arguments" in line
        )

    def _write(self) -> None:
        """Replace the answers at once, so that a call reads the old ones or the new ones."""
        fresh = self._answers.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(self._told), encoding="utf-8")
        fresh.replace(self._answers)
