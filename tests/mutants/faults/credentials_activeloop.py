"""
Mutants of the tokens of Deep Lake: whose is shown, what counts as configured, how an odd text goes over the wire.
"""

from __future__ import annotations

import os
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from deeplake_ref import client, urls
from deeplake_ref.credentials import activeloop, activeloop_lenders, activeloop_plane
from deeplake_ref.credentials.activeloop_leases import Lease
from deeplake_ref.credentials.activeloop_lenders import OfDataset
from deeplake_ref.credentials.activeloop_plane import ControlPlane
from deeplake_ref.credentials.chain import Broken, Found, NotMine
from deeplake_ref.errors import AuthenticationError, InvalidURIError, StorageError
from deeplake_ref.secrets import Secret, SecretFields
from tests.mutants.faults.credentials_order import rearranged, swapped
from tests.mutants.registry import Replacements, mutant, replaced

if TYPE_CHECKING:
    from deeplake_ref.credentials.activeloop import Answer

PLACES = ("al-moto",)
WORLDS = "worlds.toml"

AZURE = "activeloop_provider_azure"

mutant(
    "F090",
    kills="LAKE-1",
    places=PLACES,
    claims=WORLDS,
    cases=("activeloop_argument+activeloop_env",),
    name="activeloop_env_before_activeloop_argument",
    wrong="Asks activeloop_env before activeloop_argument.",
)(swapped(activeloop, "activeloop_argument", "activeloop_env"))


@mutant(kills="LAKE-1", places=PLACES, claims=WORLDS, cases=("activeloop_argument+activeloop_env",))
def every_token_is_shown(_target: Any) -> Replacements:
    """Shows the token of the environment too, to see whose dataset it is."""
    right = ControlPlane.ask

    def ask(self: Any, *arguments: Any, **named: Any) -> Any:
        with suppress(StorageError):
            right(ControlPlane(activeloop.chain(SecretFields(None)), self._retry), "GET", "/api/user/profile", "open")
        return right(self, *arguments, **named)

    return replaced(ControlPlane, ask=ask)


@mutant(kills="LAKE-2", places=PLACES, claims=WORLDS)
def token_or_provider_by_chance(_target: Any) -> Replacements:
    """Lets the provider win in one half of all home directories."""

    def change(sources: list[Any]) -> list[Any]:
        chance = zlib.crc32(os.environ.get("HOME", "").encode()) % 2
        return sources[2:] + sources[:2] if chance else sources

    return rearranged(activeloop, change)


@mutant(kills="LAKE-3", places=PLACES, claims=WORLDS, cases=("activeloop_provider_azure-lower-case",))
def every_token_is_said_to_be_deep_lakes_own(_target: Any) -> Replacements:
    """Says `activeloop` in X-Activeloop-Provider-Type, whoever the token is of."""
    right = activeloop_plane._headers

    def headers(*arguments: Any) -> dict[str, str]:
        return {**right(*arguments), "X-Activeloop-Provider-Type": "activeloop"}

    return replaced(activeloop_plane, _headers=headers)


@mutant(kills="LAKE-3", places=PLACES, claims=WORLDS, cases=("activeloop_provider_gcp-upper-case",))
def a_provider_in_capitals_is_none(_target: Any) -> Replacements:
    """Knows providers in lower case only."""
    right = activeloop.Provider.look

    def look(self: Any) -> Answer:
        value = os.environ.get(activeloop.PROVIDER, "")
        return right(self) if value == value.lower() else NotMine("no provider")

    return replaced(activeloop.Provider, look=look)


@mutant(kills="LAKE-4", places=PLACES, claims=WORLDS, cases=("activeloop_env+activeloop_provider_azure",))
def the_provider_is_asked_beforehand(_target: Any) -> Replacements:
    """Gets a token of the provider, and then shows the one that is configured."""
    right = activeloop.Environment.look

    def look(self: Any) -> Answer:
        if os.environ.get(activeloop.PROVIDER):
            with suppress(StorageError):
                activeloop.CLOUDS["azure"]()
        return right(self)

    return replaced(activeloop.Environment, look=look)


