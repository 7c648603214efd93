"""
The Azure CLI as we play it: what it answers, what it refuses, what it writes down, and what azure-identity makes of it.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from conformance.fakes.azure_cli import AzureCli, Way
from conformance.fakes.azure_cli_command import STORAGE
from conformance.identities import Identity, new_azure_bearer, new_azure_key

LIFE_S = 3600
TENANT = "11111111-2222-3333-4444-555555555555"
SUBSCRIPTION = "66666666-7777-8888-9999-000000000000"
ASKED = ("account", "get-access-token", "--output", "json", "--resource", STORAGE)

Ran = tuple[int, str, str]


def bearer(generation: int = 1, life_s: float = LIFE_S) -> Identity:
    """Return an identity of the source."""
    return new_azure_bearer(
        "azure_cli" if generation == 1 else f"azure_cli#{generation}", life_s=life_s, now=time.time()
    )


@pytest.fixture
def shims(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that is all there is on `PATH`, in an environment without a token."""
    directory = tmp_path / "commands with a space"
    directory.mkdir()
    for name in list(os.environ):
        if name.startswith("AZURE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", str(directory))
    return directory


@pytest.fixture
def az(shims: Path) -> AzureCli:
    """Somebody has signed in."""
    made = AzureCli(shims, tenant=TENANT, subscription=SUBSCRIPTION)
    made.answer_with(bearer())
    return made


def run(shims: Path, *arguments: str, **environment: str) -> Ran:
    """Run `az` and return exit code, stdout, stderr."""
    done = subprocess.run(
        [str(shims / "az"), *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        stdin=subprocess.DEVNULL,
        cwd="/",
        env={"PATH": str(shims), **environment},
    )
    return done.returncode, done.stdout, done.stderr


def test_it_answers_with_the_token(shims: Path) -> None:
    """In its own form, whose `expiresOn` is in the caller's time zone without saying so."""
    identity = bearer()
    AzureCli(shims, tenant=TENANT, subscription=SUBSCRIPTION).answer_with(identity)

    code, out, err = run(shims, *ASKED, TZ="UTC0")
    elsewhere = json.loads(run(shims, *ASKED, TZ="EAST-5")[1])

    assert (code, err) == (0, "")
    told = json.loads(out)
    ends = int(identity.expires_at or 0)
    assert told == {
        "accessToken": identity.secret,
        "expiresOn": f"{datetime.fromtimestamp(ends, UTC):%Y-%m-%d %H:%M:%S.%f}",
        "expires_on": ends,
        "subscription": SUBSCRIPTION,
        "tenant": TENANT,
        "tokenType": "Bearer",
    }
    assert elsewhere["expires_on"] == ends
    assert elsewhere["expiresOn"] != told["expiresOn"]
    assert out == json.dumps(told, indent=2) + "\n"


def test_a_call_gets_the_next_token(shims: Path, az: AzureCli) -> None:
    """And the last one from then on; a refused call takes none."""
    first, second = bearer(), bearer(2)
    az.answer_with(first, second)

    run(shims, "account", "show")
    tokens = [json.loads(run(shims, *ASKED)[1])["accessToken"] for _ in range(3)]

    assert tokens == [first.secret, second.secret, second.secret]


def test_calls_at_once_get_different_tokens(shims: Path, az: AzureCli) -> None:
    """Each is written down, too."""
    identities = [bearer(generation) for generation in range(1, 5)]
    az.answer_with(*identities)
    told: list[str] = []
    threads = [threading.Thread(target=lambda: told.append(run(shims, *ASKED)[1])) for _ in identities]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert {json.loads(each)["accessToken"] for each in told} == {each.secret for each in identities}
    assert len(az.calls()) == len(identities)


@pytest.mark.parametrize(
    "more",
    [
        ("--tenant", TENANT),
        ("-t", TENANT, "--subscription", SUBSCRIPTION),
        ("--only-show-errors",),
        (f"--tenant={TENANT}",),
    ],
)
def test_it_takes_further_arguments(shims: Path, az: AzureCli, more: tuple[str, ...]) -> None:
    """Those that name what it has."""
    assert run(shims, *ASKED, *more)[0] == 0
    assert az.calls()[0].exit_code == 0


def test_it_takes_a_scope(shims: Path, az: AzureCli) -> None:
    """As other SDKs ask."""
    code, out, _ = run(shims, "account", "get-access-token", "-o", "json", "--scope", f"{STORAGE}/.default")

    assert (code, json.loads(out)["tenant"]) == (0, TENANT)
    assert [call.exit_code for call in az.calls()] == [0]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "'' is misspelled or not recognized by the system."),
        (("login",), 2, "'login' is misspelled or not recognized by the system."),
        (("account", "show"), 2, "'show' is misspelled or not recognized by the system."),
        ((*ASKED, "--loud"), 2, "unrecognized arguments: --loud"),
        ((*ASKED, "--tenant"), 2, "argument --tenant: expected one argument"),
        ((*ASKED, "--output", "pie"), 2, "argument --output/-o: invalid choice: 'pie'"),
        ((*ASKED, "--scope", f"{STORAGE}/.default"), 2, "usage error: --resource is not applicable with --scope"),
        (("account", "get-access-token"), 1, "AADSTS500011: "),
        (("account", "get-access-token", "--resource", "https://vault.azure.net"), 1, "AADSTS500011: "),
        ((*ASKED, "--tenant", SUBSCRIPTION), 1, f"AADSTS90002: Tenant '{SUBSCRIPTION}' not found."),
        ((*ASKED, "--subscription", TENANT), 1, f"The subscription of '{TENANT}' doesn't exist"),
    ],
)
def test_it_refuses(shims: Path, az: AzureCli, arguments: tuple[str, ...], code: int, message: str) -> None:
    """Everything else, with the exit codes of az, and nothing on stdout."""
    seen, out, err = run(shims, *arguments)

    assert (seen, out) == (code, "")
    assert err.startswith(f"ERROR: {message}")
    assert [call.exit_code for call in az.calls()] == [code]


