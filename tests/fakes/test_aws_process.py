"""
The command for `credential_process`: what it prints, how it breaks, and what botocore makes of it.
"""

from __future__ import annotations

import json
import shlex
import stat
import subprocess
from pathlib import Path

import pytest

from conformance.fakes.aws_process import Broken, follow_with, garble, plant_process, process_calls, process_script
from conformance.identities import new_aws
from tests.fakes.aws_asking import botocore

LATER = 4_000_000_000.0


def ran(command: str) -> subprocess.CompletedProcess[str]:
    """Run a command as an SDK does."""
    return subprocess.run(shlex.split(command), capture_output=True, text=True, timeout=30)


def test_the_command_prints_the_document_and_counts(tmp_path: Path) -> None:
    """Also when it is started by its first line."""
    identity = new_aws("aws_process", session=True, expires_at=LATER)
    command = plant_process(tmp_path, identity, expires_at=LATER)
    assert process_calls(tmp_path) == 0
    done = [ran(command), ran(shlex.quote(shlex.split(command)[-1]))]

    assert [each.returncode for each in done] == [0, 0]
    assert [json.loads(each.stdout) for each in done] == [
        {
            "Version": 1,
            "AccessKeyId": identity.name,
            "SecretAccessKey": identity.secret,
            "SessionToken": identity.token,
            "Expiration": "2096-10-02T07:06:40Z",
        }
    ] * 2
    assert process_calls(tmp_path) == 2


def test_long_lived_keys_have_neither_token_nor_end(tmp_path: Path) -> None:
    """An SDK does not ask for them again."""
    command = plant_process(tmp_path, new_aws("aws_process", session=False, expires_at=None))
    assert set(json.loads(ran(command).stdout)) == {"Version", "AccessKeyId", "SecretAccessKey"}


def test_another_document_follows(tmp_path: Path) -> None:
    """From the second call on; once there was a call, from the next one on."""
    made = [new_aws("aws_process", session=True, expires_at=LATER) for _ in range(3)]
    command = plant_process(tmp_path, made[0], expires_at=LATER)
    follow_with(tmp_path, made[1], LATER)
    told = [json.loads(ran(command).stdout)["AccessKeyId"] for _ in range(3)]
    follow_with(tmp_path, made[2], LATER)

    assert told == [made[0].name, made[1].name, made[1].name]
    assert json.loads(ran(command).stdout)["AccessKeyId"] == made[2].name


def test_a_document_may_break_off_for_a_while(tmp_path: Path) -> None:
    """It is the same afterwards."""
    command = plant_process(tmp_path, new_aws("aws_process", session=True, expires_at=LATER), expires_at=LATER)
    whole = ran(command).stdout
    for is_garbled in (True, True, False, False):
        garble(tmp_path, is_garbled)
        assert ran(command).stdout == (whole[:-1] if is_garbled else whole)


def test_only_the_owner_may_read_the_keys(tmp_path: Path) -> None:
    """And neither command line nor command hold any."""
    identity = new_aws("aws_process", session=True, expires_at=None)
    command = plant_process(tmp_path, identity)
    assert [stat.S_IMODE(file.stat().st_mode) for file in sorted(tmp_path.iterdir())] == [0o700, 0o600]
    assert identity.secret not in command + process_script()
    assert identity.secret in ran(command).stdout


@pytest.mark.parametrize(
    ("broken", "status"),
    [("exit-status", 1), ("telling", 255), ("bad-json", 0), ("wrong-version", 0), ("missing-key", 0)],
)
def test_a_broken_command_fails_in_its_own_way(tmp_path: Path, broken: Broken, status: int) -> None:
    """And is counted all the same."""
    identity = new_aws("aws_process", session=True, expires_at=None)
    done = ran(plant_process(tmp_path, identity, broken=broken))

    assert (done.returncode, process_calls(tmp_path)) == (status, 1)
    assert (identity.secret in done.stderr) is (broken == "telling")
    match broken:
        case "bad-json":
            with pytest.raises(json.JSONDecodeError):
                json.loads(done.stdout)
        case "wrong-version":
            assert json.loads(done.stdout)["Version"] == 2
        case "missing-key":
            assert "SecretAccessKey" not in json.loads(done.stdout)
        case _:
            assert done.stdout == ""


def test_a_command_that_hangs_says_nothing_until_it_is_stopped(tmp_path: Path) -> None:
    """It ends with whoever started it."""
    command = plant_process(tmp_path, new_aws("aws_process", session=True, expires_at=None), broken="hang")
    process = subprocess.Popen(shlex.split(command), stdout=subprocess.PIPE)
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
    finally:
        process.kill()
        told, _ = process.communicate(timeout=10)
    assert told == b""


def test_botocore_runs_the_command(tmp_path: Path) -> None:
    """Also in a folder whose name has to be quoted."""
    folder = tmp_path / "two words"
    folder.mkdir()
    identity = new_aws("aws_process", session=True, expires_at=None)
    command = plant_process(folder, identity, expires_at=LATER)
    found = botocore(tmp_path, f"[default]\ncredential_process = {command}\n")
    assert found == {"key": identity.name, "token": True, "method": "custom-process"}
    assert process_calls(folder) == 1


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        ("exit-status", "CredentialRetrievalError"),
        ("telling", "CredentialRetrievalError"),
        ("bad-json", "JSONDecodeError"),
        ("wrong-version", "CredentialRetrievalError"),
        ("missing-key", "CredentialRetrievalError"),
    ],
)
def test_botocore_stops_at_a_broken_command(tmp_path: Path, broken: Broken, error: str) -> None:
    """It does not go on to another source."""
    command = plant_process(tmp_path, new_aws("aws_process", session=True, expires_at=None), broken=broken)
    assert botocore(tmp_path, f"[default]\ncredential_process = {command}\n") == {"error": error, "code": None}
