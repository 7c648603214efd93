"""
What the sources that have tokens of Entra ID share: variables, the switch that leaves sources out, and answers to the chain.

`AZURE_TOKEN_CREDENTIALS` is the switch of azure-identity (`_credentials/default.py`): `dev` leaves only `az login`, `prod`
only what a deployed program has, and the name of a credential class only that one.
"""

from __future__ import annotations

import logging
import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from deeplake_ref.credentials.azure_texts import Answer, AzureCredentials, invalid
from deeplake_ref.credentials.azure_tokens import NotThereError, Token, Tokens
from deeplake_ref.credentials.chain import Broken, Found, NotMine
from deeplake_ref.errors import CredentialsUnavailableError, StorageError, redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE_S = 10.0
"""Seconds that an identity service is waited for, in every step of connecting and reading."""

SWITCH = "AZURE_TOKEN_CREDENTIALS"

CLASSES = {
    "azure_service_principal": ("prod", "environmentcredential"),
    "azure_workload_identity": ("prod", "workloadidentitycredential"),
    "azure_managed_identity": ("prod", "managedidentitycredential"),
    "azure_cli": ("dev", "azureclicredential"),
}
"""The values of the switch that leave a source in."""

ELSEWHERE = (
    "visualstudiocodecredential",
    "azurepowershellcredential",
    "azuredeveloperclicredential",
    "interactivebrowsercredential",
)
"""Values for credentials that are no source here, so that every source is left out."""


def variable(name: str) -> str | None:
    """Return a variable of the environment without the whitespace around it, None if it is blank."""
    return os.environ.get(name, "").strip() or None


def left_out(source: str) -> NotMine | None:
    """Return the answer of a source that the switch leaves out; raises `InvalidCredentialsError`."""
    value = variable(SWITCH)
    if value is None or value.lower() in CLASSES[source]:
        return None
    known = {each for values in CLASSES.values() for each in values}
    if value.lower() not in {*known, *ELSEWHERE}:
        raise invalid(
            f"{SWITCH} is neither `dev` nor `prod` nor the name of a credential class of azure-identity", SWITCH
        )
    return NotMine(f"{SWITCH} leaves it out")


def answer(source: str, ask: Callable[[], Token], first: Callable[[], Token] | None = None) -> Answer:
    """Answer with the tokens of a source, after getting the first one; `first` gets it, if not as all later ones."""
    tokens = Tokens(source, ask)
    try:
        tokens.start(first)
    except NotThereError as error:
        return NotMine(str(error))
    except StorageError as error:
        return Broken(error)
    return Found(AzureCredentials(tokens=tokens))


def unavailable(
    message: str,
    error: BaseException | None,
    code: str | None = None,
    status: int | None = None,
    at: str | None = None,
) -> CredentialsUnavailableError:
    """Return the error for a source that cannot deliver; of the foreign exception nothing but its type is kept."""
    made = CredentialsUnavailableError(message, provider="az", code=code, http_status=status, effect="none", at=at)
    if error is not None:
        made.__cause__ = redacted(error, code=code, http_status=status)
    return made


class _WhileAsking(logging.Filter):
    """What azure-identity and MSAL say of our questions: the output of `az`, answers that are no JSON, descriptions.

    Each may hold a secret, and what may be told of it is in our errors. What others ask in this process is logged as ever.
    """

    asking = threading.local()

    def filter(self, _record: logging.LogRecord) -> bool:
        """Let pass what another thread or program asks."""
        return not getattr(self.asking, "here", False)


_SILENCE = _WhileAsking()


@contextmanager
def unlogged() -> Iterator[None]:
    """Keep the identity libraries from logging what this thread asks."""
    import azure.identity  # noqa: F401 - makes the loggers, with those of MSAL

    for name in list(logging.Logger.manager.loggerDict):
        if name.startswith(("azure.identity", "msal")):
            # the filters of a logger are not those of its children; adding the same one again does nothing
            logging.getLogger(name).addFilter(_SILENCE)
    _SILENCE.asking.here = True
    try:
        yield
    finally:
        _SILENCE.asking.here = False