@pytest.mark.parametrize("way", ["old", "compact", "noise", "compact-noise", "garbage", "silent"])
def test_it_answers_in_other_ways(shims: Path, az: AzureCli, way: Way) -> None:
    """And says with its exit code that all is well."""
    identity = bearer()
    az.answer_with(identity)
    az.behave(way)

    code, out, err = run(shims, *ASKED)

    assert (code, err) == (0, "")
    lines = out.splitlines()
    match way:
        case "old":
            assert "expires_on" not in json.loads(out)
        case "compact":
            assert f'"accessToken":"{identity.secret}"' in lines[0]
        case "noise":
            assert json.loads("\n".join(lines[1:]))["accessToken"] == identity.secret
        case "compact-noise":
            assert len(lines) == 2
            assert f'"accessToken":"{identity.secret}"' in lines[1]
        case "garbage":
            assert out.startswith("<html>")
        case _:
            assert out == ""


@pytest.mark.parametrize(
    ("way", "message"),
    [
        ("not-signed-in", "ERROR: Please run 'az login' to setup account.\n"),
        ("sign-in-expired", "ERROR: AADSTS700082: "),
        ("fails", "ERROR: The command failed with an unexpected error."),
    ],
)
def test_it_fails_in_ways(shims: Path, az: AzureCli, way: Way, message: str) -> None:
    """With exit code 1 and a message."""
    az.behave(way)

    code, out, err = run(shims, *ASKED)

    assert (code, out) == (1, "")
    assert err.startswith(message)


def test_nobody_has_signed_in_where_there_is_no_token(shims: Path) -> None:
    """As after `az logout`."""
    AzureCli(shims, tenant=TENANT, subscription=SUBSCRIPTION)

    assert run(shims, *ASKED)[2] == "ERROR: Please run 'az login' to setup account.\n"


