"""
Mutants of the search for an identity on Google Cloud: another order, others asked, broken sources passed over.
"""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from dataclasses import replace
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

from deeplake_ref.credentials import google, google_files, google_metadata
from deeplake_ref.credentials.chain import Broken, Found, NotMine, Resolved
from deeplake_ref.credentials.google_tokens import GoogleCredentials
from deeplake_ref.errors import CredentialsError, CredentialsNotFoundError, InvalidCredentialsError
from deeplake_ref.secrets import SecretFields
from tests.mutants.registry import Replacements, mutant, replaced

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deeplake_ref.credentials.chain import Chain

GCS = ("fake-gcs-server",)

# ---- order


def chained(change: Callable[[Chain[GoogleCredentials], SecretFields], None]) -> Replacements:
    """Return what changes every chain when it is made."""
    right = google.chain

    def chain(creds: SecretFields) -> Chain[GoogleCredentials]:
        made = right(creds)
        change(made, creds)
        return made

    return replaced(google, chain=chain)


def swapped(fault: str, first: str, second: str, origin: str = "") -> None:
    """Register a mutant that asks one source behind another."""

    def change(_target: Any) -> Replacements:
        def reorder(chain: Chain[GoogleCredentials], _creds: SecretFields) -> None:
            by_name = {source.name: source for source in chain.sources}
            names = [name for name in by_name if name != first]
            names.insert(names.index(second) + 1, first)
            chain.sources = tuple(by_name[name] for name in names)

        return chained(reorder)

    change.__name__ = f"{second}_before_{first}"
    change.__doc__ = f"Asks {second} before {first}."
    mutant(fault, kills="GOOGLE-1", places=GCS, origin=origin)(change)


for form in google.FORMS:
    # the forms of the argument exclude each other, so that their own order cannot be seen
    swapped("F090" if form == "gcs_key_dict" else "", form, "gcs_env_file")
swapped("F109", "gcs_env_file", "gcs_gcloud_file", "fsspec/gcsfs#43 google/oauth2l#171")
swapped("", "gcs_gcloud_file", "gcs_metadata")


@mutant("F092", kills="GOOGLE-1", places=GCS, origin="apache/arrow-rs-object-store#531")
def a_broken_file_behind_the_winner_matters(_target: Any) -> Replacements:
    """Reads the file of the environment whoever wins."""
    right = google.Argument.look

    def look(self: Any) -> Any:
        google.EnvironmentFile().look()
        return right(self)

    return replaced(google.Argument, look=look)


# ---- who is asked


@mutant("F097", kills="GOOGLE-2", places=GCS, origin="fsspec/gcsfs#144 fsspec/gcsfs#803")
def the_metadata_server_is_probed_first(_target: Any) -> Replacements:
    """Finds out whether this is a machine of Google's before it looks at anything."""

    def probe(chain: Chain[GoogleCredentials], _creds: SecretFields) -> None:
        right = chain.resolve

        def resolve() -> Resolved[GoogleCredentials]:
            with suppress(CredentialsError):
                google_metadata.Metadata().look()
            return right()

        chain.resolve = resolve  # type: ignore[method-assign]

    return chained(probe)


@mutant("F098", kills="GOOGLE-3", places=GCS, origin="drivendataorg/cloudpathlib#192 drivendataorg/cloudpathlib#191")
def nobody_is_somebody_unsigned(_target: Any) -> Replacements:
    """Goes on without a signature where no source is configured."""

    def fall_back(chain: Chain[GoogleCredentials], _creds: SecretFields) -> None:
        right = chain.resolve

        def resolve() -> Resolved[GoogleCredentials]:
            try:
                return right()
            except CredentialsNotFoundError:
                return Resolved("anonymous", GoogleCredentials())

        chain.resolve = resolve  # type: ignore[method-assign]

    return chained(fall_back)


@mutant(kills="GOOGLE-24", places=GCS)
def gcloud_is_asked_for_the_project(_target: Any) -> Replacements:
    """Runs gcloud for the name of the project."""
    right = google.GcloudFile.look

    def look(self: Any) -> Any:
        with suppress(OSError):
            subprocess.run(["gcloud", "config", "get", "project"], check=False, capture_output=True, timeout=10)
        return right(self)

    return replaced(google.GcloudFile, look=look)


# ---- broken


def passed_over(source: type[Any], error: type[Exception] = CredentialsError) -> Replacements:
    """Return what takes a broken source for one that is not configured."""
    right = source.look

    def look(self: Any) -> Any:
        try:
            answer = right(self)
        except error:
            return NotMine("of no use")
        return NotMine("of no use") if isinstance(answer, Broken) else answer

    return replaced(source, look=look)


@mutant(kills="GOOGLE-4", places=GCS)
def a_broken_file_of_the_environment_is_passed_over(_target: Any) -> Replacements:
    """Goes on where the file that GOOGLE_APPLICATION_CREDENTIALS names is missing or malformed."""
    return passed_over(google.EnvironmentFile)


@mutant(kills="GOOGLE-4", places=GCS)
def a_broken_file_of_gcloud_is_passed_over(_target: Any) -> Replacements:
    """Goes on where gcloud's file is malformed."""
    return passed_over(google.GcloudFile)


