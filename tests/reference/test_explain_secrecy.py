"""No explanation holds a secret, whatever it was found in."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from deeplake_ref.credentials.chain import Attempt
from deeplake_ref.explanation import Explanation, explain
from tests.reference.explained import KEYS, canary, forms, texts

if TYPE_CHECKING:
    from collections.abc import Iterator


pytestmark = pytest.mark.usefixtures("no_cloud")


def secret_worlds() -> Iterator[tuple[str, Any, dict[str, str], list[str]]]:
    """Yield path, creds, environment and the secrets in them."""
    one, two = canary(), canary()
    key = base64.b64encode(one.encode()).decode()
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    yesterday = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    sas = quote(one, safe="")
    full = {"aws_access_key_id": "AKI", "aws_secret_access_key": one, "aws_session_token": two}
    yield "s3://b", full, {}, [one, two]
    yield "s3://b", {"aws_secret_access_key": one}, {}, [one]
    yield "s3://b", {one: two}, {}, [one, two]
    yield "s3://b", one, {}, [one]
    yield "s3://b", {**full, "endpoint_url": f"http://u:{quote(one, safe='')}@h"}, {}, [one, two]
    yield "s3://b", None, {name.upper(): value for name, value in full.items()}, [one, two]
    yield "s3://b", None, {"AWS_ACCESS_KEY_ID": "AKI", "AWS_SESSION_TOKEN": one}, [one]
    yield "s3://b", None, {"AWS_ENDPOINT_URL_S3": f"http://u:{quote(one, safe='')}@h"}, [one]
    yield "az://acct/c", {"account_key": key}, {}, [one]
    yield "az://acct/c", {"account_key": one + "not base64"}, {}, [one]
    yield "az://acct/c", {"sas_token": f"sv=1&se={tomorrow}&sig={sas}"}, {}, [one]
    yield "az://acct/c", {"sas_token": f"sv=1&se={yesterday}&sig={sas}"}, {}, [one]
    yield "az://acct/c", None, {"AZURE_STORAGE_CONNECTION_STRING": f"AccountName=acct;AccountKey={key}"}, [one]
    yield "az://acct/c", None, {"AZURE_STORAGE_CONNECTION_STRING": f"AccountKey={key};nonsense"}, [one]
    yield "az://acct/c", None, {"AZURE_STORAGE_KEY": one}, [one]
    yield "gcs://b", {"gcs_oauth_token": one}, {}, [one]
    yield "gcs://b", {"type": "service_account", "private_key": one}, {}, [one]
    yield "gcs://b", json.dumps({"type": "authorized_user", "refresh_token": one}), {}, [one]
    yield "gcs://b", one, {}, [one]


@pytest.mark.parametrize("number", range(len(list(secret_worlds()))))
def test_no_explanation_holds_a_secret(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In no form, whether the source wins or is broken."""
    path, creds, environment, hidden = list(secret_worlds())[number]
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    seen = texts(explain(path, creds))

    assert [form for secret in hidden for form in forms(secret) if form in seen] == []


def test_the_scan_finds_what_leaks() -> None:
    """In each form; a scan that sees nothing would pass always."""
    secret = canary()

    for form in forms(secret):
        found = explain("s3://b", KEYS)
        leaking = Explanation(found.path, found.prefix, (Attempt("one", "broken", f"it said {form}"),))
        assert form in texts(leaking)


def test_a_file_with_a_secret_is_not_repeated(no_cloud: Path) -> None:
    """Nor what a process said."""
    secret = canary()
    (no_cloud / "credentials").write_text(f"[default]\naws_access_key_id = AKI\naws_secret_access_key = {secret}\n")
    assert secret not in texts(explain("s3://b"))

    (no_cloud / "config").write_text(f"[default\n{secret}")
    assert secret not in texts(explain("s3://b"))
