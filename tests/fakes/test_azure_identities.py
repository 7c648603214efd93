"""
The keys, shared access signatures and tokens that a run makes for Azure.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import pytest

from conformance.identities import Identity, new_azure_bearer, new_azure_key, new_azure_sas


def claims(token: str) -> dict[str, Any]:
    """Return the claims of a JWT."""
    part = token.split(".")[1]
    told: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return told


def test_keys_are_new_every_time() -> None:
    """Of the length of Azure's own."""
    first, second = new_azure_key("azure_env_key", "acct"), new_azure_key("azure_env_key", "acct")

    assert (first.label, first.kind, first.name) == ("azure_env_key", "azure_key", "acct")
    assert len(base64.b64decode(first.secret, validate=True)) == 64
    assert first.secret != second.secret


def test_a_signature_says_what_it_permits_and_until_when() -> None:
    """It is for blobs, their containers and the account."""
    identity = new_azure_sas("azure_dict_sas_token", "acct", permissions="rl", expires_at=4102444800.5)

    fields = {name: values[0] for name, values in parse_qs(identity.sas or "").items()}
    told = {name: fields[name] for name in ("ss", "sp", "se")}
    assert told == {"ss": "b", "sp": "rl", "se": "2100-01-01T00:00:00Z"}
    assert set(fields["srt"]) == set("sco")
    assert identity.expires_at == 4102444800.0
    assert base64.b64decode(identity.secret, validate=True)


def test_signatures_have_keys_of_their_own() -> None:
    """So that the gate can tell two apart."""
    made = [new_azure_sas("azure_dict_sas_token", "acct", expires_at=4102444800) for _ in range(2)]

    assert made[0].secret != made[1].secret
    assert made[0].sas != made[1].sas


def test_a_token_has_what_storage_looks_at() -> None:
    """Issuer, audience, principal, and its time."""
    now = time.time()
    identity = new_azure_bearer("azure_cli", life_s=60, now=now)
    told = claims(identity.secret)

    assert told["aud"] == "https://storage.azure.com"
    assert told["iss"] == f"https://sts.windows.net/{told['tid']}/"
    assert told["oid"] == identity.name
    assert told["appid"]
    assert told["iat"] == told["nbf"] <= now
    assert told["exp"] == identity.expires_at == int(now + 60)


MAKERS: dict[str, Callable[[], Identity]] = {
    "key": lambda: new_azure_key("label", "acct"),
    "sas": lambda: new_azure_sas("label", "acct", expires_at=4102444800),
    "bearer": lambda: new_azure_bearer("label", life_s=60, now=0),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_no_secret_is_shown(kind: str) -> None:
    """In a repr; the JSON for the gate has them all."""
    identity = MAKERS[kind]()

    assert identity.secret not in repr(identity)
    assert (identity.sas or "sig=") not in repr(identity)
    assert Identity.from_json(identity.to_json()) == identity