def test_a_call_that_hangs_ends_with_its_process(shims: Path, az: AzureCli) -> None:
    """It is one process, so that who kills it has killed all; it is written down before it hangs."""
    az.behave("hangs")
    with subprocess.Popen([str(shims / "az"), *ASKED], stdout=subprocess.PIPE) as process:
        deadline = time.monotonic() + 30
        while not az.calls() and time.monotonic() < deadline:
            assert process.poll() is None
        process.kill()
        assert process.stdout is not None
        assert process.stdout.read() == b""

    assert [call.exit_code for call in az.calls()] == [None]


def test_secrets_among_the_arguments_are_told_and_not_kept(shims: Path) -> None:
    """Nor is one in the environment, whose variable is named."""
    secret = secrets.token_urlsafe(24)
    identity = bearer()
    az = AzureCli(shims, tenant=TENANT, subscription=SUBSCRIPTION, secrets=[secret, ""])
    az.answer_with(identity)

    run(shims, *ASKED, f"--password={secret}", LEAKED=f"x{identity.secret}", HOME="/")
    run(shims, *ASKED)

    leaking, clean = az.calls()
    assert leaking.held_secret
    assert leaking.arguments == (*ASKED, "***")
    assert leaking.variables == ("LEAKED",)
    assert (clean.held_secret, clean.arguments, clean.variables) == (False, ASKED, ())
    assert secret not in (shims / "az.calls").read_text()


def test_its_files_are_for_their_owner_only(shims: Path, az: AzureCli) -> None:
    """They hold tokens, and the command holds none."""
    identity = bearer()
    az.answer_with(identity)
    run(shims, *ASKED)

    for name in ("az.json", "az.calls"):
        assert stat.S_IMODE((shims / name).stat().st_mode) == 0o600
    assert identity.secret not in (shims / "az").read_text()


def test_a_token_without_an_end_is_refused(az: AzureCli) -> None:
    """The answer has to tell one."""
    with pytest.raises(ValueError, match="has an end: mine"):
        az.answer_with(new_azure_key("mine", "account"))


def test_azure_identity_takes_the_token(shims: Path, az: AzureCli) -> None:
    """With the shims alone on `PATH`."""
    from azure.identity import AzureCliCredential

    identity = bearer()
    az.answer_with(identity)

    token = AzureCliCredential(tenant_id=TENANT).get_token(f"{STORAGE}/.default")

    assert (token.token, token.expires_on) == (identity.secret, int(identity.expires_at or 0))
    assert az.calls()[0].arguments == (*ASKED, "--tenant", TENANT)
    assert sys.executable in (shims / "az").read_text()


@pytest.mark.parametrize("way", ["signed-in", "old", "compact"])
def test_azure_identity_takes_a_token_that_has_expired(shims: Path, az: AzureCli, way: Way) -> None:
    """It leaves it to its caller to look; in three forms."""
    from azure.identity import AzureCliCredential

    expired = bearer(life_s=-60)
    az.answer_with(expired)
    az.behave(way)

    token = AzureCliCredential().get_token(f"{STORAGE}/.default")

    assert (token.token, token.expires_on) == (expired.secret, int(expired.expires_at or 0))


@pytest.mark.parametrize(
    ("way", "unavailable"),
    [
        ("not-signed-in", True),
        ("sign-in-expired", False),
        ("fails", False),
        ("garbage", False),
        ("silent", False),
        ("noise", False),
        ("hangs", True),
    ],
)
def test_azure_identity_tells_trouble(shims: Path, az: AzureCli, way: Way, unavailable: bool) -> None:
    """As "ask the next", or as a failure."""
    from azure.core.exceptions import ClientAuthenticationError
    from azure.identity import AzureCliCredential, CredentialUnavailableError

    az.behave(way)
    credential = AzureCliCredential(process_timeout=1 if way == "hangs" else 30)
    with pytest.raises(ClientAuthenticationError) as caught:
        credential.get_token(f"{STORAGE}/.default")

    assert isinstance(caught.value, CredentialUnavailableError) is unavailable
