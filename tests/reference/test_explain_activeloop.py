"""What `explain` answers for `al://` and managed credentials."""

from __future__ import annotations

import pytest

from deeplake_ref.explanation import explain
from tests.reference.lake_services import URL, Lake, refused, said

pytestmark = pytest.mark.usefixtures("no_lake")


def test_an_explanation_names_source_endpoint_storage_and_end_and_no_secret(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACTIVELOOP_TOKEN", lake.token)
    found = explain(URL)
    assert (found.winner, found.failure) == ("activeloop_env", None)
    assert str(found.endpoint) == f"{lake.plane.url} (ACTIVELOOP_ENDPOINT)"
    assert (found.storage, found.mode) == ("s3://bucket/org/ds", "read and write")
    assert found.expires_at is not None
    assert [attempt.answer for attempt in found.attempts] == ["not configured", "credentials", "not asked", "not asked"]
    assert not any(secret in f"{found!r}{found.as_dict()}" for secret in (lake.token, *lake.secrets))
    assert lake.cloud.asked == []


def test_an_explanation_tells_a_refusal_and_managed_credentials(lake: Lake) -> None:
    managed = explain("s3://bucket/x", {"creds_key": "k", "org_id": "org"}, lake.token)
    assert (managed.winner, managed.storage) == ("activeloop_creds_key", "s3://bucket/x")
    nobody = explain(URL)
    assert nobody.failure is not None
    assert nobody.failure.error == "CredentialsNotFoundError"
    refusal = explain(URL, token="another")
    assert refusal.failure is not None
    assert (refusal.failure.error, refusal.storage) == ("AuthenticationError", None)
    said(lake, refused(404, "dataset_not_found"))
    missing = explain(URL, token=lake.token)
    assert missing.failure is not None
    assert "connect" in missing.failure.advice
