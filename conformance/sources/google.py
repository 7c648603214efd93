"""
Sources of Google credentials: forms of the creds argument, a variable, gcloud's file, the metadata server.

Files and variables as in "How Application Default Credentials works" (Google Cloud, Authentication) and the metadata
server's as google-auth has them (`google.auth.environment_vars`). Where creds is a text, nothing in it can say where the
service is: there STORAGE_EMULATOR_HOST does, elsewhere `endpoint_url`.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, cast, get_args

from conformance.fakes import Fault
from conformance.fakes.gcloud import BROWSER_FILE, install_browser, install_gcloud, started_of
from conformance.fakes.google_key_files import authorized_user
from conformance.sources import google_contents
from conformance.sources.google_services import HOSTS, Google, Machine, given_token

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.fakes import Fake
    from conformance.setting import Setting
    from conformance.sources import Plant

GCLOUD_FILE = ".config/gcloud/application_default_credentials.json"
"""What `gcloud auth application-default login` writes, below the home directory."""

CONSENT_FILE = ".deeplake/gcs_token.json"
"""Where a person's consent is kept, below the home directory."""

KEY_FILE = "key.json"

CONSENT_S = 2
"""Seconds within which a person has to consent."""

TEXTS = ("gcs_key_file", "gcs_key_json", "gcs_browser", "gcs_cache", "gcs_anon")
"""Sources for which creds is a text."""


def ground(setting: Setting) -> None:
    """Start Google's identity services, let nothing ask the link-local address, and put a gcloud that refuses on PATH."""
    google = Google(setting)
    nowhere = setting.closed_url.removeprefix("http://")
    setting.variables |= {"GCE_METADATA_HOST": nowhere, "GCE_METADATA_IP": nowhere}
    install_gcloud(setting.directory / "bin", google.gcloud_calls)
    setting.started["gcloud"] = started_of(google.gcloud_calls)
    if not set(TEXTS).intersection(setting.world.sources):
        setting.creds = {"endpoint_url": setting.endpoint}
    else:
        setting.variables["STORAGE_EMULATOR_HOST"] = setting.endpoint


def hosts(setting: Setting) -> dict[str, Fake]:
    """Return the hosts that Google's libraries ask whatever a file says."""
    return dict.fromkeys(HOSTS, google_of(setting))


def google_of(setting: Setting) -> Google:
    """Return Google's identity services in a world."""
    return cast("Google", setting.servers["google"].fake)


def _watched(setting: Setting, source: str, way: str | None) -> Google:
    google = google_of(setting)
    google.fail(source, way)
    setting.calls[source] = lambda: google.asked_by(source)
    setting.control(
        source,
        setting.servers["google"],
        asks=partial(google.asks, source),
        fail=partial(google.fault, source),
        rewrite=partial(google.rewrite, source),
        is_ready=source == "gcs_cache",
    )
    return google


def _give(setting: Setting, **fields: Any) -> None:
    assert isinstance(setting.creds, dict)  # noqa: S101 - the ground made it
    setting.creds |= fields


# ---- key files


def _content(setting: Setting, source: str, way: str | None, kind: str = "service_account") -> dict[str, Any]:
    return google_contents.content(_watched(setting, source, way), source, way, kind)


def _file(setting: Setting, path: str, source: str, way: str | None, kind: str = "service_account") -> Path:
    """Write a key file below the home directory, and return where it is said to be."""
    text = google_contents.text(_content(setting, source, way, kind), way)
    if way == "directory":
        folder = setting.home / path
        folder.mkdir(parents=True, mode=0o700)
        return folder
    file = setting.write(path, "")
    file.write_bytes(text)
    return file.with_name("absent.json") if way == "missing" else file


def _key_file(setting: Setting, way: str | None) -> None:
    file = _file(setting, KEY_FILE, "gcs_key_file", way)
    setting.creds = {"blank": " ", "unknown-word": "brwser"}.get(way or "", str(file))


def _key_dict(setting: Setting, way: str | None) -> None:
    _give(setting, **_content(setting, "gcs_key_dict", way))


def _key_json(setting: Setting, way: str | None) -> None:
    setting.creds = google_contents.text(_content(setting, "gcs_key_json", way), way).decode()


def _environment_file(setting: Setting, way: str | None) -> None:
    file = _file(setting, KEY_FILE.replace("key", "env"), "gcs_env_file", way)
    texts = {"empty-variable": "", "blank-variable": " \t"}
    setting.variables["GOOGLE_APPLICATION_CREDENTIALS"] = texts.get(way or "", str(file))


def _gcloud_file(setting: Setting, way: str | None) -> None:
    path = GCLOUD_FILE
    if way == "elsewhere":
        path = "elsewhere/" + GCLOUD_FILE.rpartition("/")[2]
        setting.variables["CLOUDSDK_CONFIG"] = str(setting.home / "elsewhere")
    _file(setting, path, "gcs_gcloud_file", way, "authorized_user")
    if way == "no-file":
        (setting.home / path).unlink()
    elif way is None and "gcs_browser" in setting.world.sources:
        _client_file(setting)


