"""
Bodies that an AWS signature covers: by one hash, or chunk by chunk (`aws-chunked`).

Chunk signatures: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html, trailers:
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html. The checksums in a trailer are the service's
to check.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance.gate.proofs.request import Refused, Request, same

if TYPE_CHECKING:
    from conformance.gate.proofs.request import BodyCheck

EMPTY = hashlib.sha256(b"").hexdigest()
LONGEST_LINE = 4096
"""Bytes of a chunk's header or of a trailer line; a longer one is no framing."""

CHUNKED = {
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD": (True, False),
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER": (True, True),
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER": (False, True),
}
"""Whether chunks are signed, and whether a trailer follows."""

_CHUNK = re.compile(rb"([0-9a-fA-F]{1,16})(?:;chunk-signature=([0-9a-f]{64}))?")


@dataclass(slots=True)
class Chain:
    """The signatures of a body: each one covers the one before it."""

    key: bytes
    date: str
    scope: str
    previous: str

    def next(self, kind: str, *hashes: str) -> str:
        """Return the next signature and go on to it."""
        text = "\n".join((f"AWS4-HMAC-SHA256-{kind}", self.date, self.scope, self.previous, *hashes))
        self.previous = hmac.new(self.key, text.encode("latin-1", "replace"), hashlib.sha256).hexdigest()
        return self.previous


def body_check(payload: str, chain: Chain, request: Request, label: str) -> BodyCheck | None:
    """Return what watches the body, None for one that is not signed; raises `Refused` for an unknown way to sign."""
    if payload == "UNSIGNED-PAYLOAD":
        return None
    if payload in CHUNKED:
        decoded = request.header("x-amz-decoded-content-length")
        if decoded is None or not decoded.isdecimal():
            raise Refused("MissingContentLength", label=label)
        is_signed, has_trailer = CHUNKED[payload]
        return Chunks(chain if is_signed else None, int(decoded), label, has_trailer=has_trailer)
    if payload.startswith("STREAMING-"):
        raise Refused("InvalidArgument", f"x-amz-content-sha256 is not supported: {payload}", label=label)
    return Whole(payload, label)


class Whole:
    """A body with one hash."""

    def __init__(self, expected: str, label: str) -> None:
        self._expected = expected
        self._label = label
        self._hash = hashlib.sha256()

    def update(self, piece: bytes) -> None:
        """Take the next piece."""
        self._hash.update(piece)

    def finish(self) -> None:
        """Compare."""
        found = self._hash.hexdigest()
        if not same(found, self._expected):
            raise Refused(
                "XAmzContentSHA256Mismatch",
                fields={"ClientComputedContentSHA256": self._expected, "S3ComputedContentSHA256": found},
                label=self._label,
            )


class Chunks:
    """A body in `aws-chunked` framing: `size;chunk-signature=hex`, line end, data, line end; the last size is 0."""

    def __init__(self, chain: Chain | None, decoded: int, label: str, *, has_trailer: bool) -> None:
        self._chain = chain
        self._left = decoded
        self._label = label
        self._has_trailer = has_trailer
        self._line = b""
        self._data = 0
        self._ending = 0
        self._given = ""
        self._hash = hashlib.sha256()
        self._in_trailer = False
        self._trailer = b""
        self._trailer_signature: str | None = None
        self._is_over = False

    def update(self, piece: bytes) -> None:
        """Take the next piece."""
        at = 0
        while at < len(piece):
            if self._data:
                taken = piece[at : at + self._data]
                self._hash.update(taken)
                self._data -= len(taken)
                at += len(taken)
                if not self._data:
                    self._check_chunk()
                    self._ending = 2
            elif self._ending:
                if piece[at] != b"\r\n"[2 - self._ending]:
                    raise self._incomplete()
                self._ending -= 1
                at += 1
            else:
                end = piece.find(b"\n", at)
                stop = len(piece) if end < 0 else end + 1
                self._line += piece[at:stop]
                at = stop
                if len(self._line) > LONGEST_LINE:
                    raise self._incomplete()
                if end >= 0:
                    line, self._line = self._line, b""
                    if not line.endswith(b"\r\n"):
                        raise self._incomplete()
                    self._on_line(line[:-2])

    def finish(self) -> None:
        """Demand that the last chunk came, and all the data that was announced."""
        # the line end after the last chunk is left out by some clients, which moto and MinIO let pass
        if not self._in_trailer or self._left or self._line or (self._has_trailer and not self._is_over):
            raise self._incomplete()
        if self._has_trailer and self._chain is not None:
            expected = self._chain.next("TRAILER", hashlib.sha256(self._trailer).hexdigest())
            if self._trailer_signature is None or not same(expected, self._trailer_signature):
                raise self._mismatch()

    def _on_line(self, line: bytes) -> None:
        if self._is_over:
            raise self._incomplete()
        if self._in_trailer:
            self._on_trailer(line)
            return
        match = _CHUNK.fullmatch(line)
        if match is None:
            raise self._incomplete()
        size, signature = int(match[1], 16), match[2]
        if self._chain is not None and signature is None:
            raise self._mismatch()
        self._given = (signature or b"").decode()
        self._hash = hashlib.sha256()
        self._left -= size
        self._data = size
        if self._left < 0:
            raise self._incomplete()
        if size == 0:
            self._check_chunk()
            self._in_trailer = True

    def _on_trailer(self, line: bytes) -> None:
        if not line:
            self._is_over = True
            return
        name, colon, value = line.partition(b":")
        if not colon or not self._has_trailer:
            raise self._incomplete()
        if name.lower() == b"x-amz-trailer-signature":
            self._trailer_signature = value.strip().decode("latin-1")
        else:
            self._trailer += name.lower().strip() + b":" + value.strip() + b"\n"

    def _check_chunk(self) -> None:
        if self._chain is not None and not same(
            self._chain.next("PAYLOAD", EMPTY, self._hash.hexdigest()), self._given
        ):
            raise self._mismatch()

    def _mismatch(self) -> Refused:
        return Refused("SignatureDoesNotMatch", label=self._label)

    def _incomplete(self) -> Refused:
        return Refused("IncompleteBody", label=self._label)
