"""
The command of `credential_process`, run for botocore: bounded in time, without a terminal, its complaints unread.

botocore waits for it for ever, and puts what it wrote to stderr into the exception (botocore 1.44, `ProcessProvider`).
"""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from deeplake_ref.credentials.aws_kinds import Kind, without
from deeplake_ref.credentials.aws_settings import shown
from deeplake_ref.errors import CredentialsUnavailableError, redacted

if TYPE_CHECKING:
    from collections.abc import Callable

    from deeplake_ref.credentials.aws_settings import Settings

LONGEST_S = 20.0
"""Seconds that the command may take."""


class Finished:
    """A command that has ended, in the shape of `subprocess.Popen`, as far as botocore looks at it."""

    returncode = 0

    def __init__(self, output: bytes) -> None:
        self._output = output

    def communicate(self) -> tuple[bytes, bytes]:
        """Return what it wrote to stdout, and nothing for stderr."""
        return self._output, b""


def runner(timeout_s: float, subject: str) -> Callable[..., Finished]:
    """Return what botocore is to call instead of `subprocess.Popen`.

    Args:
        timeout_s: seconds after which the command and its children are killed.
        subject: whose command it is, for messages.
    """

    def run(command: list[str], **_pipes: Any) -> Finished:
        failure, cause = "", None
        try:
            # a group of its own, so that children that hold the pipe end with it
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            failure, cause = f"cannot be started: {type(error).__name__}", redacted(error)
        else:
            output, failure = _output(process, timeout_s)
            if not failure:
                return Finished(output)
        message = f"{subject} {failure}; run the command by hand to see why"
        raise CredentialsUnavailableError(message) from cause

    return run


def _output(process: subprocess.Popen[bytes], timeout_s: float) -> tuple[bytes, str]:
    """Return what a command wrote, or what went wrong."""
    with process:
        try:
            output, _ = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            _kill(process)
            return b"", f"took longer than {timeout_s:g} seconds and was killed"
        except BaseException:
            _kill(process)
            raise
    if process.returncode:
        return b"", f"ended with status {process.returncode}"
    return output, ""


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the command and what it left behind; the group goes by the id of its first process."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _lacks(settings: Settings) -> str | None:
    profile = settings.profile()
    return None if "credential_process" in profile else without(settings, profile, "credential_process")


def _provider(settings: Settings, deadline_s: float) -> Any:
    return process_of(settings, deadline_s, settings.selected)


def process_of(settings: Settings, deadline_s: float, profile_name: str) -> Any:
    """Return botocore's provider for the process of a profile."""
    from botocore.credentials import ProcessProvider

    timeout_s = min(LONGEST_S, deadline_s / 2)
    subject = f"the credential_process of profile {shown(profile_name)}"
    return ProcessProvider(profile_name, lambda: settings.files.merged, runner(timeout_s, subject))


PROCESS = Kind(
    _lacks,
    _provider,
    lambda settings: f"the credential_process of profile {settings.shown}",
    ("AccessKeyId", "SecretAccessKey", "SessionToken"),
    CredentialsUnavailableError,
)
