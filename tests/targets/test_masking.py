"""
Which values of a credentials argument are secrets, and that none of them stays in a text.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from conformance.targets.masking import Secrets

VALUE = "aVery+Secret/Value=="


@pytest.mark.parametrize(
    ("creds", "field"),
    [
        ({"aws_secret_access_key": VALUE}, "aws_secret_access_key"),
        ({"aws_session_token": VALUE}, "aws_session_token"),
        ({"account_key": VALUE}, "account_key"),
        ({"sas_token": VALUE}, "sas_token"),
        ({"gcs_oauth_token": VALUE}, "gcs_oauth_token"),
        ({"client_secret": VALUE}, "client_secret"),
        ({"a": {"private_key": VALUE}}, "private_key"),
        (json.dumps({"type": "service_account", "private_key": VALUE}), "private_key"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isidentifier() else "",
)
def test_a_secret_is_replaced_by_its_field(creds: Any, field: str) -> None:
    """As it is and as a URL carries it."""
    secrets = Secrets()
    secrets.note(creds)

    masked, leaked = secrets.find(f"before {VALUE} and {quote(VALUE, safe='')} after")

    assert f"before [{field}] and [{field}] after" == masked
    assert {field} == leaked
    assert VALUE not in repr(secrets)


@pytest.mark.parametrize(
    "creds",
    [
        {"aws_access_key_id": "AKIDEXAMPLEEXAMPLE"},
        {"endpoint_url": "http://127.0.0.1:9000", "aws_region": "eu-central-1"},
        {"profile_name": "developer", "creds_key": "managed-1"},
        {"aws_secret_access_key": "test"},
        {"anon": True},
        "anon",
        "browser",
        "path/to/key-file.json",
        None,
    ],
    ids=str,
)
def test_what_is_no_secret_stays(creds: Any) -> None:
    """Addresses, names and words help in a message; `test` would be part of other words."""
    secrets = Secrets()
    secrets.note(creds)
    text = f"asked with {creds} in test"

    assert (text, frozenset()) == secrets.find(text)


def test_the_longer_secret_goes_first() -> None:
    """One that holds another is masked as a whole."""
    secrets = Secrets()
    secrets.note({"account_key": "abcdefgh"}, token="abcdefghijkl")

    assert secrets.mask("abcdefghijkl abcdefgh") == "[token] [account_key]"
