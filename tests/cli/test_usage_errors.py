"""
What a user can hold wrong: one clear message that says what to do, exit code 2, and nothing left running.
"""

from __future__ import annotations

import http.server
import threading
from pathlib import Path

import pytest

from tests.cli.conftest import Command


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["run", "--services", "moot"], ["unknown service 'moot'", "did you mean moto?", "azurite"]),
        (["run", "--places", "mem,disk"], ["unknown place 'disk'", "file"]),
        (["run", "--only", "RANGES"], ["unknown area or requirement 'RANGES'", "did you mean ranges?"]),
        (["run", "--only", "OBJ-999"], ["unknown area or requirement 'OBJ-999'"]),
        (["run", "--target", "no_such_module_anywhere"], ["no_such_module_anywhere"]),
        (["run", "--target", "json"], ["json", "storage"]),
        (["run", "--service-url", "moto"], ["--service-url takes NAME=URL"]),
        (["run", "--service-url", "moto=ftp://x"], ["--service-url takes NAME=URL"]),
        (["run", "--service-url", "moto=http://127.0.0.1:notaport"], ["--service-url takes NAME=URL"]),
        (["run", "--service-url", "moto=http://127.0.0.1:99999"], ["--service-url takes NAME=URL"]),
        (["run", "--service-url", "moto=http://user:pw@127.0.0.1:1"], ["--service-url takes NAME=URL"]),
        (["run", "--service-url", "moto=http://"], ["--service-url takes NAME=URL"]),
        (["run", "--places", "mem", "--junit", "nowhere/x.xml"], ["nowhere/x.xml cannot be written"]),
        (["run", "--service-url", "mooto=http://127.0.0.1:1"], ["unknown service 'mooto'", "did you mean moto?"]),
        (["run", "-n", "many"], ["-n takes a number or `auto`"]),
        (["run", "--services", ","], ["--services names nothing", "moto"]),
        (["run", "--places", ""], ["--places names nothing", "mem"]),
        (["run", "--only", ""], ["--only names nothing", "ranges"]),
        (["run", "--places", "mem", "--services", "moto"], ["--services and --places exclude each other"]),
        (["run", "--services", "activeloop"], ["the control plane stores nothing itself", "al-moto"]),
        (["run", "--places", "mem", "--service-url", "moto=http://127.0.0.1:1"], ["no place of this run is on moto"]),
        (["run", "--places", "azurite", "--image", "moto=x"], ["no place of this run is on moto", "azurite"]),
        (["list", "--area", "ranges,path"], ["unknown area 'path'", "did you mean paths?"]),
        (["show", "OBJ-999"], ["'OBJ-999'", "`deeplake-conformance list`"]),
        (["report", "."], ["there is no record"]),
        (["run", "--image", "moto"], ["--image takes NAME=REF", "NAME=official"]),
        (["run", "--image", "moot=x"], ["unknown service 'moot'", "did you mean moto?"]),
        (["run", "--runtime", "podman"], ["'podman'", "container", "native"]),
        (["services", "start", "moot"], ["unknown service 'moot'", "did you mean moto?"]),
        (["services", "build", "moot"], ["unknown service 'moot'", "did you mean moto?"]),
        (["services", "stop", "moot"], ["unknown service 'moot'", "did you mean moto?"]),
        (["services", "status", "moot"], ["unknown service 'moot'", "did you mean moto?"]),
        (["services", "logs", "moot"], ["unknown service 'moot'", "did you mean moto?"]),
        (["services", "install", "moot"], ["unknown service 'moot'", "did you mean moto?"]),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else None,
)
def test_a_wrong_word_is_named_with_what_would_be_right(
    command: Command, arguments: list[str], parts: list[str]
) -> None:
    """The message names the word and the nearest known one; the exit code is that of usage."""
    done = command(*arguments)

    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr) < 600, "more than anybody reads"
    for part in parts:
        assert part in done.stderr


def test_a_case_that_no_check_has_is_told(command: Command) -> None:
    """Where the reason of what did not run stands; nothing was judged, so that it is no pass."""
    done = command("run", "--places", "mem", "--only", "OBJ-1", "--case", "nonsense", "-n", "0", "--profile", "quick")

    assert done.returncode == 3
    assert "no check of it has the case nonsense" in done.stdout


