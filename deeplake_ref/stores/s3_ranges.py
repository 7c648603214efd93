"""
Ranged requests for one object on S3, and what is known of the bytes that arrive.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from deeplake_ref.errors import StoragePreconditionFailed
from deeplake_ref.sessions import Deadline, IncompleteBodyError, MalformedAnswerError
from deeplake_ref.stores import ranges
from deeplake_ref.stores.s3_client import complete

if TYPE_CHECKING:
    from deeplake_ref.stores.s3 import S3Store

STEP = 64 * 1024
"""Bytes of one read; the deadline is looked at in between. The memory of larger steps would be mapped anew for each."""

CHECKED = 1024 * 1024
"""Bytes of a body up to which its MD5 is computed: 2 ms; of larger ones it would take as long as a fast network."""

_MD5 = re.compile(r'"?([0-9a-f]{32})"?')


class Fetch:
    """Ranged requests for one object."""

    def __init__(self, store: S3Store, full: str, key: str) -> None:
        self._store = store
        self._where = {"Bucket": store._bucket, "Key": full}  # noqa: SLF001 - one thing in two classes
        self._key = key
        self._suspect: str | None = None

    def first(self, start: int, stop: int, begin: ranges.Begin) -> ranges.Part | None:
        """Ask for one chunk; 416 means that the object ends before it."""
        deadline = self._store.body_deadline()

        def request(client: Any) -> ranges.Part | None:
            from botocore.exceptions import ClientError

            try:
                answer = complete(
                    client.get_object(**self._where, Range=f"bytes={start}-{stop - 1}"), "ContentLength", "ETag"
                )
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] == 416:
                    return None
                raise
            with answer["Body"] as raw:
                offset, total = span_of(answer, answer["ContentLength"])
                begin(offset, total, answer["ETag"])
                body = _read(raw, answer["ContentLength"], deadline)
            if len(body) == total <= CHECKED:
                self._check_md5(body, answer)
            return ranges.Part(body, offset, total, answer["ETag"])

        part: ranges.Part | None = self._store._call("get", self._key, request)  # noqa: SLF001
        return part

    def _check_md5(self, body: bytes | bytearray, answer: dict[str, Any]) -> None:
        """Refuse a whole body that contradicts its etag, where the etag is an MD5.

        It is one for objects that went up in one request without a key of the caller's (S3 API reference, "Object").
        Some services put something else of that length there: they are believed once the next answer is the same.
        """
        etag = _MD5.fullmatch(answer["ETag"])
        if etag is None or not self._store.etags_are_md5 or answer.get("ServerSideEncryption", "AES256") != "AES256":
            return
        digest = hashlib.md5(body, usedforsecurity=False).hexdigest()
        if digest != etag[1] and "SSECustomerAlgorithm" not in answer:
            if digest != self._suspect:
                self._suspect = digest
                raise MalformedAnswerError
            self._store.etags_are_md5 = False

    def into(self, wanted: ranges.Wanted) -> None:
        """Read one range of a version in place."""
        deadline = self._store.body_deadline()

        def request(client: Any) -> None:
            asked = {**self._where, "Range": f"bytes={wanted.start}-{wanted.stop - 1}", "IfMatch": wanted.etag}
            answer = complete(client.get_object(**asked), "ETag")
            with answer["Body"] as raw:
                if answer["ETag"] != wanted.etag:
                    raise StoragePreconditionFailed("get: the object was replaced", provider="s3", operation="get")
                if span_of(answer, wanted.stop - wanted.start)[0] != wanted.start:
                    raise MalformedAnswerError
                _fill(wanted.room(), raw, deadline)

        self._store._call("get", self._key, request)  # noqa: SLF001


def _read(raw: Any, size: int, deadline: Deadline) -> bytes | bytearray:
    """Return a body of known size; the caller's `with` block drops a connection that was not read to its end."""
    first: bytes = raw.read1(STEP, decode_content=False)
    if len(first) == size:
        # the end of the body gives the connection back
        raw.read1(STEP, decode_content=False)
        return first
    whole = bytearray(size)
    whole[: len(first)] = first
    _fill(memoryview(whole)[len(first) :], raw, deadline)
    return whole


def _fill(view: memoryview, raw: Any, deadline: Deadline) -> None:
    """Fill a buffer with a body of its size, as it arrives."""
    filled = 0
    while piece := raw.read1(STEP, decode_content=False):
        view[filled : filled + len(piece)] = piece
        filled += len(piece)
        deadline.check()
    if filled != len(view):
        raise IncompleteBodyError


def span_of(answer: dict[str, Any], size: int) -> tuple[int, int]:
    """Return first byte and whole size of an answer with `size` bytes; without a range it is the whole object."""
    if "ContentRange" not in answer:
        return 0, size
    match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", answer["ContentRange"])
    if match is None:
        raise MalformedAnswerError
    first, last, total = map(int, match.groups())
    if last + 1 - first != size:
        raise MalformedAnswerError
    return first, total
