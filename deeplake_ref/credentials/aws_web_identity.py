"""
A role that is taken with a token of somebody else's, such as the one that Kubernetes leaves in a file.

The environment says it, or a profile does; what the one lacks is not filled in from the other.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from deeplake_ref.credentials.aws_kinds import Kind, without
from deeplake_ref.credentials.aws_services import IdentityServices
from deeplake_ref.errors import InvalidCredentialsError, redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deeplake_ref.credentials.aws_settings import Settings

FIELDS = {
    "web_identity_token_file": "AWS_WEB_IDENTITY_TOKEN_FILE",
    "role_arn": "AWS_ROLE_ARN",
    "role_session_name": "AWS_ROLE_SESSION_NAME",
}
"""Fields of a web identity in a profile, with the variables that say the same."""


def _of_environment(settings: Settings) -> Mapping[str, str]:
    """Return the fields that the environment gives, none without a token file; a profile adds nothing to them."""
    if "profile_name" in settings.given or FIELDS["web_identity_token_file"] not in settings.environment:
        return {}
    return {
        name: settings.environment[variable] for name, variable in FIELDS.items() if variable in settings.environment
    }


def _lacks(settings: Settings) -> str | None:
    found = _of_environment(settings)
    if found:
        if "role_arn" not in found:
            raise InvalidCredentialsError("AWS_WEB_IDENTITY_TOKEN_FILE is set, AWS_ROLE_ARN is not")
        return None
    profile = settings.profile()
    if "web_identity_token_file" in profile:
        return None
    asked = "" if "profile_name" in settings.given else "AWS_WEB_IDENTITY_TOKEN_FILE is not set, and "
    return asked + without(settings, profile, "web_identity_token_file")


def _subject(settings: Settings) -> str:
    if _of_environment(settings):
        return "the web identity of AWS_WEB_IDENTITY_TOKEN_FILE"
    return f"the web identity of profile {settings.shown}"


def _provider(settings: Settings, deadline_s: float) -> Any:
    return web_identity_of(settings, deadline_s, settings.selected, _of_environment(settings))


def web_identity_of(
    settings: Settings, deadline_s: float, profile_name: str, fields: Mapping[str, str] | None = None
) -> Any:
    """Return botocore's provider for the web identity of a profile, or of these fields."""
    from botocore.credentials import AssumeRoleWithWebIdentityProvider

    services = IdentityServices(settings, deadline_s)
    # botocore would take a blank variable for one that is set, and fill what the environment lacks from the profile
    config = {"profiles": {profile_name: fields}} if fields else services.full_config
    return AssumeRoleWithWebIdentityProvider(
        load_config=lambda: config,
        client_creator=services.create_client,
        profile_name=profile_name,
        disable_env_vars=True,
        token_loader_cls=_token_loader,
    )


def _token_loader(path: str) -> Callable[[], str]:
    """Return what reads the token at each renewal, since whoever wrote the file writes it again."""

    def load() -> str:
        cause: Exception | None = None
        try:
            token = Path(path).read_text("utf-8").strip()
        except (OSError, ValueError) as error:
            token, cause = "", redacted(error)
        if token:
            return token
        how = "cannot be read" if cause else "is empty"
        raise InvalidCredentialsError(f"the web identity token file {path!r} {how}", at=f"the file {path!r}") from cause

    return load


WEB_IDENTITY = Kind(_lacks, _provider, _subject)