@mutant(kills="GOOGLE-4", places=GCS)
def a_machine_without_an_account_is_no_machine(_target: Any) -> Replacements:
    """Goes on where the metadata server refuses a token."""
    return passed_over(google_metadata.Metadata)


@mutant(kills="GOOGLE-4", places=GCS)
def whoever_answers_is_the_metadata_server(_target: Any) -> Replacements:
    """Does not look for the header of the metadata server."""

    class Connection(HTTPConnection):
        def getresponse(self) -> Any:
            answer = super().getresponse()
            answer.headers[google_metadata.FLAVOUR] = "Google"
            return answer

    return replaced(google_metadata, HTTPConnection=Connection)


@mutant(kills="GOOGLE-4", places=GCS)
def a_token_endpoint_that_fails_gives_way_to_the_machine(_target: Any) -> Replacements:
    """Takes the token of the machine where the one of a file is not to be had."""
    right = GoogleCredentials.headers

    def headers(self: Any, *within_s: float) -> dict[str, str]:
        try:
            return right(self, *within_s)
        except CredentialsError:
            found = google_metadata.Metadata().look()
            if not isinstance(found, Found):
                raise
            return right(found.credentials)

    return replaced(GoogleCredentials, headers=headers)


# ---- not configured


@mutant("F094", kills="GOOGLE-5", places=GCS, origin="boto/botocore#1680 googleapis/google-auth-library-python#1374")
def a_blank_variable_is_a_file(_target: Any) -> Replacements:
    """Takes a blank GOOGLE_APPLICATION_CREDENTIALS for the name of a file."""

    def look(_self: Any) -> Any:
        path = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
        if path is None:
            return NotMine("not set")
        return Found(google_files.credentials(google_files.read(path, "the file"), "the file"))

    return replaced(google.EnvironmentFile, look=look)


@mutant(kills="GOOGLE-5", places=GCS)
def gcloud_has_to_have_its_file(_target: Any) -> Replacements:
    """Ends the search where gcloud has written no file."""
    right = google.GcloudFile.look

    def look(self: Any) -> Any:
        answer = right(self)
        if isinstance(answer, NotMine):
            raise google_files.invalid(answer.reason)
        return answer

    return replaced(google.GcloudFile, look=look)


@mutant(kills="GOOGLE-5", places=GCS)
def the_switch_of_the_metadata_server_is_not_read(_target: Any) -> Replacements:
    """Asks the metadata server although NO_GCE_CHECK is set."""

    def look(_self: Any) -> Any:
        try:
            return Found(GoogleCredentials(google_metadata._token(google_metadata._host(), 2.0)))
        except OSError:
            return NotMine("no metadata server")

    return replaced(google_metadata.Metadata, look=look)


@mutant(kills="GOOGLE-15", places=GCS)
def a_silent_metadata_server_is_asked_three_times(_target: Any) -> Replacements:
    """Asks a metadata server that does not answer twice more."""
    right = google_metadata.Metadata.look

    def look(self: Any) -> Any:
        answers = (right(self) for _ in range(3))
        return next((answer for answer in answers if isinstance(answer, Found)), NotMine("no metadata server"))

    return replaced(google_metadata.Metadata, look=look)


# ---- anonymous


@mutant("F095", kills="GOOGLE-6", places=GCS, origin="fsspec/gcsfs#720 earth-mover/icechunk#1493")
def anon_asks_for_nothing(_target: Any) -> Replacements:
    """Takes the dictionary that asks for unsigned requests for an empty one."""
    right = google.form

    def form(creds: SecretFields) -> str | None:
        found = right(creds)
        return None if found == "gcs_anon" and not isinstance(creds.reveal(), str) else found

    return replaced(google, form=form)


@mutant("F096", kills="GOOGLE-6", places=GCS, origin="boto/botocore#1472")
def credentials_are_looked_up_for_unsigned_requests(_target: Any) -> Replacements:
    """Asks the metadata server before it sends unsigned requests."""
    right = google.Argument.look

    def look(self: Any) -> Any:
        answer = right(self)
        if self.name == "gcs_anon" and isinstance(answer, Found):
            with suppress(CredentialsError):
                google_metadata.Metadata().look()
        return answer

    return replaced(google.Argument, look=look)


@mutant(kills="GOOGLE-7", places=GCS)
def an_emulator_takes_everybody(_target: Any) -> Replacements:
    """Sends unsigned requests where STORAGE_EMULATOR_HOST is set and the argument says nothing."""

    def drop(chain: Chain[GoogleCredentials], creds: SecretFields) -> None:
        if os.environ.get("STORAGE_EMULATOR_HOST") and google.form(creds) is None:
            chain.resolve = lambda: Resolved("anonymous", GoogleCredentials())  # type: ignore[method-assign]

    return chained(drop)


# ---- the argument


@mutant(kills="GOOGLE-8", places=GCS)
def a_dictionary_of_no_use_is_passed_over(_target: Any) -> Replacements:
    """Goes on to the environment where the creds argument is incomplete."""
    return passed_over(google.Argument, InvalidCredentialsError)


