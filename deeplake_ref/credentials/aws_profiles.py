"""
What a profile can hold: a role, a web identity, SSO, static keys in either file, a process.

Each kind is one provider of botocore, which reads the fields and talks to STS or SSO. When a kind is configured, and in
which order they are asked, is said here. `credential_source` and `source_profile` of a role may name other sources; they
are the role's business, and the identity is the role's.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from deeplake_ref.credentials import aws_process
from deeplake_ref.credentials.aws_machine import container_provider, imds_provider
from deeplake_ref.credentials.aws_services import IdentityServices
from deeplake_ref.credentials.aws_settings import shown
from deeplake_ref.errors import CredentialsError, CredentialsUnavailableError, InvalidCredentialsError, redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deeplake_ref.credentials.aws_settings import Settings


class NoCache(dict[str, Any]):
    """A cache for botocore's fetchers that keeps nothing, so that asking again really asks."""

    def __setitem__(self, _key: str, _value: Any) -> None:
        """Forget it."""


WEB_IDENTITY = {
    "web_identity_token_file": "AWS_WEB_IDENTITY_TOKEN_FILE",
    "role_arn": "AWS_ROLE_ARN",
    "role_session_name": "AWS_ROLE_SESSION_NAME",
}
"""Fields of a web identity in a profile, with the variables that say the same."""

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


def _of_profile(settings: Settings) -> str:
    return f"profile {settings.shown}"


# ---- a role


def _lacks_role(settings: Settings) -> str | None:
    profile = settings.profile()
    if "role_arn" not in profile:
        return _without(settings, profile, "role_arn")
    if "web_identity_token_file" in profile:
        return f"the role of profile {settings.shown} is taken with a web identity"
    return None


