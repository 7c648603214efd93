"""
AWS: which credentials sign, and where requests go.

Order: the creds dictionary, then what botocore's own chain finds on the machine (environment, profiles and their roles,
SSO, processes, container and instance metadata; botocore `credentials.create_credential_resolver`). Addressing is no
credential: `endpoint_url` and `aws_region` combine with any winner. Nothing found is an error, requests are unsigned only
when asked for with `{"anon": True}`.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deeplake_ref.credentials.chain import Broken, Chain, Found, NotMine, Source, check_dictionary
from deeplake_ref.credentials.endpoints import checked_endpoint
from deeplake_ref.errors import (
    CredentialsError,
    CredentialsUnavailableError,
    InvalidCredentialsError,
    redacted,
)
from deeplake_ref.secrets import Secret, SecretFields

KEY_FIELDS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
FIELDS = (*KEY_FIELDS, "profile_name", "anon", "endpoint_url", "aws_region")
"""Every field of a creds dictionary for `s3://`."""

FOREIGN = {
    **dict.fromkeys(("account_key", "sas_token", "account_name"), "az"),
    **dict.fromkeys(("gcs_oauth_token", "private_key", "client_email", "refresh_token", "token_uri"), "gcs"),
    "creds_key": "al",
}
"""Fields of other places, which are never sent here."""

DEFAULT_REGION = "us-east-1"

HINT = (
    "Give aws_access_key_id and aws_secret_access_key in creds, set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
    'run `aws configure`; unsigned requests need creds={"anon": True}'
)

# what no key has would end up in a header, and from there in a message
_KEY = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class AwsCredentials:
    """Who signs.

    Attributes:
        session: a botocore session, whose own chain is asked if there are no keys.
        keys: the keys of the dictionary, by field.
        anonymous: whether requests are not signed at all.
    """

    session: Any = field(repr=False)
    keys: Mapping[str, Secret] = field(default_factory=dict)
    anonymous: bool = False


@dataclass(frozen=True, slots=True)
class Addressing:
    """Where requests go; None leaves a choice to botocore (profile, then the public endpoint)."""

    endpoint_url: str | None
    region: str | None


class DictionarySource:
    """The keys, the profile name or `anon` that the caller passed; outranks everything ambient."""

    name = "aws_dict"

    def __init__(self, creds: SecretFields) -> None:
        self._creds = creds

    def look(self) -> Found[AwsCredentials] | NotMine | Broken:
        """Use the dictionary if it has any field but addressing."""
        given = checked(self._creds)
        keys = [name for name in KEY_FIELDS if name in given]
        if given.get("anon"):
            if keys or "profile_name" in given:
                return Broken(_invalid("`anon` and other credentials exclude each other"))
            return Found(AwsCredentials(_lenient_session(), anonymous=True))
        if keys:
            missing = [name for name in KEY_FIELDS[:2] if name not in given]
            if missing:
                return Broken(_invalid(f"creds has `{keys[0]}` but no `{missing[0]}`"))
            odd = [name for name in keys if not _KEY.fullmatch(given[name])]
            if odd:
                return Broken(_invalid(f"`{odd[0]}` of creds has a space, a line break or another odd character"))
            # a profile beside keys only says where requests go
            session = _profile_session(given["profile_name"]) if "profile_name" in given else _lenient_session()
            return Found(AwsCredentials(session, {name: Secret(given[name]) for name in keys}))
        if "profile_name" in given:
            session = _profile_session(given["profile_name"])
            if session.get_credentials() is None:
                return Broken(_invalid("the profile that `profile_name` of creds names has no credentials"))
            return Found(AwsCredentials(session))
        return NotMine("none given" if not given else "it holds addressing only")


class AmbientSource:
    """What botocore finds on the machine, in botocore's order."""

    name = "aws_ambient"

    def look(self) -> Found[AwsCredentials] | NotMine | Broken:
        """Ask botocore's chain once; what it raises means that a configured source is broken."""
        session = _session()
        try:
            found = session.get_credentials()
        except Exception as error:  # noqa: BLE001 - processes and services fail in many ways, with secrets in the text
            broken = _kind(error)(
                f"a configured AWS source cannot be used: {type(error).__name__}; `aws configure list` shows it"
            )
            broken.__cause__ = redacted(error)
            return Broken(broken)
        if found is None:
            return NotMine("nothing in the environment, the profiles or the metadata services")
        return Found(AwsCredentials(session))


