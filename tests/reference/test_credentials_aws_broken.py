"""What stops the walk over the sources of AWS, and what is told."""

from __future__ import annotations

import logging
import pickle
import traceback

import pytest

from deeplake_ref import errors
from deeplake_ref.errors import CredentialsUnavailableError, ExpiredTokenError
from tests.reference.aws_forms import (
    EMPTY,
    GARBAGE,
    REFUSED,
    ROLE,
    SCHEME,
    Form,
    Invalid,
    Unavailable,
    answering,
    both,
    chain_of,
    config,
    env,
    expired,
    file,
    key_of,
    keys_in_both,
    planted,
    process,
    sso,
    web_identity,
)
from tests.reference.aws_world import World
from tests.reference.scripted import HANG, RESET, Reply

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
