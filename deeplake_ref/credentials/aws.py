"""
AWS: which credentials sign, and where requests go.

Order: the creds dictionary, then what botocore's own chain finds on the machine (environment, profiles and their roles, SSO,
processes, container and instance metadata; botocore `credentials.create_credential_resolver`). Addressing is no credential:
`endpoint_url` and `aws_region` combine with any winner. Nothing found is an error, requests are unsigned only when asked
for with `{"anon": True}`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from deeplake_ref.credentials.chain import Broken, Chain, Found, NotMine, Source, check_dictionary
from deeplake_ref.errors import CredentialsUnavailableError, InvalidCredentialsError, redacted

if TYPE_CHECKING:
    from collections.abc import Mapping

FIELDS = (
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
    "profile_name",
    "anon",
    "endpoint_url",
    "aws_region",
)
KEY_FIELDS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
FOREIGN = {"account_key": "az", "sas_token": "az", "gcs_oauth_token": "gcs", "creds_key": "al"}
DEFAULT_REGION = "us-east-1"

HINT = (
    "Give aws_access_key_id and aws_secret_access_key in creds, set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run "
    '`aws configure`; unsigned requests need creds={"anon": True}'
)


@dataclass(frozen=True, slots=True)
class AwsCredentials:
    """What a boto3 session is made from; `anonymous` sends unsigned requests."""

    session: Any = field(repr=False)
    anonymous: bool = False


@dataclass(frozen=True, slots=True)
class Addressing:
    """Where requests go; None leaves a choice to botocore (profile, then the public endpoint)."""

    endpoint_url: str | None
    region: str | None


class DictionarySource:
    """The keys, the profile name or `anon` that the caller passed; outranks everything ambient."""

    name = "dictionary"

    def __init__(self, creds: Mapping[str, Any] | None) -> None:
        self._creds = creds

    def look(self) -> Found[AwsCredentials] | NotMine | Broken:
        """Use the dictionary if it has any field but addressing."""
        if self._creds is None:
            return NotMine("none given")
        try:
            given = checked(self._creds)
        except InvalidCredentialsError as error:
            return Broken(error)
        keys = [name for name in KEY_FIELDS if name in given]
        if given.get("anon"):
            if keys:
                return Broken(_invalid("`anon` and keys exclude each other"))
            return Found(AwsCredentials(_session(), anonymous=True))
        if keys:
            missing = [name for name in KEY_FIELDS[:2] if name not in given]
            if missing:
                return Broken(_invalid(f"creds has `{keys[0]}` but no `{missing[0]}`"))
            return Found(AwsCredentials(_session(**{name: given[name] for name in keys})))
        if "profile_name" in given:
            return _profile(given["profile_name"])
        return NotMine("it holds addressing only")


class AmbientSource:
    """What botocore finds on the machine, in botocore's order."""

    name = "ambient"

    def look(self) -> Found[AwsCredentials] | NotMine | Broken:
        """Ask botocore's chain once; what it raises means that a configured source is broken."""
        from botocore.exceptions import BotoCoreError

        try:
            session = _session()
            found = session.get_credentials()
        except BotoCoreError as error:
            unavailable = CredentialsUnavailableError(
                f"a configured AWS source cannot be used: {type(error).__name__}; `aws configure list` shows it",
                provider="s3",
                effect="none",
            )
            unavailable.__cause__ = redacted(error)
            return Broken(unavailable)
        if found is None:
            return NotMine("nothing in the environment, the profiles or the metadata services")
        return Found(AwsCredentials(session))


def checked(creds: Mapping[str, Any]) -> dict[str, Any]:
    """Return the dictionary without None values; raises `InvalidCredentialsError`."""
    return check_dictionary(creds, provider="s3", own=FIELDS, foreign=FOREIGN, types={"anon": bool})


def chain(creds: Mapping[str, Any] | None) -> Chain[AwsCredentials]:
    """Return the ordered sources of one handle; a new source takes its place in this tuple."""
    sources: tuple[Source[AwsCredentials], ...] = (DictionarySource(creds), AmbientSource())
    return Chain("s3", sources, HINT)


def addressing(creds: Mapping[str, Any] | None) -> Addressing:
    """Return endpoint and region: the dictionary, then the environment, then botocore's own way."""
    given = checked(creds) if creds is not None else {}
    endpoint = given.get("endpoint_url") or _environment("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    region = given.get("aws_region") or _environment("AWS_REGION", "AWS_DEFAULT_REGION")
    return Addressing(endpoint, region)


def _environment(*names: str) -> str | None:
    """Return the first variable that is not blank; blank means unset."""
    return next((value for name in names if (value := os.environ.get(name, "").strip())), None)


@cache
def _loader() -> Any:
    """Return the one reader of botocore's service descriptions.

    It holds data that ships with botocore and no credentials. Each session would otherwise read and keep its own copy:
    with botocore 1.44.5 a client costs a ninth of the time with a shared one (32 ms and 300 ms in one run).
    """
    from botocore.loaders import create_loader

    return create_loader()


def _session(**keywords: str) -> Any:
    from boto3.session import Session
    from botocore.session import Session as Core

    core = Core()
    loader = _loader()
    core.register_component("data_loader", loader)
    session = Session(botocore_session=core, **keywords)
    # boto3 adds its own data folder again for each session
    loader.search_paths[:] = dict.fromkeys(loader.search_paths)
    return session


def _profile(name: str) -> Found[AwsCredentials] | Broken:
    from botocore.exceptions import BotoCoreError

    try:
        session = _session(profile_name=name)
        if session.get_credentials() is None:
            return Broken(_invalid("the profile that `profile_name` names has no credentials"))
    except BotoCoreError as error:
        broken = _invalid(f"the profile that `profile_name` names cannot be used: {type(error).__name__}")
        broken.__cause__ = redacted(error)
        return Broken(broken)
    return Found(AwsCredentials(session))


def _invalid(message: str) -> InvalidCredentialsError:
    return InvalidCredentialsError(message, provider="s3", effect="none", source="dictionary")
