"""What `az` may answer, and what stops the walk over the sources."""

from __future__ import annotations

import logging

import pytest

from deeplake_ref import errors
from tests.reference.azure_identities import text_of, told_of
from tests.reference.azure_world import World


def test_az_without_sign_in_is_not_mine(azure_world: World) -> None:
    """The error says what to do."""
    azure_world.az("echo \"ERROR: Please run 'az login' to setup account.\" >&2; exit 1")
    with pytest.raises(errors.CredentialsNotFoundError, match="run `az login`"):
        azure_world.chain().resolve()


COMPACT = '{"accessToken":"sEcReT","expiresOn":"never"}'
NOT_SO = {
    "fails": "echo 'sEcReT' >&2; exit 1",
    "compact": f"echo '{COMPACT}'",
    "compact-on-stderr": f"echo '{COMPACT}' >&2; exit 1",
    "noise": 'echo \'an update is there\'; echo \'{"accessToken": "sEcReT", "expires_on": 9999999999}\'',
    "silent": "true",
    "list": "echo '[\"sEcReT\"]'",
    "number": 'echo \'{"accessToken": 7, "expires_on": 9999999999}\'',
    "no-interpreter": "exit 127",
    "sign-in-expired": "echo 'AADSTS700082: sEcReT. Please run: az login' >&2; exit 1",
}


@pytest.mark.parametrize("script", NOT_SO.values(), ids=NOT_SO.keys())
def test_az_that_fails_stops_and_its_output_is_not_told(
    azure_world: World, caplog: pytest.LogCaptureFixture, script: str
) -> None:
    """Neither in the error nor in a log."""
    caplog.set_level(logging.DEBUG)
    calls = azure_world.az(script)
    walked = azure_world.chain()
    with pytest.raises(errors.CredentialsUnavailableError) as caught:
        walked.resolve()

    assert caught.value.source == "azure_cli"
    assert caught.value.code == ("AADSTS700082" if "AADSTS" in script else None)
    assert "sEcReT" not in told_of(caught.value, caplog) + repr(walked.attempts)
    assert len(calls.read_text(encoding="utf-8").splitlines()) == 1


def test_az_that_hangs_stops(azure_world: World) -> None:
    """After its time."""
    azure_world.az("exec /bin/sleep 60")
    with pytest.raises(errors.CredentialsUnavailableError, match=r"within 0\.3 s"):
        azure_world.chain(patience_s=0.3).resolve()


def test_az_may_answer_on_one_line_or_in_the_old_form(azure_world: World) -> None:
    """Its own older versions have no `expires_on`."""
    azure_world.az('echo \'{"accessToken":"compact","expires_on":9999999999}\'')
    assert text_of(azure_world.chain().resolve().credentials) == "compact"
    azure_world.az('echo \'{"accessToken": "old", "expiresOn": "2999-01-01 00:00:00.000000"}\'')
    assert text_of(azure_world.chain().resolve().credentials) == "old"
