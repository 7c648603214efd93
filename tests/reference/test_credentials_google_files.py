"""Key files of Google: each type over the wire, and everything that can be wrong with one."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from deeplake_ref import errors
from deeplake_ref.credentials import google as chains
from deeplake_ref.credentials import google_files
from deeplake_ref.credentials.google_exchange import Exchange
from deeplake_ref.secrets import SecretFields
from tests.reference.google_services import ACCOUNT, CANARY, Services, leaks, of_json, who
from tests.reference.scripted import RESET, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

Change = dict[str, Any]


def headers_of(creds: Any) -> dict[str, str]:
    """Return what would prove who we are."""
    return chains.chain(SecretFields(creds)).resolve().credentials.headers()


def refusal(creds: Any) -> errors.StorageError:
    """Return the error that resolving, or getting a token, ends with."""
    with pytest.raises(errors.StorageError) as caught:
        headers_of(creds)
    return caught.value


# ---- types


def test_a_service_account_signs_an_assertion_for_the_address_in_its_file(google: Services) -> None:
    """And asks for what storage needs, no more."""
    import base64

    assert who(headers_of(google.account())) == "account 1"

    (asked,) = google.scripted.asked
    claims = asked.body.decode().split("assertion=")[1].split("&")[0].split(".")[1]
    told = json.loads(base64.urlsafe_b64decode(claims + "=="))
    assert (told["iss"], told["scope"]) == (ACCOUNT, "https://www.googleapis.com/auth/devstorage.read_write")


def test_the_address_in_the_file_of_a_person_counts(google: Services) -> None:
    """Which google-auth ignores."""
    assert who(headers_of(google.user())) == "user 1"
    assert google.paths == ["/token"]


def test_a_workload_elsewhere_trades_the_token_in_its_file(google: Services, tmp_path: Path) -> None:
    """Which is read again for each exchange, since it is rotated."""
    subject = tmp_path / "subject"
    subject.write_text("one")
    credentials = chains.chain(SecretFields(google.external(str(subject)))).resolve().credentials
    assert who(credentials.headers()) == "sts 1"
    subject.write_text("two")
    credentials.renewed()

    assert [b"subject_token=one" in each.body for each in google.scripted.asked] == [True, False]
    assert b"subject_token=two" in google.scripted.asked[1].body


@pytest.mark.parametrize("origin", ["account", "user"])
def test_one_who_acts_as_a_service_account_asks_for_its_token(google: Services, origin: str) -> None:
    """At the address in the file, with the token of who they are."""
    assert who(headers_of(google.impersonated(getattr(google, origin)()))) == "impersonated 2"

    first, second = google.scripted.asked
    assert (first.path, second.path.rsplit("/", 1)[1]) == ("/token", f"{ACCOUNT}:generateAccessToken")
    assert f"{origin}-" in second.headers["Authorization"]


def test_a_workload_elsewhere_may_act_as_a_service_account(google: Services, tmp_path: Path) -> None:
    """Through google-auth's own class."""
    (tmp_path / "subject").write_text("one")
    file = google.external(str(tmp_path / "subject"))
    url = google.impersonated({})["service_account_impersonation_url"]

    assert who(headers_of({**file, "service_account_impersonation_url": url})) == "impersonated 2"


