"""The forms of the creds argument for Cloud Storage, and where requests go."""

from __future__ import annotations

import copy
import json
import os
import pickle
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from deeplake_ref import errors
from deeplake_ref.credentials import google as chains
from deeplake_ref.credentials.google_cache import Kept
from deeplake_ref.secrets import Secret, SecretFields
from deeplake_ref.storage import Reader
from tests.reference.google_services import CANARY, Services, leaks, who

if TYPE_CHECKING:
    from pathlib import Path

    from deeplake_ref.credentials.google_tokens import GoogleCredentials

ENDPOINT = {"endpoint_url": "http://127.0.0.1:1"}


def resolved(creds: Any) -> tuple[str, GoogleCredentials]:
    """Return the winner."""
    winner = chains.chain(SecretFields(creds)).resolve()
    return winner.source, winner.credentials


def refusal(creds: Any) -> errors.StorageError:
    """Return what resolving ends with."""
    with pytest.raises(errors.StorageError) as caught:
        resolved(creds)
    return caught.value


# ---- what a form means


@pytest.mark.parametrize("creds", [{"anon": True}, "anon", {"anon": True, **ENDPOINT}, {"anon": True, "type": None}])
@pytest.mark.usefixtures("no_google")
def test_anonymous_is_what_was_asked_for(creds: Any) -> None:
    """By the dictionary or by name."""
    source, credentials = resolved(creds)

    assert (source, credentials.is_anonymous, credentials.headers()) == ("gcs_anon", True, {})


