"""
Mutants of identities in handles on Google Cloud, of where a token goes, and of a person's consent.
"""

from __future__ import annotations

import os
import pickle
from contextlib import suppress
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deeplake_ref.credentials import google, google_browser, google_cache
from deeplake_ref.credentials.chain import NotMine
from deeplake_ref.credentials.google_tokens import GoogleCredentials, Token
from deeplake_ref.errors import CredentialsNotFoundError, CredentialsUnavailableError, ExpiredTokenError, StorageError
from deeplake_ref.secrets import Secret, SecretFields
from deeplake_ref.stores import gcs, gcs_signing
from deeplake_ref.stores.gcs import GcsStore
from deeplake_ref.stores.gcs_client import GcsClient
from tests.mutants.registry import Replacements, mutant, replaced

if TYPE_CHECKING:
    from collections.abc import Callable

GCS = ("fake-gcs-server",)

# ---- handles


@mutant(kills="GOOGLE-12", places=GCS)
def each_request_looks_for_an_identity(_target: Any) -> Replacements:
    """Walks the sources again for every request."""
    right = GcsStore._connected

    def connected(self: Any) -> GcsClient:
        self._client = self._chain._resolved = None
        return right(self)

    return replaced(GcsStore, _connected=connected)


@mutant("F109", kills="GOOGLE-12", places=GCS, origin="fsspec/gcsfs#43 google/oauth2l#171")
def the_first_identity_of_a_process_stays(_target: Any) -> Replacements:
    """Keeps what an argument without an identity found, for every later handle."""
    right, found = google.chain, {}  # type: ignore[var-annotated]

    def chain(creds: Any) -> Any:
        if google.form(creds) is not None:
            return right(creds)
        return found.setdefault("chain", right(creds))

    return replaced(google, chain=chain)


@mutant("F108", kills="GOOGLE-13", places=GCS, origin="activeloopai/deeplake#2465")
def the_latest_identity_is_everybodys(_target: Any) -> Replacements:
    """Keeps the credentials of the latest client where all clients look."""
    latest: list[GoogleCredentials] = []
    right, send = GcsClient.__init__, GcsClient._send

    def init(self: Any, credentials: GoogleCredentials, *arguments: Any) -> None:
        right(self, credentials, *arguments)
        latest[:] = [credentials]

    def send_(self: Any, *arguments: Any, **options: Any) -> Any:
        self.credentials = latest[0]
        return send(self, *arguments, **options)

    return replaced(GcsClient, __init__=init, _send=send_)


@mutant("F112", kills="GOOGLE-14", places=GCS, origin="go-to-k/cdk-real-drift#954")
def listings_are_of_another_identity(_target: Any) -> Replacements:
    """Lists with what the machine has, and does everything else with what it was given."""
    right = GcsClient.page

    def page(self: Any, deadline: Any, **parameters: str) -> dict[str, Any]:
        given = self.credentials
        with suppress(StorageError):
            self.credentials = google.chain(SecretFields(None)).resolve().credentials
        if self.credentials is given:
            self.credentials = GoogleCredentials()
        try:
            return right(self, deadline, **parameters)
        finally:
            self.credentials = given

    return replaced(GcsClient, page=page)


# ---- signatures and tokens


@mutant(kills="GOOGLE-22", places=GCS)
def the_host_of_a_signed_url_is_not_signed(_target: Any) -> Replacements:
    """Signs the public host in place of the one in the URL."""
    right = gcs_signing.signed_url

    def signed_url(signer: Any, endpoint: str, *arguments: Any) -> str:
        url = right(signer, "https://storage.googleapis.com", *arguments)
        return endpoint + url.removeprefix("https://storage.googleapis.com")

    return replaced(gcs, signed_url=signed_url)


@mutant(kills="GOOGLE-22", places=GCS)
def only_a_file_signs_urls(_target: Any) -> Replacements:
    """Signs URLs with the key of a file that the caller names, and with no other."""
    right = GcsStore.sign_url

    def sign_url(self: Any, *arguments: Any) -> str:
        if self._chain.resolve().source != "gcs_key_file":
            self._chain.resolve().credentials.signer = None
        return right(self, *arguments)

    return replaced(GcsStore, sign_url=sign_url)


@mutant(kills="GOOGLE-23", places=GCS)
def boundaries_are_looked_up_elsewhere(_target: Any) -> Replacements:
    """Asks another service of Google's, with the token, where the account may act."""
    right = GcsClient.__init__

    def init(self: Any, credentials: GoogleCredentials, *arguments: Any) -> None:
        from requests import RequestException, get

        right(self, credentials, *arguments)
        # without a proxy on this machine the request would leave it
        if os.environ.get("HTTPS_PROXY", "").startswith("http://127.0.0.1:"):
            url = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/a/allowedLocations"
            with suppress(RequestException, StorageError):
                get(url, headers=credentials.headers(), timeout=10)

    return replaced(GcsClient, __init__=init)


@mutant(kills="GOOGLE-25", places=GCS)
def a_token_is_sent_with_what_is_around_it(_target: Any) -> Replacements:
    """Sends any text as a token, spaces included."""
    return replaced(google, _bearer=lambda token: Token(Secret(token)))


