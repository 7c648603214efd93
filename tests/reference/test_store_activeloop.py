"""Handles and datasets at `al://`: what goes to the control plane and what to the cloud, and what a role allows."""

from __future__ import annotations

import json
import pickle
import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

import deeplake_ref
from deeplake_ref import errors
from deeplake_ref.storage import Reader, Writer
from tests.reference.lake_services import URL, Lake, refused, said
from tests.reference.scripted import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.services import RunningService

pytestmark = pytest.mark.usefixtures("no_lake")


def test_what_is_written_is_read_and_each_service_gets_what_is_for_it(lake: Lake) -> None:
    with Writer(URL, token=lake.token) as writer:
        writer.set("a/k", b"value")
        assert writer.get_reader().get("a/k", 1, 3) == b"al"
        assert [meta.path for meta in writer.get_reader().list()] == ["a/k"]
        writer.remove("a/k")
    assert lake.objects == {}
    assert len(lake.plane.asked) == 1
    assert set(lake.signers) == {"KEY1"}
    assert all(lake.token not in f"{each.target}{each.headers}" for each in lake.cloud.asked)
    assert all(secret not in f"{each.target}{each.headers}" for each in lake.plane.asked for secret in lake.secrets)


def test_nothing_is_asked_before_the_first_operation(lake: Lake) -> None:
    with Reader(URL, token=lake.token), Writer(URL, token=lake.token):
        pass
    assert lake.plane.asked == []


def test_a_reader_asks_for_reading_and_a_writer_does_not(lake: Lake) -> None:
    with Reader(URL, token=lake.token) as reader, Writer(URL, token=lake.token) as writer:
        assert reader.length("k") == -1
        writer.set("k", b"v")
    assert [each.query.get("mode") for each in lake.asked()] == ["r", None]
    assert {each.headers["X-Activeloop-Provider-Type"] for each in lake.asked()} == {"activeloop"}
    assert {each.headers["Activeloop-Api-Version"] for each in lake.asked()} == {"2024-10-01"}


@pytest.mark.parametrize("url", ["al://", "al://org", "al://org/", "al:///ds", "al://org//ds", "al://org/../ds"])
def test_a_path_without_organisation_or_name_is_refused_before_any_request(lake: Lake, url: str) -> None:
    with pytest.raises(errors.InvalidURIError):
        Reader(url, token=lake.token)
    assert lake.plane.asked == []


def test_a_name_is_encoded_once_and_may_have_slashes(lake: Lake) -> None:
    with Writer("al://org/a b/c%20d", token=lake.token) as writer:
        writer.set("k", b"v")
    assert [each.path for each in lake.asked()] == ["/api/org/org/ds/a%20b%2Fc%2520d/creds"]