@pytest.mark.parametrize(
    "creds", [None, {}, "ENV", {"anon": False}, {"anon": None}, ENDPOINT, {"anon": False, **ENDPOINT}]
)
def test_nothing_asked_for_is_what_the_machine_has(
    google: Services, monkeypatch: pytest.MonkeyPatch, creds: Any
) -> None:
    """Whatever the endpoint; without anything there is an error, never an anonymous request."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:1")
    error = refusal(creds)
    assert isinstance(error, errors.CredentialsNotFoundError)
    assert error.source is None
    for told in ("gcs_key_dict: not configured", "gcs_metadata: not configured", "creds={'anon': True}"):
        assert told in str(error)

    monkeypatch.delenv("NO_GCE_CHECK")
    monkeypatch.setenv("GCE_METADATA_HOST", google.url.removeprefix("http://"))
    source, credentials = resolved(creds)

    assert (source, who(credentials.headers())) == ("gcs_metadata", "machine 1")


@pytest.mark.parametrize("given", ["absolute", "~", "relative", "odd name"])
def test_a_string_is_the_path_of_a_key_file(
    google: Services, no_google: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    """The home directory is expanded."""
    name = "a key, with spaces" if given == "odd name" else "key.json"
    (no_google / name).write_text(json.dumps(google.account()))
    monkeypatch.chdir(no_google)
    path = {"absolute": f"{no_google}/{name}", "~": f"~/{name}"}.get(given, name)
    source, credentials = resolved(path)

    assert (source, who(credentials.headers())) == ("gcs_key_file", "account 1")


@pytest.mark.parametrize("more", [{}, ENDPOINT])
def test_a_dictionary_is_the_content_of_a_key_file(google: Services, more: dict[str, str]) -> None:
    """With an address beside it, or without."""
    for file, told in ((google.account(), "account 1"), (google.user(), "user 2")):
        source, credentials = resolved({**file, **more})
        assert (source, who(credentials.headers())) == ("gcs_key_dict", told)


@pytest.mark.parametrize("around", ["", " \n", "\ufeff"])
def test_a_string_in_braces_is_the_content_of_a_key_file(google: Services, around: str) -> None:
    """As it stands in a variable, say."""
    source, credentials = resolved(around + json.dumps(google.user()) + around.strip("\ufeff"))

    assert (source, who(credentials.headers())) == ("gcs_key_json", "user 1")


@pytest.mark.parametrize("more", [{}, ENDPOINT, {"anon": False}])
@pytest.mark.usefixtures("no_google")
def test_an_oauth_token_is_sent_as_it_is(more: dict[str, Any]) -> None:
    """Nobody gets another one."""
    source, credentials = resolved({"gcs_oauth_token": f" ya29.{CANARY}\n", **more})

    assert (source, credentials.headers()) == ("gcs_oauth_token", {"Authorization": f"Bearer ya29.{CANARY}"})
    assert (credentials.renewed(), credentials.expires_at) == (None, None)


# ---- what is wrong with a form


@pytest.mark.parametrize(
    ("creds", "source", "told"),
    [
        ({"anon": "yes"}, "gcs_anon", "`anon` of creds is a bool: str"),
        ({"anon": 1}, "gcs_anon", "`anon` of creds is a bool: int"),
        ({"anon": True, "endpoint_url": " "}, "gcs_anon", "`endpoint_url` of creds is blank"),
        ({"anon": True, "endpoint": "http://h"}, "gcs_key_dict", "did you mean `endpoint_url`"),
        ({"anon": True, "gcs_oauth_token": CANARY}, "gcs_key_dict", "exclude each other"),
        ({"anon": True, "type": "authorized_user"}, "gcs_key_dict", "exclude each other"),
        ({"gcs_oauth_token": CANARY, "type": "authorized_user"}, "gcs_key_dict", "exclude each other"),
        ({"gcs_oauth_token": ""}, "gcs_oauth_token", "`gcs_oauth_token` of creds is blank"),
        ({"gcs_oauth_token": CANARY.encode()}, "gcs_oauth_token", "`gcs_oauth_token` of creds is a str: bytes"),
        ({"gcs_oauth_token": f"{CANARY}\r\nX: y"}, "gcs_oauth_token", "a line break"),
        ({"gcs_oauth_token": f"{CANARY}ü"}, "gcs_oauth_token", "no token has"),
        ({"GCS_OAUTH_TOKEN": CANARY}, "gcs_key_dict", "did you mean `gcs_oauth_token`"),
        ({"account_key": CANARY}, "gcs_key_dict", "belongs to az://"),
        ({"aws_secret_access_key": CANARY}, "gcs_key_dict", "belongs to s3://"),
        ({"anon": True, "sas_token": CANARY}, "gcs_key_dict", "belongs to az://"),
        ({"creds_key": CANARY}, "gcs_key_dict", "belongs to al://"),
        ({CANARY: "x"}, "gcs_key_dict", "a field of creds is unknown"),
        ({"private_key": CANARY}, "gcs_key_dict", "creds has no `type`"),
        ({"type": "service_account", "private_key": CANARY}, "gcs_key_dict", "has no `client_email`"),
        ({"type": "service_account", "delegates": CANARY}, "gcs_key_dict", "`delegates` of creds is a list: str"),
        ({"type": " "}, "gcs_key_dict", "`type` of creds is blank"),
        ('{"type": "' + CANARY, "gcs_key_json", "the JSON string in creds is not JSON"),
        ('{"type": "' + CANARY + '"}', "gcs_key_json", "a `type` that is unknown"),
        ('{"sas_token": "' + CANARY + '"}', "gcs_key_json", "belongs to az://"),
        ("", "gcs_key_file", "creds is blank"),
        (" ", "gcs_key_file", "creds is blank"),
        (CANARY, "gcs_key_file", "the key file that creds names is missing; creds is a path, JSON, 'browser', 'cache'"),
        ("~nobody-of-that-name/key.json", "gcs_key_file", "a home directory that is unknown"),
        ("/nowhere/key.json", "gcs_key_file", "'/nowhere/key.json' is missing"),
        (f"/key\0{CANARY}", "gcs_key_file", "the key file that creds names"),
        ("env", "gcs_key_file", "'ENV'"),
        (7, "gcs_key_dict", "a dictionary, a str or None: int"),
        ([CANARY], "gcs_key_dict", "a dictionary, a str or None: list"),
    ],
    ids=str,
)
def test_a_broken_argument_stops_and_names_the_field(
    google: Services, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, creds: Any, source: str, told: str
) -> None:
    """Never its value; what the machine has is not used instead."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    (tmp_path / "key.json").write_text(json.dumps(google.user()))
    error = refusal(creds)

    assert isinstance(error, errors.InvalidCredentialsError)
    assert told in str(error)
    assert (error.source, error.provider, error.effect) == (source, "gcs", "none")
    assert not leaks(error)
    assert google.paths == []


def test_nothing_that_can_be_looked_at_shows_a_secret(google: Services) -> None:
    """Credentials, winners and what is kept neither print nor pickle."""
    chain = chains.chain(SecretFields(google.account()))
    winner = chain.resolve()
    winner.credentials.headers()
    kept = Kept({"client_secret": CANARY}, Secret(CANARY))
    shown = f"{winner!r}{winner.credentials!r}{winner.credentials.signer!r}{kept!r}{chain.attempts!r}"

    assert CANARY not in shown
    assert "PRIVATE KEY" not in shown
    for each in (winner.credentials, kept):
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(each)
        with pytest.raises(TypeError, match="not pickled"):
            copy.deepcopy(each)


# ---- where requests go


