"""
Keys of the environment: `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, with `AWS_SESSION_TOKEN` where there is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deeplake_ref.credentials.aws_kinds import KEY_VARIABLES, Kind
from deeplake_ref.errors import InvalidCredentialsError

if TYPE_CHECKING:
    from deeplake_ref.credentials.aws_settings import Settings


def _lacks(settings: Settings) -> str | None:
    key, secret, _ = KEY_VARIABLES
    if key not in settings.environment:
        return f"{key} is not set"
    if secret not in settings.environment:
        raise InvalidCredentialsError(f"{key} is set, {secret} is not")
    end = settings.environment.get("AWS_CREDENTIAL_EXPIRATION")
    if end is not None and not _is_time(end):
        name = "AWS_CREDENTIAL_EXPIRATION"
        raise InvalidCredentialsError(f"{name} is not a time like 2030-01-31T12:00:00Z", at=name)
    return None


def _is_time(text: str) -> bool:
    from dateutil.parser import parse

    try:
        parse(text)
    except (ValueError, OverflowError):
        return False
    return True


def environment_provider(settings: Settings, _deadline_s: float) -> Any:
    """Return botocore's provider over the variables of one moment."""
    from botocore.credentials import EnvProvider

    # the older name of the token is botocore's first; what everybody sets is the first here
    return EnvProvider(settings.environment, {"token": [KEY_VARIABLES[2], "AWS_SECURITY_TOKEN"]})


ENVIRONMENT = Kind(_lacks, environment_provider, lambda _settings: "the keys of the environment", KEY_VARIABLES)
