"""
Commands of a world that has Google in it: a `gcloud` that refuses, and a browser that consents.

Neither needs anything on PATH: the one is made of a shell's own words and the interpreter, the other names its interpreter.
Both keep how they were started, arguments and variables as they are, in a file of mode 0600 that only the suite looks at.
google-auth asks `gcloud` for the project when a file names none.
"""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

KEEP = """\
import json, os
def keep(started, arguments):
    line = json.dumps({"arguments": arguments, "variables": dict(os.environ)}) + chr(10)
    descriptor = os.open(started, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(descriptor, line.encode())
    os.close(descriptor)
"""
"""Keeps how a command was started, a line a call."""

BROWSER = (
    f"""\
{KEEP}
import html, re, sys, urllib.request
keep(sys.argv[0] + ".started", sys.argv[1:])
"""
    """\
way = urllib.request.ProxyHandler({"https": os.environ["HTTPS_PROXY"]} if os.environ.get("HTTPS_PROXY") else {})
browser = urllib.request.build_opener(way)
asked = urllib.request.Request(sys.argv[1], headers={"Accept": "text/html"})
link = re.search(r'<a [^>]*href="([^"]+)"', browser.open(asked, timeout=20).read().decode())
link and browser.open(html.unescape(link[1]), timeout=20).read()
"""
)
"""A browser with a person in front who clicks the first link: follows redirects, ends after the click."""


def started_of(calls: Path) -> Path:
    """Return the file in which a command keeps how it was started, beside its own."""
    return calls.with_name(f"{calls.name}.started")


def install_gcloud(folder: Path, calls: Path) -> Path:
    """
    Put a `gcloud` into a folder of PATH and return it; it refuses whatever it is asked.

    Each call adds its arguments, separated by spaces, as a line to the file `calls`, and how it was started to the one
    that `started_of` names.
    """
    command = folder / "gcloud"
    keep = f"{KEEP}\nimport sys\nkeep(sys.argv[1], sys.argv[2:])"
    command.write_text(
        "#!/bin/sh\n"
        f"printf '%s\\n' \"$*\" >> {shlex.quote(str(calls))}\n"
        f'{shlex.quote(sys.executable)} -IS -c {shlex.quote(keep)} {shlex.quote(str(started_of(calls)))} "$@"\n'
        "echo 'ERROR: (gcloud) You do not currently have an active account selected.' >&2\n"
        "exit 1\n",
        encoding="utf-8",
    )
    command.chmod(0o755)
    return command


def gcloud_calls(calls: Path) -> list[str]:
    """Return the arguments of each call, in order."""
    return calls.read_text(encoding="utf-8").splitlines() if calls.exists() else []


BROWSER_FILE = "browser.py"


def install_browser(folder: Path) -> str:
    """
    Put the scripted browser into a folder and return the value of $BROWSER that starts it.

    How it was started is kept in the file that `started_of` names for `BROWSER_FILE` there.
    It ends in `&`: Python's `webbrowser` waits for other commands, while the port that the browser is sent back to is not
    served yet. Raises `ValueError` if a path has a colon, which separates commands in $BROWSER.
    """
    script = folder / BROWSER_FILE
    script.write_text(BROWSER, encoding="utf-8")
    command = f"{shlex.quote(sys.executable)} -I {shlex.quote(str(script))} %s &"
    if ":" in command:
        raise ValueError(f"a path with a colon cannot be in $BROWSER: {command}")
    return command