def test_an_area_is_shown_as_its_requirements(command: Command) -> None:
    """By `show` as by `list`, which takes several."""
    shown = command("show", "ranges").stdout

    assert "RANGE-1 " in shown
    assert "OBJ-1 " not in shown
    both = command("list", "--area", "paths,ranges").stdout
    assert both.endswith(shown)
    assert "PATH-1 " in both


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("name = ", ["claims.toml"]),
        ('nmae = "x"', ["nmae", "name"]),
        ('prefixes = ["s4"]', ["s4", "s3"]),
        ('[[known_failure]]\nrequirement = "OBJ-1"\n', ["reason"]),
    ],
    ids=["no-toml", "unknown-key", "unknown-prefix", "known-failure-without-reason"],
)
def test_a_mistake_in_a_claims_file_is_named(command: Command, tmp_path: Path, text: str, parts: list[str]) -> None:
    """The message names the file's mistake, and nothing is run."""
    claims = tmp_path / "claims.toml"
    claims.write_text(text)

    done = command("run", "--places", "mem", "--claims", str(claims))

    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    for part in parts:
        assert part in done.stderr


def test_a_service_that_refuses_is_unreachable_and_not_a_pass(command: Command, tmp_path: Path) -> None:
    """Nothing listens on the URL: its requirements are unreachable, the reason is told, the exit code is 3."""
    done = command(
        "run", "--services", "moto", "--service-url", "moto=http://127.0.0.1:9", "--profile", "quick",
        "--only", "OBJ-1", "--record", "out",
    )  # fmt: skip

    assert done.returncode == 3, done.stdout + done.stderr
    assert "unreachable" in done.stdout
    assert "moto" in done.stdout


def test_another_program_at_a_url_is_not_the_service(command: Command) -> None:
    """It answers, and not as the service does: unreachable, not a traceback."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"moto=http://127.0.0.1:{server.server_port}"
        done = command("run", "--places", "moto", "--service-url", url, "--only", "OBJ-1", "--record", "out")
        server.shutdown()

    assert done.returncode == 3, done.stdout + done.stderr
    assert "is not moto: HTTP 501" in " ".join(done.stdout.split())
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("engine", "parts"),
    [
        ("unix:///nowhere/at/all", ["no container engine answers at /nowhere/at/all", "--runtime native"]),
        ("tcp://192.0.2.1:2376", ["not on this machine", "--runtime native"]),
    ],
    ids=["absent", "remote"],
)
def test_containers_without_an_engine_are_unreachable(command: Command, engine: str, parts: list[str]) -> None:
    """Each service says why and what to do; nothing is a pass; the exit code is 3."""
    done = command(
        "run", "--places", "moto", "--runtime", "container", "--only", "OBJ-1", "--profile", "quick", "--record", "out",
        DOCKER_HOST=engine,
    )  # fmt: skip
    told = " ".join(done.stdout.split())

    assert done.returncode == 3, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    for part in ["moto", *parts]:
        assert part in told


def test_services_start_without_an_engine_says_what_to_do(command: Command) -> None:
    """One message for the service; the exit code is 3."""
    done = command("services", "start", "moto", "--runtime", "container", DOCKER_HOST="unix:///nowhere/at/all")

    assert (done.returncode, done.stdout) == (3, ""), done.stderr
    assert "moto: not to be had: no container engine answers at /nowhere/at/all" in done.stderr
    assert "--runtime native" in done.stderr


def test_services_build_without_an_engine_says_what_to_do(command: Command) -> None:
    """One message for the service; the exit code is 3."""
    done = command("services", "build", "moto", DOCKER_HOST="tcp://192.0.2.1:2376")

    assert (done.returncode, done.stdout) == (3, ""), done.stderr
    assert "not on this machine" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_log_of_a_service_that_does_not_run_is_not_to_be_had(command: Command, tmp_path: Path) -> None:
    """The message says how to start it."""
    done = command("services", "logs", "moto", DEEPLAKE_CONFORMANCE_CACHE=str(tmp_path / "cache"))

    assert (done.returncode, done.stdout) == (2, "")
    assert "moto was not left running: deeplake-conformance services start moto" in done.stderr
