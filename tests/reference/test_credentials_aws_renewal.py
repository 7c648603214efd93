"""Temporary credentials of AWS near their end, after it, and when the store no longer takes them."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import threading
import traceback
import urllib.parse
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deeplake_ref import errors, storage
from deeplake_ref.credentials import aws
from deeplake_ref.credentials.aws_quiet import QUIET
from deeplake_ref.secrets import SecretFields
from deeplake_ref.stores import CHUNK
from tests.reference.aws_world import AMBIENT, LONG_S, OF_SERVICES, World
from tests.reference.scripted import HANG, Asked, Reply
from tests.reference.test_handles import in_a_child, needs_fork

RENEWABLE = (*OF_SERVICES, "aws_process")
"""Sources of what renews itself; a process that says when its keys end is one."""


class Shelf:
    """A store that keeps objects, and refuses key ids that a test names."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.signers: list[str] = []
        self.refused: set[str] = set()
        self.code, self.status = "ExpiredToken", 400
        self.only: Callable[[Asked], bool] = lambda _asked: True
        self.together: threading.Barrier | None = None
        self._parts: dict[int, bytes] = {}

    def answer(self, asked: Asked) -> Reply:
        """Answer a request of S3's."""
        found = re.search(r"Credential=([^/]+)/", asked.headers.get("Authorization", ""))
        signer = found[1] if found else ""
        self.signers.append(signer)
        if (signer in self.refused or "*" in self.refused) and self.only(asked):
            if self.together:
                self.together.wait(20)
            body = f"<Error><Code>{self.code}</Code><Message>hunter2</Message></Error>"
            return Reply(self.status, {"Content-Type": "application/xml"}, body.encode())
        return self._served(asked)

    def _served(self, asked: Asked) -> Reply:
        if asked.method == "POST":
            if "uploads" in asked.query:
                return Reply(
                    body=b"<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"
                )
            self.kept[asked.path] = b"".join(part for _, part in sorted(self._parts.items()))
            return Reply(body=b'<CompleteMultipartUploadResult><ETag>"x"</ETag></CompleteMultipartUploadResult>')
        if asked.method == "PUT":
            if "partNumber" in asked.query:
                self._parts[int(asked.query["partNumber"])] = asked.body
            else:
                self.kept[asked.path] = asked.body
            return Reply(headers={"ETag": '"x"'})
        value = self.kept.get(asked.path, b"v")
        span = f"bytes 0-{len(value) - 1}/{len(value)}"
        return Reply(206, {"ETag": '"x"', "Content-Range": span}, value)


@pytest.fixture
def shelf(aws_world: World) -> Shelf:
    """The store of that machine."""
    made = Shelf()
    aws_world.store = made.answer
    aws_world.env(AWS_ENDPOINT_URL_S3=aws_world.service.url)
    return made


@contextmanager
def opened(creds: Any = None) -> Iterator[storage.Writer]:
    """Open a handle at that store."""
    with storage.Writer("s3://box/ds", creds, deadline_s=60) as writer:
        yield writer


def plant(world: World, source: str) -> None:
    """Plant a source; the process counts how often it ran, as the services do."""
    if source != "aws_process":
        world.plant(source)
        return
    script = world.home / "process.py"
    script.write_text(
        "import json, pathlib, sys\n"
        f"ran = pathlib.Path({str(world.home / 'ran')!r})\n"
        "count = int(ran.read_text()) + 1 if ran.exists() else 1\n"
        "ran.write_text(str(count))\n"
        f"keys = {[world.key('aws_process', n) for n in range(9)]!r}\n"
        f"end = {world.until('process')!r}\n"
        f"print(json.dumps(dict(Version=1, AccessKeyId=keys[count], SecretAccessKey={world.secret('aws_process')!r},"
        " Expiration=end)))\n"
    )
    world.config(f"credential_process = {sys.executable} {script}\n")


def served(world: World, source: str) -> int:
    """Return how often a source gave credentials."""
    return int((world.home / "ran").read_text()) if source == "aws_process" else world.served[OF_SERVICES[source]]