def _role_provider(settings: Settings, deadline_s: float) -> Any:
    from botocore.credentials import AssumeRoleProvider, CanonicalNameCredentialSourcer, EnvProvider

    services = IdentityServices(settings, deadline_s)
    return AssumeRoleProvider(
        load_config=lambda: services.full_config,
        client_creator=services.create_client,
        cache=NoCache(),
        profile_name=settings.selected,
        prompter=_refuse_mfa,
        credential_sourcer=CanonicalNameCredentialSourcer(
            [
                EnvProvider(environ=settings.environment),
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
        """Return its credentials."""
        return imds_provider(self._settings, self._deadline_s).load()


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
        makers = (_web_identity_of, _sso_of, _shared_file_of, _process_of, _config_file_of)
        return [make(self._settings, self._deadline_s, profile_name) for make in makers]


# ---- a web identity


def _environment_of_web_identity(settings: Settings) -> Mapping[str, str]:
    """Return the fields that the environment gives, none without a token file; a profile adds nothing to them."""
    if "profile_name" in settings.given or WEB_IDENTITY["web_identity_token_file"] not in settings.environment:
        return {}
    return {
        name: settings.environment[variable]
        for name, variable in WEB_IDENTITY.items()
        if variable in settings.environment
    }


def _lacks_web_identity(settings: Settings) -> str | None:
    found = _environment_of_web_identity(settings)
    if found:
        if "role_arn" not in found:
            raise InvalidCredentialsError("AWS_WEB_IDENTITY_TOKEN_FILE is set, AWS_ROLE_ARN is not")
        return None
    profile = settings.profile()
    if "web_identity_token_file" in profile:
        return None
    asked = "" if "profile_name" in settings.given else "AWS_WEB_IDENTITY_TOKEN_FILE is not set, and "
    return asked + _without(settings, profile, "web_identity_token_file")


def _subject_of_web_identity(settings: Settings) -> str:
    if _environment_of_web_identity(settings):
        return "the web identity of AWS_WEB_IDENTITY_TOKEN_FILE"
    return f"the web identity of profile {settings.shown}"


def _web_identity_provider(settings: Settings, deadline_s: float) -> Any:
    return _web_identity_of(settings, deadline_s, settings.selected, _environment_of_web_identity(settings))


def _web_identity_of(
    settings: Settings, deadline_s: float, profile_name: str, fields: Mapping[str, str] | None = None
) -> Any:
    from botocore.credentials import AssumeRoleWithWebIdentityProvider

    services = IdentityServices(settings, deadline_s)
    # botocore would take a blank variable for one that is set, and fill what the environment lacks from the profile
    config = {"profiles": {profile_name: fields}} if fields else services.full_config
    return AssumeRoleWithWebIdentityProvider(
        load_config=lambda: config,
        client_creator=services.create_client,
        profile_name=profile_name,
        cache=NoCache(),
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
        raise InvalidCredentialsError(f"the web identity token file {path!r} {how}") from cause

    return load


# ---- SSO


def _lacks_sso(settings: Settings) -> str | None:
    profile = settings.profile()
    if "sso_role_name" in profile or "sso_account_id" in profile:
        return None
    return _without(settings, profile, "sso_role_name")


def _sso_provider(settings: Settings, deadline_s: float) -> Any:
    return _sso_of(settings, deadline_s, settings.selected)


def _sso_of(settings: Settings, deadline_s: float, profile_name: str) -> Any:
    """Return a provider over the home directory of now; botocore keeps the one that it was imported in.

    A refreshed login is written back there, as every SDK of AWS does: the service may have changed the refresh token.
    """
    from botocore.credentials import SSOProvider
    from botocore.tokens import SSOTokenProvider
    from botocore.utils import JSONFileCache

    services = IdentityServices(settings, deadline_s)
    tokens = JSONFileCache(str(settings.home / ".aws" / "sso" / "cache"), dumps_func=_login_as_json)
    return SSOProvider(
        load_config=lambda: services.full_config,
        client_creator=services.create_client,
        profile_name=profile_name,
        cache=NoCache(),
        token_cache=tokens,
        token_provider=SSOTokenProvider(services, cache=tokens, profile_name=profile_name),
    )


def _login_as_json(login: Mapping[str, Any]) -> str:
    """Return a login as the SDKs share it: times end with `Z` (botocore, `tokens._sso_json_dumps`)."""
    import json

    return json.dumps(login, default=lambda time: time.strftime("%Y-%m-%dT%H:%M:%SZ"))


# ---- keys in a file, and a process


def _lacks_shared_file(settings: Settings) -> str | None:
    settings.profile()
    found = settings.files.credentials.get(settings.selected, {})
    return None if KEY_FIELDS[0] in found else f"profile {settings.shown} has no keys in {settings.credentials_file!r}"


def _shared_file_provider(settings: Settings, deadline_s: float) -> Any:
    return _shared_file_of(settings, deadline_s, settings.selected)


def _shared_file_of(settings: Settings, _deadline_s: float, profile_name: str) -> Any:
    from botocore.credentials import SharedCredentialProvider

    return SharedCredentialProvider(
        settings.credentials_file, profile_name, ini_parser=lambda _path: settings.files.credentials
    )


def _lacks_config_file(settings: Settings) -> str | None:
    settings.profile()
    found = settings.files.config["profiles"].get(settings.selected, {})
    return None if KEY_FIELDS[0] in found else f"profile {settings.shown} has no keys in {settings.config_file!r}"


def _config_file_provider(settings: Settings, deadline_s: float) -> Any:
    return _config_file_of(settings, deadline_s, settings.selected)


def _config_file_of(settings: Settings, _deadline_s: float, profile_name: str) -> Any:
    from botocore.credentials import ConfigProvider

    return ConfigProvider(settings.config_file, profile_name, config_parser=lambda _path: settings.files.config)


def _lacks_process(settings: Settings) -> str | None:
    profile = settings.profile()
    return None if "credential_process" in profile else _without(settings, profile, "credential_process")


def _process_provider(settings: Settings, deadline_s: float) -> Any:
    return _process_of(settings, deadline_s, settings.selected)


def _process_of(settings: Settings, deadline_s: float, profile_name: str) -> Any:
    from botocore.credentials import ProcessProvider

    timeout_s = min(aws_process.LONGEST_S, deadline_s / 2)
    subject = f"the credential_process of profile {shown(profile_name)}"
    return ProcessProvider(profile_name, lambda: settings.files.merged, aws_process.runner(timeout_s, subject))


def _without(settings: Settings, profile: Mapping[str, Any], field: str) -> str:
    if not profile and settings.profile_name is None:
        return "no profile is selected, and there is no [default]"
    return f"profile {settings.shown} has no {field}"


ROLE = Kind(_lacks_role, _role_provider, lambda settings: f"the role of profile {settings.shown}")
WEB = Kind(_lacks_web_identity, _web_identity_provider, _subject_of_web_identity)
SSO = Kind(_lacks_sso, _sso_provider, lambda settings: f"SSO of profile {settings.shown}")
SHARED_FILE = Kind(_lacks_shared_file, _shared_file_provider, _of_profile)
PROCESS = Kind(
    _lacks_process,
    _process_provider,
    lambda settings: f"the credential_process of profile {settings.shown}",
    ("AccessKeyId", "SecretAccessKey", "SessionToken"),
    CredentialsUnavailableError,
)
CONFIG_FILE = Kind(_lacks_config_file, _config_file_provider, _of_profile)

KINDS = (ROLE, WEB, SSO, SHARED_FILE, PROCESS, CONFIG_FILE)
"""What a profile that the caller names can hold, in the order in which it is looked at."""
