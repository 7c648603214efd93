"""
Commands of a world that has Google in it: a `gcloud` that refuses, and a browser that consents.

Neither needs anything on PATH: the one is made of a shell's own words, the other names its interpreter.
google-auth asks `gcloud` for the project when a file names none.
"""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

BROWSER = """\
import html, os, re, sys, urllib.request
way = urllib.request.ProxyHandler({"https": os.environ["HTTPS_PROXY"]} if os.environ.get("HTTPS_PROXY") else {})
browser = urllib.request.build_opener(way)
asked = urllib.request.Request(sys.argv[1], headers={"Accept": "text/html"})
link = re.search(r'<a [^>]*href="([^"]+)"', browser.open(asked, timeout=20).read().decode())
link and browser.open(html.unescape(link[1]), timeout=20).read()
"""
"""A browser with a person in front who clicks the first link: follows redirects, ends after the click."""


def install_gcloud(folder: Path, calls: Path) -> Path:
    """
    Put a `gcloud` into a folder of PATH and return it; it refuses whatever it is asked.

    Each call adds its arguments, separated by spaces, as a line to the file `calls`.
    """
    command = folder / "gcloud"
    command.write_text(
        "#!/bin/sh\n"
        f"printf '%s\\n' \"$*\" >> {shlex.quote(str(calls))}\n"
        "echo 'ERROR: (gcloud) You do not currently have an active account selected.' >&2\n"
        "exit 1\n",
        encoding="utf-8",
    )
    command.chmod(0o755)
    return command


def gcloud_calls(calls: Path) -> list[str]:
    """Return the arguments of each call, in order."""
    return calls.read_text(encoding="utf-8").splitlines() if calls.exists() else []


def install_browser(folder: Path) -> str:
    """
    Put the scripted browser into a folder and return the value of $BROWSER that starts it.

    It ends in `&`: Python's `webbrowser` waits for other commands, while the port that the browser is sent back to is not
    served yet. Raises `ValueError` if a path has a colon, which separates commands in $BROWSER.
    """
    script = folder / "browser.py"
    script.write_text(BROWSER, encoding="utf-8")
    command = f"{shlex.quote(sys.executable)} -I {shlex.quote(str(script))} %s &"
    if ":" in command:
        raise ValueError(f"a path with a colon cannot be in $BROWSER: {command}")
    return command
