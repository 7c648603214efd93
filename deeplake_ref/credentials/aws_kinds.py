"""
What every kind of AWS credentials has: when it is configured, which provider of botocore reads it, how it is called.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deeplake_ref.errors import CredentialsError, InvalidCredentialsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deeplake_ref.credentials.aws_settings import Settings

KEY_FIELDS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")

KEY_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of credentials that a provider of botocore has.

    Attributes:
        lacking: says why it is not configured, None if it is.
        provider: makes the provider; the seconds are those of the operation that needs credentials.
        subject: whose credentials they are, for messages.
        names: what the keys are called where they stand, for messages.
        wrong: what is raised if one of them cannot be sent.
    """

    lacking: Callable[[Settings], str | None]
    provider: Callable[[Settings, float], Any]
    subject: Callable[[Settings], str]
    names: tuple[str, str, str] = KEY_FIELDS
    wrong: type[CredentialsError] = InvalidCredentialsError


def without(settings: Settings, profile: Mapping[str, Any], field: str) -> str:
    """Return why a profile without a field is not configured."""
    if not profile and settings.profile_name is None:
        return "no profile is selected, and there is no [default]"
    return f"profile {settings.shown} has no {field}"