@pytest.mark.parametrize("kind", ["account", "user", "external", "impersonated"])
def test_nobody_else_is_asked(google: Services, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """google-auth would send the token to iamcredentials.googleapis.com on the first use of most types."""
    import socket

    (tmp_path / "subject").write_text("one")
    files: dict[str, Callable[[], Change]] = {
        "account": google.account,
        "user": google.user,
        "external": lambda: google.external(str(tmp_path / "subject")),
        "impersonated": lambda: google.impersonated(google.account()),
    }
    hosts = []
    real = socket.getaddrinfo

    def looked_up(host: Any, *rest: Any, **more: Any) -> Any:
        hosts.append(host)
        return real(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    credentials = chains.chain(SecretFields(files[kind]())).resolve().credentials
    credentials.headers()
    credentials.renewed()

    assert set(hosts) == {"127.0.0.1"}


def test_an_exchange_reaches_nothing_but_what_the_credentials_name(google: Services) -> None:
    """Whatever a later release of google-auth looks up while it refreshes."""
    with pytest.raises(ValueError, match="do not name"):
        Exchange(5, {f"{google.url}/token"})(f"{google.url}/allowedLocations")

    assert google.paths == []


# ---- what is wrong with a file


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"type": None}, "has no `type`; known: service_account, authorized_user"),
        ({"type": CANARY}, "has a `type` that is unknown"),
        ({"type": 7}, "has a `type` that is unknown"),
        ({"client_email": None}, "has no `client_email`"),
        ({"client_email": " "}, "`client_email` of the file"),
        ({"client_email": ["x"]}, "is a str: list"),
        ({"private_key": None}, "has no `private_key`"),
        ({"private_key": CANARY}, "`private_key` of the file"),
        ({"private_key": f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----\n"}, "not a private key"),
        ({"private_key": f"-----BEGIN PRIVATE KEY-----\\n{CANARY}\\n"}, "a backslash and an n in place of line breaks"),
        ({"token_uri": None}, "has no `token_uri`"),
        ({"token_uri": f"http://token.example/{CANARY}"}, "http is for loopback only"),
        ({"token_uri": f"https://u:{CANARY}@127.0.0.1"}, "`token_uri` of the file"),
        ({"token_uri": "ftp://127.0.0.1"}, "`token_uri` of the file"),
        ({"token_uri": "https://127.0.0.1:x/"}, "`token_uri` of the file"),
        ({"token_uri": "https://[::1/"}, "`token_uri` of the file"),
        ({"type": "authorized_user"}, "(authorized_user) has no `client_secret`"),
        ({"type": "authorized_user", "client_secret": "x"}, "has no `refresh_token`"),
        ({"type": "external_account"}, "has no `audience`"),
        ({"type": "impersonated_service_account"}, "has no `service_account_impersonation_url`"),
    ],
    ids=str,
)
def test_a_broken_field_is_named(
    google: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Change, told: str
) -> None:
    """Its value is not; nobody is asked, and the file of gcloud is not looked at."""
    gcloud = tmp_path / "gcloud" / "application_default_credentials.json"
    gcloud.parent.mkdir()
    gcloud.write_text(json.dumps(google.user()))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(gcloud.parent))
    path = tmp_path / "key.json"
    path.write_text(json.dumps({**google.account(), **change}))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    error = refusal(None)

    assert isinstance(error, errors.InvalidCredentialsError)
    assert told in str(error)
    assert str(path) in str(error)
    assert (error.source, error.effect) == ("gcs_env_file", "none")
    assert not leaks(error)
    assert google.paths == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"credential_source": {}}, "neither `file` nor `url`"),
        ({"credential_source": {"executable": {"command": "x"}}}, "neither `file` nor `url`"),
        ({"credential_source": {"environment_id": "aws1", "url": "x", "file": "y"}}, "or both"),
        ({"credential_source": {"url": "http://token.example"}}, "http is for loopback only"),
        ({"credential_source": {"file": "x", "format": {"type": "nonsense"}}}, "cannot be used"),
        ({"credential_source": "x"}, "is a dict: str"),
        ({"token_url": "http://token.example"}, "`token_url`"),
        ({"service_account_impersonation_url": "http://iam.example"}, "`service_account_impersonation_url`"),
    ],
    ids=str,
)
def test_a_broken_workload_elsewhere_is_named(google: Services, change: Change, told: str) -> None:
    """Commands and AWS are not supported, which is said."""
    error = refusal({**google.external("x"), **change})

    assert isinstance(error, errors.InvalidCredentialsError)
    assert told in str(error)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"service_account_impersonation_url": "https://iam.example/x"}, "does not end in /<account>:generateAccess"),
        ({"service_account_impersonation_url": "http://iam.example/x:generateAccessToken"}, "http is for loopback"),
        ({"source_credentials": {}}, "`source_credentials` of creds has no `type`"),
        ({"source_credentials": {"type": "authorized_user"}}, "has no `client_id`"),
        ({"source_credentials": 7}, "is a dict: int"),
    ],
    ids=str,
)
def test_a_broken_impersonation_is_named(google: Services, change: Change, told: str) -> None:
    """So are the fields of who acts."""
    error = refusal({**google.impersonated(google.user()), **change})

    assert isinstance(error, errors.InvalidCredentialsError)
    assert told in str(error)


