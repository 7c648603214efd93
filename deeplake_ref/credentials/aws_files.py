"""
Static keys of a profile, in the shared credentials file or in the config file.

Key id and secret are of one file; botocore's providers look at no other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deeplake_ref.credentials.aws_kinds import KEY_FIELDS, Kind

if TYPE_CHECKING:
    from deeplake_ref.credentials.aws_settings import Settings


def _lacks_shared_file(settings: Settings) -> str | None:
    settings.profile()
    found = settings.files.credentials.get(settings.selected, {})
    return None if KEY_FIELDS[0] in found else f"profile {settings.shown} has no keys in {settings.credentials_file!r}"


def _shared_file_provider(settings: Settings, deadline_s: float) -> Any:
    return shared_file_of(settings, deadline_s, settings.selected)


def shared_file_of(settings: Settings, _deadline_s: float, profile_name: str) -> Any:
    """Return botocore's provider for the keys of a profile in the shared credentials file."""
    from botocore.credentials import SharedCredentialProvider

    return SharedCredentialProvider(
        settings.credentials_file, profile_name, ini_parser=lambda _path: settings.files.credentials
    )


def _lacks_config_file(settings: Settings) -> str | None:
    settings.profile()
    found = settings.files.config["profiles"].get(settings.selected, {})
    return None if KEY_FIELDS[0] in found else f"profile {settings.shown} has no keys in {settings.config_file!r}"


def _config_file_provider(settings: Settings, deadline_s: float) -> Any:
    return config_file_of(settings, deadline_s, settings.selected)


def config_file_of(settings: Settings, _deadline_s: float, profile_name: str) -> Any:
    """Return botocore's provider for the keys of a profile in the config file."""
    from botocore.credentials import ConfigProvider

    return ConfigProvider(settings.config_file, profile_name, config_parser=lambda _path: settings.files.config)


def _subject(settings: Settings) -> str:
    return f"profile {settings.shown}"


SHARED_FILE = Kind(_lacks_shared_file, _shared_file_provider, _subject)
CONFIG_FILE = Kind(_lacks_config_file, _config_file_provider, _subject)
