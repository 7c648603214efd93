"""Consent in a browser, which is a few lines of Python here, and the cache that it fills."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import pickle
import socket
import stat
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode

import pytest

from deeplake_ref import errors
from deeplake_ref.credentials import google as chains
from deeplake_ref.credentials import google_cache
from deeplake_ref.secrets import SecretFields
from tests.reference.google_services import CANARY, Services, leaks, of_json, who
from tests.reference.scripted import Asked, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deeplake_ref.credentials.google_tokens import GoogleCredentials

BROWSER = """
import sys, urllib.request
try:
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(sys.argv[1], timeout=20).read()
except urllib.error.HTTPError:
    pass
"""


class Person:
    """Answers the consent page as a test says, and keeps what was asked."""

    def __init__(self, google: Services) -> None:
        self.google = google
        self.told: Callable[[dict[str, str]], dict[str, str] | None] = lambda asked: {
            "code": f"4/{CANARY}",
            "state": asked["state"],
        }
        self.asked: list[dict[str, str]] = []
        google.instead = self.answer

    def answer(self, asked: Asked) -> Reply | None:
        """Send the browser back."""
        if asked.path != "/auth":
            return None
        self.asked.append(asked.query)
        told = self.told(asked.query)
        if told is None:
            return Reply(200, body=b"choose an account")
        return Reply(302, {"Location": f"{asked.query['redirect_uri']}?{urlencode(told)}"})

    @property
    def port(self) -> int:
        """The port that the answer went to."""
        return int(self.asked[0]["redirect_uri"].removeprefix("http://127.0.0.1:").rstrip("/"))


@pytest.fixture
def person(google: Services, no_google: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    """A machine with a browser, and the client in gcloud's file."""
    gcloud = no_google / ".config" / "gcloud"
    gcloud.mkdir(parents=True)
    file = {**google.user(), "auth_uri": f"{google.url}/auth"}
    (gcloud / "application_default_credentials.json").write_text(json.dumps(file))
    (no_google / "browser.py").write_text(BROWSER)
    monkeypatch.setenv("BROWSER", f"{sys.executable} {no_google}/browser.py %s &")
    return Person(google)


def credentials(creds: str) -> GoogleCredentials:
    """Return what a word gives."""
    return chains.chain(SecretFields(creds)).resolve().credentials


def refusal(creds: str) -> errors.StorageError:
    """Return the error that a word ends with."""
    with pytest.raises(errors.StorageError) as caught:
        credentials(creds).headers()
    return caught.value


def is_free(port: int) -> bool:
    """Whether nobody listens on a loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


# ---- the flow


@pytest.mark.parametrize("waits", [False, True], ids=["in-the-background", "in-the-foreground"])
def test_consent_gives_a_token(person: Person, monkeypatch: pytest.MonkeyPatch, waits: bool) -> None:
    """By state and PKCE, on a port that is released; a browser that is waited for does not stall it."""
    if waits:
        monkeypatch.setenv("BROWSER", os.environ["BROWSER"].removesuffix(" &"))
    assert who(credentials("browser").headers()) == "browser 1"

    (asked,) = person.asked
    (traded,) = [each for each in person.google.scripted.asked if each.path == "/token"]
    form = {name: values[0] for name, values in parse_qs(traded.body.decode()).items()}
    challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
    assert (asked["code_challenge_method"], asked["code_challenge"]) == ("S256", challenge)
    assert (form["code"], form["redirect_uri"]) == (f"4/{CANARY}", asked["redirect_uri"])
    assert (asked["response_type"], asked["access_type"]) == ("code", "offline")
    assert asked["scope"].endswith("/devstorage.read_write")
    assert len(asked["state"]) >= 32
    assert len(form["code_verifier"]) >= 43
    assert form["code_verifier"] not in str(asked)
    assert is_free(person.port)


def test_variables_name_other_services(
    person: Person, google: Services, no_google: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over the addresses in the file; the second one is kept with the consent."""
    file = {**google.user(), "auth_uri": "https://auth.invalid", "token_uri": "https://token.invalid"}
    (no_google / ".config" / "gcloud" / "application_default_credentials.json").write_text(json.dumps(file))
    monkeypatch.setenv("DEEPLAKE_GCS_AUTH_URI", f"{google.url}/auth")
    monkeypatch.setenv("DEEPLAKE_GCS_TOKEN_URI", f"{google.url}/token")

    assert who(credentials("browser").headers()) == "browser 1"
    assert json.loads(google_cache.path().read_text())["token_uri"] == f"{google.url}/token"


