"""
Who we are on Google Cloud Storage, and where the service is.

Order: the creds argument, whose forms exclude each other (path of a key file, dictionary of its content, JSON string of
it, 'browser', 'cache', 'anon', an OAuth token), then `GOOGLE_APPLICATION_CREDENTIALS`, the file of `gcloud auth
application-default login`, the metadata server. Nothing found is an error: anonymous requests are made only when asked
for. A source that is there and broken is an error too, and nobody else is asked. gcloud is never started.

`STORAGE_EMULATOR_HOST` is an address and nothing else: Google's own client drops the credentials when it is set
(google-cloud-storage, `client.py`), this one does not. A token goes over http to loopback only, which is where emulators
are; Google's client sends it to any endpoint.

Source of the ambient part: https://google.aip.dev/auth/4110.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deeplake_ref.credentials import google_browser, google_cache, google_files
from deeplake_ref.credentials.chain import Broken, Chain, Found, NotMine, Source, check_dictionary
from deeplake_ref.credentials.google_files import invalid
from deeplake_ref.credentials.google_metadata import Metadata
from deeplake_ref.credentials.google_tokens import GoogleCredentials, Token
from deeplake_ref.endpoints import checked_endpoint, is_loopback
from deeplake_ref.errors import CredentialsUnavailableError, redacted
from deeplake_ref.secrets import Secret

if TYPE_CHECKING:
    from deeplake_ref.secrets import SecretFields

Answer = Found[GoogleCredentials] | NotMine | Broken

ADDRESSING = ("endpoint_url",)
"""Fields of a creds dictionary that are no credentials."""

FIELDS = ("anon", *ADDRESSING, "gcs_oauth_token", *sorted(google_files.FIELDS))
"""Every field of a creds dictionary for `gcs://`."""

FOREIGN = {
    **dict.fromkeys(
        ("aws_access_key_id", "aws_secret_access_key", "aws_session_token", "aws_region", "profile_name"), "s3"
    ),
    **dict.fromkeys(("account_key", "account_name", "sas_token"), "az"),
    "creds_key": "al",
}
"""Fields of other places, which are never sent here."""

PUBLIC_ENDPOINT = "https://storage.googleapis.com"

HINT = (
    "Pass the path or the content of a key file, 'browser', 'cache' or {'gcs_oauth_token': ...} as creds, set "
    "GOOGLE_APPLICATION_CREDENTIALS, run `gcloud auth application-default login`, or ask for anonymous reads with "
    "creds={'anon': True}."
)

WORDS = {"browser": "gcs_browser", "cache": "gcs_cache", "anon": "gcs_anon"}

FORMS = ("gcs_key_file", "gcs_key_dict", "gcs_key_json", "gcs_browser", "gcs_cache", "gcs_anon", "gcs_oauth_token")


def form(creds: SecretFields) -> str | None:
    """Return which form the creds argument has, right or wrong; None if it asks for what the machine has."""
    given = creds.reveal()
    if given is None or given == "ENV":
        return None
    if isinstance(given, str):
        return WORDS.get(given) or ("gcs_key_json" if given.lstrip("\ufeff \t\r\n").startswith("{") else "gcs_key_file")
    if not isinstance(given, Mapping):
        return "gcs_key_dict"
    # `anon` is no credential where it is false, but a mistake where it is no bool
    fields = {name for name, value in given.items() if value is not None and not (name == "anon" and value is False)}
    fields -= set(ADDRESSING)
    if not fields:
        return None
    alone = {frozenset({"anon"}): "gcs_anon", frozenset({"gcs_oauth_token"}): "gcs_oauth_token"}
    return alone.get(frozenset(fields), "gcs_key_dict")


@dataclass(frozen=True, slots=True)
class Argument:
    """One form of the creds argument."""

    name: str
    creds: SecretFields

    def look(self) -> Answer:
        """Answer if the argument has this form."""
        if form(self.creds) != self.name:
            return NotMine("creds has another form" if form(self.creds) else "creds asks for no identity")
        given = self.creds.reveal()
        match self.name:
            case "gcs_anon":
                checked(self.creds)
                return Found(GoogleCredentials())
            case "gcs_oauth_token":
                return Found(GoogleCredentials(_bearer(checked(self.creds)["gcs_oauth_token"])))
            case "gcs_key_file":
                return Found(_of_path(str(given)))
            case "gcs_key_json":
                info = google_files.parsed(str(given).strip(), "the JSON string in creds")
                _refuse_foreign(info)
                return Found(google_files.credentials(info, "the JSON string in creds"))
            case "gcs_browser":
                return Found(_of_browser())
            case "gcs_cache":
                return Found(google_cache.load().credentials(f"the stored consent {google_cache.path()}"))
            case _:
                info = {name: each for name, each in checked(self.creds).items() if name not in ADDRESSING}
                return Found(google_files.credentials(info, "creds"))


@dataclass(frozen=True, slots=True)
class EnvironmentFile:
    """The key file that `GOOGLE_APPLICATION_CREDENTIALS` names; `~` is not expanded, as in Google's libraries."""

    name: str = "gcs_env_file"

    def look(self) -> Answer:
        """Answer with the file, which must be there if the variable is not blank."""
        path = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS", "").strip()
        if not path:
            return NotMine("GOOGLE_APPLICATION_CREDENTIALS is not set")
        where = f"the file {path!r} of GOOGLE_APPLICATION_CREDENTIALS"
        return Found(google_files.credentials(google_files.read(path, where), where))


