"""What a control plane may say, or fail to say, and what is made of it."""

from __future__ import annotations

from typing import Any

import pytest

from deeplake_ref import errors
from deeplake_ref.storage import Reader, Writer
from tests.reference.lake_services import URL, Lake, refused, said, told
from tests.reference.scripted import HANG, RESET, Reply, scripted

pytestmark = pytest.mark.usefixtures("no_lake")


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
