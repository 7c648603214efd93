"""The walk over sources, the checks of a creds dictionary, and the sources of AWS."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deeplake_ref import errors
from deeplake_ref.credentials import aws
from deeplake_ref.credentials.chain import Broken, Chain, Found, NotMine, check_dictionary
from deeplake_ref.secrets import SecretFields

Answer = Found[str] | NotMine | Broken
KEYS = {"aws_access_key_id": "AKIDICT", "aws_secret_access_key": "hunter2/+="}


@dataclass
class Scripted:
    """A source that answers as a test says, and counts how often it is asked."""

    name: str
    answer: Callable[[], Answer]
    asked: int = 0

    def look(self) -> Answer:
        """Answer."""
        self.asked += 1
        return self.answer()


def not_mine() -> Answer:
    """Pass on."""
    return NotMine("not set")


# ---- the walk


def test_the_first_that_answers_wins() -> None:
    """Those behind it are not asked; attempts are kept by name."""
    sources = [Scripted("one", not_mine), Scripted("two", lambda: Found("key")), Scripted("three", lambda: Found("no"))]
    chain: Chain[str] = Chain("s3", sources, "do this")

    assert (chain.source, chain.resolve().credentials, chain.source) == (None, "key", "two")
    assert [str(attempt) for attempt in chain.attempts] == ["one: not configured (not set)", "two: credentials"]
    assert [source.asked for source in sources] == [1, 1, 0]
    assert "key" not in repr(chain.resolve()).replace("key_", "")


def test_a_broken_source_stops_the_walk() -> None:
    """Its error names it."""
    sources = [
        Scripted("one", lambda: Broken(errors.InvalidCredentialsError("no secret"))),
        Scripted("two", lambda: Found("key")),
    ]
    chain: Chain[str] = Chain("s3", sources, "do this")

    with pytest.raises(errors.InvalidCredentialsError) as caught:
        chain.resolve()
    assert (caught.value.source, caught.value.provider, caught.value.effect) == ("one", "s3", "none")
    assert sources[1].asked == 0


def test_nothing_found_lists_every_attempt() -> None:
    """And says what to do."""
    chain: Chain[str] = Chain("s3", [Scripted("one", not_mine), Scripted("two", not_mine)], "Do this")

    with pytest.raises(errors.CredentialsNotFoundError) as caught:
        chain.resolve()
    assert str(caught.value) == (
        "no credentials for s3://: one: not configured (not set); two: not configured (not set). Do this"
    )


def test_a_foreign_exception_is_told_without_its_text() -> None:
    """It may hold a secret."""

    def explode() -> Answer:
        raise RuntimeError("secret=hunter2")

    with pytest.raises(errors.CredentialsUnavailableError) as caught:
        Chain("s3", [Scripted("one", explode)], "").resolve()

    assert "hunter2" not in "".join(traceback.format_exception(caught.value))
    assert "RuntimeError" in str(caught.value)


def test_many_threads_ask_once() -> None:
    """Those that come later get the same."""
    source = Scripted("one", lambda: Found("key"))
    chain: Chain[str] = Chain("s3", [source], "")
    threads = [threading.Thread(target=chain.resolve) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert source.asked == 1


def test_a_failure_is_not_for_ever() -> None:
    """The next operation asks again."""
    answers: list[Answer] = [NotMine("not yet"), Found("key")]
    chain: Chain[str] = Chain("s3", [Scripted("one", lambda: answers.pop(0))], "")

    with pytest.raises(errors.CredentialsNotFoundError):
        chain.resolve()
    assert chain.resolve().credentials == "key"


# ---- renewal


def test_rejected_credentials_are_renewed_once_for_all_threads() -> None:
    """Each thread tries once more, with what one of them got."""
    renewed: list[str] = []

    def renew(old: str) -> str:
        renewed.append(old)
        return "second"

    chain: Chain[str] = Chain("s3", [Scripted("one", lambda: Found("first"))], "", renew)
    barrier = threading.Barrier(8)
    answers: list[str] = []

    def request() -> str:
        now = chain.resolve().credentials
        if now == "first":
            barrier.wait(10)
            raise errors.ExpiredTokenError("too late")
        return now

    threads = [threading.Thread(target=lambda: answers.append(chain.call(request))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert answers == ["second"] * 8
    assert renewed == ["first"]


def test_what_is_rejected_again_is_the_answer() -> None:
    """One more try, not more."""
    tries: list[None] = []

    def request() -> None:
        tries.append(None)
        raise errors.AuthenticationError("who?")

    chain: Chain[str] = Chain("s3", [Scripted("one", lambda: Found("first"))], "", lambda _old: "second")
    with pytest.raises(errors.AuthenticationError):
        chain.call(request)

    assert len(tries) == 2


def test_a_static_key_is_not_tried_again() -> None:
    """Nor is another source asked."""
    tries: list[None] = []

    def request() -> None:
        tries.append(None)
        raise errors.ExpiredTokenError("too late")

    other = Scripted("two", lambda: Found("other"))
    chain: Chain[str] = Chain("s3", [Scripted("one", lambda: Found("first")), other], "")
    with pytest.raises(errors.ExpiredTokenError):
        chain.call(request)

    assert (len(tries), other.asked) == (1, 0)


# ---- the dictionary


@pytest.mark.parametrize(
    ("creds", "told"),
    [
        ({"aws_acces_key_id": "x"}, "did you mean `aws_access_key_id`?"),
        ({"AWS_ACCESS_KEY_ID": "x"}, "did you mean `aws_access_key_id`?"),
        ({"account_key": "x"}, "`account_key` of creds belongs to az://, it is not sent to s3://"),
        ({"hunter2/+=": "x"}, "a field of creds is unknown"),
        ({"aws_access_key_id": ""}, "`aws_access_key_id` of creds is blank"),
        ({"aws_access_key_id": " \n"}, "`aws_access_key_id` of creds is blank"),
        ({"aws_access_key_id": b"hunter2"}, "`aws_access_key_id` of creds is a str: bytes"),
        ({"anon": "true"}, "`anon` of creds is a bool: str"),
        ({7: "x"}, "field names of creds are strings: int"),
    ],
)
def test_a_wrong_field_is_named(creds: dict[Any, Any], told: str) -> None:
    """Its value is not."""
    with pytest.raises(errors.InvalidCredentialsError) as caught:
        check_dictionary(creds, provider="s3", own=aws.FIELDS, foreign=aws.FOREIGN, types={"anon": bool})

    assert told in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_none_is_absent() -> None:
    """Under any name."""
    given = {"aws_region": "eu-west-1", "aws_access_key_id": None, "sas_token": None}

    assert check_dictionary(given, provider="s3", own=aws.FIELDS, foreign=aws.FOREIGN) == {"aws_region": "eu-west-1"}


# ---- AWS


def resolved(creds: Any) -> tuple[str, Any]:
    """Return the winner's name and who signs, by key id."""
    winner = aws.chain(SecretFields(creds)).resolve()
    who = winner.credentials
    return winner.source, None if who.anonymous else who.signer.get_frozen_credentials().access_key


