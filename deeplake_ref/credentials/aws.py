"""
AWS: which credentials sign.

The order is that of botocore (1.44, `credentials.create_credential_resolver`), without `aws login` and the files of its
predecessors. Each source wraps one provider of botocore, which reads fields and talks to STS, SSO and the metadata
services; order, stop rules and messages are here. A named profile is asked alone, neither environment nor machine are.
Nothing found is an error, requests are unsigned only when asked for with `{"anon": True}`. Where requests go is no
credential and combines with any winner (`addressing`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from deeplake_ref.credentials import aws_addressing
from deeplake_ref.credentials.aws_addressing import Addressing
from deeplake_ref.credentials.aws_environment import ENVIRONMENT
from deeplake_ref.credentials.aws_files import CONFIG_FILE, SHARED_FILE
from deeplake_ref.credentials.aws_kinds import KEY_FIELDS, Kind
from deeplake_ref.credentials.aws_machine import CONTAINER, IMDS
from deeplake_ref.credentials.aws_process import PROCESS
from deeplake_ref.credentials.aws_quiet import QUIET
from deeplake_ref.credentials.aws_role import ROLE
from deeplake_ref.credentials.aws_settings import DEFAULT_REGION, Settings
from deeplake_ref.credentials.aws_sso import SSO
from deeplake_ref.credentials.aws_telling import problem, static, told
from deeplake_ref.credentials.aws_web_identity import WEB_IDENTITY
from deeplake_ref.credentials.chain import Broken, Chain, Found, NotMine, Source, check_dictionary
from deeplake_ref.errors import InvalidCredentialsError, StorageError
from deeplake_ref.retry import DEADLINE_S

if TYPE_CHECKING:
    from datetime import datetime

    from deeplake_ref.secrets import SecretFields

__all__ = ["DEFAULT_REGION", "FIELDS", "FOREIGN", "Addressing", "AwsCredentials", "addressing", "chain", "checked"]

FIELDS = (*KEY_FIELDS, "profile_name", "anon", "endpoint_url", "aws_region")
"""Every field of a creds dictionary for `s3://`."""

FOREIGN = {
    **dict.fromkeys(("account_key", "sas_token", "account_name"), "az"),
    **dict.fromkeys(("gcs_oauth_token", "private_key", "client_email", "refresh_token", "token_uri"), "gcs"),
    "creds_key": "al",
}
"""Fields of other places, which are never sent here."""

HINT = (
    "Give aws_access_key_id and aws_secret_access_key in creds, set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
    'run `aws configure`; unsigned requests need creds={"anon": True}'
)

Answer = Found["AwsCredentials"] | NotMine | Broken


@dataclass(frozen=True, slots=True)
class AwsCredentials:
    """Who signs.

    Attributes:
        signer: botocore's credentials, which renew themselves near their end; None for unsigned requests.
        settings: the moment of environment and files that they come from; it says where requests go too.
        again: gets others from the same source, None for keys that nobody renews.
    """

    signer: Any = field(repr=False)
    settings: Settings = field(repr=False)
    again: Callable[[], AwsCredentials] | None = field(default=None, repr=False)

    @property
    def anonymous(self) -> bool:
        """Whether requests are not signed at all."""
        return self.signer is None

    @property
    def expires_at(self) -> datetime | None:
        """When they end, in UTC; None for what lives until it is taken back."""
        found: datetime | None = getattr(self.signer, "expires_at", None)
        return found

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError("credentials are not pickled")


class Walk:
    """What the sources of one handle share: the creds, and the moment at which they look."""

    def __init__(self, creds: SecretFields, deadline_s: float) -> None:
        self.creds = creds
        self.deadline_s = deadline_s
        self._settings: Settings | None = None

    def begin(self) -> Settings:
        """Look at environment and files anew."""
        self._settings = Settings(checked(self.creds))
        return self._settings

    @property
    def settings(self) -> Settings:
        """The moment of this walk."""
        return self._settings or self.begin()


class Dictionary:
    """The keys or `anon` that the caller passed; outranks everything."""

    name = "aws_dict"

    def __init__(self, walk: Walk) -> None:
        self._walk = walk

    def look(self) -> Answer:
        """Use the keys; a profile beside them only says where requests go."""
        # it is the first to be asked, so that each walk begins here
        settings = self._walk.begin()
        given = settings.given
        keys = {name: given[name] for name in KEY_FIELDS if name in given}
        if given.get("anon"):
            if keys or "profile_name" in given:
                return Broken(_invalid("`anon` and other credentials exclude each other"))
            return Found(AwsCredentials(None, settings))
        if not keys:
            return NotMine("it has no keys" if given else "none given")
        missing = [name for name in KEY_FIELDS[:2] if name not in given]
        if missing:
            return Broken(_invalid(f"creds has `{next(iter(keys))}` but no `{missing[0]}`"))
        odd = problem(keys)
        if odd:
            return Broken(_invalid(f"`{odd}` of creds has a space, a line break or another odd character"))
        if "profile_name" in given:
            settings.profile()
        from botocore.credentials import Credentials

        return Found(AwsCredentials(Credentials(*keys.values()), settings))


class DictionaryProfile:
    """The profile that the caller named, whatever kind of credentials it holds."""

    name = "aws_dict_profile"

    def __init__(self, walk: Walk) -> None:
        self._walk = walk

    def look(self) -> Answer:
        """Use the first kind that the profile holds."""
        settings = self._walk.settings
        if "profile_name" not in settings.given:
            return NotMine("creds names no profile")
        for kind in OF_PROFILES:
            if kind.lacking(settings) is None:
                return _found(kind, settings, self._walk.deadline_s, self.name)
        return Broken(_invalid(f"profile {settings.shown}, which `profile_name` of creds names, has no credentials"))


@dataclass(frozen=True, slots=True)
class Ambient:
    """One kind of credentials that the machine may have."""

    name: str
    kind: Kind
    walk: Walk = field(repr=False)

    def look(self) -> Answer:
        """Use it if it is configured."""
        reason = self.kind.lacking(self.walk.settings)
        if reason is not None:
            return NotMine(reason)
        return _found(self.kind, self.walk.settings, self.walk.deadline_s, self.name)


AMBIENT = (
    ("aws_env", ENVIRONMENT),
    ("aws_assume_role", ROLE),
    ("aws_web_identity", WEB_IDENTITY),
    ("aws_sso", SSO),
    ("aws_shared_file", SHARED_FILE),
    ("aws_process", PROCESS),
    ("aws_config_file", CONFIG_FILE),
    ("aws_container", CONTAINER),
    ("aws_imds", IMDS),
)
"""What the machine may have, after what the caller passes, in the order in which it is asked."""

OF_PROFILES = (ROLE, WEB_IDENTITY, SSO, SHARED_FILE, PROCESS, CONFIG_FILE)
"""What a profile that the caller names can hold, in the order in which it is looked at."""


def chain(creds: SecretFields, deadline_s: float = DEADLINE_S) -> Chain[AwsCredentials]:
    """Return the ordered sources of one handle; a new source takes its place in these tuples.

    Args:
        creds: what the caller gave.
        deadline_s: seconds within which an operation ends, of which no identity service takes more than a part.
    """
    walk = Walk(creds, deadline_s)
    sources: tuple[Source[AwsCredentials], ...] = (
        Dictionary(walk),
        DictionaryProfile(walk),
        *(Ambient(name, kind, walk) for name, kind in AMBIENT),
    )
    return Chain("s3", sources, HINT, _renewed)


def addressing(creds: SecretFields, settings: Settings | None = None) -> Addressing:
    """Return endpoint and region, each with the place it was found in.

    Args:
        creds: what the caller gave.
        settings: the moment that counts, by default now.

    Raises:
        InvalidURIError: the endpoint is not a base URL.
        InvalidCredentialsError: creds is malformed, or names a profile that cannot be read.
    """
    return aws_addressing.of_s3(settings or Settings(checked(creds)))


def checked(creds: SecretFields) -> dict[str, Any]:
    """Return the fields that are set; "ENV" is None, ambient sources only; raises `InvalidCredentialsError`."""
    given = creds.reveal()
    if given is None or given == "ENV":
        return {}
    if not isinstance(given, Mapping):
        raise _invalid(f"creds for s3:// is a dictionary, or 'ENV': {type(given).__name__}", "creds")
    return check_dictionary(given, provider="s3", own=FIELDS, foreign=FOREIGN, types={"anon": bool})


def _found(kind: Kind, settings: Settings, deadline_s: float, source: str) -> Answer:
    """Return what a configured kind gives; if there turns out to be none, it was not configured."""
    from deeplake_ref.credentials.aws_fetchers import NotAnsweredError

    try:
        return Found(_got(kind, settings, deadline_s, source))
    except NotAnsweredError as error:
        return NotMine(str(error))
    except StorageError as error:
        return Broken(error)


def _got(kind: Kind, settings: Settings, deadline_s: float, source: str) -> AwsCredentials:
    """Return what one kind gives; raises `StorageError`, or `NotAnsweredError` where there is no service."""
    from deeplake_ref.credentials.aws_fetchers import NotAnsweredError
    from deeplake_ref.credentials.aws_renewing import Renewing

    subject = kind.subject(settings)
    try:
        with QUIET:
            loaded = kind.provider(settings, deadline_s).load()
        if not hasattr(loaded, "refresh_needed"):
            return AwsCredentials(static(loaded, kind.names, subject, kind.wrong), settings)
        signer = Renewing(loaded, subject, source)
        signer.get_frozen_credentials()
    except NotAnsweredError:
        raise
    except Exception as error:  # noqa: BLE001 - processes and services fail in many ways, with secrets in the text
        failure = told(error, subject, source)
    else:
        lives = kind is not ENVIRONMENT
        return AwsCredentials(signer, settings, (lambda: _got(kind, settings, deadline_s, source)) if lives else None)
    # it comes out of botocore, whose frames hold keys
    raise failure.with_traceback(None)


def _renewed(rejected: AwsCredentials) -> AwsCredentials | None:
    """Return others from the same source, which is asked again; None for keys that nobody renews."""
    if rejected.again is None:
        return None
    from deeplake_ref.credentials.aws_fetchers import NotAnsweredError

    try:
        return rejected.again()
    except NotAnsweredError:
        return None


def _invalid(message: str, at: str | None = None) -> InvalidCredentialsError:
    return InvalidCredentialsError(message, provider="s3", effect="none", source="aws_dict", at=at)