@pytest.mark.parametrize(
    ("told", "code", "message"),
    [
        (lambda asked: {"error": "access_denied", "state": asked["state"]}, "access_denied", "consent was denied"),
        (lambda asked: {"error": "org_internal", "state": asked["state"]}, "org_internal", "answered org_internal"),
        (lambda asked: {"error": CANARY, "state": asked["state"]}, "error", "answered error"),
        (lambda _asked: {"code": CANARY, "state": CANARY}, "wrong_state", "another session: wrong state"),
        (lambda _asked: {"code": CANARY}, "wrong_state", "another session: wrong state"),
        (lambda _asked: {"error": "access_denied", "state": "ü"}, "wrong_state", "another session: wrong state"),
    ],
    ids=["denied", "error", "odd-error", "wrong-state", "no-state", "denied-for-another"],
)
def test_an_answer_that_is_no_consent_is_told(person: Person, told: Any, code: str, message: str) -> None:
    """Each by a code of its own; nothing is traded or kept, and the port is released."""
    person.told = told
    error = refusal("browser")

    assert isinstance(error, errors.CredentialsUnavailableError)
    assert (error.code, error.source, error.effect) == (code, "gcs_browser", "none")
    assert message in str(error)
    assert not leaks(error)
    assert "/token" not in person.google.paths
    assert not google_cache.path().exists()
    assert is_free(person.port)


def test_a_person_who_never_answers_is_not_waited_for_long(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable says how long."""
    monkeypatch.setenv("DEEPLAKE_GCS_CONSENT_S", "2.5")
    person.told = lambda _asked: None
    error = refusal("browser")

    assert isinstance(error, errors.CredentialsUnavailableError)
    assert (error.code, str(error)) == ("consent_timeout", "nobody answered the consent page within 2.5 seconds")


@pytest.mark.parametrize("value", ["soon", "-1", "0", "nan", "inf"])
def test_a_deadline_is_a_number_of_seconds(person: Person, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """And names its variable before anything is opened."""
    monkeypatch.setenv("DEEPLAKE_GCS_CONSENT_S", value)

    assert "DEEPLAKE_GCS_CONSENT_S" in str(refusal("browser"))
    assert person.asked == []


@pytest.mark.parametrize("command", ["/nowhere/browser %s", "false %s", "no-such-browser"])
@pytest.mark.usefixtures("person")
def test_a_browser_that_does_not_start_is_told(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """And not waited for; the message names the variable."""
    monkeypatch.setenv("BROWSER", command)
    error = refusal("browser")

    assert (type(error).__name__, error.code) == ("CredentialsUnavailableError", "no_browser")
    assert "BROWSER" in str(error)


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (of_json({"error": "invalid_grant", "error_description": CANARY}, 400), "invalid_grant"),
        (of_json({"error": "invalid_client"}, 401), "invalid_client"),
        (Reply(200, body=CANARY.encode()), None),
        (of_json({"access_token": CANARY, "expires_in": 9}), None),
        (of_json({"access_token": "", "refresh_token": CANARY, "expires_in": 9}), None),
    ],
    ids=["used-code", "unknown-client", "page", "no-refresh-token", "blank-token"],
)
def test_a_token_service_that_gives_nothing_is_told(person: Person, reply: Reply, code: str | None) -> None:
    """One request, and nothing is kept."""
    person.google.instead = lambda asked: reply if asked.path == "/token" else person.answer(asked)
    error = refusal("browser")

    assert (type(error).__name__, error.code) == ("CredentialsUnavailableError", code)
    assert not leaks(error)
    assert person.google.paths.count("/token") == 1
    assert not google_cache.path().exists()


@pytest.mark.parametrize(
    ("file", "kind", "told"),
    [
        (None, "CredentialsNotFoundError", "gcloud auth application-default login"),
        ("[]", "InvalidCredentialsError", "is not a JSON object"),
        ({"client_secret": None}, "InvalidCredentialsError", "has no `client_secret`"),
        ({"client_id": " "}, "InvalidCredentialsError", "has no `client_id`"),
        ({"auth_uri": "http://auth.example"}, "InvalidCredentialsError", "http is for loopback only"),
        ({"token_uri": "http://token.example"}, "InvalidCredentialsError", "http is for loopback only"),
        ({"token_uri": 7}, "InvalidCredentialsError", "is a str: int"),
    ],
    ids=str,
)
def test_without_a_client_nothing_is_opened(
    person: Person, google: Services, no_google: Path, file: Any, kind: str, told: str
) -> None:
    """The file of gcloud is named."""
    path = no_google / ".config" / "gcloud" / "application_default_credentials.json"
    if file is None:
        path.unlink()
    else:
        path.write_text(file if isinstance(file, str) else json.dumps({**google.user(), **file}))
    error = refusal("browser")

    assert type(error).__name__ == kind
    assert told in str(error)
    assert str(path) in str(error)
    assert not leaks(error)
    assert person.asked == []


def test_a_stray_request_is_no_answer(person: Person) -> None:
    """Browsers ask for icons, and anything on the machine may ask for anything."""

    def told(asked: dict[str, str]) -> dict[str, str]:
        import urllib.error
        import urllib.request

        for path in ("favicon.ico", "", "x?code=1&state=2"):
            with pytest.raises(urllib.error.HTTPError):
                urllib.request.urlopen(f"{asked['redirect_uri']}{path}", timeout=10)
        return {"code": f"4/{CANARY}", "state": asked["state"]}

    person.told = told

    assert who(credentials("browser").headers()) == "browser 1"


# ---- the cache


@pytest.fixture
def no_umask() -> Iterator[None]:
    """A process that takes no rights away from new files."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("no_umask")
def test_consent_is_kept_for_its_owner_only(person: Person) -> None:
    """As JSON, with nothing beside it."""
    credentials("browser").headers()
    path = google_cache.path()

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [each.name for each in path.parent.iterdir()] == ["gcs_token.json"]
    kept = json.loads(path.read_text())
    assert set(kept) == {
        "type", "client_id", "client_secret", "refresh_token", "token_uri", "token", "expiry", "scopes",
    }  # fmt: skip
    assert (kept["type"], kept["refresh_token"]) == ("authorized_user", f"1//browser-{CANARY}")
    assert len(person.asked) == 1


def test_what_is_kept_is_used_without_asking(person: Person) -> None:
    """Nobody is asked for consent or for a token."""
    credentials("browser").headers()
    asked = len(person.google.paths)

    assert who(credentials("cache").headers()) == "browser 1"
    assert len(person.google.paths) == asked


def test_what_is_kept_is_refreshed(person: Person) -> None:
    """And the new token is kept, too, so that the next process needs none; the person is not asked."""
    person.google.lasts_s = 100
    credentials("browser")
    person.google.lasts_s = 3600

    assert who(credentials("cache").headers()) == "user 2"
    assert who(credentials("cache").headers()) == "user 2"
    assert len(person.asked) == 1
    assert b"refresh_token=1%2F%2Fbrowser" in person.google.scripted.asked[-1].body
    assert stat.S_IMODE(google_cache.path().stat().st_mode) == 0o600


def test_consent_that_was_revoked_is_told_and_kept(person: Person) -> None:
    """The file is the user's; 'browser' writes another one."""
    person.google.lasts_s = 100
    credentials("browser")
    before = google_cache.path().read_bytes()
    past = json.loads(before) | {"expiry": (datetime.now(UTC) - timedelta(1)).isoformat()}
    google_cache.path().write_text(json.dumps(past))
    person.google.instead = lambda _asked: of_json({"error": "invalid_grant", "error_description": CANARY}, 400)
    error = refusal("cache")

    assert isinstance(error, errors.ExpiredTokenError)
    assert error.code == "invalid_grant"
    assert not leaks(error)
    assert json.loads(google_cache.path().read_text()) == past


def test_nothing_kept_is_an_error_with_a_hint(person: Person) -> None:
    """Though gcloud has an identity."""
    error = refusal("cache")

    assert isinstance(error, errors.CredentialsNotFoundError)
    assert "creds='browser'" in str(error)
    assert str(google_cache.path()) in str(error)
    assert error.source == "gcs_cache"
    assert person.google.paths == []


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is not JSON"),
        (pickle.dumps({"token": CANARY}), "is not JSON"),
        (b'{"type": "authorized_user"}', "has no `client_id`"),
        ({"type": "service_account"}, "has no `client_email`"),
        ({"refresh_token": 7}, "is a str: int"),
        ({"token_uri": "http://token.example"}, "http is for loopback only"),
        ({"token": 7}, "`token` of the stored consent"),
        ({"token": CANARY}, "`expiry` of the stored consent"),
        ({"token": CANARY, "expiry": 7}, "`expiry` of the stored consent"),
    ],
    ids=str,
)
def test_what_was_not_kept_by_us_is_invalid(google: Services, content: Any, told: str) -> None:
    """No content is told, and nothing in it is run."""
    path = google_cache.path()
    path.parent.mkdir()
    path.write_bytes(content if isinstance(content, bytes) else json.dumps({**google.user(), **content}).encode())
    error = refusal("cache")

    assert isinstance(error, errors.InvalidCredentialsError)
    assert told in str(error)
    assert not leaks(error)


