"""
Mutants of Azure credentials: what counts as configured, who else is asked, what an identity is combined with.
"""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import unquote_plus

from deeplake_ref.credentials import (
    azure,
    azure_addresses,
    azure_arguments,
    azure_login,
    azure_machine,
    azure_texts,
    chain,
)
from deeplake_ref.credentials.azure_texts import AzureCredentials
from deeplake_ref.credentials.azure_tokens import NotThereError, Tokens
from deeplake_ref.credentials.chain import NotMine, Resolved
from deeplake_ref.errors import CredentialsNotFoundError, CredentialsUnavailableError
from deeplake_ref.secrets import Secret
from deeplake_ref.stores import azure as azure_store
from deeplake_ref.stores import azure_client
from tests.mutants.registry import Replacements, mutant, replaced

WORLDS = "worlds.toml"

PLACES = ("azurite",)


# ---- who wins, and who is asked


@mutant(
    "F104",
    kills="AZURE-1",
    places=PLACES,
    claims=WORLDS,
    cases=("azure_dict_sas_token",),
    origin="apache/arrow-rs-object-store#334",
)
def a_signature_is_decoded_twice(_target: Any) -> Replacements:
    """Decodes a shared access signature before it becomes part of a URL."""
    right = azure_texts._sas_token

    def sas_token(text: str, where: str) -> Any:
        token, ends = right(text, where)
        return Secret(unquote_plus(unquote_plus(token.reveal()))), ends

    return replaced(azure_texts, _sas_token=sas_token)


@mutant(kills="AZURE-2", places=PLACES, claims=WORLDS)
def the_machine_and_az_are_asked_always(_target: Any) -> Replacements:
    """Asks the sources behind the winner too, to tell of them."""
    right = chain.Chain._walk

    def walk(self: Any) -> Any:
        found = right(self)
        for source in self.sources[len(self.attempts) :]:
            self._ask(source)
        return found

    return replaced(chain.Chain, _walk=walk)


@mutant("F098", kills="AZURE-3", places=PLACES, claims=WORLDS, origin="drivendataorg/cloudpathlib#191")
def an_azure_nobody_is_anonymous(_target: Any) -> Replacements:
    """Signs nothing where no source is configured, and goes on."""
    right = chain.Chain._walk

    def walk(self: Any) -> Any:
        try:
            return right(self)
        except CredentialsNotFoundError:
            return Resolved("anonymous", AzureCredentials())

    return replaced(chain.Chain, _walk=walk)


# ---- what is configured


@mutant("F094", kills="AZURE-5", places=PLACES, claims=WORLDS, origin="googleapis/google-auth-library-python#1374")
def blank_variables_of_azure_count(_target: Any) -> Replacements:
    """Takes a storage variable that is empty or blank for a key that is wrong."""
    right = azure.Variable.look

    def look(self: Any) -> Any:
        if not os.environ.get(self.variable, "x").strip():
            raise azure_texts.invalid(f"{self.variable} is blank")
        return right(self)

    return replaced(azure.Variable, look=look)


@mutant(kills="AZURE-5", places=PLACES, claims=WORLDS, cases=("azure_env_key(another-account)+azure_managed_identity",))
def keys_of_another_account_are_taken(_target: Any) -> Replacements:
    """Signs with AZURE_STORAGE_KEY whichever account it is of."""

    def look(self: Any) -> Any:
        value = os.environ.get(self.variable, "")
        if not value.strip():
            return NotMine("not set")
        if self.field_name == "connection_string":
            return azure_texts.from_connection_string(value, self.account, self.variable)
        return azure_texts.from_secret(self.field_name, value, self.variable)

    return replaced(azure.Variable, look=look)


@mutant(kills="AZURE-5", places=PLACES, claims=WORLDS, cases=("azure_cli(not-signed-in)",))
def an_az_that_is_not_signed_in_is_an_error(_target: Any) -> Replacements:
    """Takes an `az` without a login for one that is broken."""
    right = azure_login.AzureLogin._failure

    def failure(self: Any, error: Exception) -> Exception:
        told = right(self, error)
        return CredentialsUnavailableError(str(told)) if isinstance(told, NotThereError) else told

    return replaced(azure_login.AzureLogin, _failure=failure)


@mutant(
    "F103",
    kills="AZURE-6",
    places=PLACES,
    claims=WORLDS,
    cases=("azure_dict_sas_token(question-mark)",),
    origin="google/go-cloud#3284 google/go-cloud#2934",
)
def a_question_mark_stays_in_the_signature(_target: Any) -> Replacements:
    """Puts a signature behind the question mark of the URL with the one that it begins with."""
    right = azure_texts._sas_token

    def sas_token(text: str, where: str) -> Any:
        token, ends = right(text, where)
        # azure-core takes one away itself
        return (Secret(f"??{token.reveal()}") if text.startswith("?") else token), ends

    return replaced(azure_texts, _sas_token=sas_token)


