"""
IAM Identity Center ("SSO"): keys for a login that `aws sso login` left in the home directory.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from deeplake_ref.credentials.aws_kinds import Kind, without
from deeplake_ref.credentials.aws_services import IdentityServices

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deeplake_ref.credentials.aws_settings import Settings


def _lacks(settings: Settings) -> str | None:
    profile = settings.profile()
    if "sso_role_name" in profile or "sso_account_id" in profile:
        return None
    return without(settings, profile, "sso_role_name")


def _provider(settings: Settings, deadline_s: float) -> Any:
    return sso_of(settings, deadline_s, settings.selected)


def sso_of(settings: Settings, deadline_s: float, profile_name: str) -> Any:
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
        token_cache=tokens,
        token_provider=SSOTokenProvider(services, cache=tokens, profile_name=profile_name),
    )


def _login_as_json(login: Mapping[str, Any]) -> str:
    """Return a login as the SDKs share it: times end with `Z` (botocore, `tokens._sso_json_dumps`)."""
    return json.dumps(login, default=lambda time: time.strftime("%Y-%m-%dT%H:%M:%SZ"))


SSO = Kind(_lacks, _provider, lambda settings: f"SSO of profile {settings.shown}")
