"""Anonymous access to Cloud Storage, only when asked for, and where requests go."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from deeplake_ref import errors
from deeplake_ref.credentials import google
from deeplake_ref.secrets import SecretFields
from deeplake_ref.storage import Reader

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("GOOGLE_", "GCE_", "CLOUDSDK_", "STORAGE_")):
            monkeypatch.delenv(name)


@pytest.mark.parametrize("creds", [{"anon": True}, "anon", {"anon": True, "endpoint_url": "http://127.0.0.1:1"}])
def test_anonymous_is_what_was_asked_for(creds: Any) -> None:
    """By the dictionary or by name."""
    resolved = google.chain(SecretFields(creds)).resolve()

    assert resolved.source == "gcs_anon"
    assert resolved.credentials.is_anonymous


@pytest.mark.parametrize(
    "creds", [None, {}, "ENV", {"anon": False}, {"anon": None}, {"endpoint_url": "http://127.0.0.1:1"}]
)
def test_nothing_asked_for_is_an_error_and_never_anonymous(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    creds: Any,
) -> None:
    """Whatever the machine has; the message says what is supported."""
    (tmp_path / "key.json").write_text('{"type": "service_account"}')
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:1")
    with pytest.raises(errors.CredentialsNotFoundError, match=r"creds=\{'anon': True\}"):
        google.chain(SecretFields(creds)).resolve()


@pytest.mark.parametrize(
    ("creds", "named"),
    [
        ({"anon": "yes"}, "anon"),
        ({"anon": 1}, "anon"),
        ({"anon": True, "endpoint_url": " "}, "endpoint_url"),
        ({"anon": True, "endpoint": "http://h"}, "did you mean `endpoint_url`"),
        ({"account_key": "sEcReT"}, "az://"),
        ({"aws_secret_access_key": "sEcReT"}, "s3://"),
        ({"gcs_oauth_token": "sEcReT"}, "gcs_oauth_token"),
        ({"type": "service_account", "private_key": "sEcReT"}, "type"),
        ("sEcReT", "'anon'"),
        (7, "'anon'"),
    ],
)
def test_a_broken_argument_stops_and_names_the_field(creds: Any, named: str) -> None:
    """Never its value."""
    with pytest.raises(errors.InvalidCredentialsError) as caught:
        google.chain(SecretFields(creds)).resolve()

    assert named in str(caught.value)
    assert "sEcReT" not in f"{caught.value}{caught.value.__cause__}{caught.value.__context__}"
    assert caught.value.provider == "gcs"


@pytest.mark.parametrize(
    ("creds", "emulator", "expected"),
    [
        ({"anon": True, "endpoint_url": "http://d:1/"}, "http://e:1", "http://d:1"),
        ("anon", "http://e:1/", "http://e:1"),
        ("anon", "e:1", "http://e:1"),
        ("anon", " ", "https://storage.googleapis.com"),
    ],
    ids=["dictionary", "emulator", "emulator-without-scheme", "public"],
)
def test_the_endpoint_is_an_address_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
    creds: Any,
    emulator: str,
    expected: str,
) -> None:
    """The dictionary, the emulator variable, the public one."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", emulator)

    assert google.endpoint(SecretFields(creds)) == expected


@pytest.mark.parametrize("host", ["http://u:p@h:1", "ftp://h", "h:1?x"])
def test_a_broken_emulator_variable_is_named(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """And not repeated."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", host)
    with pytest.raises(errors.InvalidURIError, match="STORAGE_EMULATOR_HOST") as caught:
        google.endpoint(SecretFields("anon"))

    assert host not in str(caught.value)


def test_opening_asks_nobody_and_the_first_request_needs_credentials() -> None:
    """Resolution waits for the first operation."""
    with Reader("gcs://bucket/ds") as reader, pytest.raises(errors.CredentialsNotFoundError) as caught:
        reader.get("k")

    assert (caught.value.provider, caught.value.effect) == ("gcs", "none")


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