@pytest.fixture
def everything(no_aws: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with keys in the environment, in the default profile and in another one."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "env")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "env")
    (no_aws / "credentials").write_text(
        "[default]\naws_access_key_id=AKIFILE\naws_secret_access_key=file\n"
        "[other]\naws_access_key_id=AKIOTHER\naws_secret_access_key=other\n[empty]\n"
    )
    return no_aws


@pytest.mark.parametrize(
    ("creds", "winner"),
    [
        (KEYS, ("aws_dict", "AKIDICT")),
        ({**KEYS, "profile_name": "other"}, ("aws_dict", "AKIDICT")),
        ({"profile_name": "other"}, ("aws_dict_profile", "AKIOTHER")),
        ({"anon": True}, ("aws_dict", None)),
        ({"anon": False}, ("aws_env", "AKIENV")),
        ({"endpoint_url": "http://127.0.0.1:9", "aws_region": "x"}, ("aws_env", "AKIENV")),
        ({}, ("aws_env", "AKIENV")),
        (None, ("aws_env", "AKIENV")),
        ("ENV", ("aws_env", "AKIENV")),
    ],
    ids=str,
)
@pytest.mark.usefixtures("everything")
def test_what_the_caller_passes_wins(creds: Any, winner: tuple[str, str | None]) -> None:
    """Over the environment, which wins over the default profile."""
    assert resolved(creds) == winner


@pytest.mark.usefixtures("everything")
def test_sources_are_not_mixed() -> None:
    """Keys without a token do not get the environment's."""
    signer = aws.chain(SecretFields(KEYS)).resolve().credentials.signer

    assert signer.get_frozen_credentials().token is None


@pytest.mark.parametrize(
    ("creds", "told"),
    [
        ({"aws_access_key_id": "AKIDICT"}, "`aws_access_key_id` but no `aws_secret_access_key`"),
        ({"aws_secret_access_key": "hunter2"}, "`aws_secret_access_key` but no `aws_access_key_id`"),
        ({"aws_session_token": "hunter2"}, "`aws_session_token` but no `aws_access_key_id`"),
        ({**KEYS, "aws_access_key_id": "AKI\nhunter2"}, "`aws_access_key_id` of creds has a space, a line break"),
        ({**KEYS, "anon": True}, "exclude each other"),
        ({"profile_name": "nope"}, "`profile_name` of creds names the profile 'nope', which is neither in "),
        ({"profile_name": "empty"}, "profile 'empty', which `profile_name` of creds names, has no credentials"),
        ("browser", "a dictionary, or 'ENV': str"),
        (["hunter2"], "a dictionary, or 'ENV': list"),
    ],
    ids=str,
)
@pytest.mark.usefixtures("everything")
def test_a_broken_dictionary_stops(creds: Any, told: str) -> None:
    """Though the environment has keys; no value is told."""
    with pytest.raises(errors.InvalidCredentialsError) as caught:
        resolved(creds)

    assert told in str(caught.value)
    assert caught.value.source == (
        "aws_dict_profile" if isinstance(creds, dict) and len(creds) == 1 and "profile_name" in creds else "aws_dict"
    )
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.usefixtures("no_aws")
def test_nothing_is_an_error_not_anonymous() -> None:
    """The message lists the attempts."""
    with pytest.raises(errors.CredentialsNotFoundError, match="aws_dict: not configured.*aws_imds: not configured"):
        resolved(None)


def test_a_broken_file_stops_what_is_ambient(no_aws: Path) -> None:
    """And does not stop keys of the caller's."""
    (no_aws / "config").write_text("[default\nhunter2")

    with pytest.raises(errors.InvalidCredentialsError) as caught:
        resolved(None)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))
    assert resolved(KEYS) == ("aws_dict", "AKIDICT")


