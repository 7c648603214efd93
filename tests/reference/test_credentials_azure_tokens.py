"""Tokens that end, are replaced in time, and are got once for however many threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from deeplake_ref import errors
from deeplake_ref.credentials import azure
from deeplake_ref.credentials.azure_texts import AzureCredentials
from deeplake_ref.credentials.azure_tokens import NEAR_S, PAUSE_S, NotThereError, Token, Tokens
from deeplake_ref.secrets import Secret

THREADS = 16


class Issuer:
    """Hands out token 1, 2, 3 with lives as a test says, the last one from then on; its clock is set by hand."""

    def __init__(self, *lives: float) -> None:
        self.now = 1_000_000.0
        self.lives = list(lives)
        self.asked = 0
        self.failure: Exception | None = None
        self.before: Callable[[], object] = lambda: None

    def ask(self) -> Token:
        """Hand out the next token."""
        self.asked += 1
        self.before()
        if self.failure is not None:
            raise self.failure
        life = self.lives.pop(0) if len(self.lives) > 1 else self.lives[0]
        return Token(Secret(f"token {self.asked}"), self.now + life)

    def tokens(self) -> Tokens:
        """Return tokens that have started."""
        made = Tokens("azure_cli", self.ask, lambda: self.now)
        made.start()
        return made


def unavailable() -> errors.CredentialsUnavailableError:
    """Return the failure of a source."""
    return errors.CredentialsUnavailableError("the endpoint failed", code="AADSTS1")


def in_threads(tokens: Tokens, *, released: Callable[[], object] = lambda: None) -> list[str]:
    """Return what many threads get at once; an error counts as its type."""
    barrier = threading.Barrier(THREADS + 1)

    def get() -> str:
        barrier.wait(20)
        try:
            return tokens.text()
        except errors.StorageError as error:
            return type(error).__name__

    with ThreadPoolExecutor(THREADS) as pool:
        waiting = [pool.submit(get) for _ in range(THREADS)]
        barrier.wait(20)
        released()
        return [each.result(20) for each in waiting]


def test_a_token_is_kept_until_it_ends_soon() -> None:
    """And replaced before it does."""
    issuer = Issuer(3600)
    tokens = issuer.tokens()
    first = [tokens.text(), tokens.text()]
    issuer.now += 3600 - NEAR_S - 1
    kept = tokens.text()
    issuer.now += 1

    assert [*first, kept, tokens.text(), tokens.text()] == ["token 1"] * 3 + ["token 2"] * 2
    assert issuer.asked == 2


def test_a_short_first_token_is_used_before_it_is_replaced() -> None:
    """Whoever asked for it has it."""
    issuer = Issuer(200, 3600)
    tokens = issuer.tokens()

    assert [tokens.text() for _ in range(4)] == ["token 1", "token 2", "token 2", "token 2"]


def test_short_tokens_are_no_reason_to_ask_before_every_request() -> None:
    """Half of their life is over before the next one is got."""
    issuer = Issuer(100)
    tokens = issuer.tokens()
    for _ in range(50):
        tokens.text()
    assert issuer.asked == 2
    issuer.now += 50

    assert tokens.text() == "token 3"


def test_a_failure_to_replace_keeps_a_good_token() -> None:
    """It is tried again after a pause, and told when the token has ended."""
    issuer = Issuer(3600)
    tokens = issuer.tokens()
    tokens.text()
    issuer.now += 3400
    issuer.failure = unavailable()
    assert [tokens.text() for _ in range(5)] == ["token 1"] * 5
    assert issuer.asked == 2
    issuer.now += PAUSE_S
    assert (tokens.text(), issuer.asked) == ("token 1", 3)
    issuer.now += 200

    with pytest.raises(errors.CredentialsUnavailableError, match="the endpoint failed") as caught:
        tokens.text()
    assert (caught.value.source, caught.value.provider, caught.value.effect, caught.value.code) == (
        "azure_cli",
        "az",
        "none",
        "AADSTS1",
    )


def test_a_failure_is_not_kept_for_ever() -> None:
    """The next request asks again."""
    issuer = Issuer(3600)
    tokens = issuer.tokens()
    tokens.text()
    issuer.now += 3600
    issuer.failure = unavailable()
    for _ in range(2):
        with pytest.raises(errors.CredentialsUnavailableError):
            tokens.text()
    issuer.failure = None

    assert (tokens.text(), issuer.asked) == ("token 4", 4)


def test_a_source_that_has_gone_is_told() -> None:
    """It won before, so that it is no longer "not configured"."""
    issuer = Issuer(3600)
    tokens = issuer.tokens()
    tokens.text()
    issuer.now += 3600
    issuer.failure = NotThereError("nobody has signed in, run `az login`")
    with pytest.raises(errors.CredentialsUnavailableError, match="run `az login`") as caught:
        tokens.text()

    assert caught.value.__context__ is None


def test_a_token_that_had_ended_is_refused() -> None:
    """It is asked for once."""
    issuer = Issuer(3600, -1)
    tokens = issuer.tokens()
    tokens.text()
    issuer.now += 3600
    with pytest.raises(errors.ExpiredTokenError):
        tokens.text()

    assert (issuer.asked, tokens.renew(), issuer.asked) == (2, False, 2)


@pytest.mark.parametrize("left", [NEAR_S / 2, 0], ids=["soon", "over"])
def test_many_threads_replace_a_token_once(left: float) -> None:
    """All of them have the new one, or still the good one."""
    issuer = Issuer(3600)
    tokens = issuer.tokens()
    tokens.text()
    issuer.now += 3600 - left
    got = in_threads(tokens)

    assert issuer.asked == 2
    assert set(got) == {"token 2"}


def test_many_threads_share_a_failure() -> None:
    """A service that is down is not asked by each of those who wait."""
    issuer = Issuer(3600)
    tokens = issuer.tokens()
    tokens.text()
    issuer.now += 3600
    issuer.failure = unavailable()
    opened = threading.Event()
    issuer.before = lambda: opened.wait(20)
    release = threading.Timer(0.5, opened.set)
    got = in_threads(tokens, released=release.start)

    assert set(got) == {"CredentialsUnavailableError"}
    assert issuer.asked < THREADS


def test_a_rejected_token_is_replaced_by_another() -> None:
    """By the same one it is not, and a failure is told."""
    issuer = Issuer(3600)
    tokens = issuer.tokens()
    credentials = AzureCredentials(tokens=tokens)
    tokens.text()
    other = azure.renew(credentials)

    assert other is not None
    assert tokens.text() == "token 2"
    again = Token(Secret("token 2"), issuer.now + 3600)
    tokens._ask = lambda: again
    assert azure.renew(credentials) is None
    issuer.failure = unavailable()
    tokens._ask = issuer.ask
    with pytest.raises(errors.CredentialsUnavailableError):
        azure.renew(credentials)
    issuer.failure = None
    assert tokens.text() == "token 4"


def test_keys_and_signatures_are_not_renewed() -> None:
    """Nobody has another one."""
    assert azure.renew(AzureCredentials(account_key=Secret("a2V5"))) is None
    assert azure.renew(AzureCredentials(sas_token=Secret("sig=x"))) is None
    assert azure.renew(AzureCredentials()) is None


def test_the_end_is_that_of_the_token_in_use() -> None:
    """After a renewal too."""
    issuer = Issuer(3600, 7200)
    tokens = issuer.tokens()
    credentials = AzureCredentials(tokens=tokens)
    first = credentials.expires_at
    tokens.renew()
    second = credentials.expires_at

    assert first is not None
    assert second is not None
    assert (first.timestamp(), second.timestamp()) == (issuer.now + 3600, issuer.now + 7200)
    assert first.tzinfo is not None
