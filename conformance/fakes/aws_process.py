"""
A command for `credential_process`: prints what lies in a file beside it, counts its calls in another, and keeps in a third
how it was started: arguments and variables, secrets included, mode 0600.

Source: AWS SDKs and Tools Reference Guide, "Process credential provider": JSON with Version 1 on stdout, status 0; without
`Expiration` the SDK does not ask again. The command is a file of its own, since a target starts it without a shell.
"""

from __future__ import annotations

import json
import shlex
import sys
from typing import TYPE_CHECKING, Final, Literal, assert_never

from conformance.fakes.aws_generations import timestamp

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.identities import Identity

SCRIPT: Final = "credential-process"
DOCUMENT: Final = "credential-process.json"
CALLS: Final = "credential-process.calls"
STARTED: Final = "credential-process.started"
FOLLOWING: Final = "credential-process.following"

HANG_S: Final = 120
"""Seconds after which a command that hangs ends all the same; it also ends with its parent."""

Broken = Literal["exit-status", "telling", "bad-json", "wrong-version", "missing-key", "hang"]
"""How a command is broken: status 1; status 255 with the credentials on stderr, which must not reach a message; JSON that
breaks off; Version 2; no SecretAccessKey; nothing at all."""

_HEAD: Final = """\
#!{python} -IS
import json, os, sys, time
here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(here, {calls!r}), "ab") as calls:
    calls.write(b".")
started = os.open(os.path.join(here, {started!r}), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
os.write(started, json.dumps({{"arguments": sys.argv, "variables": dict(os.environ)}}).encode() + b"\\n")
with open(os.path.join(here, {document!r}), encoding="utf-8") as file:
    text = file.read()
following = os.path.join(here, {following!r})
if os.path.exists(following):
    os.replace(following, os.path.join(here, {document!r}))
"""


def process_script(broken: Broken | None = None) -> str:
    """Return the text of the command, a script of this Python; it holds no secret."""
    match broken:
        case None:
            tail = "sys.stdout.write(text)"
        case "exit-status":
            tail = 'sys.exit("the session of the single sign-on has ended")'
        case "telling":
            tail = "sys.stderr.write(text)\nsys.exit(255)"
        case "bad-json":
            tail = "sys.stdout.write(text[:-1])"
        case "wrong-version":
            tail = 'sys.stdout.write(json.dumps({**json.loads(text), "Version": 2}))'
        case "missing-key":
            tail = 'sys.stdout.write(json.dumps({k: v for k, v in json.loads(text).items() if k != "SecretAccessKey"}))'
        case "hang":
            tail = (
                f"parent, end = os.getppid(), time.monotonic() + {HANG_S}\n"
                "while os.getppid() == parent and time.monotonic() < end:\n    time.sleep(0.1)"
            )
        case _:
            assert_never(broken)
    files = {"calls": CALLS, "started": STARTED, "document": DOCUMENT, "following": FOLLOWING}
    return _HEAD.format(python=sys.executable, **files) + tail + "\n"


def process_document(identity: Identity, expires_at: float | None = None) -> str:
    """Return the JSON that the command prints; `expires_at` in unix seconds, None for credentials that do not end."""
    values: dict[str, object] = {
        "Version": 1,
        "AccessKeyId": identity.name,
        "SecretAccessKey": identity.secret,
    }
    if identity.token is not None:
        values["SessionToken"] = identity.token
    if expires_at is not None:
        values["Expiration"] = timestamp(expires_at)
    return json.dumps(values)


def plant_process(
    folder: Path, identity: Identity, *, expires_at: float | None = None, broken: Broken | None = None
) -> str:
    """Write command and document into a folder, and return the value of `credential_process`.

    The command is `python -IS script`, quoted for `shlex.split` as SDKs split it, and also runs by its own first line.
    """
    script = folder / SCRIPT
    script.write_text(process_script(broken), encoding="utf-8")
    script.chmod(0o700)
    _write(folder / DOCUMENT, process_document(identity, expires_at))
    return shlex.join([sys.executable, "-IS", str(script)])


def follow_with(folder: Path, identity: Identity, expires_at: float | None) -> None:
    """Print another document from the second call on; from the next one on, if there was one already."""
    name = DOCUMENT if process_calls(folder) else FOLLOWING
    _write(folder / name, process_document(identity, expires_at))


def garble(folder: Path, is_garbled: bool) -> None:
    """Print a document that breaks off, or whole ones again."""
    document = folder / DOCUMENT
    text = document.read_text("utf-8")
    if is_garbled == text.endswith("}"):
        _write(document, text[:-1] if is_garbled else text + "}")


def _write(file: Path, text: str) -> None:
    """Replace a file at once, so that a call reads the old one or the new one."""
    fresh = file.with_suffix(".new")
    fresh.touch(0o600)
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(file)


def process_calls(folder: Path) -> int:
    """Return how often the command of a folder was started."""
    calls = folder / CALLS
    return calls.stat().st_size if calls.exists() else 0
