"""
Commits against a service that loses answers, or says things that cannot be.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest

import deeplake_ref
from deeplake_ref import errors
from deeplake_ref.commit_log import key_of
from tests.reference.scripted import RESET, Asked, Reply, scripted

SCHEMA = {"id": "int64"}
CREDS = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "aws_region": "us-east-1"}


class Bucket:
    """As much of S3 as datasets ask for; `spoil` may give another answer, before or after the work is done."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.before: Callable[[Asked, str], Reply | None] = lambda asked, key: None
        self.after: Callable[[Asked, str], Reply | None] = lambda asked, key: None

    def answer(self, asked: Asked) -> Reply:
        """Do what is asked, and answer it or what the test says."""
        key = unquote(asked.path).removeprefix("/box").removeprefix("/")
        return self.before(asked, key) or self.done(asked, key)

    def done(self, asked: Asked, key: str) -> Reply:
        """Do what is asked."""
        match asked.method:
            case "PUT" if asked.headers["If-None-Match"] and key in self.objects:
                return refusal(412, "PreconditionFailed")
            case "PUT":
                self.objects[key] = asked.body
                return self.after(asked, key) or Reply(200, {"ETag": '"e"'})
            case _ if "list-type" in asked.query:
                found = sorted(name for name in self.objects if name.startswith(asked.query["prefix"]))
                return Reply(200, {"Content-Type": "application/xml"}, listing(found))
            case _ if key not in self.objects:
                return refusal(404, "NoSuchKey")
            case _:
                first, stop = asked.span() if asked.headers["Range"] else (0, len(self.objects[key]))
                body = self.objects[key][first:stop]
                about = {"ETag": '"e"', "Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}
                span = f"bytes {first}-{first + len(body) - 1}/{len(self.objects[key])}"
                return Reply(206, about | {"Content-Range": span}, body)


def refusal(status: int, code: str) -> Reply:
    """Return an error of S3."""
    return Reply(status, {"Content-Type": "application/xml"}, f"<Error><Code>{code}</Code></Error>".encode())


def listing(keys: list[str]) -> bytes:
    """Return a page of a listing."""
    entry = "<Size>1</Size><ETag>e</ETag><LastModified>2015-10-21T07:28:00Z</LastModified>"
    entries = "".join(f"<Contents><Key>{key}</Key>{entry}</Contents>" for key in keys)
    return f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>".encode()


@pytest.fixture
def creds(no_aws: object) -> dict[str, Any]:
    """Credentials, in a world without others."""
    return dict(CREDS)


def lost_once(wanted: str) -> Callable[[Asked, str], Reply | None]:
    """Lose the answer to the first write of a key."""
    lost: list[str] = []

    def reply(asked: Asked, key: str) -> Reply | None:
        if asked.method == "PUT" and key.endswith(wanted) and not lost:
            lost.append(key)
            return RESET
        return None

    return reply


def test_a_writer_whose_answer_was_lost_finds_its_commit(creds: dict[str, Any]) -> None:
    """Creation and commit; neither is repeated, neither is taken for somebody else's."""
    bucket = Bucket()
    with scripted(bucket.answer) as service:
        creds["endpoint_url"] = service.url
        bucket.after = lost_once(key_of(0))
        opened = deeplake_ref.create("s3://box/ds", creds, schema=SCHEMA)
        bucket.after = lost_once(key_of(1))
        opened.append({"id": [1]})

        assert opened.commit() == 1
        assert [key for key in bucket.objects if "_log" in key] == ["ds/" + key_of(0), "ds/" + key_of(1)]
        opened.append({"id": [2]})
        assert opened.commit() == 2
        assert opened["id"][:].to_pylist() == [1, 2]
        opened.close()


def test_a_request_that_was_lost_is_told_with_its_effect(creds: dict[str, Any]) -> None:
    """The rows are still there, and the commit can be made again."""
    bucket = Bucket()
    with scripted(bucket.answer) as service:
        creds["endpoint_url"] = service.url
        opened = deeplake_ref.create("s3://box/ds", creds, schema=SCHEMA)
        opened.append({"id": [1]})
        bucket.before = lost_once(key_of(1))
        with pytest.raises(errors.StorageNetworkConnectionError) as caught:
            opened.commit()
        assert caught.value.effect == "unknown"

        assert opened.commit() == 1
        assert opened["id"][:].to_pylist() == [1]
        opened.close()


def test_a_version_that_is_said_to_exist_and_is_not_there_is_an_error(creds: dict[str, Any]) -> None:
    """A place that refuses every conditional write would otherwise be asked for ever."""
    bucket = Bucket()
    with scripted(bucket.answer) as service:
        creds["endpoint_url"] = service.url
        opened = deeplake_ref.create("s3://box/ds", creds, schema=SCHEMA)
        opened.append({"id": [1]})
        bucket.before = lambda asked, key: (
            refusal(412, "PreconditionFailed") if asked.method == "PUT" and "_log" in key else None
        )

        with pytest.raises(errors.StorageInternalError, match="version 1 is said to exist, and is not listed"):
            opened.commit()
        opened.close()


def test_a_dataset_that_was_made_anew_is_not_written_to(creds: dict[str, Any]) -> None:
    """Under another schema, by somebody else."""
    bucket = Bucket()
    with scripted(bucket.answer) as service:
        creds["endpoint_url"] = service.url
        opened = deeplake_ref.create("s3://box/ds", creds, schema=SCHEMA)
        opened.append({"id": [1]})
        bucket.objects.clear()
        with deeplake_ref.create("s3://box/ds", creds, schema={"name": "text"}) as other:
            other.append({"name": ["x"]})
            other.commit()

        with pytest.raises(
            errors.DatasetNotFoundError, match="was deleted or made anew since it was opened; open it again"
        ):
            opened.commit()
        opened.close()


def test_a_commit_that_came_through_is_not_made_twice(creds: dict[str, Any]) -> None:
    """Its answer was lost, and what is there could not be read either; the caller commits again."""
    bucket = Bucket()
    with scripted(bucket.answer) as service:
        creds["endpoint_url"] = service.url
        opened = deeplake_ref.create("s3://box/ds", creds, schema=SCHEMA)
        opened.append({"id": [1]})
        bucket.after = lost_once(key_of(1))
        written: list[str] = []

        def deny(asked: Asked, key: str) -> Reply | None:
            if asked.method == "PUT":
                written.append(key)
            read = asked.method == "GET" and key.endswith(key_of(1))
            return refusal(403, "AccessDenied") if read and len(written) == 2 else None

        bucket.before = deny
        with pytest.raises(errors.StorageNetworkConnectionError) as caught:
            opened.commit()
        assert caught.value.effect == "unknown"
        bucket.before = lambda asked, key: None

        assert opened.commit() == 1
        assert opened["id"][:].to_pylist() == [1]
        assert len([key for key in bucket.objects if "_log" in key]) == 2
        opened.close()