# ---- anonymous, and the dictionary


@mutant("F095", kills="AZURE-7", places=PLACES, claims=WORLDS, origin="fsspec/adlfs#411")
def anon_is_ignored_on_azure(_target: Any) -> Replacements:
    """Takes `anon` in the creds, and signs with what it finds."""
    return replaced(azure_arguments.Dictionary, look=lambda self: NotMine("none"))


@mutant(kills="AZURE-8", places=PLACES, claims=WORLDS, cases=("azure_dict_account_key(blank)+azure_env_key",))
def a_blank_field_is_passed_over(_target: Any) -> Replacements:
    """Takes a blank key in the creds for none, and the next source for the one that was meant."""
    right = chain.check_dictionary

    def check_dictionary(creds: Any, **about: Any) -> Any:
        given = {name: value for name, value in creds.items() if not (isinstance(value, str) and not value.strip())}
        return right(given, **about)

    return replaced(azure_arguments, check_dictionary=check_dictionary)


@mutant("F099", kills="AZURE-9", places=PLACES, claims=WORLDS, origin="apache/arrow-rs-object-store#500")
def unknown_fields_of_azure_are_ignored(_target: Any) -> Replacements:
    """Passes over fields of creds that it does not know."""
    right = chain.check_dictionary

    def check_dictionary(creds: Any, **about: Any) -> Any:
        return right({name: value for name, value in creds.items() if name in azure_arguments.FIELDS}, **about)

    return replaced(azure_arguments, check_dictionary=check_dictionary)


@mutant(kills="AZURE-10", places=PLACES, claims=WORLDS)
def a_key_goes_with_a_signature(_target: Any) -> Replacements:
    """Sends a signature with each request that the key of the same creds signs."""

    right = azure_arguments.DictionaryField.look
    kept: list[str] = []

    def look(self: Any) -> Any:
        sas = azure_arguments.checked(self.creds).get("sas_token")
        kept[:] = [sas] if sas else []
        return right(self)

    send = azure_client.AzureClient.send

    def both(self: Any, method: str, key: Any, deadline: Any, *, query: str = "", **more: Any) -> Any:
        added = f"{query}&{kept[0]}" if query and kept else query or "".join(kept)
        return send(self, method, key, deadline, query=added, **more)

    return [
        *replaced(azure_arguments.DictionaryField, look=look),
        *replaced(azure_client.AzureClient, send=both),
    ]


# ---- addresses and tokens


@mutant(kills="AZURE-11", places=PLACES, claims=WORLDS)
def the_endpoint_of_the_environment_comes_first(_target: Any) -> Replacements:
    """Takes AZURE_STORAGE_ENDPOINT before the endpoint of the creds and of the connection string."""
    right = azure_addresses.address

    def address(creds: Any, credentials: Any, account: str) -> Any:
        configured = os.environ.get("AZURE_STORAGE_ENDPOINT", "").strip()
        if configured:
            return azure_addresses.Address(configured, "AZURE_STORAGE_ENDPOINT")
        return right(creds, credentials, account)

    return replaced(azure_addresses, address=address)


@mutant(kills="AZURE-12", places=PLACES, claims=WORLDS)
def tokens_are_asked_for_plain_http(_target: Any) -> Replacements:
    """Asks for a token whatever the endpoint is, and looks at that before it sends it."""
    return replaced(azure_addresses.Destination, insecure=None)


@mutant("F108", kills="AZURE-13", places=PLACES, claims=WORLDS, origin="activeloopai/deeplake#2465")
def handles_of_an_account_share_a_client(_target: Any) -> Replacements:
    """Keeps one client for each account, whoever opened it."""
    right = azure_client.AzureClient
    kept: dict[str, Any] = {}

    def client(credentials: Any, endpoint: str, account: str, container: str) -> Any:
        if account not in kept:
            kept[account] = right(credentials, endpoint, account, container)
        return kept[account]

    return replaced(azure_store, AzureClient=client)


@mutant("F097", kills="AZURE-14", places=PLACES, claims=WORLDS, origin="fsspec/gcsfs#803")
def a_silent_machine_of_azure_is_asked_again(_target: Any) -> Replacements:
    """Asks a metadata service that does not answer once more."""
    right = azure_machine.ManagedIdentity._ask_machine

    def ask(self: Any, url: str, query: Any, patience_s: float) -> Any:
        try:
            return right(self, url, query, patience_s)
        except NotThereError:
            return right(self, url, query, patience_s)

    return replaced(azure_machine.ManagedIdentity, _ask_machine=ask)


@mutant("F117", kills="AZURE-15", places=PLACES, claims=WORLDS, origin="rclone/rclone@9d4c912e0")
def each_request_asks_for_a_token(_target: Any) -> Replacements:
    """Gets a token for each request."""
    return replaced(Tokens, _is_due=lambda self, kept: True)