def test_the_working_directory_is_not_looked_at(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """deeplake 3.9.52 ran what was in `.gcs_token`."""

    class Planted:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "ran",))

    (tmp_path / ".gcs_token").write_bytes(pickle.dumps(Planted()))
    (tmp_path / "gcs_token.json").write_text(json.dumps(person.google.user()))
    monkeypatch.chdir(tmp_path)

    assert isinstance(refusal("cache"), errors.CredentialsNotFoundError)
    credentials("browser").headers()
    credentials("cache").headers()
    assert not (tmp_path / "ran").exists()
    assert {each.name for each in tmp_path.iterdir()} == {".gcs_token", "gcs_token.json", "home"}


def test_the_home_of_deep_lake_may_be_elsewhere(
    person: Person, no_google: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable names it."""
    monkeypatch.setenv("DEEPLAKE_HOME", str(tmp_path / "a" / "b"))
    credentials("browser").headers()

    assert (tmp_path / "a" / "b" / "gcs_token.json").exists()
    assert not (no_google / ".deeplake").exists()
    assert len(person.asked) == 1


@pytest.mark.usefixtures("person")
def test_consent_that_cannot_be_kept_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is in the way."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("DEEPLAKE_HOME", str(tmp_path / "file"))
    error = refusal("browser")

    assert "cannot be stored" in str(error)
    assert not leaks(error)
