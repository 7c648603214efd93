"""
The example target over obstore: what it sends, how it names failures, and that the suite judges it.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from conformance.targets import TargetError
from conformance.targets.selection import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.targets import Target

pytest.importorskip("obstore")

ROOT = Path(__file__).parents[2]
TARGET = ROOT / "examples" / "obstore_target.py"

KEYS = {"aws_access_key_id": "AKIDOFTHISTEST", "aws_secret_access_key": "a-Secret-of-this-test", "aws_region": "eu-x-1"}


class Service:
    """A server that records requests and answers each with the same status and body."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str]] = []
        self.status = 200
        self.body = b""
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                service.seen.append((self.command, self.path, self.headers.get("Authorization", "")))
                body = b"" if self.command == "HEAD" else service.body
                self.send_response(206 if self.headers.get("Range") and service.status == 200 else service.status)
                self.send_header("Content-Length", str(len(service.body)))
                self.send_header("ETag", '"7"')
                self.send_header("Last-Modified", "Fri, 02 Jan 2026 03:04:05 GMT")
                if self.headers.get("Range"):
                    self.send_header("Content-Range", "bytes 1-3/10")
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = answer  # noqa: N815 - names of http.server

            def log_message(self, *arguments: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def service() -> Iterator[Service]:
    """The server, running."""
    running = Service()
    thread = threading.Thread(target=running.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield running
    running.server.shutdown()
    thread.join(20)
    running.server.server_close()


@pytest.fixture
def target() -> Target:
    """The adapter, in process."""
    return resolve(str(TARGET), (), None, None).start()


def test_credentials_and_address_reach_the_wire(target: Target, service: Service) -> None:
    """The request is signed with the key id and region that were given, path style, below the root of the handle."""
    target.open_writer("s3://bucket/root", KEYS | {"endpoint_url": service.url}).set("a b/k", b"v")

    (method, path, authorization), *more = service.seen
    assert not more
    assert (method, path) == ("PUT", "/bucket/root/a%20b/k")
    assert "Credential=AKIDOFTHISTEST/" in authorization
    assert "/eu-x-1/s3/" in authorization


def test_a_range_inside_an_object_is_one_request(target: Target, service: Service) -> None:
    """Nothing is asked beforehand."""
    service.body = b"bcd"
    reader = target.open_reader("s3://bucket/root", KEYS | {"endpoint_url": service.url})

    assert reader.get("k", 1, 4) == b"bcd"
    assert [method for method, _, _ in service.seen] == ["GET"]


@pytest.mark.parametrize(
    ("status", "code", "name"),
    [
        (404, "NoSuchKey", "StorageKeyNotFound"),
        (404, "NoSuchBucket", "StorageBucketNotFound"),
        (403, "AccessDenied", "StorageAccessDenied"),
        (401, "Unauthorized", "AuthenticationError"),
        (412, "PreconditionFailed", "StoragePreconditionFailed"),
        (400, "BadRequest", "StorageInternalError"),
    ],
)
def test_an_answer_of_the_service_has_its_class(
    target: Target, service: Service, status: int, code: str, name: str
) -> None:
    """By the status, and for a missing bucket by the code in the body; no secret is told."""
    service.status, service.body = status, f"<Error><Code>{code}</Code></Error>".encode()
    reader = target.open_reader("s3://bucket/root", KEYS | {"endpoint_url": service.url})

    with pytest.raises(TargetError) as caught:
        reader.get("k")

    assert caught.value.class_name == name
    assert caught.value.is_a("StorageError")
    assert not caught.value.leaked


def test_a_service_that_is_gone_is_a_network_error(target: Target) -> None:
    """Not a missing object."""
    with pytest.raises(TargetError) as caught:
        target.open_reader("s3://bucket/root", KEYS | {"endpoint_url": "http://127.0.0.1:9"}).length("k")
    assert caught.value.is_a("StorageNetworkConnectionError")
    assert caught.value.is_a("ConnectionError")


@pytest.mark.parametrize("url", ["s3://", "az://account", "gcs://bucket/x", "mem:/x", "s4://bucket", "", "mem://"])
def test_a_path_of_none_of_its_prefixes_is_refused(target: Target, url: str) -> None:
    """Before any request."""
    with pytest.raises(TargetError) as caught:
        target.open_reader(url)

    assert caught.value.is_a("InvalidURIError")


@pytest.mark.parametrize("place", ["mem", "file"])
def test_bounds_are_clipped(target: Target, tmp_path: Path, place: str) -> None:
    """Which obstore itself refuses; a missing object stays an error."""
    writer = target.open_writer(f"mem://{tmp_path.name}" if place == "mem" else f"file://{tmp_path}")
    writer.set("k", b"abcdef")
    reader = writer.get_reader()

    assert [reader.get("k", *bounds) for bounds in ((2, 4), (4, 99), (6, 9), (9, None), (3, 3), (None, 0), (4,))] == [
        b"cd",
        b"ef",
        b"",
        b"",
        b"",
        b"",
        b"ef",
    ]
    with pytest.raises(TargetError, match="StorageKeyNotFound"):
        reader.get("missing", 3, 3)


def test_the_suite_judges_it(tmp_path: Path) -> None:
    """A short run conforms, and shows known failures with their reasons."""
    only = ["--only", "OBJ-1,RANGE-3,PATH-18,LIST-7", "--places", "mem,file", "--profile", "quick", "-n", "0"]
    done = subprocess.run(
        [sys.executable, "-m", "conformance", "run", *only, "--record", str(tmp_path), "--target", str(TARGET)],
        capture_output=True,
        text=True,
        timeout=240,
        cwd=tmp_path,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "obstore conforms" in done.stdout
    assert "LocalFileSystem follows symbolic links" in done.stdout.replace("\n", " ").replace("  ", " ")
