"""
Wrong ends of tokens on Google Cloud.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from deeplake_ref.credentials import google_tokens
from deeplake_ref.credentials.google_tokens import FETCH_S, GoogleCredentials
from deeplake_ref.errors import ExpiredTokenError
from deeplake_ref.stores import gcs, gcs_errors
from tests.mutants.registry import Replacements, mutant, replaced

if TYPE_CHECKING:
    from deeplake_ref.errors import StorageError

GCS = ("fake-gcs-server",)


def _replaced_by(self: Any, within_s: float) -> Any:
    """Get a token, good or not, and keep it."""
    self._token = self._fetch(within_s)
    self._fetched += 1
    return self._token


@mutant(kills="EXP-4", places=GCS)
def every_thread_gets_a_token_of_its_own(_target: Any) -> Replacements:
    """Lets each thread that finds no token, or one near its end, get another."""

    def _current(self: Any, within_s: float) -> Any:
        token = self._token
        if token is None or (self._fetch is not None and token.ends_within(google_tokens.NEAR)):
            return self._replace(self._fetch, within_s)
        return token

    return replaced(GoogleCredentials, _current=_current)


@mutant(kills="EXP-5", places=GCS)
def a_token_that_was_over_when_it_came_is_sent(_target: Any) -> Replacements:
    """Does not look at the end of a token that was just got."""

    def _replace(self: Any, _fetch: Any, within_s: float) -> Any:
        return _replaced_by(self, within_s)

    return replaced(GoogleCredentials, _replace=_replace)


@mutant(kills="EXP-5", places=GCS)
def ten_tokens_are_got_where_each_is_over(_target: Any) -> Replacements:
    """Gets up to ten tokens for one operation where each is over when it comes, as google-auth does."""
    right = GoogleCredentials._replace

    def _replace(self: Any, fetch: Any, within_s: float) -> Any:
        for _ in range(9):
            try:
                return right(self, fetch, within_s)
            except ExpiredTokenError:
                continue
        return right(self, fetch, within_s)

    return replaced(GoogleCredentials, _replace=_replace)


@mutant(kills="EXP-6", places=GCS)
def a_token_is_kept_until_it_is_over(_target: Any) -> Replacements:
    """Gets another token when one is over, and not before."""
    return replaced(google_tokens, NEAR=timedelta(0))


@mutant("F122", kills="EXP-7", places=GCS)
def a_good_token_that_cannot_be_replaced_is_an_error(_target: Any) -> Replacements:
    """Fails where a token near its end cannot be replaced, although it is good."""

    def _current(self: Any, within_s: float) -> Any:
        with self._lock:
            token = self._token
            if token is None or (self._fetch is not None and token.ends_within(google_tokens.NEAR)):
                return self._replace(self._fetch, min(within_s, FETCH_S))
            return token

    return replaced(GoogleCredentials, _current=_current)


@mutant("F121", kills="EXP-10", places=GCS)
def nothing_is_said_of_the_clock(_target: Any) -> Replacements:
    """Says that a token is not accepted, and not that the clock may be off."""
    right = gcs_errors.translated

    def translated(*arguments: Any, **more: Any) -> StorageError:
        error = right(*arguments, **more)
        error.message = error.message.partition("; check this machine")[0]
        return error

    return replaced(gcs, translated=translated)
