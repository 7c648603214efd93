"""What stops the walk over the sources of AWS, what does not, and what is told."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import pickle
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deeplake_ref import errors
from deeplake_ref.credentials import aws, aws_process
from deeplake_ref.credentials.chain import Chain
from deeplake_ref.errors import CredentialsUnavailableError, ExpiredTokenError, InvalidCredentialsError
from deeplake_ref.secrets import SecretFields
from tests.reference.aws_world import START_URL, World
from tests.reference.scripted import HANG, RESET, Reply

GARBAGE = Reply(body=b"<html>Welcome to the hotel</html>")
EMPTY = Reply()
REFUSED = b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>hunter2</Message></Error></ErrorResponse>"


def chain_of(creds: Any = None, deadline_s: float = 60.0) -> Chain[aws.AwsCredentials]:
    """Return the sources of one handle."""
    return aws.chain(SecretFields(creds), deadline_s)


def key_of(chain: Chain[aws.AwsCredentials]) -> str:
    """Return the key id of who signs."""
    key: str = chain.resolve().credentials.signer.get_frozen_credentials().access_key
    return key


@dataclass(frozen=True)
class Form:
    """One broken form: what is planted, which source stops, with what."""

    plant: Callable[[World], None]
    source: str
    kind: type[errors.StorageError]
    told: str


def env(**variables: str) -> Callable[[World], None]:
    """Set variables."""
    return lambda world: world.env(**variables)


def config(text: str) -> Callable[[World], None]:
    """Write the config file."""
    return lambda world: world.config(text)


def process(output: str) -> Callable[[World], None]:
    """Let a process print this."""
    return lambda world: world.process(output)


def answering(source: str, **answers: Reply) -> Callable[[World], None]:
    """Plant a source whose service answers otherwise."""

    def plant(world: World) -> None:
        world.plant(source)
        world.answers.update({name.replace("_", "-"): reply for name, reply in answers.items()})

    return plant


def expired(source: str, what: str) -> Callable[[World], None]:
    """Plant a source whose service gives what has expired."""

    def plant(world: World) -> None:
        world.plant(source)
        world.lives_s[what] = -5

    return plant


def file(name: str, content: bytes) -> Callable[[World], None]:
    """Write a file of profiles."""

    def plant(world: World) -> None:
        (world.home / name).write_bytes(content)

    return plant


def both(*plants: Callable[[World], None]) -> Callable[[World], None]:
    """Plant one thing after the other."""

    def plant(world: World) -> None:
        for each in plants:
            each(world)

    return plant


def planted(source: str) -> Callable[[World], None]:
    """Plant a source that works."""
    return lambda world: world.plant(source)


def web_identity(token: str | None) -> Callable[[World], None]:
    """Plant a web identity with this token, None for no file."""

    def plant(world: World) -> None:
        world.plant("aws_web_identity")
        path = world.home / "token"
        path.unlink() if token is None else path.write_text(token)

    return plant


def sso(lives_s: float | None) -> Callable[[World], None]:
    """Plant SSO with a login that lives that long, None for no login."""

    def plant(world: World) -> None:
        world.plant("aws_sso")
        if lives_s is None:
            next((world.home / ".aws/sso/cache").iterdir()).unlink()
        else:
            world.log_in(lives_s)

    return plant


def keys_in_both(first: str, second: str) -> Callable[[World], None]:
    """Write the key id into one file and the secret into the other."""

    def plant(world: World) -> None:
        getattr(world, first)("aws_access_key_id = AKIATORN\n")
        getattr(world, second)("aws_secret_access_key = hunter2\n")

    return plant


ROLE = "role_arn = arn:aws:iam::123456789012:role/test\n"
Invalid, Unavailable = InvalidCredentialsError, CredentialsUnavailableError
SCHEME = "http"

FORMS: dict[str, Form] = {
    "env without secret": Form(
        env(AWS_ACCESS_KEY_ID="AKIA"), "aws_env", Invalid, "AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is not"
    ),
    "env with a blank secret": Form(
        env(AWS_ACCESS_KEY_ID="AKIA", AWS_SECRET_ACCESS_KEY=" "), "aws_env", Invalid, "AWS_SECRET_ACCESS_KEY is not"
    ),
    "env with a line break": Form(
        env(AWS_ACCESS_KEY_ID="AKIA", AWS_SECRET_ACCESS_KEY="hunt\ner2"), "aws_env", Invalid, "AWS_SECRET_ACCESS_KEY is"
    ),
    "env with a space in the token": Form(
        env(AWS_ACCESS_KEY_ID="AKIA", AWS_SECRET_ACCESS_KEY="hunter2", AWS_SESSION_TOKEN="hunter2 x"),
        "aws_env",
        Invalid,
        "AWS_SESSION_TOKEN is blank, or has a space",
    ),
    "env with a bad end": Form(
        env(AWS_ACCESS_KEY_ID="AKIA", AWS_SECRET_ACCESS_KEY="hunter2", AWS_CREDENTIAL_EXPIRATION="soon"),
        "aws_env",
        Invalid,
        "AWS_CREDENTIAL_EXPIRATION is not a time",
    ),
    "env that has expired": Form(
        env(
            AWS_ACCESS_KEY_ID="AKIA", AWS_SECRET_ACCESS_KEY="hunter2", AWS_CREDENTIAL_EXPIRATION="2020-01-01T00:00:00Z"
        ),
        "aws_env",
        ExpiredTokenError,
        "the keys of the environment: expired at 2020-01-01T00:00:00Z",
    ),
    "a profile that is not there": Form(
        env(AWS_PROFILE="nobody"),
        "aws_assume_role",
        Invalid,
        "AWS_PROFILE names the profile 'nobody', which is neither",
    ),
    "a malformed credentials file": Form(
        file("credentials", b"hunter2 = 1\n[default"), "aws_assume_role", Invalid, "credentials' is not in the form"
    ),
    "a malformed config file": Form(
        file("config", b"[default]\nx = 1\n[default]\nhunter2 = 1\n"),
        "aws_assume_role",
        Invalid,
        "config' is not in the form",
    ),
    "a config file that is not UTF-8": Form(
        file("config", b"[default]\nregion = hunter2\xff\n"), "aws_assume_role", Invalid, "config' is not UTF-8"
    ),
    "a file with a byte order mark": Form(
        file("credentials", b"\xef\xbb\xbf[default]\n"), "aws_assume_role", Invalid, "byte order mark"
    ),
    "a directory as file": Form(
        lambda world: (world.home / "credentials").mkdir(), "aws_assume_role", Invalid, "credentials' is a directory"
    ),
    "a role on a machine that is none": Form(
        both(answering("aws_imds", imds_token=Reply(404)), config(ROLE + "credential_source = Ec2InstanceMetadata\n")),
        "aws_assume_role",
        Unavailable,
        "the role builds on the metadata service: no metadata service gives a token",
    ),
    "a web identity with a blank field": Form(
        config(ROLE + "web_identity_token_file =\n"), "aws_web_identity", Invalid, "a field of it is blank"
    ),
    "a role without source": Form(
        config(ROLE), "aws_assume_role", Invalid, "source_profile or credential_source is missing"
    ),
    "a role whose source is not there": Form(
        config(ROLE + "source_profile = nobody\n"), "aws_assume_role", Invalid, "the role of profile 'default'"
    ),
    "a role with two sources": Form(
        config(ROLE + "source_profile = default\ncredential_source = Environment\n"),
        "aws_assume_role",
        Invalid,
        "check",
    ),
    "a loop of roles": Form(
        config(
            f"{ROLE}source_profile = a\n[profile a]\n{ROLE}source_profile = b\n[profile b]\n{ROLE}source_profile = a\n"
        ),
        "aws_assume_role",
        Invalid,
        "its source_profile leads back to itself",
    ),
    "a role that wants a code": Form(
        both(planted("aws_assume_role"), config("mfa_serial = arn:aws:iam::1:mfa/x\n")),
        "aws_assume_role",
        Unavailable,
        "mfa_serial",
    ),
    "a role that is refused": Form(
        answering("aws_assume_role", AssumeRole=Reply(403, body=REFUSED)),
        "aws_assume_role",
        Unavailable,
        "AssumeRole was refused: AccessDenied, HTTP 403; check the role",
    ),
    "a role and garbage": Form(
        answering("aws_assume_role", AssumeRole=GARBAGE),
        "aws_assume_role",
        Unavailable,
        "the role of profile 'default'",
    ),
    "a role that has expired": Form(
        expired("aws_assume_role", "AssumeRole"), "aws_assume_role", ExpiredTokenError, "expired at"
    ),
    "a web identity without role": Form(
        both(planted("aws_web_identity"), env(AWS_ROLE_ARN=" ")),
        "aws_web_identity",
        Invalid,
        "AWS_WEB_IDENTITY_TOKEN_FILE is set, AWS_ROLE_ARN is not",
    ),
    "a web identity without file": Form(web_identity(None), "aws_web_identity", Invalid, "token' cannot be read"),
    "a web identity with an empty file": Form(web_identity(" \n"), "aws_web_identity", Invalid, "token' is empty"),
    "a web identity that is refused": Form(
        answering("aws_web_identity", AssumeRoleWithWebIdentity=Reply(400, body=REFUSED)),
        "aws_web_identity",
        Unavailable,
        "AssumeRoleWithWebIdentity was refused: AccessDenied, HTTP 400",
    ),
    "a web identity and a reset": Form(
        answering("aws_web_identity", AssumeRoleWithWebIdentity=RESET), "aws_web_identity", Unavailable, "not reached"
    ),
    "SSO without login": Form(sso(None), "aws_sso", Unavailable, "`aws sso login`"),
    "SSO that lacks its region": Form(
        config("sso_account_id = 1\nsso_role_name = x\nsso_start_url = https://x.test\n"), "aws_sso", Invalid, "SSO of"
    ),
    "SSO that is refused": Form(
        answering("aws_sso", sso=Reply(401, {"x-amzn-ErrorType": "UnauthorizedException"}, b'{"message":"hunter2"}')),
        "aws_sso",
        Unavailable,
        "`aws sso login`",
    ),
    "SSO with an expired login": Form(
        both(sso(-5), lambda world: world.answers.update(sso=Reply(401, {}, b"{}"))),
        "aws_sso",
        Unavailable,
        "SSO",
    ),
    "a file without secret": Form(
        lambda world: world.credentials("aws_access_key_id = AKIA\n"),
        "aws_shared_file",
        Invalid,
        "profile 'default': it is incomplete, aws_secret_access_key is missing",
    ),
    "a file with a blank key": Form(
        lambda world: world.credentials("aws_access_key_id =\naws_secret_access_key = hunter2\n"),
        "aws_shared_file",
        Invalid,
        "aws_access_key_id is blank",
    ),
    "key here, secret there": Form(
        keys_in_both("credentials", "config"), "aws_shared_file", Invalid, "aws_secret_access_key is missing"
    ),
    "secret here, key there": Form(
        keys_in_both("config", "credentials"), "aws_config_file", Invalid, "aws_secret_access_key is missing"
    ),
    "a process that fails": Form(
        config("credential_process = sh -c 'echo hunter2; echo hunter2 >&2; exit 3'\n"),
        "aws_process",
        Unavailable,
        "the credential_process of profile 'default' ended with status 3; run the command by hand",
    ),
    "a process that is not there": Form(
        config("credential_process = /nowhere/hunter2\n"), "aws_process", Unavailable, "cannot be started: FileNotFound"
    ),
    "a process with an open quote": Form(
        config('credential_process = echo "hunter2\n'), "aws_process", Unavailable, "profile 'default'"
    ),
    "a process that prints no JSON": Form(process("hunter2"), "aws_process", Unavailable, "profile 'default'"),
    "a process that prints a list": Form(process("[1]"), "aws_process", Unavailable, "profile 'default'"),
    "a process of another version": Form(
        process('{"Version": 2, "AccessKeyId": "A", "SecretAccessKey": "hunter2"}'),
        "aws_process",
        Unavailable,
        "profile",
    ),
    "a process without secret": Form(
        process('{"Version": 1, "AccessKeyId": "A"}'), "aws_process", Unavailable, "profile"
    ),
    "a process whose key has a space": Form(
        process('{"Version": 1, "AccessKeyId": "A A", "SecretAccessKey": "hunter2"}'), "aws_process", Unavailable, "odd"
    ),
    "a process that prints numbers": Form(
        process('{"Version": 1, "AccessKeyId": 7, "SecretAccessKey": "hunter2"}'), "aws_process", Unavailable, ""
    ),
    "a process with a bad end": Form(
        process('{"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "hunter2", "Expiration": "soon"}'),
        "aws_process",
        Unavailable,
        "profile",
    ),
    "a process whose keys have expired": Form(
        process(
            '{"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "hunter2", "Expiration": "2020-01-01T00:00:00Z"}'
        ),
        "aws_process",
        ExpiredTokenError,
        "expired at 2020-01-01T00:00:00Z",
    ),
    "a container on another host": Form(
        env(AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{SCHEME}://192.0.2.1/x"),
        "aws_container",
        Invalid,
        "not asked over plain",
    ),
    "a container that is not there": Form(
        env(AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{SCHEME}://127.0.0.1:9/x"),
        "aws_container",
        Unavailable,
        "of the container",
    ),
    "a container whose URI is none": Form(
        env(AWS_CONTAINER_CREDENTIALS_FULL_URI="hunter2"), "aws_container", Invalid, "the role of the container"
    ),
    "a container that refuses": Form(
        answering("aws_container", container=Reply(403, body=b"hunter2")), "aws_container", Unavailable, "the container"
    ),
    "a container and garbage": Form(
        answering("aws_container", container=GARBAGE), "aws_container", Unavailable, "the container"
    ),
    "a container and nothing": Form(
        answering("aws_container", container=Reply(body=b"{}")), "aws_container", Unavailable, "the container"
    ),
    "a container without token file": Form(
        both(planted("aws_container"), env(AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE="/nowhere")),
        "aws_container",
        Invalid,
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    ),
    "a container that gives what expired": Form(
        expired("aws_container", "container"), "aws_container", ExpiredTokenError, "expired at"
    ),
    "IMDS by another protocol": Form(
        both(planted("aws_imds"), env(AWS_EC2_METADATA_SERVICE_ENDPOINT="ftp://127.0.0.1/")),
        "aws_imds",
        Invalid,
        "AWS_EC2_METADATA_SERVICE_ENDPOINT is not a URL",
    ),
    "IMDS at a bad address": Form(
        both(planted("aws_imds"), env(AWS_EC2_METADATA_SERVICE_ENDPOINT="localhost:80 ")),
        "aws_imds",
        Invalid,
        "AWS_EC2_METADATA_SERVICE_ENDPOINT is not a URL",
    ),
    "IMDS with an odd token": Form(answering("aws_imds", imds_token=GARBAGE), "aws_imds", Unavailable, "is no token"),
    "IMDS with an empty token": Form(answering("aws_imds", imds_token=EMPTY), "aws_imds", Unavailable, "is no token"),
    "IMDS with a malformed list": Form(
        answering("aws_imds", imds_role=GARBAGE), "aws_imds", Unavailable, "lists no role"
    ),
    "IMDS with an empty list": Form(answering("aws_imds", imds_role=EMPTY), "aws_imds", Unavailable, "lists no role"),
    "IMDS with a failing list": Form(
        answering("aws_imds", imds_role=Reply(500)), "aws_imds", Unavailable, "lists no role: HTTP 500"
    ),
    "IMDS with garbage": Form(
        answering("aws_imds", imds=GARBAGE), "aws_imds", Unavailable, "no credentials of its role"
    ),
    "IMDS with half a document": Form(
        answering("aws_imds", imds=Reply(body=b'{"AccessKeyId": "hunter2"}')),
        "aws_imds",
        Unavailable,
        "no credentials of",
    ),
    "IMDS that goes away": Form(answering("aws_imds", imds=RESET), "aws_imds", Unavailable, "then no answer"),
    "IMDS that gives what expired": Form(expired("aws_imds", "imds"), "aws_imds", ExpiredTokenError, "expired at"),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_broken_source_stops_the_walk(
    aws_world: World, form: Form, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nobody behind it is asked, no value is told, and keys of the caller's own are not stopped by it."""
    caplog.set_level(logging.WARNING)
    if form.source not in ("aws_container", "aws_imds"):
        aws_world.plant("aws_container", "aws_imds")
    form.plant(aws_world)
    with pytest.raises(form.kind) as caught:
        chain_of().resolve()
    error = caught.value

    assert (error.source, error.provider, error.effect) == (form.source, "s3", "none")
    assert form.told in str(error)
    if form.source not in ("aws_container", "aws_imds"):
        assert not aws_world.asked() & {"container", "imds-role"}
    out, err = capfd.readouterr()
    everything = "".join([*traceback.format_exception(error), caplog.text, out, err, repr(vars(error))])
    for secret in ("hunter2", *aws_world.secrets):
        assert secret not in everything
    pickle.dumps(error)
    assert key_of(chain_of({"aws_access_key_id": "AKIADICT", "aws_secret_access_key": "x"})) == "AKIADICT"


