"""
Who we are on Google Cloud Storage, and where the service is.

Only anonymous access so far, and only when asked for: `{"anon": True}` or `'anon'`. What the machine has is not looked
at, so that nobody's identity is used by accident; without creds there is an error that says so. `STORAGE_EMULATOR_HOST`
is an address and nothing else: Google's own client drops the credentials when it is set (google-cloud-storage,
`client.py`), this one does not.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deeplake_ref.credentials.chain import Chain, Found, NotMine, Source, check_dictionary
from deeplake_ref.credentials.endpoints import checked_endpoint
from deeplake_ref.errors import InvalidCredentialsError

if TYPE_CHECKING:
    from deeplake_ref.secrets import SecretFields

FIELDS = ("anon", "endpoint_url")
"""Every field of a creds dictionary for `gcs://`."""

FOREIGN = {
    "aws_access_key_id": "s3",
    "aws_secret_access_key": "s3",
    "aws_session_token": "s3",
    "aws_region": "s3",
    "profile_name": "s3",
    "account_key": "az",
    "account_name": "az",
    "sas_token": "az",
    "creds_key": "al",
}
"""Fields of other places, which are never sent here."""

PUBLIC_ENDPOINT = "https://storage.googleapis.com"

HINT = "Only anonymous access is supported: ask for it with creds={'anon': True}."


@dataclass(frozen=True, slots=True)
class GoogleCredentials:
    """What proves who we are to the SDK: nothing, which is anonymous."""

    def for_sdk(self) -> Any:
        """Return the SDK's credentials object, which adds headers and refreshes itself."""
        from google.auth.credentials import AnonymousCredentials

        return AnonymousCredentials()

    @property
    def is_anonymous(self) -> bool:
        """Whether requests carry no proof."""
        return True


@dataclass(frozen=True, slots=True)
class Argument:
    """The creds argument: broken if any field of it is, the winner if it asks for no identity."""

    creds: SecretFields
    name: str = "gcs_anon"

    def look(self) -> Found[GoogleCredentials] | NotMine:
        """Answer for `anon`."""
        anonymous = checked(self.creds).get("anon")
        return Found(GoogleCredentials()) if anonymous else NotMine("creds does not ask for anonymous requests")


def chain(creds: SecretFields) -> Chain[GoogleCredentials]:
    """Return the ordered sources of one handle; a new source takes its place in this tuple."""
    sources: tuple[Source[GoogleCredentials], ...] = (
        Argument(creds),
        # the other forms of the argument follow here: key file, its content, 'browser', 'cache', an OAuth token;
        # then GOOGLE_APPLICATION_CREDENTIALS, the file of `gcloud auth application-default login`, the metadata server
    )
    return Chain("gcs", sources, HINT)


def checked(creds: SecretFields) -> dict[str, Any]:
    """Return the fields that are set; "ENV" is None, ambient sources only; raises `InvalidCredentialsError`."""
    fields = creds.reveal()
    if fields is None or fields == "ENV":
        return {}
    if fields == "anon":
        return {"anon": True}
    if not isinstance(fields, Mapping):
        message = f"creds for gcs:// is a dictionary, 'anon' or 'ENV': {type(fields).__name__}. {HINT}"
        raise InvalidCredentialsError(message, provider="gcs", effect="none")
    return check_dictionary(fields, provider="gcs", own=FIELDS, foreign=FOREIGN, types={"anon": bool})


def endpoint(creds: SecretFields) -> str:
    """Return the base URL of the service, without trailing slash; raises `InvalidURIError`."""
    given = checked(creds)
    if "endpoint_url" in given:
        return checked_endpoint(given["endpoint_url"], "`endpoint_url` of creds", "gcs")
    emulator = os.environ.get("STORAGE_EMULATOR_HOST", "").strip()
    if emulator:
        # some of Google's clients take it with a scheme, some without
        url = emulator if "://" in emulator else f"http://{emulator}"
        return checked_endpoint(url, "STORAGE_EMULATOR_HOST", "gcs")
    return PUBLIC_ENDPOINT
