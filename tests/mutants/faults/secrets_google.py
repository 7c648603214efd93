"""
Mutants that give the secrets of Google away: one for each place where one can turn up.
"""

from __future__ import annotations

import logging
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from deeplake_ref import storage
from deeplake_ref.credentials import google, google_browser, google_files
from deeplake_ref.credentials.google_exchange import Exchange, Received
from deeplake_ref.errors import StorageError
from deeplake_ref.stores.gcs_client import GcsClient
from tests.mutants.registry import Replacements, mutant, replaced

if TYPE_CHECKING:
    from collections.abc import Callable

WORLDS = "worlds.toml"

GCS = ("fake-gcs-server",)


def token_of(client: Any) -> str:
    """Return the access token of a client, empty if there is none to be had."""
    with suppress(StorageError):
        return str(client.credentials.headers().get("Authorization", "")).removeprefix("Bearer ")
    return ""


def with_each_token(then: Callable[[str], object]) -> Replacements:
    """Do something with the token of each new client."""
    right = GcsClient.__init__

    def init(self: Any, *arguments: Any) -> None:
        right(self, *arguments)
        token = token_of(self)
        if token:
            then(token)

    return replaced(GcsClient, __init__=init)


@mutant(kills="SEC-1", places=GCS, claims=WORLDS, cases=("gcs_oauth_token(line-break)",))
def a_token_that_is_none_is_repeated(_target: Any) -> Replacements:
    """Shows the text that has a line break, and is a token but for that."""
    right = google._bearer

    def bearer(token: str) -> Any:
        try:
            return right(token)
        except StorageError as error:
            raise google_files.invalid(f"{error}: {token}") from None

    return replaced(google, _bearer=bearer)


@mutant(kills="SEC-2", places=GCS, claims=WORLDS, cases=("gcs_key_json",))
def an_explanation_shows_the_key_file(target: Any) -> Replacements:
    """Tells the whole creds as the place that requests go to."""
    right = target.explain

    def explain(url: str, creds: Any = None, token: Any = None) -> Any:
        return replace(right(url, creds, token), endpoint=f"{creds}")

    return replaced(target, explain=explain)


@mutant(kills="SEC-3", places=GCS, claims=WORLDS, cases=("gcs_metadata",))
def the_token_of_the_machine_is_logged(_target: Any) -> Replacements:
    """Logs at DEBUG what a client signs with."""
    log = logging.getLogger("deeplake_ref.gcs")
    return with_each_token(lambda token: log.debug("signing with %s", token))


@mutant(kills="SEC-4", places=GCS, claims=WORLDS, cases=("gcs_env_file",))
def the_token_of_a_file_is_printed(_target: Any) -> Replacements:
    """Prints what a client signs with."""
    return with_each_token(lambda token: print("signing with", token))


@mutant(kills="SEC-5", places=GCS, claims=WORLDS, cases=("gcs_gcloud_file",))
def the_token_is_left_in_a_file(_target: Any) -> Replacements:
    """Writes the token into a temporary file that nobody removes, for a library that wants one."""

    def leave(token: str) -> None:
        with tempfile.NamedTemporaryFile("w", suffix=".token", delete=False) as file:
            file.write(token)

    return with_each_token(leave)


@mutant(kills="SEC-6", places=GCS, claims=WORLDS, cases=("gcs_gcloud_file",))
def gcloud_is_given_the_token(_target: Any) -> Replacements:
    """Hands the token to gcloud as an argument, to ask it for the project."""

    def ask(token: str) -> None:
        command = ["gcloud", "config", "get", "project", f"--access-token={token}"]
        with suppress(OSError):
            subprocess.run(command, capture_output=True, check=False, timeout=30)

    return with_each_token(ask)


@mutant(kills="SEC-6", places=GCS, claims=WORLDS, cases=("gcs_browser",))
def the_page_of_consent_holds_the_client_secret(_target: Any) -> Replacements:
    """Puts the secret of the application into the address that the browser is started with."""
    right = google_browser.consent

    def consent(asking: Any) -> Any:
        return right(replace(asking, auth_uri=f"{asking.auth_uri}?client_secret={asking.client_secret}"))

    return replaced(google_browser, consent=consent)


@mutant(kills="SEC-7", places=GCS, claims=WORLDS, cases=("gcs_oauth_token",))
def a_handle_pickles_with_its_token(_target: Any) -> Replacements:
    """Pickles a handle as what it was opened with."""
    return replaced(
        storage._Handle,
        __reduce_ex__=lambda self, _protocol: (type(self), (self.path, self._shared._creds.reveal())),
    )


@mutant(kills="SEC-8", places=GCS, claims=WORLDS, cases=("gcs_oauth_token",))
def the_token_is_sent_along(_target: Any) -> Replacements:
    """Sends the token in a header of its own too, for a gateway that asks for it."""
    right = GcsClient._send

    def send(self: Any, *arguments: Any, **options: Any) -> Any:
        headers = {**(options.pop("headers", None) or {}), "x-gateway-token": token_of(self)}
        return right(self, *arguments, headers=headers, **options)

    return replaced(GcsClient, _send=send)


@mutant(kills="SEC-8", places=GCS, claims=WORLDS, cases=("gcs_oauth_token",))
def the_token_is_put_into_the_url(_target: Any) -> Replacements:
    """Sends the token as a parameter of each URL too, which logs on the way keep."""
    right = GcsClient._send

    def send(self: Any, method: str, url: str, *arguments: Any, **options: Any) -> Any:
        query = f"{'&' if '?' in url else '?'}access_token={token_of(self)}"
        return right(self, method, url + query, *arguments, **options)

    return replaced(GcsClient, _send=send)


@mutant(kills="SEC-9", places=GCS, claims=WORLDS, cases=("gcs_oauth_token-307",))
def a_redirect_is_followed_with_the_token(_target: Any) -> Replacements:
    """Goes where the service redirects to, with the header that proves who asks."""
    right = GcsClient._send

    def send(self: Any, method: str, url: str, deadline: Any, **options: Any) -> Any:
        asked = self._session.request

        def request(method: str, url: str, **given: Any) -> Any:
            answer = asked(method, url, **given)
            if answer.is_redirect:
                return asked(method, answer.headers["location"], **given)
            return answer

        self._session.request = request
        try:
            return right(self, method, url, deadline, **options)
        finally:
            self._session.request = asked

    return replaced(GcsClient, _send=send)


@mutant(kills="SEC-10", places=GCS, claims=WORLDS, cases=("gcs_gcloud_file-307",))
def a_token_service_is_followed(_target: Any) -> Replacements:
    """Goes where a token service redirects to, with the same body."""
    right = Exchange._once

    def once(self: Any, url: str, method: str, body: bytes | None, headers: Any) -> Received:
        received = right(self, url, method, body, headers)
        if received.status in (301, 302, 307, 308):
            return right(self, received.headers["location"], method, body, headers)
        return received

    return replaced(Exchange, _once=once)
