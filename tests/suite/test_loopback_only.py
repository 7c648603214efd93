"""
Not one packet leaves this machine while worlds are run, whatever the SDKs would ask for by themselves.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[2]

LIMIT_S = 900.0

TALKER = (
    "import socket\n"
    "for host in ('169.254.169.254', '198.51.100.1'):\n"
    "    with socket.socket(type=socket.SOCK_DGRAM) as talking:\n"
    "        talking.sendto(b'x', (host, 80))\n"
)
"""One packet to the metadata service of a cloud, and one to a host of the documentation (RFC 5737)."""


@functools.cache
def namespaces() -> tuple[str, ...]:
    """Return the command that starts another in a network of its own; skips the test, with the reason, if there is none."""
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        pytest.skip("network namespaces need the commands unshare and ip (util-linux, iproute2)")
    reasons = []
    for words in (("unshare", "--net"), ("unshare", "--map-root-user", "--net")):
        done = subprocess.run(
            [*words, sys.executable, "-m", "tests.suite.without_a_network", "true"],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if done.returncode == 0:
            return words
        reasons.append(" ".join(done.stderr.split())[-200:])
    pytest.skip(f"no network namespace is to be had here: {'; '.join(reasons)}")


def counted(*command: str, cwd: Path = PROJECT) -> tuple[dict[str, Any], str]:
    """Return the exit status and the packets of a command, and what it said."""
    variables = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    variables |= {"PYTHONPATH": str(PROJECT)}
    for name in ("AWS_EC2_METADATA_DISABLED", "NO_GCE_CHECK"):
        variables.pop(name, None)
    done = subprocess.run(
        [*namespaces(), sys.executable, "-m", "tests.suite.without_a_network", *command],
        cwd=cwd,
        env=variables,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=LIMIT_S,
    )
    said = done.stderr[-3000:]
    assert done.returncode == 0, said
    told: dict[str, Any] = json.loads(done.stdout)
    return told, said


def test_packets_are_counted() -> None:
    """A count that stays at zero whatever is sent would prove nothing."""
    told, said = counted(sys.executable, "-c", TALKER)

    assert told == {"status": 0, "sent": 2}, said


@pytest.mark.parametrize(
    ("place", "requirements"),
    [
        ("moto", "AWS-1,AWS-3,AWS-18"),
        ("azurite", "AZURE-1,AZURE-3,AZURE-14"),
        ("fake-gcs-server", "GOOGLE-1,GOOGLE-3,GOOGLE-15"),
    ],
    ids=["aws", "azure", "google"],
)
def test_worlds_send_nothing_beyond_this_machine(tmp_path: Path, place: str, requirements: str) -> None:
    """The ends of each chain, where nothing is configured and machines are asked, and every winner."""
    told, said = counted(
        sys.executable, "-m", "conformance", "run",
        "--only", requirements, "--places", place,
        "--profile", "quick", "-n", "1", "--record", str(tmp_path),
    )  # fmt: skip

    assert told["sent"] == 0, said
    assert told["status"] == 0, said
