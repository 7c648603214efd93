"""
Does the control plane keep up with the service beside it?

    python benchmarks/control_plane.py [--quick]

In one interleaved run: how long the control plane and moto take until they answer, and how many credentials a second each
gives out over connections that are kept: a dataset's from the control plane, with the headers of a client, and a session by
AssumeRole from moto, signed as the service wants it. Then what one commit of the state costs.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from measuring import Talk, interleaved, table

from conformance.lake.storage import Storage
from conformance.lake.tenants import Tenants
from conformance.services import RunningService, load, provisioning, start_services
from conformance.services.native import free_port, status_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CLIENTS = 4
"""Connections at once, as workers of a run have them."""

READY_S = 60.0
POLL_S = 0.01
TIMEOUT_S = 30.0


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description="The control plane beside moto.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    rounds = 3 if parser.parse_args().quick else 9
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    ready = interleaved({name: partial(_until_ready, name) for name in ("activeloop", "moto")}, rounds)
    logs = Path(tempfile.mkdtemp(prefix="benchmark-"))
    with start_services(["moto", "activeloop"], directory=logs, progress=Talk()) as services:
        moto, plane = services["moto"], services["activeloop"]
        assert isinstance(moto, RunningService)
        assert isinstance(plane, RunningService)
        asked = 100 if rounds == 3 else 400
        given = interleaved({"plane": lambda: _creds(plane, moto, asked), "sts": lambda: _roles(moto, asked)}, rounds)
        changes = _changes(plane, 50)
    print(
        table(
            ("what", "control plane", "moto", "ratio"),
            [
                ("seconds until it answers", f"{ready['activeloop']:.2f}", f"{ready['moto']:.2f}", _ratio(ready)),
                (
                    f"credentials a second, {CLIENTS} clients",
                    f"{CLIENTS * asked / given['plane']:.0f}",
                    f"{CLIENTS * asked / given['sts']:.0f}",
                    f"{given['sts'] / given['plane']:.1f}",
                ),
                ("ms for a change that is on the disk", f"{changes * 1000:.1f}", "", ""),
            ],
        )
    )


def _ratio(ready: dict[str, float]) -> str:
    return f"{ready['moto'] / ready['activeloop']:.1f}"


def _until_ready(name: str) -> None:
    """Start a service as a run does, and wait for its first answer; the process ends with it."""
    description = load(name)
    place = provisioning.install(description, Talk())
    with tempfile.TemporaryDirectory() as data:
        values = {
            "port": str(free_port()),
            "data": data,
            "python": str(place / "bin" / "python"),
            "this_python": sys.executable,
            "secret_key": secrets.token_hex(16),
            "access_key": "",
        }
        environment = {"PATH": os.environ["PATH"], "HOME": data, "PYTHONPATH": str(Path(__file__).parents[1])}
        environment |= {name: text.format_map(values) for name, text in description.native.env.items()}
        command = [word.format_map(values) for word in description.native.command]
        process = subprocess.Popen(
            command, env=environment, cwd=data, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            late = time.monotonic() + READY_S
            url = f"http://127.0.0.1:{values['port']}{description.native.ready_path}"
            while status_of(url) not in description.native.ready_status:
                if time.monotonic() > late:
                    raise TimeoutError(name)
                time.sleep(POLL_S)
        finally:
            process.kill()
            process.wait(10)


@contextmanager
def _connected(url: str) -> Iterator[http.client.HTTPConnection]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
    connection.connect()
    try:
        yield connection
    finally:
        connection.close()


def _many(url: str, asked: int, request: Callable[[http.client.HTTPConnection], None]) -> None:
    """Send a request so many times on each of `CLIENTS` connections."""

    def one(_number: int) -> None:
        with _connected(url) as connection:
            for _ in range(asked):
                request(connection)
                answer = connection.getresponse()
                body = answer.read()
                if answer.status != 200:
                    raise RuntimeError(f"{answer.status}: {body[:200]!r}")

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(one, range(CLIENTS)))


_made: dict[str, tuple[str, dict[str, str]]] = {}


def _creds(plane: RunningService, moto: RunningService, asked: int) -> None:
    if plane.url not in _made:
        tenants = Tenants(plane)
        tenants.url_of(moto, "benchmark", "ds")
        headers = {
            "Authorization": f"Bearer {tenants.creds(None)['token']}",
            "X-Activeloop-Provider-Type": "activeloop",
            "Activeloop-Api-Version": "2024-10-01",
        }
        _made[plane.url] = "/api/org/benchmark/ds/ds/creds?no_cache=True", headers
    target, headers = _made[plane.url]
    _many(plane.url, asked, lambda connection: connection.request("GET", target, headers=headers))


def _roles(moto: RunningService, asked: int) -> None:
    """Ask for sessions, with one signature for all: signing is the client's cost and not the service's."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    body = (
        f"Action=AssumeRole&Version=2011-06-15&RoleArn={Storage('s3://b').role_arn}"
        "&RoleSessionName=benchmark&DurationSeconds=3600"
    )
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    request = AWSRequest("POST", moto.url, data=body, headers=kind)
    SigV4Auth(Credentials(moto.access_key, moto.secret_key), "sts", "us-east-1").add_auth(request)
    headers = dict(request.headers.items())
    _many(moto.url, asked, lambda connection: connection.request("POST", "/", body, headers))


def _changes(plane: RunningService, number: int) -> float:
    """Return the median seconds of making a user."""
    found = []
    headers = {"Authorization": f"Bearer {plane.secret_key}", "Content-Type": "application/json"}
    with _connected(plane.url) as connection:
        for each in range(number):
            begun = time.perf_counter()
            connection.request("POST", "/admin/users", json.dumps({"id": f"b{each}"}), headers)
            connection.getresponse().read()
            found.append(time.perf_counter() - begun)
    return statistics.median(found)


if __name__ == "__main__":
    main()
