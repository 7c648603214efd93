"""`python -m deeplake_ref explain`: what it prints, how it ends, and the doors of the suite to the same."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

import deeplake_ref
from conformance.targets.selection import resolve
from deeplake_ref import __main__ as command
from deeplake_ref.explanation import explain
from tests.reference.explained import KEYS, canary

pytestmark = pytest.mark.usefixtures("no_cloud")


def run(
    capsys: pytest.CaptureFixture[str], *arguments: str, stdin: str = "", monkeypatch: pytest.MonkeyPatch | None = None
) -> tuple[int, str, str]:
    """Return exit code, stdout and stderr of the command."""
    if monkeypatch is not None:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
    try:
        code = command.main(["explain", *arguments])
    except SystemExit as ended:
        code = int(ended.code or 0)
    said = capsys.readouterr()
    return code, said.out, said.err


def test_a_winner_is_success(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The creds come from a file; stdout is the explanation."""
    file = tmp_path / "creds.json"
    secret = canary()
    file.write_text(json.dumps({**KEYS, "aws_secret_access_key": secret, "endpoint_url": "http://127.0.0.1:9"}))
    code, out, err = run(capsys, "s3://b/ds", "--creds-json", str(file))

    assert (code, err) == (0, "")
    assert out.splitlines()[:4] == [
        "s3://b/ds",
        "  credentials  aws_dict",
        "  endpoint     http://127.0.0.1:9 (`endpoint_url` of creds)",
        "  region       us-east-1 (default)",
    ]
    assert secret not in out


def test_creds_come_from_stdin(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """And JSON goes out."""
    code, out, err = run(
        capsys, "gcs://b", "--creds-json", "-", "--json", stdin='{"anon": true}', monkeypatch=monkeypatch
    )

    assert (code, err, json.loads(out)["winner"]) == (0, "", "gcs_anon")


def test_nothing_found_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    """With the hint, on stdout: it is what was asked for."""
    code, out, err = run(capsys, "s3://b")

    assert (code, err) == (1, "")
    assert "failure      CredentialsNotFoundError: no source has credentials for s3://" in out
    assert "hint: Give aws_access_key_id" in out


@pytest.mark.parametrize(
    ("arguments", "stdin", "told"),
    [
        (["s4://b"], "", "the prefix 's4://' is unknown"),
        (["s3://b", "--creds-json", "/nowhere/at/all"], "", "--creds-json cannot be read: No such file or directory"),
        (["s3://b", "--creds-json", "-"], '{"k": hunter2', "--creds-json is not JSON: line 1, column 7"),
        (["s3://b", "--creds-json", "-"], "[7]", "--creds-json holds an object or a text: list"),
        (["s3://b", "--nonsense"], "", "unrecognized arguments"),
        ([], "", "PATH"),
    ],
)
def test_a_wrong_call_is_two(
    arguments: list[str],
    stdin: str,
    told: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Told on stderr, without what the file holds."""
    code, out, err = run(capsys, *arguments, stdin=stdin, monkeypatch=monkeypatch)

    assert (code, out) == (2, "")
    assert told in err
    assert "hunter2" not in err


def test_a_write_is_a_probe(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """`--write` alone means both."""
    code, out, _ = run(capsys, str(tmp_path), "--write")

    assert code == 0
    assert [line.split()[0] for line in out.splitlines() if " ok " in line] == ["list", "read", "write", "remove"]


def test_the_module_is_the_command() -> None:
    """And the public function is there, at every import anew."""
    done = subprocess.run(
        [sys.executable, "-m", "deeplake_ref", "explain", "mem://x"], capture_output=True, text=True, timeout=60
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert deeplake_ref.explain is explain
    assert not hasattr(deeplake_ref, "explains")


@pytest.mark.parametrize("door", ["in-process", "stdio"])
def test_the_suite_can_ask(door: str) -> None:
    """Through both doors, in the form of the protocol."""
    target = resolve("deeplake_ref", (), None, door, validate=door == "stdio").start()
    try:
        found = target.explain("s3://b", {**KEYS, "endpoint_url": "http://127.0.0.1:9"})
        nothing = target.explain("mem://x")
    finally:
        target.close()

    assert (found["winner"], found["endpoint"], found["region"]) == ("aws_dict", "http://127.0.0.1:9", "us-east-1")
    assert found["attempts"][0] == {"source": "aws_dict", "answer": "credentials", "reason": ""}
    assert (nothing["winner"], nothing["attempts"]) == (None, [])
