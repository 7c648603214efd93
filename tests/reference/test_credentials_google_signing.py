"""Signed URLs of Cloud Storage, verified with the public key as the service does."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from deeplake_ref import errors
from deeplake_ref.credentials.google_tokens import Signer
from deeplake_ref.retry import RetryPolicy
from deeplake_ref.stores.gcs import GcsStore
from deeplake_ref.stores.gcs_signing import LONGEST_SIGNED_S, signed_url
from deeplake_ref.urls import parse
from tests.reference.google_services import ACCOUNT, CANARY, Services, private_key

if TYPE_CHECKING:
    from pathlib import Path

KEYS = ["k", "a/b", "with space", "ümlaut", "a+b&c=d?e#f", "per%cent", "tilde~_.-", "(){}!*'$"]


def verify(url: str) -> dict[str, str]:
    """Return the parameters of a URL whose signature is right; raises `InvalidSignature`."""
    parts = urlsplit(url)
    query, _, signature = parts.query.rpartition("&X-Goog-Signature=")
    fields = {name: values[0] for name, values in parse_qs(query, strict_parsing=True).items()}
    canonical = f"GET\n{parts.path}\n{query}\nhost:{parts.netloc}\n\nhost\nUNSIGNED-PAYLOAD"
    scope = fields["X-Goog-Credential"].removeprefix(f"{ACCOUNT}/")
    text = "\n".join(("GOOG4-RSA-SHA256", fields["X-Goog-Date"], scope, hashlib.sha256(canonical.encode()).hexdigest()))
    key = private_key().public_key()
    key.verify(bytes.fromhex(signature), text.encode(), padding.PKCS1v15(), hashes.SHA256())
    assert query == "&".join(sorted(query.split("&")))
    return fields


def store_of(creds: Any) -> GcsStore:
    """Return a store."""
    return GcsStore(parse("gcs://bucket/ds"), creds, RetryPolicy())


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("endpoint", [None, "http://127.0.0.1:1", "https://storage.example:8443/base"])
def test_a_url_is_signed_by_the_key_of_the_account(google: Services, key: str, endpoint: str | None) -> None:
    """In path style, for the host it names; nobody is asked."""
    creds = google.account() | ({"endpoint_url": endpoint} if endpoint else {})
    store = store_of(creds)
    url = store.sign_url(key, 59.2)
    fields = verify(url)
    day = datetime.now(UTC).strftime("%Y%m")

    assert url.startswith(f"{endpoint or 'https://storage.googleapis.com'}/bucket/ds/")
    assert (fields["X-Goog-Expires"], fields["X-Goog-SignedHeaders"]) == ("60", "host")
    assert fields["X-Goog-Date"].startswith(day)
    assert google.paths == []
    store.close()


def test_a_url_for_another_object_is_not_signed(google: Services) -> None:
    """The signature covers the name."""
    store = store_of(google.account())
    url = store.sign_url("k", 60)
    with pytest.raises(InvalidSignature):
        verify(url.replace("/ds/k?", "/ds/l?"))
    store.close()


@pytest.mark.parametrize("key", KEYS)
def test_googles_own_client_signs_the_same(google: Services, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """google-cloud-storage is the witness."""
    from google.cloud.storage import _signing
    from google.oauth2.service_account import Credentials

    now = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
    made = Credentials.from_service_account_info(google.account())
    ours = signed_url(Signer(ACCOUNT, made.sign_bytes), "https://storage.googleapis.com", "bucket", key, 60, now)
    monkeypatch.setattr(_signing, "get_v4_now_dtstamps", lambda: ("20260203T040506Z", "20260203"))
    resource = urlsplit(ours).path
    theirs = _signing.generate_signed_url_v4(
        made, resource, expiration=60, api_access_endpoint="https://storage.googleapis.com", method="GET"
    )

    assert urlsplit(ours).path == resource
    assert sorted(urlsplit(ours).query.split("&")) == sorted(urlsplit(theirs).query.split("&"))


def test_a_url_lives_for_a_week_at_most(google: Services) -> None:
    """Longer is refused here."""
    store = store_of(google.account())

    assert verify(store.sign_url("k", LONGEST_SIGNED_S))["X-Goog-Expires"] == "604800"
    with pytest.raises(ValueError, match="604800 seconds at most"):
        store.sign_url("k", LONGEST_SIGNED_S + 0.5)
    store.close()


@pytest.mark.parametrize("source", ["gcs_key_dict", "gcs_key_file", "gcs_anon", "gcs_oauth_token"])
def test_other_sources_have_nothing_to_sign_with(google: Services, tmp_path: Path, source: str) -> None:
    """The source is named."""
    (tmp_path / "user.json").write_text(json.dumps(google.user()))
    creds = {
        "gcs_key_dict": google.impersonated(google.account()),
        "gcs_key_file": str(tmp_path / "user.json"),
        "gcs_anon": "anon",
        "gcs_oauth_token": {"gcs_oauth_token": CANARY},
    }[source]
    store = store_of(creds)
    with pytest.raises(errors.StorageOperationUnsupported, match=f"{source} has no key to sign with") as caught:
        store.sign_url("k", 60)

    assert (caught.value.source, caught.value.operation) == (source, "sign_url")
    assert google.paths == []
    store.close()