@dataclass(frozen=True, slots=True)
class GcloudFile:
    """What `gcloud auth application-default login` wrote, in `CLOUDSDK_CONFIG` or `~/.config/gcloud`."""

    name: str = "gcs_gcloud_file"

    def look(self) -> Answer:
        """Answer with the file, if there is one."""
        path = google_browser.gcloud_file()
        if not os.path.lexists(path):
            return NotMine(f"{path} does not exist")
        where = f"the file {str(path)!r} of gcloud"
        return Found(google_files.credentials(google_files.read(str(path), where), where))


def chain(creds: SecretFields) -> Chain[GoogleCredentials]:
    """Return the ordered sources of one handle; a new source takes its place in this tuple."""
    sources: tuple[Source[GoogleCredentials], ...] = (
        *(Argument(name, creds) for name in FORMS),
        EnvironmentFile(),
        GcloudFile(),
        Metadata(),
    )
    return Chain("gcs", sources, HINT, GoogleCredentials.renewed)


def checked(creds: SecretFields) -> dict[str, Any]:
    """Return the fields of a creds dictionary that are set, none for the other forms; raises `InvalidCredentialsError`."""
    given = creds.reveal()
    if given is None or isinstance(given, str):
        return {}
    if not isinstance(given, Mapping):
        raise invalid(f"creds for gcs:// is a dictionary, a str or None: {type(given).__name__}. {HINT}")
    types = {**google_files.FIELDS, "anon": bool}
    # gcloud writes it empty
    filled = {name: each for name, each in given.items() if not (name == "account" and each == "")}
    fields = check_dictionary(filled, provider="gcs", own=FIELDS, foreign=FOREIGN, types=types)
    asked = [name for name in ("anon", "gcs_oauth_token") if fields.get(name)]
    if asked and len(set(fields) - set(ADDRESSING) - ({"anon"} if not fields.get("anon") else set())) > 1:
        raise invalid(f"`{asked[0]}` of creds and other credentials exclude each other")
    if not fields.get("anon"):
        fields.pop("anon", None)
    return fields


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The base URL of the service, without trailing slash, and the place that it was read from."""

    url: str
    origin: str


def endpoint_and_origin(creds: SecretFields) -> Endpoint:
    """Return where requests go, and who says so; raises `InvalidURIError`."""
    given = checked(creds)
    if "endpoint_url" in given:
        origin = "`endpoint_url` of creds"
        return Endpoint(checked_endpoint(given["endpoint_url"], origin, "gcs"), origin)
    emulator = os.environ.get("STORAGE_EMULATOR_HOST", "").strip()
    if emulator:
        # some of Google's clients take it with a scheme, some without
        url = emulator if "://" in emulator else f"http://{emulator}"
        return Endpoint(checked_endpoint(url, "STORAGE_EMULATOR_HOST", "gcs"), "STORAGE_EMULATOR_HOST")
    return Endpoint(PUBLIC_ENDPOINT, "the public one")


def endpoint(creds: SecretFields) -> str:
    """Return the base URL of the service, without trailing slash; raises `InvalidURIError`."""
    return endpoint_and_origin(creds).url


def endpoint_for(creds: SecretFields, credentials: GoogleCredentials) -> str:
    """Return the base URL of the service for an identity.

    Raises:
        InvalidURIError: what is configured is no base URL.
        InvalidCredentialsError: the token would travel in clear to another machine.
    """
    where = endpoint_and_origin(creds)
    if not credentials.is_anonymous and where.url.startswith("http:") and not is_loopback(where.url):
        message = f"{where.origin} is http, over which a token is sent to loopback only; use https"
        raise invalid(message, where.origin)
    return where.url


def _bearer(token: str) -> Token:
    text = token.strip()
    if not text.isascii() or not text.isprintable() or " " in text:
        raise invalid("`gcs_oauth_token` of creds has a space, a line break or another character no token has")
    return Token(Secret(text))


def _of_path(given: str) -> GoogleCredentials:
    if not given.strip():
        raise invalid("creds is blank")
    try:
        path = Path(given).expanduser()
    except RuntimeError:
        raise invalid("creds is a path with a home directory that is unknown") from None
    # what does not look like a path may be a secret in the wrong place
    shown = given.endswith(".json") or (given.startswith(("/", "~", "./", "../")) and path.parent.is_dir())
    named = f"the key file {given!r}" if shown and given.isprintable() else "the key file that creds names"
    if not shown and not path.exists():
        raise invalid(f"{named} is missing; creds is a path, JSON, {', '.join(map(repr, WORDS))} or 'ENV'")
    return google_files.credentials(google_files.read(str(path), named), named)


def _of_browser() -> GoogleCredentials:
    kept = google_browser.consent(google_browser.client())
    try:
        google_cache.save(kept)
    except OSError as error:
        failure = CredentialsUnavailableError(
            f"the consent cannot be stored at {google_cache.path()}: {type(error).__name__}",
            provider="gcs",
            effect="none",
        )
        failure.__cause__ = redacted(error)
    else:
        return kept.credentials(f"the stored consent {google_cache.path()}")
    raise failure


def _refuse_foreign(info: Mapping[str, Any]) -> None:
    for name in sorted(set(info) & set(FOREIGN)):
        raise invalid(f"`{name}` in creds belongs to {FOREIGN[name]}://, it is not sent to gcs://")
