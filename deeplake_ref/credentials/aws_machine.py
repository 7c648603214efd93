"""
What the machine is: a container with an endpoint for its role, or an EC2 instance with a metadata service.

The container is configured if one of its variables is set. The metadata service is asked last and only once, and is not
ours unless it answers the request for a token (AWS EC2 user guide, "Use IMDSv2").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deeplake_ref.credentials.aws_kinds import Kind
from deeplake_ref.endpoints import checked_endpoint
from deeplake_ref.errors import InvalidCredentialsError, redacted

if TYPE_CHECKING:
    from deeplake_ref.credentials.aws_settings import Settings

CONTAINER_VARIABLES = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI")


def _lacks_container(settings: Settings) -> str | None:
    """Say why it is not configured, None if it is."""
    if any(name in settings.environment for name in CONTAINER_VARIABLES):
        return None
    return f"neither {CONTAINER_VARIABLES[0]} nor {CONTAINER_VARIABLES[1]} is set"


def container_provider(settings: Settings, deadline_s: float) -> Any:
    """Return botocore's provider over the variables of one moment."""
    from deeplake_ref.credentials.aws_fetchers import Container

    return Container(settings.environment, deadline_s)


def _lacks_imds(settings: Settings) -> str | None:
    """Say why it is not to be asked, None if it is."""
    disabled = settings.environment.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true"
    return "AWS_EC2_METADATA_DISABLED is true" if disabled else None


def imds_provider(settings: Settings, _deadline_s: float) -> Any:
    """Return botocore's provider, which says so if there is no service (`aws_fetchers.NotAnsweredError`).

    Raises:
        InvalidCredentialsError: the endpoint that is configured is no URL.
    """
    from botocore.credentials import InstanceMetadataProvider
    from botocore.exceptions import InvalidIMDSEndpointError

    from deeplake_ref.credentials.aws_fetchers import Instance

    profile = settings.lenient_profile()

    def setting(name: str) -> str:
        return str(settings.environment.get(f"AWS_{name.upper()}") or profile.get(name) or "").strip()

    config = {
        "ec2_metadata_service_endpoint": setting("ec2_metadata_service_endpoint"),
        "ec2_metadata_service_endpoint_mode": setting("ec2_metadata_service_endpoint_mode").lower(),
    }
    try:
        if config["ec2_metadata_service_endpoint"]:
            checked_endpoint(config["ec2_metadata_service_endpoint"], "AWS_EC2_METADATA_SERVICE_ENDPOINT", "s3")
        return InstanceMetadataProvider(Instance(env=settings.environment, config=config))
    except (InvalidIMDSEndpointError, ValueError) as error:
        cause = redacted(error)
    name = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
    raise InvalidCredentialsError(f"{name} is not a URL like http://host:port", at=name) from cause


CONTAINER = Kind(_lacks_container, container_provider, lambda _settings: "the role of the container")
IMDS = Kind(_lacks_imds, imds_provider, lambda _settings: "the role of the machine")