def threads(count: int, work: Callable[[], object]) -> list[object]:
    """Return what threads got, or raised."""
    answers: list[object] = []

    def run() -> None:
        try:
            answers.append(work())
        except Exception as error:  # noqa: BLE001 - it is looked at by the test
            answers.append(error)

    running = [threading.Thread(target=run) for _ in range(count)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(60)
    return answers


# ---- when the store no longer takes them


@pytest.mark.parametrize("source", RENEWABLE)
def test_rejected_credentials_are_got_again_once(aws_world: World, shelf: Shelf, source: str) -> None:
    """From the same source, though they have long to live, and the request is made once more."""
    plant(aws_world, source)
    shelf.refused = {aws_world.key(source)}
    with opened() as writer:
        assert writer.get_reader().get("k") == b"v"
        assert writer.get_reader().get("k") == b"v"

    assert shelf.signers == [aws_world.key(source, n) for n in (1, 2, 2)]
    assert served(aws_world, source) == 2


@pytest.mark.parametrize(
    "status_code", [(400, "ExpiredToken"), (400, "InvalidToken"), (403, "InvalidAccessKeyId")], ids=str
)
def test_what_is_rejected_again_is_the_answer(aws_world: World, shelf: Shelf, status_code: tuple[int, str]) -> None:
    """Two requests, two questions, and an error that says who signed."""
    plant(aws_world, "aws_container")
    shelf.refused, (shelf.status, shelf.code) = {"*"}, status_code
    with opened() as writer, pytest.raises(errors.AuthenticationError, match="signed by aws_container; ") as caught:
        writer.get_reader().get("k")

    assert (caught.value.code, caught.value.source) == (shelf.code, "aws_container")
    assert (len(shelf.signers), served(aws_world, "aws_container")) == (2, 2)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("status", "code", "kind", "told"),
    [
        (403, "SignatureDoesNotMatch", errors.AuthenticationError, "check the secret key"),
        (403, "RequestTimeTooSkewed", errors.AuthenticationError, "clock is off"),
        (403, "AccessDenied", errors.StorageAccessDenied, "lack the permission"),
    ],
)
def test_what_others_would_not_mend_is_not_tried_again(
    aws_world: World, shelf: Shelf, status: int, code: str, kind: type[errors.StorageError], told: str
) -> None:
    """One request, and what to do."""
    plant(aws_world, "aws_container")
    shelf.refused, shelf.status, shelf.code = {"*"}, status, code
    with opened() as writer, pytest.raises(kind, match=f"signed by aws_container; .*{told}"):
        writer.get_reader().get("k")

    assert (len(shelf.signers), served(aws_world, "aws_container")) == (1, 1)


@pytest.mark.parametrize("source", ["aws_dict", "aws_env", "aws_shared_file", "aws_config_file"])
def test_static_keys_are_neither_tried_again_nor_replaced(aws_world: World, shelf: Shelf, source: str) -> None:
    """By those of nobody else."""
    creds = None
    if source == "aws_dict":
        creds = {"aws_access_key_id": aws_world.key(source), "aws_secret_access_key": aws_world.secret(source)}
    else:
        aws_world.plant(source)
    aws_world.plant("aws_container", "aws_imds")
    shelf.refused = {aws_world.key(source)}
    with opened(creds) as writer, pytest.raises(errors.ExpiredTokenError, match=f"signed by {source}; get new"):
        writer.get_reader().get("k")

    assert shelf.signers == [aws_world.key(source)]
    assert aws_world.asked() == set()


def test_rejected_credentials_are_got_again_once_for_all_threads(aws_world: World, shelf: Shelf) -> None:
    """Each makes its own request once more."""
    plant(aws_world, "aws_imds")
    shelf.refused, shelf.together = {aws_world.key("aws_imds")}, threading.Barrier(8)
    with opened() as writer:
        answers = threads(8, lambda: bytes(writer.get_reader().get("k")))

    assert answers == [b"v"] * 8
    assert served(aws_world, "aws_imds") == 2


@pytest.mark.parametrize("size", [10, CHUNK + 10], ids=["one request", "in parts"])
@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_a_write_that_is_made_again_is_whole(
    aws_world: World, shelf: Shelf, size: int, kind: Callable[[bytes], Any]
) -> None:
    """Its body is read from the start."""
    plant(aws_world, "aws_container")
    shelf.refused = {aws_world.key("aws_container")}
    shelf.only = lambda asked: asked.method == "PUT"
    value = os.urandom(size)
    with opened() as writer:
        writer.set("k", kind(value))

    assert shelf.kept == {"/box/ds/k": value}