def frames(error: BaseException) -> list[str]:
    """Return the modules whose frames an exception holds on to, with its causes and contexts."""
    found: list[str] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        current = waiting.pop()
        if current is not None:
            found += [str(frame.f_globals.get("__name__")) for frame, _ in traceback.walk_tb(current.__traceback__)]
            waiting += [current.__cause__, current.__context__]
    return found


@pytest.mark.parametrize("source", ["aws_assume_role", "aws_container", "aws_imds"])
def test_no_foreign_frame_is_held(aws_world: World, source: str) -> None:
    """They hold keys."""
    answering(source, AssumeRole=Reply(403, body=REFUSED), container=GARBAGE, imds=GARBAGE)(aws_world)
    with pytest.raises(errors.CredentialsError) as caught:
        chain_of().resolve()

    assert not [name for name in frames(caught.value) if name.startswith(("botocore", "urllib3"))]


# ---- what is not configured


@pytest.mark.parametrize(
    "variables",
    [
        {"AWS_SECRET_ACCESS_KEY": "hunter2"},
        {"AWS_SESSION_TOKEN": "hunter2"},
        {"AWS_ACCESS_KEY_ID": " ", "AWS_SECRET_ACCESS_KEY": "hunter2"},
        {"AWS_PROFILE": " ", "AWS_WEB_IDENTITY_TOKEN_FILE": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": " "},
        {"AWS_CONFIG_FILE": "", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere/at/all"},
        {"AWS_ROLE_ARN": "arn:aws:iam::1:role/x"},
        {"AWS_SHARED_CREDENTIALS_FILE": os.devnull},
    ],
    ids=str,
)
def test_what_is_blank_or_half_is_not_configured(aws_world: World, variables: dict[str, str]) -> None:
    """The next source is asked."""
    aws_world.plant("aws_imds")
    aws_world.env(**variables)

    assert key_of(chain_of()) == aws_world.key("aws_imds")


@pytest.mark.parametrize("status", [400, 403, 404, 405, 500, 302])
def test_a_metadata_service_that_gives_no_token_is_not_ours(aws_world: World, status: int) -> None:
    """Nor is it asked without one."""
    answering("aws_imds", imds_token=Reply(status, {"Location": "/elsewhere"}))(aws_world)
    with pytest.raises(errors.CredentialsNotFoundError, match="aws_imds: not configured .no metadata service"):
        chain_of().resolve()

    assert aws_world.asked() == {"imds-token"}
    assert len(aws_world.service.asked) == 1


@pytest.mark.parametrize("reply", [HANG, RESET], ids=["silence", "reset"])
def test_a_metadata_service_that_does_not_answer_is_not_ours(aws_world: World, reply: Reply) -> None:
    """It is asked once."""
    answering("aws_imds", imds_token=reply)(aws_world)
    with pytest.raises(errors.CredentialsNotFoundError):
        chain_of().resolve()

    assert len(aws_world.service.asked) == 1


def test_a_metadata_service_that_refuses_is_not_ours(aws_world: World) -> None:
    """Nobody listens on port 9."""
    aws_world.plant("aws_imds")
    aws_world.env(AWS_EC2_METADATA_SERVICE_ENDPOINT=f"{SCHEME}://127.0.0.1:9")
    with pytest.raises(errors.CredentialsNotFoundError):
        chain_of().resolve()


def test_a_machine_without_role_has_no_credentials(aws_world: World) -> None:
    """It says so by 404."""
    answering("aws_imds", imds_role=Reply(404))(aws_world)
    with pytest.raises(errors.CredentialsNotFoundError, match="the machine has no role"):
        chain_of().resolve()


def test_a_disabled_metadata_service_is_not_asked(aws_world: World) -> None:
    """In any case of letters."""
    aws_world.plant("aws_imds")
    aws_world.env(AWS_EC2_METADATA_DISABLED="TRUE ")
    with pytest.raises(errors.CredentialsNotFoundError):
        chain_of().resolve()

    assert aws_world.asked() == set()


def test_a_metadata_service_is_not_asked_through_a_proxy(aws_world: World) -> None:
    """The proxy would see the credentials."""
    aws_world.plant("aws_imds")
    aws_world.env(http_proxy=f"{SCHEME}://127.0.0.1:9", HTTP_PROXY=f"{SCHEME}://127.0.0.1:9")

    assert key_of(chain_of()) == aws_world.key("aws_imds")


def test_surrounding_whitespace_does_not_count(aws_world: World) -> None:
    """Values of the environment often end with a line break."""
    aws_world.env(AWS_ACCESS_KEY_ID=" AKIA\n", AWS_SECRET_ACCESS_KEY="\tsecret \r\n")
    frozen = chain_of().resolve().credentials.signer.get_frozen_credentials()

    assert frozen[:3] == ("AKIA", "secret", None)


def test_a_blank_token_is_none(aws_world: World) -> None:
    """Tools that write files and processes leave the field there."""
    aws_world.credentials("aws_access_key_id = AKIA\naws_secret_access_key = x\naws_session_token =\n")
    chain = chain_of()

    assert (key_of(chain), chain.source) == ("AKIA", "aws_shared_file")


# ---- files


@pytest.fixture
def open_home() -> Iterator[Path]:
    """A directory that everybody may look into."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize("variable", ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"])
def test_a_file_that_may_not_be_read_is_broken(
    aws_world: World, variable: str, open_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is named; botocore leaves it out without a word, and takes whoever is next."""
    aws_world.plant("aws_container")
    path = open_home / "hidden"
    path.write_text("[default]\naws_access_key_id = hunter2\naws_secret_access_key = hunter2\n")
    path.chmod(0)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(path if name == variable else open_home / "none"))
    # everything is imported before root, who reads everything, becomes somebody else
    chain_of({"anon": True}).resolve()
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        with pytest.raises(InvalidCredentialsError) as caught:
            chain_of().resolve()
    finally:
        if is_root:
            os.seteuid(0)

    assert f"the file {str(path)!r} cannot be read" in str(caught.value)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))
    assert aws_world.asked() == set()