@mutant("F134", kills="GOOGLE-8", places=GCS)
def keys_of_other_clouds_are_dropped(_target: Any) -> Replacements:
    """Leaves out the keys of other clouds, and goes on."""
    right = google.checked

    def checked(creds: SecretFields) -> dict[str, Any]:
        given = creds.reveal()
        if isinstance(given, dict):
            given = {name: value for name, value in given.items() if name not in google.FOREIGN}
        return right(SecretFields(given))

    def form(creds: SecretFields) -> str | None:
        given = creds.reveal()
        if isinstance(given, dict):
            given = {name: value for name, value in given.items() if name not in google.FOREIGN}
        return asked(SecretFields(given))

    asked = google.form
    return replaced(google, checked=checked, form=form)


@mutant(kills="GOOGLE-8", places=GCS)
def a_message_repeats_what_is_wrong(_target: Any) -> Replacements:
    """Repeats the private key that is none."""
    right = google_files._service_account

    def service_account(info: Mapping[str, Any], where: str) -> Any:
        try:
            return right(info, where)
        except InvalidCredentialsError as error:
            raise google_files.invalid(f"{error.message}: {info['private_key']}") from None

    return replaced(google_files, _service_account=service_account)


@mutant(kills="GOOGLE-8", places=GCS)
def a_key_without_line_breaks_is_mended(_target: Any) -> Replacements:
    """Puts line breaks into a private key that has a backslash and an n for each."""
    right = google_files._service_account

    def service_account(info: Mapping[str, Any], where: str) -> Any:
        return right({**info, "private_key": info["private_key"].replace("\\n", "\n")}, where)

    return replaced(google_files, _service_account=service_account)


@mutant(kills="GOOGLE-9", places=GCS)
def unknown_fields_are_dropped(_target: Any) -> Replacements:
    """Leaves out the fields that Google does not have, and goes on."""

    def known(creds: SecretFields) -> SecretFields:
        given = creds.reveal()
        if not isinstance(given, dict):
            return creds
        names = {*google.FIELDS, *google.FOREIGN}
        return SecretFields({name: value for name, value in given.items() if name in names})

    form, checked = google.form, google.checked
    return replaced(google, form=lambda creds: form(known(creds)), checked=lambda creds: checked(known(creds)))


# ---- types of key file


@mutant(kills="GOOGLE-10", places=GCS)
def federated_identities_are_unknown(_target: Any) -> Replacements:
    """Knows no external accounts."""
    required = {name: fields for name, fields in google_files.REQUIRED.items() if name != "external_account"}
    return replaced(google_files, REQUIRED=required)


@mutant("F102", kills="GOOGLE-10", places=GCS, origin="aws/aws-cli#7496")
def who_acts_signs_in_place_of_the_account(_target: Any) -> Replacements:
    """Signs with the credentials that an impersonated account is acted as with."""

    def impersonated(info: Mapping[str, Any], where: str) -> Any:
        return google_files._made(info["source_credentials"], where)[1]

    return replaced(google_files, _impersonated=impersonated)


@mutant(kills="GOOGLE-10", places=GCS)
def gcloud_is_where_it_usually_is(_target: Any) -> Replacements:
    """Does not read CLOUDSDK_CONFIG."""
    right = google.GcloudFile.look

    def look(self: Any) -> Any:
        elsewhere = os.environ.pop("CLOUDSDK_CONFIG", None)
        try:
            return right(self)
        finally:
            if elsewhere is not None:
                os.environ["CLOUDSDK_CONFIG"] = elsewhere

    return replaced(google.GcloudFile, look=look)


# ---- addresses


@mutant(kills="GOOGLE-11", places=GCS)
def the_variable_of_emulators_wins(_target: Any) -> Replacements:
    """Takes STORAGE_EMULATOR_HOST before the address that the caller gives."""
    right = google.endpoint_and_origin

    def endpoint_and_origin(creds: SecretFields) -> Any:
        found = right(creds)
        emulator = os.environ.get("STORAGE_EMULATOR_HOST", "").strip()
        return replace(found, url=emulator, origin="STORAGE_EMULATOR_HOST") if emulator else found

    return replaced(google, endpoint_and_origin=endpoint_and_origin)


@mutant("F100", kills="GOOGLE-11", places=GCS, origin="fsspec/gcsfs#825 developmentseed/obstore#541")
def the_address_of_a_dictionary_is_not_passed_on(_target: Any) -> Replacements:
    """Reads `endpoint_url` where the dictionary has no identity, and nowhere else."""
    right = google.endpoint_and_origin

    def endpoint_and_origin(creds: SecretFields) -> Any:
        return right(creds) if google.form(creds) is None else right(SecretFields(None))

    return replaced(google, endpoint_and_origin=endpoint_and_origin)


@mutant(kills="GOOGLE-21", places=GCS)
def a_token_travels_in_clear(_target: Any) -> Replacements:
    """Sends a token over http to any machine."""
    return replaced(google, endpoint_for=lambda creds, _credentials: google.endpoint_and_origin(creds).url)
