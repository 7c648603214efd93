"""
What the `az` of `azure_cli.py` runs: a script of the standard library alone, which starts in a few milliseconds.

Errors go to stderr as `ERROR: ...`; the exit code is 2 for arguments that cannot be read and 1 for everything else, as those
of azure-cli (`azure/cli/core/azclierror.py`, `azure/cli/core/parser.py`).
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import sys
from datetime import datetime
from pathlib import Path
from typing import IO, Any

HANG_S = 60.0
"""Seconds after which a call that hangs ends by itself, in case nobody ends it."""

STORAGE = "https://storage.azure.com"
"""As in `azure_tokens.py`, which cannot be imported from here: nothing of the suite is on the path of this script."""

NAMES = {
    "--output": "output",
    "-o": "output",
    "--resource": "resource",
    "--scope": "scope",
    "--tenant": "tenant",
    "-t": "tenant",
    "--subscription": "subscription",
    "--name": "subscription",
    "-n": "subscription",
    "-s": "subscription",
}
"""The arguments that have a value."""

ERRORS = {
    "not-signed-in": "Please run 'az login' to setup account.",
    "sign-in-expired": (
        "AADSTS700082: The refresh token has expired due to inactivity and was inactive for 90.00:00:00.\n"
        "Interactive authentication is needed. Please run:\naz login"
    ),
    "fails": "The command failed with an unexpected error. Here is the traceback:\nConnection aborted.",
}

NOISE = "You have 2 updates available. Consider updating your CLI installation with 'az upgrade'"

GARBAGE = "<html>Welcome to the hotel</html>"


class CommandError(Exception):
    """What the command has to say, and its exit code."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def main(answers: Path, calls: Path, arguments: list[str]) -> int:
    """Answer one call and return its exit code."""
    told = json.loads(answers.read_text(encoding="utf-8"))
    kept(calls.with_suffix(".started"), arguments)
    descriptor = os.open(calls, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "r+", encoding="utf-8") as log:
        number = noted(log, told, arguments)
        try:
            exit_code = answered(told, arguments, log)
        except CommandError as error:
            sys.stderr.write(f"ERROR: {error}\n")
            exit_code = error.exit_code
        with locked(log):
            log.write(json.dumps({"call": number, "exit_code": exit_code}) + "\n")
    return exit_code


class locked:  # noqa: N801 - reads as a word of the with statement
    """The log, for one call at a time."""

    def __init__(self, log: IO[str]) -> None:
        self._log = log

    def __enter__(self) -> None:
        fcntl.flock(self._log, fcntl.LOCK_EX)

    def __exit__(self, *_exception: object) -> None:
        self._log.flush()
        fcntl.flock(self._log, fcntl.LOCK_UN)


def noted(log: IO[str], told: dict[str, Any], arguments: list[str]) -> int:
    """Write the call down without its secrets, and return its number."""
    hidden = [*told["secrets"], *(token["accessToken"] for token in told["tokens"])]

    def holds(text: str) -> bool:
        return any(secret in text for secret in hidden)

    entry = {
        "arguments": ["***" if holds(each) else each for each in arguments],
        "held_secret": any(holds(each) for each in arguments),
        "variables": sorted(name for name, value in os.environ.items() if holds(value)),
    }
    with locked(log):
        number = sum("arguments" in json.loads(line) for line in log)
        log.write(json.dumps({"call": number, **entry}) + "\n")
    return number


def kept(started: Path, arguments: list[str]) -> None:
    """Keep how this call was started, secrets included, where nobody else reads it."""
    line = json.dumps({"arguments": arguments, "variables": dict(os.environ)}) + "\n"
    descriptor = os.open(started, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(descriptor, line.encode())
    os.close(descriptor)


def answered(told: dict[str, Any], arguments: list[str], log: IO[str]) -> int:
    """Write the answer to stdout and return the exit code; raises `CommandError`."""
    options = understood(arguments)
    way = told["way"]
    if way == "hangs":
        select.select([], [], [], HANG_S)
        return 1
    if way in ERRORS:
        raise CommandError(ERRORS[way])
    refuse_others(told, options)
    if way == "silent":
        return 0
    if way == "garbage":
        sys.stdout.write(GARBAGE + "\n")
        return 0
    with locked(log):
        log.seek(0)
        given = sum("given" in json.loads(line) for line in log)
        log.write(json.dumps({"given": given}) + "\n")
    if not told["tokens"]:
        raise CommandError(ERRORS["not-signed-in"])
    token = told["tokens"][min(given, len(told["tokens"]) - 1)]
    values = {
        "accessToken": token["accessToken"],
        # in the time zone of whoever calls, without saying which
        "expiresOn": f"{datetime.fromtimestamp(token['expires_on']):%Y-%m-%d %H:%M:%S.%f}",  # noqa: DTZ006
        "expires_on": token["expires_on"],
        "subscription": told["subscription"],
        "tenant": told["tenant"],
        "tokenType": "Bearer",
    }
    if way == "old":
        del values["expires_on"]
    if way in {"noise", "compact-noise"}:
        sys.stdout.write(NOISE + "\n")
    dense = way in {"compact", "compact-noise"}
    sys.stdout.write(json.dumps(values, separators=(",", ":")) if dense else json.dumps(values, indent=2))
    sys.stdout.write("\n")
    return 0


def understood(arguments: list[str]) -> dict[str, str]:
    """Return the options of `account get-access-token`; raises `CommandError` for anything else."""
    for at, word in enumerate(("account", "get-access-token")):
        if len(arguments) <= at or arguments[at] != word:
            other = arguments[at] if len(arguments) > at else ""
            raise CommandError(f"'{other}' is misspelled or not recognized by the system.", 2)
    options = {}
    rest = arguments[2:]
    while rest:
        name, separator, value = rest.pop(0).partition("=")
        if name == "--only-show-errors":
            continue
        if name not in NAMES:
            raise CommandError(f"unrecognized arguments: {name}", 2)
        if not separator:
            if not rest:
                raise CommandError(f"argument {name}: expected one argument", 2)
            value = rest.pop(0)
        options[NAMES[name]] = value
    if options.get("output", "json") != "json":
        raise CommandError(f"argument --output/-o: invalid choice: '{options['output']}'", 2)
    return options


def refuse_others(told: dict[str, Any], options: dict[str, str]) -> None:
    """Refuse resources, tenants and subscriptions that who has signed in cannot have; raises `CommandError`."""
    if "resource" in options and "scope" in options:
        raise CommandError("usage error: --resource is not applicable with --scope", 2)
    # without either it is the resource manager's, for which there is no token here
    resource = options.get("resource") or options.get("scope", "https://management.core.windows.net/")
    if resource.removesuffix("/.default").removesuffix("/") != STORAGE:
        raise CommandError(f"AADSTS500011: The resource principal named {resource} was not found in the tenant.")
    if options.get("tenant", told["tenant"]) != told["tenant"]:
        raise CommandError(f"AADSTS90002: Tenant '{options['tenant']}' not found.")
    if options.get("subscription", told["subscription"]) != told["subscription"]:
        name = options["subscription"]
        raise CommandError(f"The subscription of '{name}' doesn't exist in cloud 'AzureCloud'.")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))
