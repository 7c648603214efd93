"""Which source of Google wins, over every combination of them, and who is asked meanwhile."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import pytest

from deeplake_ref import errors
from deeplake_ref.credentials import google as chains
from deeplake_ref.credentials.google_cache import Kept, save
from deeplake_ref.secrets import Secret, SecretFields
from tests.reference.google_services import CANARY, Services, who

if TYPE_CHECKING:
    from pathlib import Path

ARGUMENTS = (None, "gcs_key_file", "gcs_key_dict", "gcs_key_json", "gcs_cache", "gcs_anon", "gcs_oauth_token")
AMBIENT = ("gcs_env_file", "gcs_gcloud_file", "gcs_metadata")
WORLDS = [
    (argument, ambient)
    for argument in ARGUMENTS
    for size in range(len(AMBIENT) + 1)
    for ambient in itertools.combinations(AMBIENT, size)
]


def argument_of(name: str | None, google: Services, tmp_path: Path) -> Any:
    """Return the creds of a form, which hold an identity of their own."""
    match name:
        case "gcs_key_file":
            (tmp_path / "argument.json").write_text(json.dumps(google.user(name)))
            return str(tmp_path / "argument.json")
        case "gcs_key_dict":
            return google.user(name)
        case "gcs_key_json":
            return json.dumps(google.user(name))
        case "gcs_cache":
            client = {key: google.user()[key] for key in ("client_id", "client_secret", "token_uri")}
            save(Kept({**client, "client_id": "gcs_cache.apps.googleusercontent.com"}, Secret(f"1//{CANARY}")))
            return "cache"
        case "gcs_anon":
            return "anon"
        case "gcs_oauth_token":
            return {"gcs_oauth_token": f"ya29.gcs_oauth_token-{CANARY}"}
    return None


def plant(name: str, google: Services, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Configure a source of the machine's."""
    match name:
        case "gcs_env_file":
            (home / "env.json").write_text(json.dumps(google.user(name)))
            monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(home / "env.json"))
        case "gcs_gcloud_file":
            path = home / ".config" / "gcloud" / "application_default_credentials.json"
            path.parent.mkdir(parents=True)
            path.write_text(json.dumps(google.user(name)))
        case "gcs_metadata":
            monkeypatch.delenv("NO_GCE_CHECK")
            monkeypatch.setenv("GCE_METADATA_HOST", google.url.removeprefix("http://"))


@pytest.mark.parametrize(("argument", "ambient"), WORLDS, ids=str)
def test_the_first_that_is_configured_wins(
    google: Services,
    no_google: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    argument: str | None,
    ambient: tuple[str, ...],
) -> None:
    """And is the only one that is asked for a token; the proof is that of its own identity."""
    for name in ambient:
        plant(name, google, no_google, monkeypatch)
    chain = chains.chain(SecretFields(argument_of(argument, google, tmp_path)))
    expected = argument or next(iter(ambient), None)
    if expected is None:
        with pytest.raises(errors.CredentialsNotFoundError):
            chain.resolve()
        assert google.paths == []
        return
    headers = chain.resolve().credentials.headers()

    assert chain.source == expected
    assert [each.source for each in chain.attempts][-1] == expected
    match expected:
        case "gcs_anon":
            assert (headers, google.paths) == ({}, [])
        case "gcs_oauth_token":
            assert (who(headers), google.paths) == ("gcs_oauth_token ", [])
        case "gcs_metadata":
            assert (who(headers), len(google.paths)) == ("machine 1", 1)
        case _:
            (asked,) = google.scripted.asked
            assert who(headers) == "user 1"
            assert f"client_id={expected}.apps".encode() in asked.body


@pytest.mark.parametrize("blank", ["", " ", "\n"])
def test_a_blank_variable_is_not_set(
    google: Services, no_google: Path, monkeypatch: pytest.MonkeyPatch, blank: str
) -> None:
    """Of each variable that names a place."""
    plant("gcs_gcloud_file", google, no_google, monkeypatch)
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG", "GCE_METADATA_HOST", "DEEPLAKE_HOME"):
        monkeypatch.setenv(name, blank)

    assert chains.chain(SecretFields(None)).resolve().source == "gcs_gcloud_file"


def test_a_directory_of_gcloud_elsewhere_is_the_only_one(
    google: Services, no_google: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file at home is not used where another directory is named."""
    plant("gcs_gcloud_file", google, no_google, monkeypatch)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))

    with pytest.raises(errors.CredentialsNotFoundError):
        chains.chain(SecretFields(None)).resolve()


def test_nobody_runs_gcloud(google: Services, no_google: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the file names no project, for which google-auth would run it."""
    shims = tmp_path / "bin"
    shims.mkdir()
    (shims / "gcloud").write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    (shims / "gcloud").chmod(0o755)
    monkeypatch.setenv("PATH", str(shims), prepend=":")
    plant("gcs_gcloud_file", google, no_google, monkeypatch)
    chains.chain(SecretFields(None)).resolve().credentials.headers()

    assert not (tmp_path / "ran").exists()
    assert [path.name for path in (no_google / ".config").rglob("*") if path.is_file()] == [
        "application_default_credentials.json"
    ]


def test_the_environment_is_read_once_per_handle(
    google: Services, no_google: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the first request; later changes are for other handles."""
    chain = chains.chain(SecretFields(None))
    plant("gcs_env_file", google, no_google, monkeypatch)
    assert chain.resolve().source == "gcs_env_file"
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere")
    (no_google / "env.json").unlink()

    assert who(chain.resolve().credentials.headers()) == "user 1"
