"""
Where endpoint and region come from, in words.

The values are those that the stores use (`aws.addressing`, `azure.endpoint`, `google.endpoint`); here the place is named
that they were read from. Each function is given the creds, and the winner's credentials or None. A new place is a line
in the list of its cloud, in the order in which it counts.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from deeplake_ref.errors import StorageError
    from deeplake_ref.secrets import SecretFields
    from deeplake_ref.urls import DatasetURL

PUBLIC = "the public one"


@dataclass(frozen=True, slots=True)
class Origin:
    """A value, None if there is none, and the place that it was read from."""

    value: str | None
    origin: str

    def __str__(self) -> str:
        return self.origin if self.value is None else f"{self.value} ({self.origin})"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where requests go; only S3 has regions."""

    endpoint: Origin
    region: Origin | None = None


def of(url: DatasetURL, creds: SecretFields, credentials: Any) -> Addresses:
    """Return where requests for a URL go.

    Raises:
        InvalidURIError: what is configured is no base URL.
        InvalidCredentialsError: the creds are broken, so that nothing in them counts.
    """
    ask: Callable[[DatasetURL, SecretFields, Any], Addresses] = {"s3": _of_s3, "az": _of_azure, "gcs": _of_google}[
        url.prefix
    ]
    return ask(url, creds, credentials)


def _of_s3(_url: DatasetURL, creds: SecretFields, credentials: Any) -> Addresses:
    from deeplake_ref.credentials import aws

    where = aws.addressing(creds)
    session = _aws_session(credentials)
    region = _first(where.region, [_field(creds, "aws_region"), *_variables("AWS_REGION", "AWS_DEFAULT_REGION")])
    if where.region is None:
        selected = _configured(session, "region")
        region = Origin(selected, "the selected profile") if selected else Origin(aws.DEFAULT_REGION, "the default")
    if where.endpoint_url is None:
        return Addresses(_aws_endpoint(session, region.value), region)
    places = [_field(creds, "endpoint_url"), *_variables("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")]
    return Addresses(_first(where.endpoint_url, places), region)


def _aws_session(credentials: Any) -> Any:
    """Return the winner's session, or one of the selected profile."""
    from botocore.session import Session

    return getattr(credentials, "session", None) or Session()


def _configured(session: Any, variable: str) -> str | None:
    from botocore.exceptions import BotoCoreError

    try:
        return (session.get_config_variable(variable) or "").strip() or None
    except BotoCoreError:
        return None  # the files cannot be read, or lack the profile; that is told of the sources


def _aws_endpoint(session: Any, region: str | None) -> Origin:
    """Return where botocore itself would go: a profile may name an endpoint, and each partition has domains of its own."""
    from botocore import UNSIGNED
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    # with keys, so that it asks nobody for credentials; nothing is signed with them
    nobody = {"aws_access_key_id": "nobody", "aws_secret_access_key": "nobody"}
    config = Config(signature_version=UNSIGNED)
    try:
        endpoint: str = session.create_client("s3", region_name=region, config=config, **nobody).meta.endpoint_url
    except (BotoCoreError, ValueError) as error:
        return Origin(None, f"unknown, since the AWS configuration cannot be used: {type(error).__name__}")
    host = endpoint.partition("://")[2].partition("/")[0]
    if host.endswith((".amazonaws.com", ".amazonaws.com.cn")):
        return Origin(endpoint, PUBLIC)
    # what a profile says may hold a password, and is checked as every other endpoint is
    from deeplake_ref.credentials.endpoints import checked_endpoint

    return Origin(checked_endpoint(endpoint, "the endpoint of the profile", "s3"), "the selected profile")


def _of_azure(url: DatasetURL, creds: SecretFields, credentials: Any) -> Addresses:
    from deeplake_ref.credentials import azure
    from deeplake_ref.credentials.azure_texts import AzureCredentials

    who = credentials if credentials is not None else AzureCredentials()
    in_use = ("the connection string in use", getattr(who, "blob_endpoint", None))
    places = [_field(creds, "endpoint_url"), in_use, *_variables("AZURE_STORAGE_ENDPOINT")]
    return Addresses(_first(azure.endpoint(creds, who, url.account), places))


def _of_google(_url: DatasetURL, creds: SecretFields, _credentials: Any) -> Addresses:
    from deeplake_ref.credentials import google

    places = [_field(creds, "endpoint_url"), *_variables("STORAGE_EMULATOR_HOST")]
    return Addresses(_first(google.endpoint(creds), places))


def _first(value: str | None, places: Iterable[tuple[str, str | None]]) -> Origin:
    """Return the value with the first place that holds it; what none holds is built in."""
    for name, held in places:
        if value is not None and held is not None and _normal(held) == _normal(value):
            return Origin(value, name)
    return Origin(value, PUBLIC)


def _normal(text: str) -> str:
    # an emulator may be named without a scheme
    return text.strip().rstrip("/").removeprefix("http://")


def _field(creds: SecretFields, name: str) -> tuple[str, str | None]:
    given = creds.reveal()
    held = given.get(name) if isinstance(given, Mapping) else None
    return f"`{name}` of creds", held if isinstance(held, str) else None


def _variables(*names: str) -> Iterable[tuple[str, str | None]]:
    return [(name, os.environ.get(name)) for name in names]


def unknown(error: StorageError) -> Addresses:
    """Return what is said where the addresses cannot be told."""
    return Addresses(Origin(None, f"unknown: {error.message}"))