def checked(creds: SecretFields) -> dict[str, Any]:
    """Return the fields that are set; "ENV" is None, ambient sources only; raises `InvalidCredentialsError`."""
    given = creds.reveal()
    if given is None or given == "ENV":
        return {}
    if not isinstance(given, Mapping):
        raise _invalid(f"creds for s3:// is a dictionary, or 'ENV': {type(given).__name__}")
    return check_dictionary(given, provider="s3", own=FIELDS, foreign=FOREIGN, types={"anon": bool})


def chain(creds: SecretFields) -> Chain[AwsCredentials]:
    """Return the ordered sources of one handle; a new source takes its place in this tuple."""
    sources: tuple[Source[AwsCredentials], ...] = (DictionarySource(creds), AmbientSource())
    return Chain("s3", sources, HINT)


def addressing(creds: SecretFields) -> Addressing:
    """Return endpoint and region: the dictionary, then the environment, then botocore's own way.

    Raises:
        InvalidURIError: the endpoint is not a base URL.
    """
    given = checked(creds)
    region = given.get("aws_region", "").strip() or _environment("AWS_REGION", "AWS_DEFAULT_REGION")
    if "endpoint_url" in given:
        return Addressing(checked_endpoint(given["endpoint_url"], "`endpoint_url` of creds", "s3"), region)
    if _environment("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") in ("true", "True", "TRUE"):
        return Addressing(None, region)
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"):
        if endpoint := _environment(name):
            return Addressing(checked_endpoint(endpoint, name, "s3"), region)
    return Addressing(None, region)


def _environment(*names: str) -> str | None:
    """Return the first variable that is not blank; blank means unset."""
    return next((value for name in names if (value := os.environ.get(name, "").strip())), None)


def _session(**variables: Any) -> Any:
    """Return a botocore session; `variables` are values that neither environment nor files change."""
    from botocore.session import Session

    # names in files and environment, value, and conversion, in botocore's own form
    return _with_loader(
        Session(session_vars={name: (None, None, value, None) for name, value in variables.items()} or None)
    )


def _with_loader(session: Any) -> Any:
    """Let all sessions share what reads botocore's descriptions of services; that takes longer than all else."""
    session.register_component("data_loader", _loader())
    return session


@functools.cache
def _loader() -> Any:
    from botocore.loaders import create_loader

    return create_loader()


def _lenient_session() -> Any:
    """Return a session for the region and endpoint of the selected profile, or one without files if they are broken.

    The caller's keys outrank every file, so a file may not stop them.
    """
    from botocore.exceptions import BotoCoreError

    session = _session()
    try:
        session.get_scoped_config()
    except BotoCoreError:
        return _session(profile=None, config_file=os.devnull, credentials_file=os.devnull)
    return session


def _profile_session(name: str) -> Any:
    """Return a session of one profile; raises `CredentialsError` if the profile cannot be read."""
    from botocore.exceptions import BotoCoreError
    from botocore.session import Session

    session = _with_loader(Session(profile=name))
    try:
        providers = session.get_component("credential_provider")
        # a profile was asked for, not what this machine is
        for machine in ("container-role", "iam-role"):
            providers.remove(machine)
        session.get_credentials()
    except BotoCoreError as error:
        broken = _kind(error)(
            f"the profile that `profile_name` of creds names cannot be used: {type(error).__name__}",
            provider="s3",
            effect="none",
        )
        cause = redacted(error)
    else:
        return session
    raise broken from cause


def _kind(error: Exception) -> type[CredentialsError]:
    """Return whether a source says something wrong, or cannot deliver."""
    from botocore import exceptions as foreign

    wrong = (
        foreign.ProfileNotFound,
        foreign.ConfigNotFound,
        foreign.ConfigParseError,
        foreign.PartialCredentialsError,
        foreign.InvalidConfigError,
    )
    return InvalidCredentialsError if isinstance(error, wrong) else CredentialsUnavailableError


def _invalid(message: str) -> InvalidCredentialsError:
    return InvalidCredentialsError(message, provider="s3", effect="none", source="aws_dict")