@pytest.mark.parametrize(
    ("creds", "emulator", "url", "origin"),
    [
        ({"anon": True, "endpoint_url": "http://d:1/"}, "http://e:1", "http://d:1", "`endpoint_url` of creds"),
        ("anon", "http://e:1/", "http://e:1", "STORAGE_EMULATOR_HOST"),
        ("anon", "e:1", "http://e:1", "STORAGE_EMULATOR_HOST"),
        ("/key.json", "e:1", "http://e:1", "STORAGE_EMULATOR_HOST"),
        ("anon", " ", "https://storage.googleapis.com", "the public one"),
    ],
    ids=["dictionary", "emulator", "emulator-without-scheme", "emulator-and-key-file", "public"],
)
def test_the_endpoint_is_an_address_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, creds: Any, emulator: str, url: str, origin: str
) -> None:
    """The dictionary, the emulator variable, the public one."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", emulator)
    fields = SecretFields(creds)

    assert chains.endpoint_and_origin(fields) == chains.Endpoint(url, origin)
    assert chains.endpoint(fields) == url


@pytest.mark.parametrize("host", ["http://u:p@h:1", "ftp://h", "h:1?x"])
def test_a_broken_emulator_variable_is_named(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """And not repeated."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", host)
    with pytest.raises(errors.InvalidURIError, match="STORAGE_EMULATOR_HOST") as caught:
        chains.endpoint(SecretFields("anon"))

    assert host not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://storage.example", True),
        ("http://127.0.0.1:1", True),
        ("http://127.8.8.8", True),
        ("http://[::1]:1", True),
        ("http://localhost:1", True),
        ("http://box.localhost", True),
        ("http://storage.example", False),
        ("http://127.0.0.1.example", False),
        ("http://localhost.example", False),
        ("http://0.0.0.0:1", False),
        ("http://10.0.0.1", False),
    ],
)
@pytest.mark.usefixtures("no_google")
def test_a_token_goes_over_http_to_loopback_only(url: str, allowed: bool) -> None:
    """Anonymous requests go anywhere."""
    fields = SecretFields({"gcs_oauth_token": CANARY, "endpoint_url": url})
    credentials = chains.chain(fields).resolve().credentials
    anonymous = SecretFields({"anon": True, "endpoint_url": url})

    assert chains.endpoint_for(anonymous, chains.chain(anonymous).resolve().credentials) == url
    if allowed:
        assert chains.endpoint_for(fields, credentials) == url
    else:
        with pytest.raises(errors.InvalidCredentialsError, match="`endpoint_url` of creds is http, over which"):
            chains.endpoint_for(fields, credentials)


@pytest.mark.usefixtures("no_google")
def test_a_handle_makes_no_request_over_http_to_another_machine() -> None:
    """The error comes before the first one."""
    creds = {"gcs_oauth_token": CANARY, "endpoint_url": "http://storage.invalid"}
    with Reader("gcs://bucket/ds", creds) as reader, pytest.raises(errors.InvalidCredentialsError) as caught:
        reader.get("k")

    assert (caught.value.provider, caught.value.effect, caught.value.operation) == ("gcs", "none", "get")


@pytest.mark.usefixtures("no_google")
def test_opening_asks_nobody_and_the_first_request_needs_credentials() -> None:
    """Resolution waits for the first operation."""
    with Reader("gcs://bucket/ds") as reader, pytest.raises(errors.CredentialsNotFoundError) as caught:
        reader.get("k")

    assert (caught.value.provider, caught.value.effect) == ("gcs", "none")


def test_importing_the_chain_imports_no_sdk(tmp_path: Path) -> None:
    """In a process of its own; nothing is read or written, either."""
    code = (
        "import sys, deeplake_ref.credentials.google as g\n"
        "print([n for n in ('google.auth', 'requests', 'cryptography') if n in sys.modules])"
    )
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True, env=environment
    )

    assert done.stdout.strip() == "[]"
    assert list(tmp_path.iterdir()) == []


def test_a_missing_sdk_names_the_extra() -> None:
    """When the handle is opened; in a process of its own, in which no other test has imported the SDKs."""
    code = (
        "import sys\n"
        "sys.modules['google_crc32c'] = sys.modules['azure.storage.blob'] = None\n"
        "from deeplake_ref import Reader, errors\n"
        "for url in ('gcs://bucket/ds', 'az://acct/box/ds'):\n"
        "    try:\n"
        "        Reader(url)\n"
        "    except errors.StorageProviderMissingError as error:\n"
        "        print(error.message)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)

    gcs, azure = done.stdout.splitlines()
    assert "deeplake-conformance[gcs]" in gcs
    assert "deeplake-conformance[azure]" in azure
