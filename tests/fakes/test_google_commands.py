"""
The `gcloud` that refuses, and the browser that consents.
"""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

import pytest

from conformance.fakes.gcloud import BROWSER_FILE, gcloud_calls, install_browser, install_gcloud, started_of
from conformance.fakes.google_grants import new_oauth_client, new_refresh_token
from conformance.fakes.google_key_files import authorized_user
from tests.fakes.google_asking import child


@pytest.mark.parametrize("arguments", [["config", "get", "project"], ["auth", "print-access-token"], []])
def test_gcloud_refuses_whatever_it_is_asked(arguments: list[str], tmp_path: Path) -> None:
    """With nothing but itself on PATH, and from a folder with odd letters."""
    folder = tmp_path / "it's a $HOME"
    folder.mkdir()
    command = install_gcloud(folder, folder / "calls")
    done = subprocess.run([command, *arguments], env={"PATH": str(folder)}, capture_output=True, timeout=10)

    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"ERROR: (gcloud)")
    assert gcloud_calls(folder / "calls") == [" ".join(arguments)]


def test_gcloud_keeps_how_it_was_started(tmp_path: Path) -> None:
    """Arguments and variables as they are, in a file that nobody else reads."""
    command = install_gcloud(tmp_path, tmp_path / "calls")
    for arguments in (["auth", "a b", "caf\u00e9\n"], []):
        subprocess.run(
            [command, *arguments], env={"PATH": str(tmp_path), "GIVEN": "to it"}, capture_output=True, timeout=10
        )
    kept = started_of(tmp_path / "calls")
    lines = [json.loads(line) for line in kept.read_text().splitlines()]

    assert [line["arguments"] for line in lines] == [["auth", "a b", "caf\u00e9\n"], []]
    assert {line["variables"]["GIVEN"] for line in lines} == {"to it"}
    assert kept.stat().st_mode & 0o777 == 0o600


def test_the_browser_keeps_how_it_was_started(tmp_path: Path) -> None:
    """Also where the page cannot be had."""
    words = shlex.split(install_browser(tmp_path).removesuffix(" &").replace("%s", "http://127.0.0.1:1/?state=x"))
    subprocess.run(words, env={"GIVEN": "to it"}, capture_output=True, timeout=30)
    (line,) = map(json.loads, started_of(tmp_path / BROWSER_FILE).read_text().splitlines())

    assert (line["arguments"], line["variables"]["GIVEN"]) == (["http://127.0.0.1:1/?state=x"], "to it")


def test_gcloud_that_was_not_called_has_no_calls(tmp_path: Path) -> None:
    """Nor a file."""
    install_gcloud(tmp_path, tmp_path / "calls")

    assert gcloud_calls(tmp_path / "calls") == []


PROJECT = """
import json, warnings
warnings.simplefilter("ignore")
import google.auth
credentials, project = google.auth.default()
print(json.dumps({"kind": type(credentials).__module__, "project": project}))
"""


def test_google_auth_asks_gcloud_for_the_project(tmp_path: Path) -> None:
    """Where the file of `gcloud auth application-default login` is the source, which names none."""
    (tmp_path / "bin").mkdir()
    install_gcloud(tmp_path / "bin", tmp_path / "calls")
    token = new_refresh_token("gcs_gcloud_file", new_oauth_client())
    config = tmp_path / "config"
    config.mkdir()
    content = authorized_user(token, oauth_url="http://127.0.0.1:1")
    del content["quota_project_id"]
    (config / "application_default_credentials.json").write_text(json.dumps(content))
    told = child(PROJECT, tmp_path, CLOUDSDK_CONFIG=str(config))

    assert told == {"kind": "google.oauth2.credentials", "project": None}
    assert gcloud_calls(tmp_path / "calls") == ["config get project"]


def test_the_browser_is_told_by_a_variable(tmp_path: Path) -> None:
    """It runs beside its caller, and its interpreter is named in full."""
    command = install_browser(tmp_path)

    assert command.endswith("%s &")
    assert command.startswith("/")