def test_renewal_that_fails_is_told(aws_world: World, shelf: Shelf) -> None:
    """As what it is: the role is refused, not the object."""
    plant(aws_world, "aws_assume_role")
    shelf.refused = {aws_world.key("aws_assume_role")}
    with opened() as writer:
        refusal = b"<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"
        shelf.refused.clear()
        writer.get_reader().get("k")
        shelf.refused = {aws_world.key("aws_assume_role")}
        aws_world.answers["AssumeRole"] = Reply(403, body=refusal)
        with pytest.raises(errors.CredentialsUnavailableError, match="AssumeRole was refused: AccessDenied") as caught:
            writer.get_reader().get("k")

    assert (caught.value.source, caught.value.operation) == ("aws_assume_role", "get")


def test_a_malformed_file_does_not_keep_keys_from_the_store(aws_world: World, shelf: Shelf) -> None:
    """Neither those of the environment nor the caller's."""
    aws_world.plant("aws_env")
    (aws_world.home / "config").write_text("[default")
    for creds in (None, {"aws_access_key_id": "AKIADICT", "aws_secret_access_key": "x"}):
        with opened(creds) as writer:
            assert writer.get_reader().get("k") == b"v"

    assert shelf.signers == [aws_world.key("aws_env"), "AKIADICT"]


# ---- near their end


@pytest.mark.parametrize("source", OF_SERVICES)
def test_credentials_near_their_end_are_renewed(aws_world: World, shelf: Shelf, source: str) -> None:
    """Once, however many threads sign; nobody waits for their end."""
    aws_world.lives_s[OF_SERVICES[source]] = lambda generation: 300 if generation == 1 else LONG_S
    aws_world.plant(source)
    with opened() as writer:
        answers = threads(8, lambda: bytes(writer.get_reader().get("k")))

    assert answers == [b"v"] * 8
    assert set(shelf.signers) == {aws_world.key(source, 2)}
    assert served(aws_world, source) == 2


@pytest.mark.parametrize("life_s", [14 * 60, 300])
def test_valid_credentials_outlast_a_service_that_is_away(aws_world: World, shelf: Shelf, life_s: int) -> None:
    """Until they end the old ones sign, and not every request asks."""
    aws_world.lives_s["container"] = life_s
    plant(aws_world, "aws_container")
    chain = aws.chain(SecretFields(None))
    chain.resolve()
    aws_world.answers["container"] = Reply(500)
    signer = chain.resolve().credentials.signer
    frozen = signer.get_frozen_credentials()
    asked = len(aws_world.service.asked)

    assert frozen.access_key == signer.get_frozen_credentials().access_key == aws_world.key("aws_container")
    assert len(aws_world.service.asked) == asked > 1
    assert shelf.signers == []


def test_after_the_end_a_service_that_is_away_is_an_error(aws_world: World) -> None:
    """That names the source; the next question is asked again."""
    aws_world.lives_s["container"] = 300
    plant(aws_world, "aws_container")
    chain = aws.chain(SecretFields(None))
    signer = chain.resolve().credentials.signer
    aws_world.answers["container"] = Reply(500)
    signer._expiry_time = datetime.now(UTC)
    with pytest.raises(errors.CredentialsUnavailableError) as caught:
        signer.get_frozen_credentials()
    assert (caught.value.source, caught.value.provider) == ("aws_container", "s3")
    del aws_world.answers["container"]

    assert signer.get_frozen_credentials().access_key == aws_world.key("aws_container", 2)


def test_what_expired_before_it_came_is_not_used(aws_world: World, shelf: Shelf) -> None:
    """Nor asked for again and again."""
    aws_world.lives_s["imds"] = -5
    plant(aws_world, "aws_imds")
    with opened() as writer, pytest.raises(errors.ExpiredTokenError, match="the role of the machine: expired at"):
        writer.get_reader().get("k")

    assert shelf.signers == []
    assert served(aws_world, "aws_imds") <= 3


def test_short_lives_are_no_storm(aws_world: World, shelf: Shelf) -> None:
    """A service that gives nothing longer is not asked for every request."""
    aws_world.lives_s["container"] = 200
    plant(aws_world, "aws_container")
    with opened() as writer:
        for _ in range(10):
            writer.get_reader().get("k")

    assert (len(shelf.signers), served(aws_world, "aws_container")) == (10, 2)


