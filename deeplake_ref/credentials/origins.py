"""
Where endpoint and region come from, in words.

Values and places are those of the modules that the stores use, in one form for all clouds. Each function is given the
creds, and the winner's credentials or None.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deeplake_ref.errors import InvalidCredentialsError

if TYPE_CHECKING:
    from collections.abc import Callable

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
        InvalidCredentialsError: the creds are broken, so that nothing in them counts, or the region is none.
    """
    ask: Callable[[DatasetURL, SecretFields, Any], Addresses] = {"s3": _of_s3, "az": _of_azure, "gcs": _of_google}[
        url.prefix
    ]
    return ask(url, creds, credentials)


def _of_s3(_url: DatasetURL, creds: SecretFields, credentials: Any) -> Addresses:
    from deeplake_ref.credentials import aws

    # the winner keeps the moment that it was found in
    where = aws.addressing(creds, getattr(credentials, "settings", None))
    region = Origin(where.region, where.region_from)
    if where.endpoint_url is None:
        return Addresses(_public_s3(region), region)
    return Addresses(Origin(where.endpoint_url, where.endpoint_from), region)


def _public_s3(region: Origin) -> Origin:
    """Return the endpoint that botocore has for a region: each partition has domains of its own."""
    from botocore import UNSIGNED
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError
    from botocore.session import Session

    from deeplake_ref.credentials.aws_addressing import field_of

    # neither environment nor files say anything here, and with keys it asks nobody for credentials; none sign
    files = {"profile": None, "config_file": os.devnull, "credentials_file": os.devnull}
    session = Session(session_vars={name: (None, None, value, None) for name, value in files.items()})
    config = Config(signature_version=UNSIGNED, ignore_configured_endpoint_urls=True)
    nobody = {"aws_access_key_id": "nobody", "aws_secret_access_key": "nobody"}
    try:
        client = session.create_client("s3", region_name=region.value, config=config, **nobody)
    except (BotoCoreError, ValueError):
        where = field_of("region", region.origin)
        message = f"{where} is not a region like us-east-1"
        raise InvalidCredentialsError(message, provider="s3", effect="none", at=where) from None
    return Origin(client.meta.endpoint_url, PUBLIC)


def _of_azure(url: DatasetURL, creds: SecretFields, credentials: Any) -> Addresses:
    from deeplake_ref.credentials.azure_addresses import address
    from deeplake_ref.credentials.azure_texts import AzureCredentials

    where = address(creds, credentials if credentials is not None else AzureCredentials(), url.account)
    return Addresses(Origin(where.url, where.origin))


def _of_google(_url: DatasetURL, creds: SecretFields, credentials: Any) -> Addresses:
    from deeplake_ref.credentials import google

    if credentials is not None:
        google.endpoint_for(creds, credentials)  # which a token may not be sent to
    where = google.endpoint_and_origin(creds)
    return Addresses(Origin(where.url, where.origin))


def unknown(error: StorageError) -> Addresses:
    """Return what is said where the addresses cannot be told."""
    return Addresses(Origin(None, f"unknown: {error.message}"))