@mutant(kills="LAKE-5", places=PLACES, claims=WORLDS)
def no_token_is_an_empty_one(_target: Any) -> Replacements:
    """Sends an empty token where there is none, as deeplake 4.7.4 does."""
    right = activeloop.Environment.look

    def look(self: Any) -> Answer:
        found = right(self)
        if isinstance(found, NotMine) and not os.environ.get(activeloop.PROVIDER):
            return Found(activeloop.DeepLakeToken(activeloop.OWN, lambda: ""))
        return found

    return replaced(activeloop.Environment, look=look)


@mutant(kills="LAKE-6", places=PLACES, claims=WORLDS, cases=("activeloop_argument(blank)+activeloop_env",))
def a_blank_token_argument_is_none(_target: Any) -> Replacements:
    """Takes a blank token argument for one that was not given."""
    right = activeloop.Argument.look

    def look(self: Any) -> Answer:
        found = right(self)
        return NotMine("blank") if isinstance(found, Broken) and "blank" in str(found.error) else found

    return replaced(activeloop.Argument, look=look)


@mutant(kills="LAKE-6", places=PLACES, claims=WORLDS, cases=("activeloop_provider_azure(unknown)",))
def an_unknown_provider_is_none(_target: Any) -> Replacements:
    """Takes a provider that is unknown for none, as deeplake 4.7.4 does."""
    right = activeloop.Provider.look

    def look(self: Any) -> Answer:
        known = os.environ.get(activeloop.PROVIDER, "").strip().lower() in ("", activeloop.OWN, *activeloop.CLOUDS)
        return right(self) if known else NotMine("no provider")

    return replaced(activeloop.Provider, look=look)


@mutant(kills="LAKE-6", places=PLACES, claims=WORLDS, cases=("activeloop_provider_azure(wrong-secret)",))
def a_provider_without_an_identity_is_none(_target: Any) -> Replacements:
    """Takes a provider whose identity cannot be had for one that is not configured."""
    right = activeloop.Provider.look

    def look(self: Any) -> Answer:
        try:
            found = right(self)
        except StorageError as error:
            return NotMine(type(error).__name__)
        return NotMine("it cannot be had") if isinstance(found, Broken) else found

    return replaced(activeloop.Provider, look=look)


@mutant(
    "F094", kills="LAKE-7", places=PLACES, claims=WORLDS, cases=("activeloop_env(blank)+activeloop_provider_azure",)
)
def a_blank_token_of_the_environment_counts(_target: Any) -> Replacements:
    """Takes ACTIVELOOP_TOKEN that is blank for a token that is wrong."""
    right = activeloop.Environment.look

    def look(self: Any) -> Answer:
        value = os.environ.get(activeloop.TOKEN)
        return right(self) if value is None or value.strip() else activeloop._of_text(value, activeloop.TOKEN)

    return replaced(activeloop.Environment, look=look)


@mutant(
    kills="LAKE-7",
    places=PLACES,
    claims=WORLDS,
    cases=("activeloop_env+activeloop_provider_azure(default)", "activeloop_provider_azure(default)"),
)
def the_provider_activeloop_is_unknown(_target: Any) -> Replacements:
    """Refuses the provider `activeloop`, which is the default."""
    right = activeloop.Provider.look

    def look(self: Any) -> Answer:
        if os.environ.get(activeloop.PROVIDER, "").strip().lower() == activeloop.OWN:
            return Broken(activeloop._invalid("unknown provider"))
        return right(self)

    return replaced(activeloop.Provider, look=look)


@mutant(kills="LAKE-8", places=PLACES, claims=WORLDS)
def a_token_is_sent_with_the_spaces_around_it(_target: Any) -> Replacements:
    """Shows a token with the spaces around it."""

    def of_text(given: str, _where: str) -> Answer:
        secret = Secret(given)
        return Found(activeloop.DeepLakeToken(activeloop.OWN, secret.reveal))

    return replaced(activeloop, _of_text=of_text)


@mutant(kills="LAKE-8", places=PLACES, claims=WORLDS, cases=("activeloop_env",))
def a_token_ends_at_its_first_odd_character(_target: Any) -> Replacements:
    """Shows what stands before the first character that no header has."""

    def of_text(given: str, _where: str) -> Answer:
        text = given.strip()
        kept = "".join(letter for letter in text if "!" <= letter <= "~") or "x"
        secret = Secret(kept)
        return Found(activeloop.DeepLakeToken(activeloop.OWN, secret.reveal))

    return replaced(activeloop, _of_text=of_text)