# ---- consent


def _client_file(setting: Setting) -> None:
    """Put the client that asks for consent into gcloud's file, whether there is one or not."""
    google, file = google_of(setting), setting.home / GCLOUD_FILE
    content = json.loads(file.read_bytes()) if file.is_file() else {"type": "authorized_user"}
    content |= {"client_id": google.client.client_id, "client_secret": google.client.client_secret}
    content |= {"auth_uri": f"{google.url}/auth", "token_uri": f"{google.url}/token"}
    setting.write(GCLOUD_FILE, json.dumps(content))


def _browser(setting: Setting, way: str | None) -> None:
    google = _watched(setting, "gcs_browser", way)
    setting.creds = "browser"
    setting.variables["BROWSER"] = install_browser(setting.directory)
    setting.started["gcs_browser"] = started_of(setting.directory / BROWSER_FILE)
    setting.variables["DEEPLAKE_GCS_CONSENT_S"] = f"{CONSENT_S if way == 'never-answered' else 30}"
    google.oauth.consent.decision = {"denied": "deny", "wrong-state": "wrong-state", "never-answered": "never"}.get(
        way or "", "allow"
    )  # type: ignore[assignment]
    if way != "no-client":
        _client_file(setting)
    if way == "fixed-hosts":
        content = json.loads((setting.home / GCLOUD_FILE).read_bytes())
        del content["auth_uri"], content["token_uri"]
        setting.write(GCLOUD_FILE, json.dumps(content))
    if way == "no-browser":
        setting.variables["BROWSER"] = str(setting.directory / "bin" / "absent")


def _cache(setting: Setting, way: str | None) -> None:
    google = _watched(setting, "gcs_cache", way)
    setting.creds = "cache"
    life_s = -60.0 if way in ("expired", "revoked", *get_args(Fault)) else setting.world.life_of("gcs_cache")
    content = authorized_user(google.refresh_tokens["gcs_cache"], oauth_url=google.url)
    content |= {
        "token": given_token(setting, "gcs_cache", life_s),
        "expiry": (datetime.fromtimestamp(time.time(), UTC) + timedelta(seconds=life_s)).isoformat(),
        "scopes": ["https://www.googleapis.com/auth/devstorage.read_write"],
    }
    text = json.dumps(content)
    match way:
        case "nothing-stored":
            return
        case "no-token":
            del content["token"], content["expiry"]
            text = json.dumps(content)
        case "malformed":
            text = text[:-20]
        case "no-refresh-token":
            del content["refresh_token"]
            text = json.dumps(content)
    setting.write(CONSENT_FILE, text)


# ---- without a file


def _anonymous(setting: Setting, way: str | None) -> None:
    setting.creds = {"endpoint_url": setting.endpoint, "anon": True} if way == "dictionary" else "anon"


def _token(setting: Setting, way: str | None) -> None:
    token = given_token(setting, "gcs_oauth_token", setting.world.life_of("gcs_oauth_token"))
    texts = {"blank": " \t", "another-type": [token], "line-break": f"{token}\r\nx-extra: 1"}
    _give(setting, gcs_oauth_token=texts.get(way or "", token))
    if way == "key-of-azure":
        _give(setting, account_key="a2V5")
    if way == "unknown-field":
        assert isinstance(setting.creds, dict)  # noqa: S101 - the ground made it
        setting.creds["gcs_oauth_tokn"] = setting.creds.pop("gcs_oauth_token")


def _metadata(setting: Setting, way: str | None) -> None:
    machine = Machine(google_of(setting), partial(setting.life_of, "gcs_metadata"), way)
    fault = cast("Fault", way) if way in get_args(Fault) else None
    server = setting.serve("gcs_metadata", machine, fault=fault)
    setting.control("gcs_metadata", server, asks=lambda request: request.path.endswith("/token"), rotate=machine.rotate)
    address = server.url.removeprefix("http://")
    setting.variables |= {"GCE_METADATA_HOST": address, "GCE_METADATA_IP": address}
    if way == "switched-off":
        setting.variables["NO_GCE_CHECK"] = "true"


PLANTS: dict[str, Plant] = {
    "gcs_key_file": _key_file,
    "gcs_key_dict": _key_dict,
    "gcs_key_json": _key_json,
    "gcs_browser": _browser,
    "gcs_cache": _cache,
    "gcs_anon": _anonymous,
    "gcs_oauth_token": _token,
    "gcs_env_file": _environment_file,
    "gcs_gcloud_file": _gcloud_file,
    "gcs_metadata": _metadata,
}
"""How each source is planted."""
