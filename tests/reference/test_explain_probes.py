"""What `explain` tries when it is asked to, and what it leaves behind."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conformance.witnesses import witness_for
from deeplake_ref import advice, errors
from deeplake_ref.explanation import explain
from tests.reference.explained import KEYS, probed, refusal, s3_answers, texts
from tests.reference.scripted import scripted

if TYPE_CHECKING:
    from conformance.services import RunningService

pytestmark = pytest.mark.usefixtures("no_cloud")


def test_only_a_write_writes() -> None:
    """A probe lists and reads."""
    found, asked = probed(s3_answers())

    assert [(each.action, each.outcome) for each in found.probes] == [("list", "ok"), ("read", "ok")]
    assert found.is_usable
    assert set(asked) == {"GET"}


def test_a_write_is_removed() -> None:
    """Under the same random name."""
    with scripted(s3_answers()) as service:
        found = explain("s3://b/x", {**KEYS, "endpoint_url": service.url}, probe=True, write=True)
        changed = [(asked.method, asked.path) for asked in service.asked if asked.method != "GET"]

    assert [each.action for each in found.probes] == ["list", "read", "write", "remove"]
    assert found.is_usable
    (put, written), (delete, removed) = changed
    assert (put, delete, written) == ("PUT", "DELETE", removed)
    assert written.startswith("/b/x/explain-")


def test_what_is_not_written_is_not_removed() -> None:
    """A refusal changes nothing."""
    found, asked = probed(s3_answers(write=(403, refusal("AccessDenied"))), write=True)

    assert [(each.action, each.outcome) for each in found.probes][2:] == [("write", "failed")]
    assert "grant s3:PutObject to the identity of aws_dict" in found.probes[2].advice
    assert "DELETE" not in asked
    assert not found.is_usable


def test_what_cannot_be_removed_is_named() -> None:
    """Somebody has to do it."""
    found, _ = probed(s3_answers(remove=(403, refusal("AccessDenied"))), write=True)
    last = found.probes[-1]

    assert (last.action, last.outcome, last.error) == ("remove", "failed", "StorageAccessDenied")
    assert "may be left behind" in last.detail
    assert "explain-" in last.detail


@pytest.mark.parametrize(
    ("status", "code", "error", "told"),
    [
        (403, "AccessDenied", "StorageAccessDenied", "grant s3:ListBucket to the identity of aws_dict"),
        (400, "ExpiredToken", "ExpiredTokenError", "get new credentials for `aws_access_key_id`"),
        (403, "RequestTimeTooSkewed", "AuthenticationError", "set this machine's clock"),
        (403, "SignatureDoesNotMatch", "AuthenticationError", "check `aws_access_key_id`, `aws_secret_access_key`"),
        (301, "PermanentRedirect", "StorageInternalError", "to the region of the bucket"),
        (404, "NoSuchBucket", "StorageBucketNotFound", "create the bucket"),
    ],
)
def test_a_failure_says_what_to_do(status: int, code: str, error: str, told: str) -> None:
    """By class and code; the text of the service is not passed on."""
    found, _ = probed(s3_answers(list=(status, refusal(code))))
    first = found.probes[0]

    assert (first.action, first.outcome, first.error) == ("list", "failed", error)
    assert told in first.advice
    assert "told by the service" not in texts(found)


def test_a_denied_read_may_hide_that_nothing_is_there() -> None:
    """S3 does not tell those who may not list."""
    denied = (403, refusal("AccessDenied"))
    found, _ = probed(s3_answers(list=denied, read=denied))

    assert "also answers so for an object that is not there" in found.probes[1].detail


def test_a_service_that_is_gone_is_told_with_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """And where that came from."""
    monkeypatch.setattr("deeplake_ref.retry.RetryPolicy._pause", lambda *_arguments: 0.0)
    with scripted(s3_answers()) as service:
        url = service.url
    found = explain("s3://b", {**KEYS, "endpoint_url": url}, probe=True)

    assert {each.error for each in found.probes} == {"StorageNetworkConnectionError"}
    assert f"{url} (`endpoint_url` of creds)" in found.probes[0].advice


def test_nothing_is_tried_without_credentials() -> None:
    """There is no request to make."""
    assert explain("s3://b", {"endpoint_url": "http://127.0.0.1:9"}, probe=True).probes == ()


def test_local_places_are_tried_too(tmp_path: Path) -> None:
    """And nothing stays behind."""
    (tmp_path / "k").write_bytes(b"v")
    found = explain(f"file://{tmp_path}", probe=True, write=True)

    assert [each.outcome for each in found.probes] == ["ok"] * 4
    assert found.probes[1].detail == "the first byte of 'k'"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("explain-")] == []


def test_tries_on_real_services(moto: RunningService, azurite: RunningService, fake_gcs: RunningService) -> None:
    """All work, and the bucket is as before."""
    for service in (moto, azurite, fake_gcs):
        bucket = f"conf-{secrets.token_hex(6)}"
        witness = witness_for(service, bucket, service.creds())
        witness.create_root()
        found = explain(service.url_of(bucket), service.creds(), probe=True, write=True)

        assert [(each.action, each.outcome) for each in found.probes] == [
            (action, "ok") for action in ("list", "read", "write", "remove")
        ]
        assert found.winner is not None
        assert witness.keys() == []


def test_every_class_that_a_user_can_meet_has_advice() -> None:
    """Filled in, with nothing left to fill in."""
    for kind in (
        errors.ExpiredTokenError,
        errors.AuthenticationError,
        errors.StorageAccessDenied,
        errors.StorageBucketNotFound,
        errors.StorageThrottledError,
        errors.InvalidCredentialsError,
        errors.CredentialsUnavailableError,
        errors.StorageTLSError,
        errors.StorageNetworkConnectionError,
    ):
        told = advice.advise(kind("x", provider="s3"), action="list", source="aws_env")
        assert told
        assert not set("{}") & set(told)
