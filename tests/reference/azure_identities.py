"""The identities of Entra ID in their order, how each is planted, and what is told of it."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING

from deeplake_ref.credentials.azure_texts import AzureCredentials
from tests.reference.azure_world import World

if TYPE_CHECKING:
    import pytest

ORDER = [
    "azure_env_key",
    "azure_service_principal",
    "azure_workload_identity",
    "azure_managed_identity",
    "azure_cli",
]

PLANTED: dict[str, Callable[[World], object]] = {
    "azure_env_key": lambda world: world.set(AZURE_STORAGE_KEY="a2V5"),
    "azure_service_principal": World.service_principal,
    "azure_workload_identity": World.workload_identity,
    "azure_managed_identity": World.virtual_machine,
    "azure_cli": World.az,
}


def text_of(credentials: AzureCredentials) -> str:
    """Return the token that requests would have."""
    assert credentials.tokens is not None
    return credentials.tokens.text()


def told_of(error: BaseException, caplog: pytest.LogCaptureFixture) -> str:
    """Return all that is told of an error, anywhere."""
    shown = "".join(traceback.format_exception(error))
    attributes = [vars(each) for each in (error, error.__cause__, error.__context__) if each is not None]
    return f"{shown}{error!r}{attributes}{error.__cause__!r}{error.__context__!r}{caplog.text}"
