"""
A role that a profile takes with credentials of another source, which `source_profile` or `credential_source` names.

They are the role's business: the identity is the role's, and the environment has no say in a source profile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from deeplake_ref.credentials.aws_environment import environment_provider
from deeplake_ref.credentials.aws_files import config_file_of, shared_file_of
from deeplake_ref.credentials.aws_kinds import Kind, without
from deeplake_ref.credentials.aws_machine import container_provider, imds_provider
from deeplake_ref.credentials.aws_process import process_of
from deeplake_ref.credentials.aws_services import IdentityServices
from deeplake_ref.credentials.aws_sso import sso_of
from deeplake_ref.credentials.aws_web_identity import web_identity_of
from deeplake_ref.errors import CredentialsUnavailableError

if TYPE_CHECKING:
    from deeplake_ref.credentials.aws_settings import Settings


def _lacks(settings: Settings) -> str | None:
    profile = settings.profile()
    if "role_arn" not in profile:
        return without(settings, profile, "role_arn")
    if "web_identity_token_file" in profile:
        return f"the role of profile {settings.shown} is taken with a web identity"
    return None


def _provider(settings: Settings, deadline_s: float) -> Any:
    from botocore.credentials import AssumeRoleProvider, CanonicalNameCredentialSourcer

    services = IdentityServices(settings, deadline_s)
    return AssumeRoleProvider(
        load_config=lambda: services.full_config,
        client_creator=services.create_client,
        cache={},
        profile_name=settings.selected,
        prompter=_refuse_mfa,
        credential_sourcer=CanonicalNameCredentialSourcer(
            [
                environment_provider(settings, deadline_s),
                container_provider(settings, deadline_s),
                _Instance(settings, deadline_s),
            ]
        ),
        profile_provider_builder=_SourceProfiles(settings, deadline_s),
    )


class _Instance:
    """The metadata service as the source of a role, which is looked at only if the role names it."""

    METHOD = "iam-role"
    CANONICAL_NAME = "Ec2InstanceMetadata"

    def __init__(self, settings: Settings, deadline_s: float) -> None:
        self._settings = settings
        self._deadline_s = deadline_s

    def load(self) -> Any:
        """Return its credentials; here it is an error that there is no service, since the profile names it."""
        from deeplake_ref.credentials.aws_fetchers import NotAnsweredError

        try:
            return imds_provider(self._settings, self._deadline_s).load()
        except NotAnsweredError as error:
            reason = str(error)
        raise CredentialsUnavailableError(f"the role builds on the metadata service: {reason}")


def _refuse_mfa(_prompt: str) -> NoReturn:
    raise CredentialsUnavailableError(
        "the role wants a code (mfa_serial), which nobody is asked for here; get keys by `aws sts get-session-token`"
    )


class _SourceProfiles:
    """Providers for the profile that `source_profile` names, in botocore's order; asked for by its own provider."""

    def __init__(self, settings: Settings, deadline_s: float) -> None:
        self._settings = settings
        self._deadline_s = deadline_s

    def providers(self, profile_name: str, disable_env_vars: bool = True) -> list[Any]:
        """Return them; the environment has no say in a source profile."""
        assert disable_env_vars  # noqa: S101 - a change of botocore's would show here
        makers = (web_identity_of, sso_of, shared_file_of, process_of, config_file_of)
        return [make(self._settings, self._deadline_s, profile_name) for make in makers]


ROLE = Kind(_lacks, _provider, lambda settings: f"the role of profile {settings.shown}")
