"""
Whose token asks Deep Lake's control plane.

Order: the token argument, `ACTIVELOOP_TOKEN`, the identity of the cloud that `ACTIVELOOP_AUTH_PROVIDER` names. Nothing found
is an error: deeplake 4.7.4 sends an empty token. A token is shown to the control plane and to nobody else.

Source: "User Authentication" of Deep Lake; names and values as measured with deeplake 4.7.4, which lets the provider win.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from deeplake_ref.credentials.chain import Attempt, Broken, Chain, Found, NotMine, Source
from deeplake_ref.errors import CredentialsUnavailableError, InvalidCredentialsError, StorageError
from deeplake_ref.secrets import Secret, SecretFields

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from deeplake_ref.credentials.azure_texts import AzureCredentials
    from deeplake_ref.credentials.google_tokens import GoogleCredentials

TOKEN, PROVIDER = "ACTIVELOOP_TOKEN", "ACTIVELOOP_AUTH_PROVIDER"

OWN = "activeloop"
"""The provider of tokens that Deep Lake gives out itself; the default."""

MANAGEMENT = "https://management.azure.com"
"""The resource that an identity of Azure shows a token for (deeplake 4.7.4, measured)."""

HINT = (
    f"Pass token=..., set {TOKEN}, or let {PROVIDER} be azure or gcp. "
    "Tokens are made in the settings of an account of Deep Lake"
)
_TEXT = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class DeepLakeToken:
    """A token and whose it is.

    Attributes:
        provider: `activeloop`, `azure` or `gcp`.
        current: gives the text, to be sent to the control plane and nobody else; raises `CredentialsError`.
        ends: tells when it ends, None if nobody knows.
    """

    provider: str
    current: Callable[[], str] = field(repr=False)
    ends: Callable[[], datetime | None] = field(default=lambda: None, repr=False)

    @property
    def expires_at(self) -> datetime | None:
        """When it ends, aware and in UTC; None for what lives until it is taken back."""
        return self.ends()

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError("credentials are not pickled")


Answer = Found[DeepLakeToken] | NotMine | Broken


@dataclass(frozen=True, slots=True)
class Argument:
    """The token that the caller passed."""

    given: SecretFields
    name: str = "activeloop_argument"

    def look(self) -> Answer:
        """Answer with it; a blank one is a mistake."""
        given: Any = self.given.reveal()
        if given is None:
            return NotMine("no token was passed")
        if not isinstance(given, str):
            return Broken(_invalid(f"token is a str: {type(given).__name__}"))
        if not given.strip():
            return Broken(_invalid("token is blank"))
        return _of_text(given, "token")


@dataclass(frozen=True, slots=True)
class Environment:
    """The token in `ACTIVELOOP_TOKEN`."""

    name: str = "activeloop_env"

    def look(self) -> Answer:
        """Answer with it, unless it is blank."""
        value = os.environ.get(TOKEN, "")
        return _of_text(value, TOKEN) if value.strip() else NotMine(f"{TOKEN} is not set")


@dataclass(frozen=True, slots=True)
class Provider:
    """The identity that this machine has at a cloud, if `ACTIVELOOP_AUTH_PROVIDER` names it."""

    cloud: str
    ask: Callable[[], Found[DeepLakeToken] | list[Attempt]] = field(repr=False)

    @property
    def name(self) -> str:
        """The name of the source."""
        return f"activeloop_provider_{self.cloud}"

    def look(self) -> Answer:
        """Answer with the identity; one that is named and cannot be had is broken."""
        value = os.environ.get(PROVIDER, "").strip().lower()
        if value in ("", OWN):
            return NotMine(
                f"{PROVIDER} is not set" if not value else f"{PROVIDER} is {OWN}, which has tokens of its own"
            )
        if value not in CLOUDS:
            return Broken(_invalid(f"{PROVIDER} names no provider; known: {OWN}, {', '.join(CLOUDS)}", PROVIDER))
        if value != self.cloud:
            return NotMine(f"{PROVIDER} is {value}")
        found = self.ask()
        if isinstance(found, Found):
            return found
        tried = "; ".join(map(str, found))
        return Broken(
            CredentialsUnavailableError(f"{PROVIDER} is {value}, and this machine has no identity there: {tried}")
        )


def chain(token: SecretFields) -> Chain[DeepLakeToken]:
    """Return the ordered sources of one handle; a new source takes its place in this tuple.

    Args:
        token: what the caller gave.
    """
    sources: tuple[Source[DeepLakeToken], ...] = (
        Argument(token),
        Environment(),
        *(Provider(cloud, ask) for cloud, ask in CLOUDS.items()),
    )
    return Chain("al", sources, HINT)


def _of_text(given: str, where: str) -> Answer:
    text = given.strip()
    if not _TEXT.fullmatch(text):
        # it would end the header, or begin another one
        return Broken(_invalid(f"{where} has a space, a line break or another character that no token has"))
    secret = Secret(text)
    return Found(DeepLakeToken(OWN, secret.reveal))


def _azure() -> Found[DeepLakeToken] | list[Attempt]:
    """Ask the identities of Entra ID in the order in which they are asked for storage."""
    from deeplake_ref.credentials.azure_addresses import Destination
    from deeplake_ref.credentials.azure_applications import ServicePrincipal, WorkloadIdentity
    from deeplake_ref.credentials.azure_login import AzureLogin
    from deeplake_ref.credentials.azure_machine import ManagedIdentity

    class ControlPlane(Destination):
        """Checked where its address is read: https, or this machine."""

        insecure = None

    there = ControlPlane(SecretFields(None), "", MANAGEMENT)
    sources: tuple[Source[AzureCredentials], ...] = (
        ServicePrincipal(there),
        WorkloadIdentity(there),
        ManagedIdentity(there),
        AzureLogin(there),
    )

    def made(found: AzureCredentials) -> DeepLakeToken:
        assert found.tokens is not None  # noqa: S101 - these sources have nothing else
        tokens = found.tokens
        return DeepLakeToken("azure", tokens.text, lambda: tokens.expires_at)

    return _first(sources, made)


def _google() -> Found[DeepLakeToken] | list[Attempt]:
    """Ask the metadata server, as deeplake 4.7.4 does."""
    from deeplake_ref.credentials.google_metadata import Metadata

    def made(found: GoogleCredentials) -> DeepLakeToken:
        return DeepLakeToken(
            "gcp", lambda: found.headers()["Authorization"].removeprefix("Bearer "), lambda: found.expires_at
        )

    return _first((Metadata(),), made)


CLOUDS = {"azure": _azure, "gcp": _google}
"""The values of `ACTIVELOOP_AUTH_PROVIDER` that name a cloud."""


def _first(
    sources: tuple[Source[Any], ...], made: Callable[[Any], DeepLakeToken]
) -> Found[DeepLakeToken] | list[Attempt]:
    """Return the first identity that there is, else what each source said; raises what a broken one says."""
    attempts: list[Attempt] = []
    for source in sources:
        answer = source.look()
        if isinstance(answer, Found):
            return Found(made(answer.credentials))
        if isinstance(answer, Broken):
            raise answer.error
        attempts.append(Attempt(source.name, "not configured", answer.reason))
    return attempts


def _invalid(message: str, at: str | None = None) -> StorageError:
    return InvalidCredentialsError(message, provider="al", effect="none", at=at)