def test_a_token_file_that_was_written_again_is_read_again(aws_world: World, shelf: Shelf) -> None:
    """Whoever rotates it does not tell."""
    plant(aws_world, "aws_web_identity")
    shelf.refused = {aws_world.key("aws_web_identity")}
    with opened() as writer:
        rotated = uuid.uuid4().hex
        (aws_world.home / "token").write_text(rotated)
        shelf.refused.clear()
        writer.get_reader().get("k")
        shelf.refused = {aws_world.key("aws_web_identity")}
        again = uuid.uuid4().hex
        (aws_world.home / "token").write_text(again)
        writer.get_reader().get("k")
    bodies = [asked.body.decode() for asked in aws_world.service.asked if asked.path.startswith("/sts")]

    assert [rotated in bodies[0], again in bodies[1]] == [True, True]


@pytest.mark.parametrize("source", AMBIENT)
def test_no_secret_is_logged(aws_world: World, shelf: Shelf, source: str, caplog: pytest.LogCaptureFixture) -> None:
    """At any level; botocore logs tokens, logins and whole answers."""
    caplog.set_level(logging.DEBUG)
    aws_world.plant(source)
    if source == "aws_sso":
        end, more = "2099-01-01T00:00:00Z", {"clientId": "id", "clientSecret": aws_world.secret("client")}
        aws_world.log_in(-5, refreshToken=aws_world.secret("refresh"), registrationExpiresAt=end, **more)
    shelf.refused = {aws_world.key(source)} if source in RENEWABLE and source != "aws_process" else set()
    with opened() as writer:
        writer.set("k", b"x")
        writer.get_reader().sign_url("k", 60)
    lines = "\n".join([urllib.parse.unquote(record.getMessage()) for record in caplog.records])

    assert "botocore" in {record.name.partition(".")[0] for record in caplog.records}
    assert not [secret for secret in aws_world.secrets if secret in lines]


def test_what_others_do_with_botocore_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Only our own requests are kept quiet."""
    caplog.set_level(logging.DEBUG)
    log = logging.getLogger("botocore.auth")
    with QUIET:
        log.debug("ours")
        other = threading.Thread(target=log.debug, args=("theirs",))
        other.start()
        other.join()
    log.debug("later")

    assert caplog.messages == ["theirs", "later"]


# ---- when they end


@pytest.mark.parametrize("source", OF_SERVICES)
def test_the_end_is_told(aws_world: World, source: str) -> None:
    """As the service says it, without an extension."""
    aws_world.lives_s[OF_SERVICES[source]] = 1200
    aws_world.plant(source)
    end = aws.chain(SecretFields(None)).resolve().credentials.expires_at

    assert end is not None
    assert end.utcoffset() == timedelta(0)
    assert timedelta(seconds=1100) < end - datetime.now(UTC) <= timedelta(seconds=1200)


@pytest.mark.parametrize("source", ["aws_env", "aws_shared_file", "aws_process"])
def test_static_keys_have_no_end(aws_world: World, source: str) -> None:
    """Unless the environment says one."""
    aws_world.plant(source)

    assert aws.chain(SecretFields(None)).resolve().credentials.expires_at is None


def test_the_environment_may_say_an_end(aws_world: World) -> None:
    """After which its keys are refused here already."""
    aws_world.plant("aws_env")
    aws_world.env(AWS_CREDENTIAL_EXPIRATION="2099-01-01T00:00:00Z")

    assert aws.chain(SecretFields(None)).resolve().credentials.expires_at == datetime(2099, 1, 1, tzinfo=UTC)


# ---- processes


@needs_fork
def test_a_child_is_not_held_up_by_a_question_of_its_parent(aws_world: World, shelf: Shelf) -> None:
    """Also where a thread waits for credentials at the fork."""
    plant(aws_world, "aws_container")
    began = threading.Event()
    answer = aws_world.store

    def slow(asked: Asked) -> Reply:
        began.set()
        return HANG if asked.path == "/slow" else answer(asked)

    aws_world.store = slow
    with opened() as writer:
        aws_world.env(AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{aws_world.service.url}/slow")
        waiting = threading.Thread(target=lambda: threads(1, lambda: writer.get_reader().get("k")))
        waiting.start()
        assert began.wait(20)
        aws_world.env(AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{aws_world.service.url}/container")

        assert in_a_child(lambda: writer.get_reader().get("k") == b"v")
        aws_world.service.released.set()
        waiting.join(60)
    assert json.dumps(shelf.kept) == "{}"
