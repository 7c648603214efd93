"""Broken forms of the sources of AWS: what plants them in a world, and who signs in the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from deeplake_ref import errors
from deeplake_ref.credentials import aws
from deeplake_ref.credentials.chain import Chain
from deeplake_ref.errors import CredentialsUnavailableError, InvalidCredentialsError
from deeplake_ref.secrets import SecretFields
from tests.reference.aws_world import World
from tests.reference.scripted import Reply

GARBAGE = Reply(body=b"<html>Welcome to the hotel</html>")
EMPTY = Reply()
REFUSED = b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>hunter2</Message></Error></ErrorResponse>"


def chain_of(creds: Any = None, deadline_s: float = 60.0) -> Chain[aws.AwsCredentials]:
    """Return the sources of one handle."""
    return aws.chain(SecretFields(creds), deadline_s)


def key_of(chain: Chain[aws.AwsCredentials]) -> str:
    """Return the key id of who signs."""
    key: str = chain.resolve().credentials.signer.get_frozen_credentials().access_key
    return key


@dataclass(frozen=True)
class Form:
    """One broken form: what is planted, which source stops, with what."""

    plant: Callable[[World], None]
    source: str
    kind: type[errors.StorageError]
    told: str


def env(**variables: str) -> Callable[[World], None]:
    """Set variables."""
    return lambda world: world.env(**variables)


def config(text: str) -> Callable[[World], None]:
    """Write the config file."""
    return lambda world: world.config(text)


def process(output: str) -> Callable[[World], None]:
    """Let a process print this."""
    return lambda world: world.process(output)


def answering(source: str, **answers: Reply) -> Callable[[World], None]:
    """Plant a source whose service answers otherwise."""

    def plant(world: World) -> None:
        world.plant(source)
        world.answers.update({name.replace("_", "-"): reply for name, reply in answers.items()})

    return plant


def expired(source: str, what: str) -> Callable[[World], None]:
    """Plant a source whose service gives what has expired."""

    def plant(world: World) -> None:
        world.plant(source)
        world.lives_s[what] = -5

    return plant


def file(name: str, content: bytes) -> Callable[[World], None]:
    """Write a file of profiles."""

    def plant(world: World) -> None:
        (world.home / name).write_bytes(content)

    return plant


def both(*plants: Callable[[World], None]) -> Callable[[World], None]:
    """Plant one thing after the other."""

    def plant(world: World) -> None:
        for each in plants:
            each(world)

    return plant


def planted(source: str) -> Callable[[World], None]:
    """Plant a source that works."""
    return lambda world: world.plant(source)


def web_identity(token: str | None) -> Callable[[World], None]:
    """Plant a web identity with this token, None for no file."""

    def plant(world: World) -> None:
        world.plant("aws_web_identity")
        path = world.home / "token"
        path.unlink() if token is None else path.write_text(token)

    return plant


def sso(lives_s: float | None) -> Callable[[World], None]:
    """Plant SSO with a login that lives that long, None for no login."""

    def plant(world: World) -> None:
        world.plant("aws_sso")
        if lives_s is None:
            next((world.home / ".aws/sso/cache").iterdir()).unlink()
        else:
            world.log_in(lives_s)

    return plant


def keys_in_both(first: str, second: str) -> Callable[[World], None]:
    """Write the key id into one file and the secret into the other."""

    def plant(world: World) -> None:
        getattr(world, first)("aws_access_key_id = AKIATORN\n")
        getattr(world, second)("aws_secret_access_key = hunter2\n")

    return plant


ROLE = "role_arn = arn:aws:iam::123456789012:role/test\n"
Invalid, Unavailable = InvalidCredentialsError, CredentialsUnavailableError
SCHEME = "http"
