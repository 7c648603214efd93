"""
A control plane and an S3 of few lines, on loopback, for handles at `al://`.

The control plane lends keys that it makes up for each request, `KEY1`, `KEY2`; the S3 knows them until a test takes them
away, and keeps who signed. So both tell what they saw: `plane.asked` and `cloud.signers`.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import md5
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tests.reference.scripted import Asked, Reply, Scripted, in_turn, scripted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

URL = "al://org/ds"

_SIGNER = re.compile(r"Credential=([^/]+)/")


def told(fields: Any, status: int = 200, **headers: str) -> Reply:
    """Return an answer in JSON."""
    return Reply(status, {"Content-Type": "application/json", **headers}, json.dumps(fields).encode())


def refused(status: int, word: str, **headers: str) -> Reply:
    """Return a refusal as the control plane has them."""
    return told({"description": "no", "error": word}, status, **headers)


@dataclass
class Lake:
    """Both services, and what they are told to do."""

    token: str = field(default_factory=lambda: f"token-{secrets.token_hex(12)}", repr=False)
    life_s: float = 3600.0
    mode: str = "w"
    answer: Callable[[Asked], Reply | None] = lambda _asked: None
    known: set[str] = field(default_factory=set)
    signers: list[str] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list, repr=False)
    objects: dict[str, bytes] = field(default_factory=dict)
    datasets: dict[str, str] = field(default_factory=dict)
    changed: dict[str, Any] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    plane: Scripted = field(init=False, repr=False)
    cloud: Scripted = field(init=False, repr=False)

    def asked(self, ending: str = "/creds") -> list[Asked]:
        """Return what the control plane was asked whose path ends so."""
        return [each for each in self.plane.asked if each.path.endswith(ending)]

    def lent(self) -> dict[str, Any]:
        """Return new keys, which the cloud knows from now on."""
        with self.lock:
            key, secret = f"KEY{len(self.secrets) // 2 + 1}", secrets.token_hex(20)
            session = f"session-{secrets.token_hex(12)}"
            self.known.add(key)
            self.secrets += [secret, session]
        return {
            "aws_access_key_id": key,
            "aws_secret_access_key": secret,
            "aws_session_token": session,
            "aws_region": "us-east-1",
            "endpoint_url": self.cloud.url,
            "expiration": str(int(time.time() + self.life_s)),
        }

    def control(self, asked: Asked) -> Reply:
        """Answer as the control plane."""
        scripted_answer = self.answer(asked)
        if scripted_answer is not None:
            return scripted_answer
        if asked.headers["Authorization"] != f"Bearer {self.token}":
            return refused(401, "unauthenticated")
        if asked.path.endswith("/creds"):
            name = "/".join(unquote(each) for each in asked.path.split("/")[3:6:2])
            path = self.datasets.get(name, f"s3://bucket/{name}")
            mode = "r" if asked.query.get("mode") == "r" else self.mode
            return told({"path": path, "repo_type": "s3", "mode": mode, "creds": self.lent()} | self.changed)
        if asked.path.endswith("/storage/name"):
            lent = self.lent()
            short = {"access_key": "aws_access_key_id", "secret_key": "aws_secret_access_key"}
            short |= {"session_token": "aws_session_token", "region": "aws_region"}
            named = {name: lent.pop(long) for name, long in short.items()}
            return told({"provider": "s3", "creds": lent | named})
        if asked.path.endswith("/authz/check/"):
            return told({"access": True})
        if asked.path.endswith("/dataset/connect"):
            body = json.loads(asked.body)
            name = body["ds_name"] or body["src_path"].rpartition("/")[2]
            self.datasets[f"{body['org_id']}/{name}"] = body["src_path"]
            return told({"generated_id": f"{body['org_id']}/{name}"})
        return told({})

    def store(self, asked: Asked) -> Reply:
        """Answer as S3."""
        found = _SIGNER.search(asked.headers.get("Authorization", ""))
        signer = found[1] if found else ""
        with self.lock:
            self.signers.append(signer)
        if signer not in self.known:
            return Reply(403, body=b"<Error><Code>InvalidAccessKeyId</Code><Message>no</Message></Error>")
        if "list-type" in asked.query:
            return self._listing(asked)
        key = unquote(asked.path)[1:]
        if asked.method == "POST":
            bucket = key.rstrip("/")
            for name in re.findall(r"<Key>([^<]*)</Key>", asked.body.decode()):
                self.objects.pop(f"{bucket}/{name}", None)
            return Reply(200, {"Content-Type": "application/xml"}, b"<DeleteResult></DeleteResult>")
        if asked.method == "PUT":
            if asked.headers.get("If-None-Match") == "*" and key in self.objects:
                return Reply(412, body=b"<Error><Code>PreconditionFailed</Code></Error>")
            self.objects[key] = _content(asked)
            return Reply(200, {"ETag": _etag(self.objects[key])})
        if asked.method == "DELETE":
            self.objects.pop(key, None)
            return Reply(204)
        if key not in self.objects:
            return Reply(404, body=b"<Error><Code>NoSuchKey</Code></Error>")
        value = self.objects[key]
        headers = {"ETag": _etag(value), "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
        if asked.method == "HEAD":
            return Reply(200, headers | {"Content-Length": str(len(value))})
        if "Range" in asked.headers and value:
            start, stop = asked.span()
            stop = min(stop, len(value))
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(value)}"
            return Reply(206, headers, value[start:stop])
        return Reply(200, headers, value)

    def _listing(self, asked: Asked) -> Reply:
        prefix = f"{unquote(asked.path)[1:].rstrip('/')}/"
        names = [name.removeprefix(prefix) for name in self.objects if name.startswith(prefix)]
        wanted = unquote(asked.query.get("prefix", ""))
        entries = "".join(
            f"<Contents><Key>{name}</Key><Size>{len(self.objects[prefix + name])}</Size><ETag>&quot;e&quot;</ETag>"
            f"<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
            for name in sorted(names)
            if name.startswith(wanted)
        )
        text = f"<ListBucketResult><Name>bucket</Name><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>"
        return Reply(200, {"Content-Type": "application/xml"}, text.encode())


def _etag(value: bytes) -> str:
    return f'"{md5(value, usedforsecurity=False).hexdigest()}"'


def _content(asked: Asked) -> bytes:
    """Return what a body holds, which botocore may send in signed chunks."""
    if "aws-chunked" not in asked.headers.get("Content-Encoding", ""):
        return asked.body
    content, rest = b"", asked.body
    while rest:
        line, _, rest = rest.partition(b"\r\n")
        size = int(line.split(b";")[0], 16)
        if not size:
            break
        content, rest = content + rest[:size], rest[size + 2 :]
    return content


@contextmanager
def lake_services() -> Iterator[Lake]:
    """Run both for as long as the block."""
    lake = Lake()
    with scripted(lake.control) as lake.plane, scripted(lake.store) as lake.cloud:
        yield lake


def said(lake: Lake, *replies: Reply | None) -> None:
    """Let the control plane answer so, one after the other, and the last one from then on; None is the right answer."""
    turns = in_turn(*[each or Reply(599) for each in replies])

    def answer(asked: Asked) -> Reply | None:
        reply = turns(asked)
        return None if reply.status == 599 else reply

    lake.answer = answer
