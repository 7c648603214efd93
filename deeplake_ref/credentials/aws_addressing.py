"""
Where requests to AWS go: endpoint and region, each with the place it was found in.

Addressing is no credential and combines with any winner. The dictionary comes first, then the environment, the selected
profile, and the default (AWS SDKs and Tools Reference Guide, "Service-specific endpoints" and "AWS Region").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deeplake_ref.credentials.aws_settings import DEFAULT_REGION, TRUE, Settings
from deeplake_ref.endpoints import checked_endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Addressing:
    """Where requests go.

    Attributes:
        endpoint_url: a base URL, None for the public endpoint of the region.
        endpoint_from: where it was found, such as `AWS_ENDPOINT_URL_S3`, `profile 'dev'` or `default`.
        region: the region that is signed for.
        region_from: where it was found.
    """

    endpoint_url: str | None
    endpoint_from: str
    region: str
    region_from: str


def of_s3(settings: Settings) -> Addressing:
    """Return endpoint and region of the store.

    Raises:
        InvalidURIError: the endpoint is not a base URL.
        InvalidCredentialsError: the caller names a profile that cannot be read.
    """
    if "endpoint_url" not in settings.given:
        return of_service(settings, "s3")
    where = "`endpoint_url` of creds"
    region, region_from = _region(settings, settings.lenient_profile())
    return Addressing(checked_endpoint(settings.given["endpoint_url"], where, "s3"), where, region, region_from)


def of_service(settings: Settings, name: str) -> Addressing:
    """Return endpoint and region of a service (`s3`, `sts`, `sso`, `sso_oidc`) as environment and profile have them.

    The caller's endpoint is for the store alone, and never that of STS or SSO.
    """
    profile = settings.lenient_profile()
    region, region_from = _region(settings, profile)
    endpoint, where = _endpoint(settings, profile, name)
    return Addressing(
        checked_endpoint(endpoint, field_of("endpoint_url", where), "s3") if endpoint else None,
        where,
        region,
        region_from,
    )


def field_of(name: str, origin: str) -> str:
    """Return how a field is told that was found somewhere: variables and fields of creds have their name already."""
    return f"`{name}` of {origin}" if " profile " in f" {origin}" else origin


def _region(settings: Settings, profile: Mapping[str, Any]) -> tuple[str, str]:
    places = (
        ("`aws_region` of creds", settings.given.get("aws_region")),
        ("AWS_REGION", settings.environment.get("AWS_REGION")),
        ("AWS_DEFAULT_REGION", settings.environment.get("AWS_DEFAULT_REGION")),
        (f"profile {settings.shown}", profile.get("region")),
        ("default", DEFAULT_REGION),
    )
    return next((text, where) for where, value in places if isinstance(value, str) and (text := value.strip()))


def _endpoint(settings: Settings, profile: Mapping[str, Any], service: str) -> tuple[str | None, str]:
    """Return a service's endpoint, None for the public one; a switch of AWS ignores all but the dictionary's."""
    ignored = settings.environment.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") or profile.get(
        "ignore_configured_endpoint_urls"
    )
    if ignored in TRUE:
        return None, "default"
    own = f"AWS_ENDPOINT_URL_{service.upper()}"
    places = (
        (own, settings.environment.get(own)),
        ("AWS_ENDPOINT_URL", settings.environment.get("AWS_ENDPOINT_URL")),
        (f"services of profile {settings.shown}", settings.service(profile, service).get("endpoint_url")),
        (f"profile {settings.shown}", profile.get("endpoint_url")),
    )
    for where, value in places:
        if isinstance(value, str) and value.strip():
            return value.strip(), where
    return None, "default"
