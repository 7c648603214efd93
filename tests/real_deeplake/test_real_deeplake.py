"""
What holds of the run with the real client wherever it is: the client needs `tox -e real-deeplake`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest

from conformance import hermetic
from conformance.targets.claims_file import read_claims
from tests.real_deeplake import client, runner
from tests.real_deeplake.page import CLAIMS, PAGE, VERSION, page
from tests.real_deeplake.steps import STEPS, STORAGES, Known, Step

ROOT = Path(__file__).parents[2]
STEP = Step("a-step", "1", "gives 1")
KNOWN = replace(STEP, known=(Known("gives 2", "a reason", ("moto",)),))


def test_the_page_is_made_of_the_steps() -> None:
    """By the command that its head names."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_tox_installs_the_version_of_the_steps() -> None:
    """The only place that pins it."""
    assert f"deps = deeplake=={VERSION}\n" in (ROOT / "tox.ini").read_text(encoding="utf-8")


def test_steps_have_names_of_their_own_and_code_that_ends_in_a_value() -> None:
    """Known failures are of storages where the step runs, one for each at most."""
    assert len({step.name for step in STEPS}) == len(STEPS)
    for step in STEPS:
        assert client.value_of("1", {}) == 1
        compile(step.code, step.name, "exec")
        compile(step.code.splitlines()[-1], step.name, "eval")
        assert set(step.storages) <= set(STORAGES)
        of_each = [storage for each in step.known for storage in each.storages if storage in step.storages]
        assert len(set(of_each)) == len(of_each)


@pytest.mark.parametrize(
    ("step", "storage", "outcome", "verdict"),
    [
        (STEP, "moto", "gives 1", "pass"),
        (STEP, "moto", "gives 2", "fail"),
        (KNOWN, "moto", "gives 2", "known-fail"),
        (KNOWN, "moto", "gives 1", "unexpected-pass"),
        (KNOWN, "moto", "gives 3", "fail"),
        (KNOWN, "minio", "gives 1", "pass"),
        (KNOWN, "minio", "gives 2", "fail"),
    ],
)
def test_an_outcome_is_judged(step: Step, storage: str, outcome: str, verdict: str) -> None:
    """A known failure is one of its storages, and is not to be gone in silence."""
    assert runner.judged(step, storage, outcome)[0] == verdict


def test_a_missing_package_is_unreachable(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """With exit code 3 and the reason; nothing is imported or started."""
    assert runner.main(["moto", "--python", str(tmp_path / "python")]) == 3
    assert capsys.readouterr().err.startswith("real-deeplake: unreachable: ")


def test_another_version_is_unreachable(tmp_path: Path) -> None:
    """The steps tell nothing of it."""
    other = tmp_path / "python"
    other.write_text("#!/bin/sh\necho 3.9.52\n", encoding="ascii")
    other.chmod(0o700)
    assert runner.lacking(str(other)) == f"deeplake 3.9.52 is installed, and the steps are about {VERSION}"


def test_a_machine_without_namespaces_is_unreachable(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing runs with a network instead."""

    def refused(_services: object) -> None:
        raise hermetic.NotAvailable("not available: a reason")

    monkeypatch.setattr(runner, "lacking", lambda _python: "")
    monkeypatch.setattr(hermetic, "begin_again", refused)
    monkeypatch.setattr(runner, "run", lambda *_: pytest.fail("it ran"))

    assert runner.main(["moto"]) == 3
    assert capsys.readouterr().err == "real-deeplake: unreachable: not available: a reason\n"


@pytest.mark.skipif(sys.platform != "linux" or hermetic.is_inside(), reason="this machine has no other network")
def test_the_client_is_not_imported_where_it_could_dial_home() -> None:
    """It says so and ends with 3, whether the package is there or not."""
    asked = json.dumps({"code": "1", "names": {}, "endpoint": "http://127.0.0.1:9"})
    done = subprocess.run([sys.executable, client.__file__], input=asked, capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stdout) == (3, "")
    assert "deeplake is not imported" in done.stderr


@pytest.mark.skipif(sys.platform != "linux" or hermetic.is_inside(), reason="this machine has no other network")
def test_the_adapter_is_for_a_hermetic_run() -> None:
    """It says so before it imports anything that dials home."""
    adapter = CLAIMS.with_suffix(".py")
    done = subprocess.run([sys.executable, str(adapter)], capture_output=True, text=True, timeout=60)

    assert done.returncode == 1
    assert "ImportError: importing deeplake asks for another machine: run it with --hermetic" in done.stderr


def test_the_claims_of_the_adapter_can_be_read() -> None:
    """From the disk it is kept, so that nothing is claimed there."""
    claims = read_claims(CLAIMS)

    assert not claims.claims_prefix("file")
    assert claims.known_failure("RANGE-3", "moto") is not None
    assert claims.known_failure("PATH-15", "moto") is None


def installed() -> bool:
    """Whether the real client is here."""
    try:
        return metadata.version("deeplake") == VERSION
    except metadata.PackageNotFoundError:
        return False


@pytest.mark.skipif(not installed(), reason=f"deeplake {VERSION} is not installed; tox -e real-deeplake has it")
def test_the_real_client_reads_and_writes() -> None:
    """All other steps run by the command."""
    command = [sys.executable, "-m", "tests.real_deeplake.runner", "moto", "--only", "read,delete"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=ROOT)
    if done.returncode == runner.UNREACHABLE:
        pytest.skip(done.stderr)

    assert done.returncode == 0, done.stdout + done.stderr