def test_a_malformed_file_does_not_stop_keys_of_the_environment(aws_world: World) -> None:
    """They come first."""
    aws_world.plant("aws_env")
    file("config", b"[default")(aws_world)

    assert key_of(chain_of()) == aws_world.key("aws_env")


def test_a_malformed_file_stops_a_profile_that_the_caller_names(aws_world: World) -> None:
    """Beside keys too, since requests could go elsewhere."""
    file("config", b"[default")(aws_world)
    for creds in (
        {"profile_name": "default"},
        {"profile_name": "default", "aws_access_key_id": "A", "aws_secret_access_key": "x"},
    ):
        with pytest.raises(InvalidCredentialsError, match="config' is not in the form"):
            chain_of(creds).resolve()


# ---- processes


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


# ---- SSO


def test_a_login_without_session_is_found(aws_world: World) -> None:
    """By its start page, as profiles said it first."""
    aws_world.plant("aws_sso")
    cache = aws_world.home / ".aws/sso/cache"
    (path,) = cache.iterdir()
    path.rename(cache / f"{hashlib.sha1(START_URL.encode(), usedforsecurity=False).hexdigest()}.json")
    (aws_world.home / "config").write_text(
        f"[default]\nsso_start_url = {START_URL}\nsso_region = eu-west-1\nsso_account_id = 1\nsso_role_name = test\n"
    )

    assert key_of(chain_of()) == aws_world.key("aws_sso")


