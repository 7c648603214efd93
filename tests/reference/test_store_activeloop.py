"""Handles at `al://`: whose token is asked with, what is lent, how it is renewed, and what a control plane may do wrong."""

from __future__ import annotations

import json
import pickle
import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

import deeplake_ref
from deeplake_ref import client, errors
from deeplake_ref.explanation import explain
from deeplake_ref.storage import Reader, Writer
from tests.reference.azure_world import World, refusal
from tests.reference.lake_services import URL, Lake, refused, said, told
from tests.reference.scripted import HANG, RESET, Asked, Reply, scripted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conformance.services import RunningService

pytestmark = pytest.mark.usefixtures("no_lake")


# ---- bytes


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


# ---- whose token


def test_the_argument_goes_before_the_environment(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTIVELOOP_TOKEN", "another")
    monkeypatch.setenv("ACTIVELOOP_AUTH_PROVIDER", "azure")
    with Reader(URL, token=lake.token) as reader:
        assert reader.list() == []


def test_the_environment_is_read_without_spaces_around_and_before_the_provider(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACTIVELOOP_TOKEN", f" {lake.token}\n")
    monkeypatch.setenv("ACTIVELOOP_AUTH_PROVIDER", "gcp")
    with Reader(URL) as reader:
        assert reader.list() == []


@pytest.mark.parametrize(("token", "provider"), [("", ""), (" \t", " "), ("", "activeloop")])
def test_blank_variables_are_unset_and_nobody_is_an_error(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, token: str, provider: str
) -> None:
    monkeypatch.setenv("ACTIVELOOP_TOKEN", token)
    monkeypatch.setenv("ACTIVELOOP_AUTH_PROVIDER", provider)
    with Reader(URL) as reader, pytest.raises(errors.CredentialsNotFoundError) as raised:
        reader.list()
    assert (raised.value.provider, raised.value.operation, raised.value.effect) == ("al", "list", "none")
    assert lake.plane.asked == []


@pytest.mark.parametrize(
    ("way", "inside"),
    [
        *[("argument", each) for each in ("\r\nx-extra: 1", "\n2", "\x00", " ", "é")],
        *[("environment", each) for each in ("\r\nx-extra: 1", "\n2", " ", "é")],
    ],
)
def test_a_token_that_would_break_the_header_is_refused_before_any_request(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, way: str, inside: str
) -> None:
    token = f"{lake.token}{inside}{lake.token}"
    if way == "environment":
        monkeypatch.setenv("ACTIVELOOP_TOKEN", token)
    with Reader(URL, token=token if way == "argument" else None) as reader:
        with pytest.raises(errors.InvalidCredentialsError) as raised:
            reader.list()
    assert raised.value.source == {"argument": "activeloop_argument", "environment": "activeloop_env"}[way]
    assert lake.token not in str(raised.value)
    assert lake.plane.asked == []


@pytest.mark.parametrize("token", ["", "  ", 7, b"bytes"])
def test_a_token_argument_that_is_none_is_an_error(lake: Lake, monkeypatch: pytest.MonkeyPatch, token: Any) -> None:
    monkeypatch.setenv("ACTIVELOOP_TOKEN", lake.token)
    with Reader(URL, token=token) as reader, pytest.raises(errors.InvalidCredentialsError):
        reader.list()
    assert lake.plane.asked == []


def test_an_unknown_provider_and_one_without_an_identity_are_errors(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACTIVELOOP_AUTH_PROVIDER", "azzure")
    with Reader(URL) as reader, pytest.raises(errors.InvalidCredentialsError):
        reader.list()
    monkeypatch.setenv("ACTIVELOOP_AUTH_PROVIDER", "GCP")
    monkeypatch.setenv("GCE_METADATA_HOST", "127.0.0.1:9")
    monkeypatch.setenv("GCE_METADATA_IP", "127.0.0.1:9")
    with Reader(URL) as reader, pytest.raises(errors.CredentialsUnavailableError) as raised:
        reader.list()
    assert raised.value.source == "activeloop_provider_gcp"
    assert lake.plane.asked == []


def test_the_metadata_server_gives_the_token_of_gcp(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    flavour = {"Metadata-Flavor": "Google", "Content-Type": "application/json"}
    body = f'{{"access_token": "{lake.token}", "expires_in": 3600, "token_type": "Bearer"}}'.encode()
    with scripted(lambda asked: Reply(200, flavour, body if "token" in asked.path else b"{}")) as metadata:
        for name in ("GCE_METADATA_HOST", "GCE_METADATA_IP"):
            monkeypatch.setenv(name, metadata.url.removeprefix("http://"))
        monkeypatch.setenv("ACTIVELOOP_AUTH_PROVIDER", "gcp")
        with Reader(URL) as reader:
            assert reader.list() == []
    assert [each.headers["X-Activeloop-Provider-Type"] for each in lake.asked()] == ["gcp"]


def test_a_service_principal_shows_a_token_for_management(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked_for: list[str] = []

    def answer(form: dict[str, str]) -> Reply:
        asked_for.append(form["scope"])
        return told({"token_type": "Bearer", "expires_in": 3600, "access_token": lake.token})

    monkeypatch.setenv("ACTIVELOOP_AUTH_PROVIDER", " Azure ")
    with World(monkeypatch, tmp_path) as machine:
        machine.entra(answer)
        machine.service_principal()
        with Reader(URL) as reader:
            assert reader.list() == []
    assert len(asked_for) == 1
    assert "https://management.azure.com/.default" in asked_for[0].split()
    assert [each.headers["X-Activeloop-Provider-Type"] for each in lake.asked()] == ["azure"]
    assert all(
        machine_secret not in f"{each.headers}" for each in lake.plane.asked for machine_secret in machine.secrets
    )


def test_an_application_that_entra_refuses_is_the_end(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ACTIVELOOP_AUTH_PROVIDER", "azure")
    with World(monkeypatch, tmp_path) as machine:
        machine.entra(lambda _form: refusal(401, "invalid_client", 7000215))
        machine.service_principal()
        with Reader(URL) as reader, pytest.raises(errors.CredentialsUnavailableError) as raised:
            reader.list()
    assert (raised.value.source, raised.value.provider) == ("activeloop_provider_azure", "al")
    assert lake.plane.asked == []


# ---- where the control plane is


def test_the_endpoint_of_the_process_goes_before_the_environment(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTIVELOOP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(client, "endpoint", f"{lake.plane.url}/")
    with Reader(URL, token=lake.token) as reader:
        assert reader.list() == []


@pytest.mark.parametrize("endpoint", ["127.0.0.1:9", "ftp://127.0.0.1", "http://a.example", "https://u:p@127.0.0.1"])
def test_an_endpoint_that_is_no_base_url_or_in_clear_is_refused(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setenv("ACTIVELOOP_ENDPOINT", endpoint)
    with Reader(URL, token="t") as reader, pytest.raises(errors.InvalidURIError):
        reader.list()


# ---- renewal


def test_threads_ask_once(lake: Lake) -> None:
    gate = threading.Barrier(12)

    def read(_number: int) -> bytes:
        gate.wait(10)
        return bytes(reader.get("k"))

    with Writer(URL, token=lake.token) as writer:
        writer.set("k", b"v")
    with Reader(URL, token=lake.token) as reader, ThreadPoolExecutor(12) as pool:
        assert set(pool.map(read, range(12))) == {b"v"}
    assert len(lake.asked()) == 2


def handle_at(clock: list[float], lake: Lake) -> Reader:
    """Return a handle whose leases see the clock of a test."""
    reader = Reader(URL, token=lake.token)
    reader._shared._store._leases._clock = lambda: clock[0]  # type: ignore[attr-defined]
    return reader


def test_a_lease_is_replaced_before_its_end_and_once(lake: Lake) -> None:
    clock = [time.time()]
    with handle_at(clock, lake) as reader:
        reader.list()
        clock[0] += lake.life_s - 301
        reader.list()
        assert lake.signers == ["KEY1", "KEY1"]
        clock[0] += 2
        lake.life_s *= 2
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _number: reader.list(), range(8)))
    assert set(lake.signers[2:]) == {"KEY2"}
    assert len(lake.asked()) == 2


def test_a_renewal_that_fails_keeps_what_is_good_and_never_uses_what_has_ended(lake: Lake) -> None:
    clock = [time.time()]
    with handle_at(clock, lake) as reader:
        reader.list()
        said(lake, refused(401, "token_revoked"))
        clock[0] += lake.life_s - 200
        reader.list()
        assert lake.signers == ["KEY1", "KEY1"]
        clock[0] += 201
        with pytest.raises(errors.AuthenticationError) as raised:
            reader.list()
        assert (raised.value.code, raised.value.http_status) == ("token_revoked", 401)
    assert lake.signers == ["KEY1", "KEY1"]


def test_what_ends_while_the_control_plane_is_silent_is_not_used(lake: Lake) -> None:
    clock = [time.time()]
    with handle_at(clock, lake) as reader:
        reader.list()
        clock[0] += lake.life_s - 100

        def answer(_asked: Asked) -> Reply:
            clock[0] += 101
            return refused(503, "storage_unavailable")

        lake.answer = answer
        with pytest.raises(errors.StorageInternalError):
            reader.list()
    assert lake.signers == ["KEY1"]


def test_a_rejected_lease_is_dropped_replaced_once_and_tried_once_more(lake: Lake) -> None:
    with Reader(URL, token=lake.token) as reader:
        reader.list()
        lake.known.clear()
        reader.list()
        assert lake.signers == ["KEY1", "KEY1", "KEY2"]
        lake.known = set()
        lake.lent = lambda: Lake.lent(lake) | {"aws_access_key_id": "UNKNOWN"}  # type: ignore[method-assign]
        with pytest.raises(errors.AuthenticationError) as raised:
            reader.list()
    assert raised.value.provider == "al"
    assert lake.signers[3:] == ["KEY2", "UNKNOWN"]
    assert len(lake.asked()) == 3


class CountedLock:
    """A lock that tells of everybody who comes to it."""

    def __init__(self) -> None:
        self.came = threading.Semaphore(0)
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self.came.release()
        self._lock.acquire()

    def __exit__(self, *_exception: object) -> None:
        self._lock.release()


@pytest.mark.parametrize("refuses", [False, True])
@pytest.mark.parametrize("why", ["rejected", "ended"])
def test_threads_share_one_renewal_a_failed_one_too(lake: Lake, why: str, refuses: bool) -> None:
    threads = 8
    with Reader(URL, token=lake.token) as reader:
        reader.list()
        leases = reader._shared._store._leases  # type: ignore[attr-defined]
        rejected, lock = leases.current(), CountedLock()
        leases._lock = lock
        if why == "ended":
            leases._clock = lambda: time.time() + 2 * lake.life_s
            lake.life_s *= 4

        def answer(_asked: Asked) -> Reply | None:
            for _each in range(threads):
                assert lock.came.acquire(timeout=20)
            return refused(401, "token_revoked") if refuses else None

        lake.answer = answer

        def renew(_number: int) -> str:
            try:
                if why == "rejected":
                    leases.renew(rejected)
                return str(leases.current() is not rejected)
            except errors.StorageError as error:
                return type(error).__name__

        with ThreadPoolExecutor(threads) as pool:
            found = set(pool.map(renew, range(threads)))
    assert found == {"AuthenticationError" if refuses else "True"}
    assert len(lake.asked()) == 2


# ---- what may be said


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (refused(400, "bad_header"), errors.StorageInternalError),
        (refused(401, "unauthenticated"), errors.AuthenticationError),
        (refused(401, "token_expired"), errors.ExpiredTokenError),
        (refused(403, "forbidden"), errors.StorageAccessDenied),
        (told({"code": 1, "agreements": [{"text": "t"}]}, 403), errors.StorageAccessDenied),
        (refused(404, "dataset_not_found"), errors.StorageBucketNotFound),
        (Reply(200, {"Content-Type": "text/html"}, b"<html></html>"), errors.StorageInternalError),
        (Reply(200, {}, b'{"path": "s3://b'), errors.StorageInternalError),
        (Reply(200, {}, b""), errors.StorageInternalError),
        (Reply(200, {}, b"[" * 100_000), errors.StorageInternalError),
        (told([]), errors.StorageInternalError),
    ],
)
def test_a_refusal_is_told_once_and_by_its_class(lake: Lake, reply: Reply, kind: type[errors.StorageError]) -> None:
    said(lake, reply)
    with Reader(URL, token=lake.token) as reader, pytest.raises(errors.StorageError) as raised:
        reader.length("k")
    assert type(raised.value) is kind
    about = raised.value.attributes()
    assert (about["provider"], about["operation"], about["source"]) == ("al", "length", "activeloop_argument")
    assert (about["http_status"], about["effect"]) == (reply.status, "none")
    assert len(lake.plane.asked) == 1
    assert lake.cloud.asked == []


@pytest.mark.parametrize("field", ["path", "creds", "creds.aws_access_key_id", "creds.aws_secret_access_key"])
@pytest.mark.parametrize("value", [None, "", 7, [], {}, "x\ny"])
def test_an_answer_that_lacks_what_is_needed_signs_nothing(lake: Lake, field: str, value: Any) -> None:
    outer, _, inner = field.partition(".")
    lake.changed = {outer: lake.lent() | {inner: value} if inner else value}
    with Reader(URL, token=lake.token) as reader, pytest.raises(errors.StorageInternalError):
        reader.list()
    assert lake.cloud.asked == []


@pytest.mark.parametrize("place", ["mem://x", "/etc", "file:///etc", "al://org/other", "s3://", "ftp://x/y"])
def test_a_control_plane_does_not_send_us_to_the_disk(lake: Lake, place: str) -> None:
    lake.changed = {"path": place}
    with Writer(URL, token=lake.token) as writer, pytest.raises(errors.StorageInternalError):
        writer.set("k", b"v")


@pytest.mark.parametrize("first", [Reply(429), Reply(500), Reply(502), Reply(503), Reply(504), Reply(408), RESET])
def test_a_failure_that_passes_is_tried_again(lake: Lake, first: Reply) -> None:
    said(lake, first, None)
    with Reader(URL, token=lake.token) as reader:
        assert reader.list() == []
    assert len(lake.plane.asked) == 2


def test_half_of_an_announced_answer_is_tried_again(lake: Lake) -> None:
    said(lake, Reply(200, {}, b'{"path":', announced=500), None)
    with Reader(URL, token=lake.token) as reader:
        assert reader.list() == []


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(429), errors.StorageThrottledError),
        (Reply(500), errors.StorageInternalError),
        (Reply(503), errors.StorageInternalError),
        (RESET, errors.StorageNetworkConnectionError),
        (HANG, errors.StorageNetworkConnectionError),
    ],
)
def test_a_failure_that_stays_is_told_within_the_deadline(
    lake: Lake, reply: Reply, kind: type[errors.StorageError]
) -> None:
    said(lake, reply)
    with Reader(URL, token=lake.token, deadline_s=3) as reader, pytest.raises(errors.StorageError) as raised:
        reader.list()
    assert type(raised.value) is kind
    assert lake.cloud.asked == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(lake: Lake, status: int) -> None:
    with scripted(lambda _asked: told({})) as elsewhere:
        said(lake, Reply(status, {"Location": f"{elsewhere.url}/api"}))
        with Reader(URL, token=lake.token) as reader, pytest.raises(errors.StorageInternalError):
            reader.list()
        assert elsewhere.asked == []


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


# ---- explanations


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