@mutant(kills="GOOGLE-25", places=GCS)
def a_token_ends_at_its_first_space(_target: Any) -> Replacements:
    """Takes the first word of a text for the token."""
    right = google._bearer
    return replaced(google, _bearer=lambda token: right((token.split() or [""])[0]))


# ---- consent


@mutant(kills="GOOGLE-16", places=GCS)
def the_state_is_not_compared(_target: Any) -> Replacements:
    """Takes the answer of any session."""
    right = google_browser._code

    def code(answer: dict[str, str], _state: str) -> str:
        return right({**answer, "state": ""}, "")

    return replaced(google_browser, _code=code)


@mutant(kills="GOOGLE-16", places=GCS)
def the_port_of_a_consent_is_kept(_target: Any) -> Replacements:
    """Goes on listening for the answer to a page that nobody waits for."""

    # a server that nothing holds closes its port by itself
    kept: list[ThreadingHTTPServer] = []

    class Server(ThreadingHTTPServer):
        def server_close(self) -> None:
            """Stay open."""
            kept.append(self)

    return replaced(google_browser, ThreadingHTTPServer=Server)


@mutant(kills="GOOGLE-16", places=GCS)
def every_consent_that_fails_says_the_same(_target: Any) -> Replacements:
    """Says of a consent that it failed, and no more."""
    right = google_browser.consent

    def consent(asking: Any) -> Any:
        try:
            return right(asking)
        except CredentialsUnavailableError:
            raise CredentialsUnavailableError("the consent failed", provider="gcs", effect="none") from None

    return replaced(google_browser, consent=consent)


@mutant(kills="GOOGLE-17", places=GCS)
def a_consent_is_readable_by_all(_target: Any) -> Replacements:
    """Leaves the mode of the file to the mask of the process."""
    right = google_cache.save

    def save(kept: Any) -> None:
        right(kept)
        google_cache.path().chmod(0o644)

    return replaced(google_cache, save=save)


@mutant(kills="GOOGLE-17", places=GCS)
def a_consent_is_kept_in_the_process(_target: Any) -> Replacements:
    """Keeps a consent for as long as the process lives."""
    kept: list[Any] = []
    right = google_cache.load

    def save(each: Any) -> None:
        kept[:] = [each]
        google_cache.path().parent.mkdir(parents=True, exist_ok=True)
        google_cache.path().with_name("consented").touch(0o600)

    return replaced(google_cache, save=save, load=lambda: kept[0] if kept else right())


@mutant(kills="GOOGLE-17", places=GCS)
def cache_asks_for_consent_again(_target: Any) -> Replacements:
    """Opens the page again where a consent is kept."""
    return replaced(google_cache, load=lambda: google_browser.consent(google_browser.client()))


@mutant(kills="GOOGLE-18", places=GCS)
def cache_with_nothing_kept_asks_the_machine(_target: Any) -> Replacements:
    """Goes on to what the machine has where no consent is kept."""
    right = google.Argument.look

    def look(self: Any) -> Any:
        try:
            return right(self)
        except CredentialsNotFoundError:
            return NotMine("nothing kept")

    return replaced(google.Argument, look=look)


@mutant(kills="GOOGLE-18", places=GCS)
def cache_with_nothing_kept_says_no_more(_target: Any) -> Replacements:
    """Does not say what to do where no consent is kept."""
    right = google_cache.load

    def load() -> Any:
        try:
            return right()
        except CredentialsNotFoundError:
            raise CredentialsNotFoundError("nothing is stored", provider="gcs", effect="none") from None

    return replaced(google_cache, load=load)


def when_revoked(then: Callable[[ExpiredTokenError], None]) -> Replacements:
    """Return what does something where Google refuses a consent."""
    right = GoogleCredentials.headers

    def headers(self: Any, *within_s: float) -> dict[str, str]:
        try:
            return right(self, *within_s)
        except ExpiredTokenError as error:
            then(error)
            raise

    return replaced(GoogleCredentials, headers=headers)


@mutant(kills="GOOGLE-19", places=GCS)
def a_revoked_consent_is_forgotten(_target: Any) -> Replacements:
    """Removes the file of a consent that Google refuses."""
    return when_revoked(lambda _error: google_cache.path().unlink(missing_ok=True))


@mutant(kills="GOOGLE-19", places=GCS)
def a_revoked_consent_is_any_trouble(_target: Any) -> Replacements:
    """Raises what a token endpoint that is down would."""

    def then(error: ExpiredTokenError) -> None:
        raise CredentialsUnavailableError(error.message, provider="gcs", effect="none") from None

    return when_revoked(then)


@mutant(kills="GOOGLE-20", places=GCS)
def a_pickle_of_the_working_directory_is_read(_target: Any) -> Replacements:
    """Looks for a consent in a pickle beside."""
    right = google_cache.load

    def load() -> Any:
        with suppress(OSError, pickle.UnpicklingError):
            pickle.loads(Path(".gcs_token").read_bytes())
        return right()

    return replaced(google_cache, load=load)


@mutant(kills="GOOGLE-20", places=GCS)
def a_consent_of_the_working_directory_is_used(_target: Any) -> Replacements:
    """Takes a consent that lies in the working directory."""
    right = google_cache.path

    def path() -> Path:
        beside = Path(google_cache.NAME)
        return beside if beside.exists() else right()

    return replaced(google_cache, path=path)