def test_a_failing_process_is_unavailable(no_aws: Path) -> None:
    """What it wrote is not told."""
    (no_aws / "config").write_text("[default]\ncredential_process = sh -c 'echo hunter2 >&2; exit 3'\n")

    with pytest.raises(errors.CredentialsUnavailableError) as caught:
        resolved(None)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("creds", "environment", "expected"),
    [
        (None, {}, (None, "us-east-1")),
        (None, {"AWS_ENDPOINT_URL": "http://h:1"}, ("http://h:1", "us-east-1")),
        (None, {"AWS_ENDPOINT_URL": "http://h:1", "AWS_ENDPOINT_URL_S3": "http://h:2/"}, ("http://h:2", "us-east-1")),
        (None, {"AWS_ENDPOINT_URL": "http://h:1", "AWS_ENDPOINT_URL_S3": " "}, ("http://h:1", "us-east-1")),
        (None, {"AWS_ENDPOINT_URL": "http://h:1", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, (None, "us-east-1")),
        ({"endpoint_url": "http://h:3"}, {"AWS_ENDPOINT_URL_S3": "http://h:2"}, ("http://h:3", "us-east-1")),
        (None, {"AWS_REGION": "r1", "AWS_DEFAULT_REGION": "r2"}, (None, "r1")),
        (None, {"AWS_REGION": "", "AWS_DEFAULT_REGION": "r2"}, (None, "r2")),
        ({"aws_region": "r3"}, {"AWS_REGION": "r1"}, (None, "r3")),
    ],
    ids=str,
)
@pytest.mark.usefixtures("no_aws")
def test_addressing(
    monkeypatch: pytest.MonkeyPatch, creds: Any, environment: dict[str, str], expected: tuple[str | None, str]
) -> None:
    """The dictionary, then the environment."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    where = aws.addressing(SecretFields(creds))

    assert (where.endpoint_url, where.region) == expected


@pytest.mark.parametrize("url", ["nonsense", "http://user:hunter2@h", "ftp://h", "http://h?x=1", "http://"])
@pytest.mark.usefixtures("no_aws")
def test_an_endpoint_is_a_base_url(url: str) -> None:
    """It is not told, since it may hold a password."""
    with pytest.raises(errors.InvalidURIError, match="`endpoint_url` of creds") as caught:
        aws.addressing(SecretFields({"endpoint_url": url}))

    assert "hunter2" not in str(caught.value)