def test_a_handle_with_a_token_is_not_pickled_and_shows_nothing(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    with Reader(URL, token=lake.token) as reader:
        assert lake.token not in repr(reader)
        with pytest.raises(TypeError):
            pickle.dumps(reader)
    monkeypatch.setenv("ACTIVELOOP_TOKEN", lake.token)
    with Reader(URL) as reader, pickle.loads(pickle.dumps(reader)) as other:
        assert other.list() == []


# ---- roles and creds


@pytest.mark.parametrize("write", [lambda w: w.set("k", b"v"), lambda w: w.remove("k")], ids=["set", "remove"])
def test_who_may_only_read_is_told_so_before_the_cloud(lake: Lake, write: Callable[[Writer], Any]) -> None:
    lake.mode = "r"
    with Writer(URL, token=lake.token) as writer:
        assert writer.get_reader().list() == []
        seen = len(lake.cloud.asked)
        with pytest.raises(errors.StorageAccessDenied, match="read") as raised:
            write(writer)
    assert (raised.value.effect, raised.value.provider) == ("none", "al")
    assert len(lake.cloud.asked) == seen


@pytest.mark.parametrize(
    "creds", [{"aws_access_key_id": "A", "aws_secret_access_key": "B"}, {"sas_token": "s"}, {"anon": True}, "anon"]
)
def test_keys_of_a_cloud_are_refused_before_any_request(lake: Lake, creds: Any) -> None:
    with Reader(URL, creds, lake.token) as reader, pytest.raises(errors.InvalidCredentialsError):
        reader.list()
    assert lake.plane.asked == []
    assert lake.cloud.asked == []


def test_managed_credentials_sign_alone(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AMBIENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secrets.token_hex(20))
    with Writer("s3://bucket/x", {"creds_key": "k", "org_id": "org"}, lake.token) as writer:
        writer.set("k", b"v")
    assert lake.signers == ["KEY1"]
    assert [(each.path, each.query) for each in lake.plane.asked] == [("/api/org/org/storage/name", {"query": "k"})]


@pytest.mark.parametrize(
    "creds",
    [
        {"creds_key": "k"},
        {"creds_key": " ", "org_id": "org"},
        {"creds_key": 7, "org_id": "org"},
        {"creds_key": "k", "org_id": "org", "aws_access_key_id": "A"},
        {"creds_key": "k", "org_id": "org", "account_key": "A"},
    ],
)
def test_managed_credentials_that_are_not_named_rightly_are_refused(lake: Lake, creds: Any) -> None:
    with Reader("s3://bucket/x", creds, lake.token) as reader, pytest.raises(errors.InvalidCredentialsError):
        reader.list()
    assert lake.plane.asked == []
    assert lake.cloud.asked == []


def test_a_dataset_may_be_signed_for_by_a_key_of_its_organisation(lake: Lake) -> None:
    with Writer(URL, {"creds_key": "k"}, lake.token) as writer:
        writer.set("k", b"v")
        lake.known.clear()
        writer.set("k", b"w")
    assert lake.objects == {"bucket/org/ds/k": b"w"}
    assert [each.path for each in lake.plane.asked] == [
        "/api/org/org/ds/ds/creds",
        "/api/org/org/storage/name",
        "/api/org/org/storage/name",
    ]
    assert lake.signers == ["KEY2", "KEY2", "KEY3"]


def test_a_key_of_another_organisation_than_the_path_is_refused(lake: Lake) -> None:
    creds = {"creds_key": "k", "org_id": "other"}
    with Reader(URL, creds, lake.token) as reader, pytest.raises(errors.InvalidCredentialsError):
        reader.list()
    assert lake.plane.asked == []


# ---- datasets


def test_a_dataset_is_made_opened_copied_and_removed(lake: Lake) -> None:
    with deeplake_ref.create(URL, token=lake.token, schema={"x": "int64"}) as made:
        made.append({"x": [1, 2]})
        made.commit("two")
    assert deeplake_ref.exists(URL, token=lake.token)
    deeplake_ref.copy(URL, "al://org/other", token=lake.token)
    with deeplake_ref.open_read_only("al://org/other", token=lake.token) as read:
        assert len(read) == 2
    with deeplake_ref.like(URL, "al://org/third", token=lake.token) as empty:
        assert len(empty) == 0
    with pytest.raises(errors.DatasetExistsError):
        deeplake_ref.create(URL, token=lake.token, schema={"x": "int64"})
    deeplake_ref.delete("al://org/other", token=lake.token)
    assert not deeplake_ref.exists("al://org/other", token=lake.token)
    assert deeplake_ref.exists(URL, token=lake.token)
    assert [each.path for each in lake.plane.asked if each.method == "DELETE"] == ["/api/dataset/org/other"]


def test_a_missing_dataset_is_told_apart_from_trouble(lake: Lake) -> None:
    said(lake, refused(404, "dataset_not_found"))
    assert not deeplake_ref.exists(URL, token=lake.token)
    for function in (deeplake_ref.open, deeplake_ref.open_read_only, deeplake_ref.delete):
        with pytest.raises(errors.DatasetNotFoundError):
            function(URL, token=lake.token)
    for reply, kind in (
        (refused(401, "unauthenticated"), errors.AuthenticationError),
        (refused(403, "forbidden"), errors.StorageAccessDenied),
        (Reply(200, {}, b"<html>"), errors.StorageInternalError),
        (Reply(404, {}, b"<html>"), errors.StorageInternalError),
        (refused(404, "no_such_path"), errors.StorageInternalError),
    ):
        said(lake, reply)
        with pytest.raises(kind):
            deeplake_ref.exists(URL, token=lake.token)
        with pytest.raises(kind):
            deeplake_ref.open(URL, token=lake.token)


def test_a_name_is_given_and_taken_away_again_and_again(lake: Lake) -> None:
    with deeplake_ref.create(URL, token=lake.token, schema={"x": "int64"}):
        pass
    for _again in range(2):
        with deeplake_ref.connect("s3://bucket/org/ds", "al://org/named", token=lake.token) as opened:
            assert opened.schema == {"x": "int64"}
    with deeplake_ref.connect("s3://bucket/org/ds", org_id="org", creds_key="k", token=lake.token) as opened:
        assert opened.reader.path == URL
    before = dict(lake.objects)
    said(lake, None, refused(404, "dataset_not_found"))
    for _again in range(2):
        deeplake_ref.disconnect("al://org/named", token=lake.token)
    assert lake.objects == before


@pytest.mark.parametrize(
    ("src", "dest"), [("mem://x", URL), ("al://org/x", URL), ("s3://b/x", None), ("s3://b/x", "s3://b/y")]
)
def test_what_cannot_be_connected_is_refused_before_any_request(lake: Lake, src: str, dest: str | None) -> None:
    with pytest.raises(errors.InvalidURIError):
        deeplake_ref.connect(src, dest, token=lake.token)
    assert lake.plane.asked == []


# ---- the other clouds


def test_a_signature_that_is_lent_signs_at_azure(lake: Lake, azurite: RunningService) -> None:
    from azure.storage.blob import ContainerClient, generate_container_sas

    creds = azurite.creds()
    account, container = azurite.access_key, f"lake-{secrets.token_hex(6)}"
    endpoint = creds["endpoint_url"]
    with ContainerClient(endpoint, container, credential=creds["account_key"]) as made:
        made.create_container()
    ends = datetime.now(UTC) + timedelta(hours=1)

    def signature(permission: str) -> str:
        return str(
            generate_container_sas(
                account, container, account_key=creds["account_key"], permission=permission, expiry=ends
            )
        )

    about = {"account_name": account, "endpoint_url": endpoint, "expiration": int(ends.timestamp())}
    lake.changed = {"path": f"az://{account}/{container}/x", "creds": about | {"sas_token": signature("racwdl")}}
    with Writer(URL, token=lake.token) as writer:
        writer.set("k", b"value")
        assert bytes(writer.get_reader().get("k")) == b"value"
        assert [meta.path for meta in writer.get_reader().list()] == ["k"]
    lake.changed["creds"] = about | {"sas_token": signature("rl")}
    with Writer(URL, token=lake.token) as writer, pytest.raises(errors.StorageError) as raised:
        writer.set("k", b"other")
    assert raised.value.provider == "al"
    assert not any(part in str(raised.value) for part in signature("rl").split("&") if part.startswith("sig="))


def test_a_token_that_is_lent_signs_at_google(lake: Lake, fake_gcs: RunningService) -> None:
    import urllib.request

    bucket = f"lake-{secrets.token_hex(6)}"
    request = urllib.request.Request(
        f"{fake_gcs.url}/storage/v1/b?project=p",
        json.dumps({"name": bucket}).encode(),
        {"Content-Type": "application/json"},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=10):
        pass
    lake.changed = {
        "path": f"gcs://{bucket}/x",
        "creds": {"gcs_oauth_token": secrets.token_hex(16), "endpoint_url": fake_gcs.url, "expiration": None},
    }
    with Writer(URL, token=lake.token) as writer:
        writer.set("k", b"value")
        assert bytes(writer.get_reader().get("k", 1)) == b"alue"