@mutant(kills="LAKE-9", places=PLACES, claims=WORLDS, cases=("activeloop_argument-unknown",))
def a_rejected_token_is_passed_over(_target: Any) -> Replacements:
    """Shows the next token where one is rejected."""
    right = ControlPlane.ask

    def ask(self: Any, *arguments: Any, **named: Any) -> Any:
        try:
            return right(self, *arguments, **named)
        except AuthenticationError:
            self.tokens = activeloop.chain(SecretFields(None))
            return right(self, *arguments, **named)

    return replaced(ControlPlane, ask=ask)


@mutant(kills="LAKE-9", places=PLACES, claims=WORLDS, cases=("activeloop_env-revoked",))
def a_rejected_token_is_shown_again(_target: Any) -> Replacements:
    """Shows a token that was rejected a second time."""
    right = ControlPlane.ask

    def ask(self: Any, *arguments: Any, **named: Any) -> Any:
        try:
            return right(self, *arguments, **named)
        except AuthenticationError:
            return right(self, *arguments, **named)

    return replaced(ControlPlane, ask=ask)


@mutant(kills="LAKE-25", places=PLACES, claims=WORLDS, cases=("s3",))
def keys_beside_al_sign(_target: Any) -> Replacements:
    """Signs with the keys of the creds dictionary at the place that the control plane names, as deeplake 3 does."""
    right = OfDataset.get

    def get(self: Any, *, once: bool) -> Lease:
        given = self._creds.reveal()
        if not isinstance(given, dict):
            return right(self, once=once)
        kept, self._creds = self._creds, SecretFields(None)
        try:
            lease = right(self, once=once)
        finally:
            self._creds = kept
        lent: Any = lease.fields.reveal()
        fields = {**lent, **given}
        return Lease(lease.url, SecretFields(fields), lease.ends, lease.writes)

    return replaced(activeloop_lenders.OfDataset, get=get)


@mutant(kills="LAKE-31", places=PLACES, claims=WORLDS)
def a_missing_name_is_asked_for(_target: Any) -> Replacements:
    """Takes a path of an organisation alone for that of a dataset called `default`."""
    right = urls.parse

    def parse(url: Any, *arguments: Any, **named: Any) -> Any:
        bare = str(url).rstrip("/")
        alone = bare.startswith("al://") and bare.count("/") == 2
        return right(f"{bare}/default" if alone else url, *arguments, **named)

    return replaced(urls, parse=parse)


@mutant(kills="LAKE-32", places=PLACES, claims=WORLDS, cases=("a%20b-plain",))
def a_name_is_decoded(_target: Any) -> Replacements:
    """Takes the name of a dataset for one that is percent-encoded."""
    right = activeloop_lenders.dataset_name
    return replaced(activeloop_lenders, dataset_name=lambda url: unquote(right(url)))


@mutant(kills="LAKE-26", places=PLACES, claims=WORLDS, cases=("slash-at-end-activeloop_env",))
def an_address_with_a_slash_at_its_end_is_refused(_target: Any) -> Replacements:
    """Takes an address of the control plane with a slash at its end for none."""
    right = client.address

    def address() -> client.Endpoint:
        if os.environ.get(client.VARIABLE, "").endswith("/"):
            raise InvalidURIError("there is a slash at the end of the address", provider="al", effect="none")
        return right()

    return replaced(client, address=address)


@mutant("F094", kills="LAKE-26", places=PLACES, claims=WORLDS, cases=("blank-activeloop_env",))
def a_blank_address_counts(_target: Any) -> Replacements:
    """Takes ACTIVELOOP_ENDPOINT that is blank for an address."""
    right = client.address

    def address() -> client.Endpoint:
        value = os.environ.get(client.VARIABLE)
        return right() if value is None or value.strip() else client.Endpoint(value, client.VARIABLE)

    return replaced(client, address=address)


@mutant(kills="LAKE-26", places=PLACES, claims=WORLDS, cases=("absent-activeloop_env",))
def the_control_plane_is_on_this_machine(_target: Any) -> Replacements:
    """Asks this machine where nothing says where the control plane is."""
    return replaced(client, PUBLIC_ENDPOINT="http://127.0.0.1:7777")
