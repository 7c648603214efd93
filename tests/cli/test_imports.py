"""
Importing the packages is silent, cheap and touches no network.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "boto3",
    "botocore",
    "azure",
    "google.cloud",
    "requests",
    "hypothesis",
    "pytest",
    "rich",
    "click",
    "jsonschema",
)

CODE = """
import socket, sys

def refused(*arguments, **keywords):
    raise AssertionError("a socket was made")

socket.socket.__init__ = refused
import {package}
print(*[name for name in {heavy} if name in sys.modules])
"""


@pytest.mark.parametrize("package", ["conformance", "deeplake_ref", "conformance.cli", "conformance.plugin"])
def test_an_import_is_silent_and_loads_nothing_heavy(package: str) -> None:
    """No SDK, no test library, no socket, no output; the command alone needs click."""
    allowed = {"click"} if package == "conformance.cli" else set()
    heavy = [name for name in HEAVY if name not in allowed]
    code = CODE.format(package=package, heavy=heavy)

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stdout, done.stderr) == (0, "\n", "")
