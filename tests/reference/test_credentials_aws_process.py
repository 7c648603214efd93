"""What a `credential_process` may do, and what becomes of it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from deeplake_ref.credentials import aws_process
from deeplake_ref.errors import CredentialsUnavailableError
from tests.reference.aws_forms import chain_of
from tests.reference.aws_world import World


def test_a_process_that_hangs_is_killed_with_its_children(aws_world: World) -> None:
    """They may hold its pipe."""
    told = aws_world.home / "child"
    aws_world.config(f"credential_process = sh -c 'sleep 600 & echo $! > {told}; wait'\n")
    with pytest.raises(CredentialsUnavailableError, match="took longer than 1 seconds and was killed"):
        chain_of(deadline_s=2).resolve()

    assert gone(int(told.read_text()))


def gone(pid: int) -> bool:
    """Whether a process ends within a while; one that nobody waited for counts."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        stat = Path(f"/proc/{pid}/stat")
        try:
            if stat.read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.02)
    return False


def test_a_child_that_holds_the_pipe_does_not_hold_us(aws_world: World) -> None:
    """The command has ended; what it left behind ends with it."""
    aws_world.config("credential_process = sh -c 'sleep 600 & exit 0'\n")
    with pytest.raises(CredentialsUnavailableError):
        chain_of(deadline_s=2).resolve()


def test_a_process_is_given_no_terminal() -> None:
    """It cannot ask anybody; what it complains of is not read."""
    run = aws_process.runner(10, "x")

    assert run(["sh", "-c", "cat; echo hunter2 >&2; echo end"]).communicate() == (b"end\n", b"")


def test_a_process_gets_no_key_by_its_environment(aws_world: World) -> None:
    """None but those that were there."""
    before = dict(os.environ)
    aws_world.plant("aws_process")
    chain_of().resolve()

    assert dict(os.environ) == {**before, "AWS_CONFIG_FILE": os.environ["AWS_CONFIG_FILE"]}
