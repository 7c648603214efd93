"""Access tokens of Google: replaced in time, once for all threads, and once more where the service rejects them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deeplake_ref import errors
from deeplake_ref.credentials import google_tokens
from deeplake_ref.credentials.google_tokens import GoogleCredentials, Token
from deeplake_ref.retry import RetryPolicy
from deeplake_ref.secrets import Secret
from deeplake_ref.stores.gcs import GcsStore
from deeplake_ref.urls import parse
from tests.reference.google_services import CANARY, Services, leaks, of_json, who
from tests.reference.scripted import Asked, Reply

THREADS = 16

OBJECT = {"kind": "storage#object", "name": "ds/k", "size": "1", "generation": "7", "updated": "2026-01-01T00:00:00Z"}


class Mint:
    """Gives tokens whose lives a test says, the last one from then on; counts."""

    def __init__(self, *lives_s: float | Exception | None) -> None:
        self.lives_s = list(lives_s)
        self.count = 0
        self.entered = threading.Event()
        self.release = threading.Event()
        self.release.set()

    def __call__(self, _within_s: float) -> Token:
        """Give the next one."""
        self.count += 1
        self.entered.set()
        self.release.wait(20)
        life = self.lives_s.pop(0) if len(self.lives_s) > 1 else self.lives_s[0]
        if isinstance(life, Exception):
            raise life
        ends = None if life is None else datetime.now(UTC) + timedelta(seconds=life)
        return Token(Secret(f"ya29.mint-{CANARY}{self.count}"), ends)


def unavailable() -> errors.StorageError:
    """Return what a token service that is down ends with."""
    return errors.CredentialsUnavailableError("down")


def test_a_token_is_got_once_and_used() -> None:
    """Until near its end, or for good if it does not say."""
    for life in (3600, 240, None):
        mint = Mint(life)
        credentials = GoogleCredentials(fetch=mint)

        assert [who(credentials.headers()) for _ in range(3)] == ["mint 1"] * 3


def test_near_its_end_a_token_is_replaced() -> None:
    """3 minutes and 45 seconds before."""
    credentials = GoogleCredentials(fetch=Mint(220, 3600))

    assert [who(credentials.headers()) for _ in range(3)] == ["mint 1", "mint 2", "mint 2"]
    assert credentials.expires_at is not None
    assert credentials.expires_at.utcoffset() == timedelta(0)


@pytest.mark.parametrize("at_hand", [False, True], ids=["cold", "near-its-end"])
@pytest.mark.parametrize("life", [3600, 100], ids=["long", "short"])
def test_many_threads_get_a_token_once(at_hand: bool, life: float) -> None:
    """Those that wait take what the first one got, however short it lives."""
    mint = Mint(life)
    token = Token(Secret("ya29.old"), datetime.now(UTC) + timedelta(seconds=60)) if at_hand else None
    credentials = GoogleCredentials(token, mint)
    mint.release.clear()
    ready = threading.Barrier(THREADS)
    calling = threading.Semaphore(0)

    def ask() -> str:
        ready.wait(20)
        calling.release()
        return who(credentials.headers())

    with ThreadPoolExecutor(THREADS) as pool:
        told = [pool.submit(ask) for _ in range(THREADS)]
        for _ in range(THREADS):
            assert calling.acquire(timeout=20)
        assert mint.entered.wait(20)
        _until_all_wait(credentials)
        mint.release.set()

        assert {each.result(20) for each in told} == {"mint 1"}
    assert mint.count == 1


def _until_all_wait(credentials: GoogleCredentials) -> None:
    """Wait until every thread has looked at the token: they do so right before they wait for the lock."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        waiting = sum(frame.f_code.co_name == "_current" for frame in _frames())
        if waiting == THREADS:
            return
        time.sleep(0.01)
    raise AssertionError(f"threads do not wait: {credentials!r}")


def _frames() -> list[Any]:
    import sys

    found = []
    for frame in sys._current_frames().values():
        walked: Any = frame
        while walked is not None:
            found.append(walked)
            walked = walked.f_back
    return found


def test_a_failed_replacement_does_not_matter_while_the_token_is_good() -> None:
    """And the service is left alone for a while."""
    mint = Mint(100, unavailable())
    credentials = GoogleCredentials(fetch=mint)

    assert [who(credentials.headers()) for _ in range(4)] == ["mint 1"] * 4
    assert mint.count == 2


def test_after_a_while_the_service_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure is not kept."""
    monkeypatch.setattr(google_tokens, "PAUSE_S", 0.0)
    credentials = GoogleCredentials(fetch=Mint(100, unavailable(), 3600))

    assert [who(credentials.headers()) for _ in range(3)] == ["mint 1", "mint 1", "mint 3"]


def test_without_a_good_token_a_failure_is_told_and_not_kept() -> None:
    """The next request tries again."""
    credentials = GoogleCredentials(fetch=Mint(unavailable(), 3600))
    with pytest.raises(errors.CredentialsUnavailableError):
        credentials.headers()

    assert who(credentials.headers()) == "mint 2"


@pytest.mark.parametrize("life", [-5, 0])
def test_a_new_token_that_is_expired_is_an_error_after_one_request(life: float) -> None:
    """Google's class asks ten times."""
    mint = Mint(life)
    credentials = GoogleCredentials(fetch=mint)
    with pytest.raises(errors.ExpiredTokenError, match="check the clock"):
        credentials.headers()

    assert mint.count == 1
    assert credentials.renewed() is None


# ---- at the service