def test_impersonation_is_not_stacked(google: Services) -> None:
    """There are delegates for that."""
    inner = google.impersonated(google.user())

    assert "`delegates`" in str(refusal(google.impersonated(inner)))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is not JSON"),
        (b"\xff\xfe{\x00", "is not JSON in UTF-8: UnicodeDecodeError"),
        (CANARY.encode(), "is not JSON"),
        (b'{"type": "' + CANARY.encode(), "is not JSON"),
        (b"[1]", "is not a JSON object"),
        (b"[" * 100_000, "is not JSON in UTF-8"),
        (b" " * (google_files.LONGEST_FILE + 1), "too long"),
        (None, "is missing"),
        ("directory", "is a directory"),
        ("fifo", "is a directory, or something else"),
    ],
    ids=["empty", "utf-16", "text", "cut", "array", "deep", "long", "missing", "directory", "fifo"],
)
@pytest.mark.parametrize("via", ["argument", "variable", "gcloud"])
@pytest.mark.usefixtures("no_google")
def test_a_broken_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, via: str, content: bytes | str | None, told: str
) -> None:
    """Its content is not, and the metadata server, which would answer, is not asked."""
    path = tmp_path / "application_default_credentials.json"
    match content:
        case "directory":
            path.mkdir()
        case "fifo":
            os.mkfifo(path)
        case bytes():
            path.write_bytes(content)
        case _ if via == "gcloud":
            path.symlink_to("nowhere")
    if via == "variable":
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    if via == "gcloud":
        monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    error = refusal(str(path) if via == "argument" else None)

    assert isinstance(error, errors.InvalidCredentialsError)
    assert told in str(error)
    assert str(path) in str(error)
    expected = {"argument": "gcs_key_file", "variable": "gcs_env_file", "gcloud": "gcs_gcloud_file"}[via]
    assert error.source == expected
    assert not leaks(error)


@pytest.mark.usefixtures("no_google")
def test_an_unreadable_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever may read everything cannot make one, so the system's answer is replaced."""
    path = tmp_path / "key.json"
    path.write_text("{}")
    real = Path.open

    def refused(self: Path, *arguments: Any, **more: Any) -> Any:
        if self == path:
            raise PermissionError(13, CANARY)
        return real(self, *arguments, **more)

    monkeypatch.setattr(Path, "open", refused)
    error = refusal(str(path))

    assert f"the key file {str(path)!r} cannot be read: PermissionError" in str(error)
    assert not leaks(error)


def test_a_byte_order_mark_is_fine(google: Services, tmp_path: Path) -> None:
    """Editors of Windows write one."""
    path = tmp_path / "key.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(google.user()).encode())

    assert who(headers_of(str(path))) == "user 1"


def test_fields_that_google_adds_one_day_are_fine_in_a_file(google: Services, tmp_path: Path) -> None:
    """In a dictionary an unknown field is an error, since it may be a slip."""
    path = tmp_path / "key.json"
    path.write_text(json.dumps({**google.user(), "hue": "blue"}))

    assert who(headers_of(str(path))) == "user 1"
    assert "`hue` of creds is unknown" in str(refusal({**google.user(), "hue": "blue"}))


# ---- refusals of the token service


