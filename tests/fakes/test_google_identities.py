"""
Tokens and keys of Google: their shapes, and that they do not print.
"""

from __future__ import annotations

import pytest

from conformance.fakes.google_grants import new_oauth_client, new_refresh_token, new_subject_token
from conformance.identities import new_google_bearer, new_google_key


def test_a_token_has_an_end_and_the_next_generation_the_same_principal() -> None:
    """And never the same text."""
    first = new_google_bearer("gcs_metadata", life_s=3600, now=1000)
    second = new_google_bearer("gcs_metadata#2", life_s=None, now=1000)

    assert (first.kind, first.expires_at, second.expires_at) == ("google_bearer", 4600, None)
    assert first.name == second.name == "gcs-metadata@conformance.iam.gserviceaccount.com"
    assert first.secret.startswith("ya29.")
    assert first.secret != second.secret


def test_a_key_is_made_once_for_a_label() -> None:
    """And its identity holds the public half alone."""
    key, again, other = (new_google_key(label) for label in ("gcs_key_file", "gcs_key_file", "gcs_env_file"))

    assert key is again
    assert key.key_id != other.key_id
    assert (key.identity.kind, key.identity.name, key.label) == ("google_key", key.client_email, "gcs_key_file")
    assert key.identity.secret.startswith("-----BEGIN PUBLIC KEY-----")
    assert key.private_pem.startswith("-----BEGIN PRIVATE KEY-----")


@pytest.mark.parametrize("way", [repr, "hypothesis"])
def test_nothing_prints_its_secret(way: object) -> None:
    """Neither by repr nor by Hypothesis, which prints dataclasses field by field."""
    from hypothesis.vendor.pretty import pretty

    show = repr if way is repr else pretty
    client, key = new_oauth_client(), new_google_key("gcs_key_file")
    refresh, subject = new_refresh_token("gcs_cache", client), new_subject_token("gcs_env_file")
    bearer = new_google_bearer("gcs_metadata", life_s=60, now=0)
    shown = "".join(show(each) for each in (client, key, refresh, subject, bearer))

    secrets = [client.client_secret, key.private_pem[40:80], refresh.token, subject.token, bearer.secret]
    assert [secret for secret in secrets if secret in shown] == []
