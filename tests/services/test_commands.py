"""
`services start`, `status`, `logs`, `stop` and `run --reuse`, as a user gives them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conformance import running_services, selecting
from conformance.record import read_record
from conformance.services import RunningService, kept, load
from conformance.services.external import credential_variables
from conformance.services.runtimes import Engine
from conformance.settings import DEFAULT_PLACES, services_of

LIMIT_S = 300
FOREIGN = ("PYTEST", "AWS_", "AZURE_", "GOOGLE_", "STORAGE_EMULATOR_HOST")

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def command(own_cache: Path, tmp_path: Path) -> Iterator[Command]:
    """Runs the command with a cache of its own, and stops what it left running."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "conformance", *arguments],
            cwd=tmp_path,
            env={name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)},
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        )

    yield run
    for note in kept.notes():
        kept.stop(note, Engine(ask=False))


def test_a_service_is_started_shown_taken_by_a_run_and_stopped(command: Command, tmp_path: Path) -> None:
    """It is the same process all the time, and its credential is printed by none of them."""
    started = command("services", "start", "moto", "--runtime", "native")
    (note,) = kept.notes()
    shown = command("services", "status")
    run = command(
        "run", "--places", "moto", "--only", "OBJ-1", "--profile", "quick", "-n", "0", "--reuse", "--record", "out"
    )
    log = command("services", "logs", "moto", "--lines", "1000")
    (still,) = kept.notes()
    stopped = command("services", "stop")
    nothing = command("services", "status")

    (service,) = read_record(tmp_path / "out" / "record.jsonl").services
    assert [each.returncode for each in (started, shown, run, log, stopped, nothing)] == [0] * 6, run.stderr
    assert note.service.url in started.stdout
    assert f"run --service-url moto={note.service.url}" in started.stderr
    assert shown.stdout == started.stdout
    assert (service["runtime"], service["left_running"], still) == ("native", True, note)
    assert "moto 5.2.5 (native, left running)" in run.stdout
    assert "GET /moto-api/" in log.stdout
    assert stopped.stdout == started.stdout.replace("running", "stopped")
    assert (nothing.stdout, kept.notes()) == ("", [])
    told = "".join(each.stdout + each.stderr for each in (started, shown, run, log, stopped))
    assert note.service.secret_key not in told


@pytest.mark.parametrize(
    ("names", "option"),
    [
        (["moto", "azurite"], ""),
        (["moto", "activeloop"], ""),
        (["minio"], "--services minio "),
        (["moto", "minio"], "--services moto,minio "),
        (["minio", "versitygw", "activeloop"], "--services minio,versitygw,al-minio "),
    ],
)
def test_a_run_is_told_to_need_what_was_started(names: list[str], option: str) -> None:
    """A URL of a service that no place of the run is on would be refused."""
    assert running_services._places_on(names) == option
    places = selecting.places(option.split()[1]) if option else DEFAULT_PLACES
    assert set(names) <= set(services_of(places))


def test_a_service_that_has_ended_is_shown_as_such(command: Command, own_cache: Path) -> None:
    """The exit code says it too."""
    command("services", "start", "moto", "--runtime", "native")
    path = own_cache / "kept" / "moto-native.json"
    note = json.loads(path.read_text())
    (pid,) = note["processes"]
    path.write_text(json.dumps(note | {"processes": {pid: "1"}}))
    shown = command("services", "status")
    path.write_text(json.dumps(note))

    assert shown.returncode == 3
    assert shown.stdout.rstrip().endswith("has ended")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("moto", {}),
        ("azurite", {"AZURITE_ACCOUNTS": "user:key"}),
        ("minio", {"MINIO_ROOT_USER": "user", "MINIO_ROOT_PASSWORD": "key"}),
        ("versitygw", {"ROOT_ACCESS_KEY": "user", "ROOT_SECRET_KEY": "key"}),
    ],
)
def test_a_credential_is_exported_as_the_server_itself_reads_it(name: str, expected: dict[str, str]) -> None:
    """So that `run --service-url` finds it."""
    description = load(name)
    service = RunningService(
        name=name, prefix=description.prefix, url="http://127.0.0.1:1", version="1", runtime="native",
        access_key="user", secret_key="key",
    )  # fmt: skip

    assert credential_variables(service) == expected