def test_a_login_is_renewed_and_kept(aws_world: World) -> None:
    """Where it lies, readable by its owner only."""
    aws_world.plant("aws_sso")
    end = "2099-01-01T00:00:00Z"
    aws_world.log_in(-5, refreshToken="old", clientId="id", clientSecret="hunter2", registrationExpiresAt=end)

    assert key_of(chain_of()) == aws_world.key("aws_sso")
    (path,) = (aws_world.home / ".aws/sso/cache").iterdir()
    kept = json.loads(path.read_text())
    assert (kept["accessToken"], kept["expiresAt"][-1]) == (aws_world.secret("sso", "renewed"), "Z")
    assert path.stat().st_mode & 0o077 == 0
    assert aws_world.asked() == {"oidc", "sso"}


@pytest.mark.parametrize(
    ("source", "what"), [("aws_assume_role", "AssumeRole"), ("aws_sso", "sso"), ("aws_container", "container")]
)
def test_a_service_that_hangs_is_left(aws_world: World, source: str, what: str) -> None:
    """After a part of the operation's time, and one more try, of botocore's two at a container."""
    answering(source, **{what: HANG})(aws_world)
    with pytest.raises(CredentialsUnavailableError) as caught:
        chain_of(deadline_s=6).resolve()

    assert caught.value.source == source
    assert len(aws_world.service.asked) == (3 if source == "aws_container" else 2)


# ---- hygiene


@pytest.mark.parametrize("source", ["aws_env", "aws_assume_role", "aws_process"])
def test_credentials_neither_print_nor_pickle(aws_world: World, source: str) -> None:
    """Nor does the chain that holds them."""
    aws_world.plant(source)
    chain = chain_of()
    resolved = chain.resolve()
    told = f"{resolved!r} {chain!r} {chain.sources!r} {[str(attempt) for attempt in chain.attempts]}"

    assert not [secret for secret in aws_world.secrets if secret in told]
    with pytest.raises(TypeError):
        pickle.dumps(resolved.credentials)
    with pytest.raises(TypeError):
        pickle.dumps(resolved.credentials.settings)


def test_importing_the_credentials_imports_no_sdk() -> None:
    """It takes longer than all else."""
    code = "import sys, deeplake_ref.credentials.aws; assert not [m for m in sys.modules if m.startswith('boto')]"

    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_nothing_is_written_beside_a_login(aws_world: World) -> None:
    """Roles and their keys are kept in memory only."""
    aws_world.plant("aws_assume_role")
    before = sorted(aws_world.home.rglob("*"))
    chain_of().resolve()

    assert sorted(aws_world.home.rglob("*")) == before