class Storage:
    """Cloud Storage that accepts tokens from a number on, and identity services behind it."""

    def __init__(self, google: Services, accepts_from: int) -> None:
        self.google = google
        self.accepts_from = accepts_from
        self.seen: list[str] = []
        self.lock = threading.Lock()

    def answer(self, asked: Asked) -> Reply | None:
        """Answer what is for storage."""
        if "/storage/v1/" not in asked.path:
            return None
        told = who({"Authorization": asked.headers["Authorization"]})
        with self.lock:
            self.seen.append(told)
        if int(told.partition(" ")[2] or 0) < self.accepts_from:
            return of_json({"error": {"errors": [{"reason": "authError"}]}}, 401)
        return of_json(OBJECT)


def store_of(google: Services, creds: dict[str, Any], *, deadline_s: float = 30) -> GcsStore:
    """Return a store in the scripted service."""
    return GcsStore(parse("gcs://bucket/ds"), {**creds, "endpoint_url": google.url}, RetryPolicy(deadline_s=deadline_s))


def test_a_rejected_token_is_replaced_once_and_the_request_repeated(google: Services) -> None:
    """The identity is the same."""
    storage = Storage(google, accepts_from=2)
    google.instead = storage.answer
    store = store_of(google, google.user())
    meta = store.head("k")

    assert meta is not None
    assert storage.seen == ["user 1", "user 2"]
    assert google.paths.count("/token") == 2
    store.close()


def test_a_token_passes_through_no_proxy_in_clear(google: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """On loopback it needs none, whatever the variables say."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    google.instead = Storage(google, accepts_from=0).answer
    store = store_of(google, {"gcs_oauth_token": f"ya29.mine-{CANARY}"})

    assert store.head("k") is not None
    store.close()


def test_a_second_rejection_is_the_answer(google: Services) -> None:
    """Two tokens, two requests."""
    storage = Storage(google, accepts_from=99)
    google.instead = storage.answer
    store = store_of(google, google.account())
    with pytest.raises(errors.AuthenticationError) as caught:
        store.head("k")

    assert (caught.value.http_status, caught.value.source) == (401, "gcs_key_dict")
    assert storage.seen == ["account 1", "account 2"]
    assert not leaks(caught.value)
    store.close()


def test_a_rejected_token_of_the_callers_is_not_replaced(google: Services) -> None:
    """One request; nobody else's credentials are used."""
    storage = Storage(google, accepts_from=99)
    google.instead = storage.answer
    store = store_of(google, {"gcs_oauth_token": f"ya29.mine-{CANARY}"})
    with pytest.raises(errors.AuthenticationError):
        store.head("k")

    assert storage.seen == ["mine "]
    store.close()


def test_a_rejection_is_met_once_by_many_threads(google: Services) -> None:
    """They share the new token."""
    storage = Storage(google, accepts_from=2)
    google.instead = storage.answer
    store = store_of(google, google.user())
    with ThreadPoolExecutor(THREADS) as pool:
        found = [each.result(30) for each in [pool.submit(store.head, "k") for _ in range(THREADS)]]

    assert None not in found
    assert google.paths.count("/token") == 2
    store.close()


def test_a_token_service_that_refuses_ends_an_operation(google: Services) -> None:
    """With the source, the code and the operation; nothing went to storage."""
    google.instead = lambda asked: of_json({"error": "invalid_client"}, 401) if asked.path == "/token" else None
    store = store_of(google, google.user())
    requests: dict[str, Callable[[], object]] = {
        "metadata": lambda: store.head("k"),
        "set": lambda: store.put("k", b"x"),
    }
    for operation, request in requests.items():
        with pytest.raises(errors.CredentialsUnavailableError) as caught:
            request()
        error = caught.value
        assert (error.source, error.code, error.http_status) == ("gcs_key_dict", "invalid_client", 401), operation
        assert (error.effect, error.provider) == ("none", "gcs")
        assert not leaks(error)

    assert set(google.paths) == {"/token"}
    store.close()


def test_a_large_upload_whose_token_cannot_be_got_says_so(google: Services) -> None:
    """It does not pass for a fault of the service."""
    google.instead = lambda asked: of_json({"error": "invalid_grant"}, 400) if asked.path == "/token" else None
    store = store_of(google, google.user())
    with pytest.raises(errors.ExpiredTokenError) as caught:
        store.put("k", bytes(8 * 1024 * 1024 + 1))

    assert caught.value.effect == "none"
    assert google.paths == ["/token"]
    store.close()


def test_a_new_token_that_is_expired_ends_an_operation(google: Services) -> None:
    """After one request for it."""
    google.lasts_s = -5
    store = store_of(google, google.user())
    with pytest.raises(errors.ExpiredTokenError):
        store.head("k")

    assert google.paths == ["/token"]
    store.close()


def test_a_token_service_that_hangs_does_not_outlast_the_deadline(google: Services) -> None:
    """That of the handle is shorter than that of a token."""
    google.instead = lambda _asked: Reply(hang=True)
    store = store_of(google, google.user(), deadline_s=1)
    outcome: list[BaseException] = []

    def request() -> None:
        try:
            store.head("k")
        except errors.StorageError as error:
            outcome.append(error)

    asking = threading.Thread(target=request, daemon=True)
    asking.start()
    asking.join(30)

    assert [type(each) for each in outcome] == [errors.CredentialsUnavailableError]
    google.scripted.released.set()
    store.close()


def test_a_repeated_conditional_write_waits_for_nobody_to_lose_against(google: Services) -> None:
    """What an earlier attempt may have done is not done again with another token."""
    replies = [Reply(503), of_json({"error": {"errors": [{"reason": "authError"}]}}, 401)]
    google.instead = lambda asked: replies.pop(0) if asked.path.startswith("/upload") else None
    store = store_of(google, google.user())
    with pytest.raises(errors.StorageError) as caught:
        store.put("k", b"x", if_absent=True)

    assert caught.value.effect == "unknown"
    assert google.paths.count("/token") == 1
    store.close()
