"""
botocore sessions, and the clients of STS and SSO that credentials come from.

A session gets the files of one moment (`Settings`) and looks for no credentials itself. The clients have an endpoint and
a region of their own, short time-outs, and at most one retry.
"""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

from deeplake_ref.credentials import aws_addressing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deeplake_ref.credentials.aws_settings import Settings

LONGEST_S = 5.0
"""Seconds for a connection to an identity service, and for its answer."""

ATTEMPTS = 2
"""Requests to an identity service that one question may take."""


class IdentityServices:
    """What botocore's providers need of a session: its files, and clients for STS and SSO.

    Args:
        settings: the moment that counts.
        deadline_s: seconds within which the operation that needs credentials ends.
    """

    def __init__(self, settings: Settings, deadline_s: float) -> None:
        self._settings = settings
        self._timeout_s = min(LONGEST_S, deadline_s / 12)

    @property
    def full_config(self) -> Mapping[str, Any]:
        """Both profile files as one."""
        return self._settings.files.merged

    def create_client(self, service: str, *, config: Any = None, **keys: Any) -> Any:
        """Return a client; `keys` are keys of another identity, or there are none and `config` says unsigned."""
        from botocore.config import Config

        where = aws_addressing.of_service(self._settings, service.replace("-", "_"))
        ours = Config(
            connect_timeout=self._timeout_s,
            read_timeout=self._timeout_s,
            retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
            ignore_configured_endpoint_urls=True,
        )
        return session_of(self._settings, with_files=False).create_client(
            service,
            # SSO has a region of its own in the profile
            region_name=(config and config.region_name) or where.region,
            endpoint_url=where.endpoint_url,
            config=ours.merge(config) if config else ours,
            **keys,
        )


def session_of(settings: Settings, credentials: Any = None, *, with_files: bool = True) -> Any:
    """Return a session of one moment.

    Args:
        settings: the moment.
        credentials: what it signs with, if its clients are given nothing else.
        with_files: whether options of the selected profile count, such as those of its `s3` section. Where the profile
            cannot be read they do not: whoever got here without it is not to be stopped by it.
    """
    from botocore.credentials import CredentialResolver
    from botocore.session import Session
    from botocore.tokens import TokenProviderChain

    profile = settings.lenient_profile()
    readable = with_files and bool(profile)
    values = {
        "profile": settings.profile_name if readable else None,
        "config_file": settings.config_file if readable else os.devnull,
        "credentials_file": settings.credentials_file if readable else os.devnull,
        "ca_bundle": settings.environment.get("AWS_CA_BUNDLE") or profile.get("ca_bundle"),
    }
    # names in files and environment, value, and conversion, in botocore's own form
    variables = {name: (None, None, value, None) for name, value in values.items()}
    session = Session(variables, event_hooks=_hooks(), include_builtin_handlers=False)
    session.register_component("data_loader", _loader())
    session.register_component("credential_provider", CredentialResolver([_Given(credentials)]))
    # S3 takes no bearer token, and a broken SSO session is no reason not to sign with keys
    session.register_component("token_provider", TokenProviderChain([]))
    return session


class _Given:
    """A provider of botocore's that has what it was given."""

    METHOD = "deeplake_ref"

    def __init__(self, credentials: Any) -> None:
        self._credentials = credentials

    def load(self) -> Any:
        return self._credentials


@functools.cache
def _hooks() -> Any:
    """Let all sessions share botocore's own hooks, whose registration is half of what a session costs.

    Every client gets a copy of them, to which its own are added.
    """
    from botocore.hooks import HierarchicalEmitter
    from botocore.session import Session

    hooks = HierarchicalEmitter()
    Session(event_hooks=hooks)
    return hooks


@functools.cache
def _loader() -> Any:
    """Let all sessions share what reads botocore's descriptions of services; that takes longer than all else."""
    from botocore.loaders import create_loader

    return create_loader()
