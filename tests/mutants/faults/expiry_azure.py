"""
Wrong ends of tokens on Azure.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from deeplake_ref.credentials import azure_applications, azure_machine, azure_texts, azure_tokens
from deeplake_ref.credentials.azure_tokens import Tokens
from deeplake_ref.credentials.chain import Broken, NotMine
from deeplake_ref.errors import ExpiredTokenError, StorageError
from tests.mutants.registry import Replacements, mutant, replaced

if TYPE_CHECKING:
    from pathlib import Path

AZURITE = ("azurite",)


@mutant(kills="EXP-3", places=AZURITE)
def an_expired_signature_counts_as_none(_target: Any) -> Replacements:
    """Passes over a shared access signature that has ended."""
    right = azure_texts.from_secret

    def from_secret(field_name: str, value: str, where: str) -> Any:
        found = right(field_name, value, where)
        if isinstance(found, Broken) and isinstance(found.error, ExpiredTokenError):
            return NotMine("it has expired")
        return found

    return replaced(azure_texts, from_secret=from_secret)


@mutant(kills="EXP-4", places=AZURITE)
def every_thread_asks_for_a_token(_target: Any) -> Replacements:
    """Lets each thread that finds a token near its end ask for another."""

    def text(self: Any) -> str:
        seen = self._kept
        if seen is None or self._is_due(seen):
            self._replace(seen)
        if self._kept is None:
            raise self._failure
        token: str = self._kept.token.text.reveal()
        return token

    return replaced(Tokens, text=text)


@mutant(kills="EXP-5", places=AZURITE)
def a_token_that_has_ended_is_sent(_target: Any) -> Replacements:
    """Does not look at the end of a token that a source hands out."""
    return replaced(Tokens, _check=lambda _self, _token: None)


@mutant(kills="EXP-5", places=AZURITE)
def a_source_of_ended_tokens_is_asked_ten_times(_target: Any) -> Replacements:
    """Asks again and again where a token has ended when it comes."""
    right = Tokens.start

    def start(self: Any, ask: Any = None) -> None:
        for _ in range(9):
            try:
                return right(self, ask)
            except ExpiredTokenError:
                continue
        return right(self, ask)

    return replaced(Tokens, start=start)


@mutant(kills="EXP-6", places=AZURITE)
def a_token_is_used_to_its_end(_target: Any) -> Replacements:
    """Replaces a token when it has ended, and not before."""
    return replaced(azure_tokens, NEAR_S=0.0)


@mutant("F122", kills="EXP-7", places=AZURITE)
def a_token_that_cannot_be_replaced_is_dropped(_target: Any) -> Replacements:
    """Fails where a token cannot be replaced early, although it is good."""

    def _replace(self: Any, _old: Any) -> None:
        self._tries += 1
        try:
            self._keep(self._asked())
        except StorageError as error:
            self._kept, self._failure = None, error

    return replaced(Tokens, _replace=_replace)


@mutant(kills="EXP-9", places=AZURITE)
def a_federated_token_is_read_once(_target: Any) -> Replacements:
    """Hands out the text that the file of the federated token had at first."""
    read, lock, right = dict[str, bytes](), threading.Lock(), azure_applications._read

    def _read(path: Path, name: str) -> bytes:
        with lock:
            if str(path) not in read:
                read[str(path)] = right(path, name)
            path.write_bytes(read[str(path)])
        return read[str(path)]

    return replaced(azure_applications, _read=_read)


@mutant(kills="EXP-11", places=AZURITE)
def a_source_that_failed_once_is_not_asked_again(_target: Any) -> Replacements:
    """Raises the failure to get a token again, and asks nobody any more."""
    right = Tokens._asked

    def _asked(self: Any) -> Any:
        if self._failure is not None:
            raise self._failure
        try:
            return right(self)
        except StorageError as error:
            self._failure = error
            raise

    return replaced(Tokens, _asked=_asked)


@mutant("F119", kills="EXP-12", places=AZURITE, origin="googleapis/google-auth-library-python#1208")
def seconds_in_a_text_are_refused(_target: Any) -> Replacements:
    """Takes the end of a token for missing where it comes as text."""
    right = azure_machine._seconds

    def _seconds(value: Any) -> float | None:
        return None if isinstance(value, str) else right(value)

    return replaced(azure_machine, _seconds=_seconds)