@pytest.mark.parametrize(
    ("kind", "reply", "expected", "code", "told"),
    [
        (
            "account",
            of_json({"error": "invalid_grant"}, 400),
            "CredentialsUnavailableError",
            "invalid_grant",
            "refused",
        ),
        ("user", of_json({"error": "invalid_grant"}, 400), "ExpiredTokenError", "invalid_grant", "log in again"),
        ("user", of_json({"error": "invalid_client"}, 401), "CredentialsUnavailableError", "invalid_client", "refused"),
        (
            "impersonated",
            of_json({"error": "invalid_grant"}, 400),
            "ExpiredTokenError",
            "invalid_grant",
            "log in again",
        ),
        (
            "external",
            of_json({"error": "invalid_grant"}, 400),
            "CredentialsUnavailableError",
            "invalid_grant",
            "refused",
        ),
        (
            "account",
            of_json({"error": "invalid_grant", "error_description": "not in a reasonable timeframe"}, 400),
            "CredentialsUnavailableError",
            "invalid_grant",
            "check the clock",
        ),
        (
            "user",
            of_json({"error": CANARY, "error_description": CANARY}, 400),
            "CredentialsUnavailableError",
            None,
            "400",
        ),
        ("user", Reply(403, body=CANARY.encode()), "CredentialsUnavailableError", None, "HTTP 403"),
        ("user", Reply(302, {"Location": "http://127.0.0.1:9/"}), "CredentialsUnavailableError", None, "HTTP 302"),
        ("user", Reply(200, body=b"<html>"), "CredentialsUnavailableError", None, "no token service"),
        ("user", of_json({"expires_in": 1}), "CredentialsUnavailableError", None, "no token service"),
        ("account", of_json([CANARY]), "CredentialsUnavailableError", None, "no token service"),
        ("external", of_json({"access_token": CANARY}), "CredentialsUnavailableError", None, "no token service"),
        (
            "user",
            of_json({"access_token": 7, "expires_in": 1}),
            "CredentialsUnavailableError",
            None,
            "no token service",
        ),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_a_refusal_is_told_by_its_code(
    google: Services, tmp_path: Path, kind: str, reply: Reply, expected: str, code: str | None, told: str
) -> None:
    """Descriptions may hold anything; there is one request, and nobody else is asked."""
    (tmp_path / "subject").write_text("one")
    files = {
        "account": google.account(),
        "user": google.user(),
        "external": google.external(str(tmp_path / "subject")),
        "impersonated": google.impersonated(google.user()),
    }
    google.instead = lambda _asked: reply
    error = refusal(files[kind])

    assert (type(error).__name__, error.code) == (expected, code)
    assert told in str(error)
    assert not leaks(error)
    assert len(google.paths) == 1


@pytest.mark.parametrize(
    ("reply", "status"),
    [(Reply(503, body=CANARY.encode()), 503), (RESET, None), (Reply(200, body=b'{"access', announced=99), None)],
    ids=["down", "reset", "cut"],
)
def test_a_fault_that_lasts_is_unavailable(google: Services, reply: Reply, status: int | None) -> None:
    """After three tries."""
    google.instead = lambda _asked: reply
    error = refusal(google.user())

    assert isinstance(error, errors.CredentialsUnavailableError)
    assert error.http_status == status
    assert len(google.paths) == 3
    assert not leaks(error)


def test_a_fault_that_passes_is_not_noticed(google: Services) -> None:
    """Google's documents ask for repetitions."""
    waiting = [Reply(503), RESET]
    google.instead = lambda _asked: waiting.pop() if waiting else None

    assert who(headers_of(google.user())) == "user 1"


def test_a_missing_subject_token_is_unavailable(google: Services, tmp_path: Path) -> None:
    """The workload is configured, and cannot deliver."""
    error = refusal(google.external(str(tmp_path / "subject")))

    assert isinstance(error, errors.CredentialsUnavailableError)
    assert google.paths == []


def test_what_the_caller_gave_is_neither_changed_nor_kept(google: Services) -> None:
    """A dictionary that is changed later does not matter."""
    given = google.user()
    before = copy.deepcopy(given)
    chain = chains.chain(SecretFields(given))
    credentials = chain.resolve().credentials
    assert given == before
    given.clear()

    assert who(credentials.headers()) == "user 1"
