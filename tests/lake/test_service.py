"""
The control plane as a service: what its admin side makes, what it gives for real storages, and what outlives a kill.
"""

from __future__ import annotations

import http.client
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lake.asking import Told, ask, creds_target, headers_of
from tests.lake.running import Running, running


@pytest.fixture(scope="module")
def plane() -> Iterator[Running]:
    """Give one whose state is in memory, with storages of each cloud that need no service."""
    with running() as started:
        for body in (
            {
                "id": "az",
                "root": "az://account/container",
                "endpoint_url": "http://127.0.0.1:1",
                "secret_key": "c2VjcmV0",
            },
            {"id": "gcs", "root": "gcs://bucket/below", "endpoint_url": "http://127.0.0.1:1", "life_s": 60},
        ):
            assert started.admin("POST", "storages", body).status == 201
        yield started


def made(plane: Running, org: str, storage: str = "gcs", role: str = "admin", **about: object) -> str:
    """Make an organisation with a user, and return a token of it."""
    plane.admin("POST", "organisations", {"id": org, "storage": storage, "open_names": True, **about})
    plane.admin("POST", "users", {"id": f"user-of-{org}", "roles": {org: role}})
    token: str = plane.admin("POST", "tokens", {"user": f"user-of-{org}"}).json["token"]
    return token


def creds(plane: Running, token: str, org: str, ds: str = "ds", mode: str | None = None) -> Told:
    """Ask for the credentials of a dataset."""
    return ask(plane.url, "GET", creds_target(org, ds, mode), token=token)


def test_it_says_when_it_can_serve(plane: Running) -> None:
    """On a path that needs nobody."""
    assert ask(plane.url, "GET", "/health", headers={}).json == {"status": "ok"}


def test_a_shared_access_signature_with_an_end(plane: Running) -> None:
    """For reading it cannot write; below the organisation's own root."""
    token = made(plane, "sas", "az")

    reading, writing = (creds(plane, token, "sas", mode=mode).json for mode in ("r", None))

    assert reading["path"] == "az://account/container/sas/ds"
    signatures = [
        dict(part.split("=", 1) for part in each["creds"]["sas_token"].split("&")) for each in (reading, writing)
    ]
    assert [each["sp"] for each in signatures] == ["rl", "racwdl"]
    assert all(each["sr"] == "c" and each["se"] for each in signatures)


def test_credentials_are_handed_out_again_while_they_live_long_enough(plane: Running) -> None:
    """Each dataset and mode has its own; a rotated key begins anew."""
    token = made(plane, "again")
    plane.admin("POST", "organisations/again/keys", {"id": "key", "storage": "gcs"})
    target = "/api/org/again/storage/name?query=key"

    asked = [creds(plane, token, "again", *about).json["creds"]["gcs_oauth_token"] for about in (
        ("ds",), ("ds",), ("ds", "r"), ("other",)
    )]  # fmt: skip
    first = ask(plane.url, "GET", target, token=token).json["creds"]["gcs_oauth_token"]
    rotated = plane.admin("POST", "organisations/again/keys/key/rotate").json["generation"]
    second = ask(plane.url, "GET", target, token=token).json["creds"]["gcs_oauth_token"]

    assert asked[0] == asked[1]
    assert len(set(asked)) == 3
    assert rotated == 2
    assert first != second


def test_a_user_may_see_storages_behind_a_proxy(plane: Running) -> None:
    """Nobody else does."""
    made(plane, "proxied")
    about = {"id": "behind", "roles": {"proxied": "write"}, "endpoint_url": "http://127.0.0.1:2"}
    plane.admin("POST", "users", about)
    token = plane.admin("POST", "tokens", {"user": "behind"}).json["token"]

    assert creds(plane, token, "proxied").json["creds"]["endpoint_url"] == "http://127.0.0.1:2"


@pytest.mark.parametrize("token", [None, "Bearer", "Bearer wrong", "Basic eDp5"])
def test_the_admin_side_is_closed_to_others(plane: Running, token: str | None) -> None:
    """401 for whoever has not its token."""
    headers = {"Authorization": token} if token else {}

    assert ask(plane.url, "GET", "/admin/requests", headers=headers).status == 401


def test_a_token_of_a_user_opens_no_admin_side(plane: Running) -> None:
    """Not that of an admin of an organisation either."""
    token = made(plane, "noadmin")

    assert ask(plane.url, "GET", "/admin/requests", headers={"Authorization": f"Bearer {token}"}).status == 401


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "organisations", {"id": "a b"}, 422),
        ("POST", "organisations", {"id": "x", "storage": "nowhere"}, 404),
        ("POST", "organisations", {"id": "x", "storage": "gcs", "root": "gcs://bucket/beside"}, 422),
        ("POST", "organisations", {"id": "x", "root": "gcs://bucket"}, 422),
        ("POST", "users", {"id": "x", "roles": {"nobody": "read"}}, 404),
        ("POST", "users", {"id": "x/y"}, 422),
        ("POST", "tokens", {"user": "nobody"}, 404),
        ("POST", "tokens", {"user": "x", "provider": "other"}, 422),
        ("POST", "storages", {"id": "gcs", "root": "gcs://bucket"}, 409),
        ("POST", "storages", {"id": "x", "root": "bucket"}, 422),
        ("POST", "storages", {"id": "x", "root": "s3://bucket", "life_s": 60}, 422),
        ("POST", "storages", {"id": "x", "root": "az://a/c", "secret_key": "no base64"}, 422),
        ("PUT", "limit", {"requests": 1}, 422),
        ("DELETE", "tokens/none", None, 404),
        ("GET", "tokens", None, 405),
        ("GET", "nothing", None, 404),
    ],
)
def test_what_the_admin_side_refuses(plane: Running, method: str, path: str, body: object, status: int) -> None:
    """With the status that says whose mistake it is."""
    assert plane.admin(method, path, body).status == status


def test_a_long_body_is_refused(plane: Running) -> None:
    """Before all of it is kept."""
    token = made(plane, "long")

    told = ask(plane.url, "POST", "/api/dataset/create", token=token, raw=b" " * 2_000_000)

    assert told.status == 413


def test_a_repeated_token_is_refused_here_too(plane: Running) -> None:
    """As in the fake."""
    token = made(plane, "repeated")
    headers = [*headers_of(token).items(), ("Authorization", "Bearer other")]

    assert ask(plane.url, "GET", creds_target("repeated", "ds"), headers=headers).status == 400


def test_an_escaped_slash_stays_what_it_is(plane: Running) -> None:
    """Raw and escaped name the same dataset, and a doubly escaped one another."""
    token = made(plane, "escaped")

    paths = [creds(plane, token, "escaped", ds).json["path"] for ds in ("a/b", "a%2Fb", "a%252Fb")]

    assert paths == [
        "gcs://bucket/below/escaped/a/b",
        "gcs://bucket/below/escaped/a/b",
        "gcs://bucket/below/escaped/a%2Fb",
    ]


def test_it_says_what_it_is_told() -> None:
    """Once, cut, or for a method; and a limit of its own."""
    with running() as plane:
        plane.admin("POST", "storages", {"id": "gcs", "root": "gcs://b", "endpoint_url": "http://127.0.0.1:1"})
        token = made(plane, "org")
        plane.admin("POST", "answers", {"status": 503, "body": "x", "method": "GET"})
        plane.admin("POST", "answers", {"body": "0123", "cut": True, "times": 1})
        plane.admin("POST", "answers", {"status": 418, "delay_s": 0.01})

        assert creds(plane, token, "org").status == 503
        with pytest.raises(http.client.IncompleteRead):
            creds(plane, token, "org")
        assert creds(plane, token, "org").status == 418
        assert creds(plane, token, "org").status == 200
        plane.admin("PUT", "limit", {"requests": 1, "seconds": 60})
        assert [creds(plane, token, "org").status for _ in range(2)] == [200, 429]
        assert [row["status"] for row in plane.admin("GET", "requests").json["requests"]] == [
            503,
            200,
            418,
            200,
            200,
            429,
        ]


def test_what_was_acknowledged_outlives_a_kill(tmp_path: Path) -> None:
    """Datasets that four threads make until the process is killed are all there afterwards, and nobody's token is."""
    state, acknowledged = tmp_path / "lake.sqlite", []
    with running(state) as plane:
        plane.admin("POST", "storages", {"id": "gcs", "root": "gcs://b", "endpoint_url": "http://127.0.0.1:1"})
        token = made(plane, "org", open_names=False)
        enough = threading.Event()

        def make(thread: int) -> None:
            number = 0
            while True:
                tag = f"org/t{thread}-{number}"
                body = {"tag": tag, "public": False, "rewrite": True}
                try:
                    told = ask(plane.url, "POST", "/api/dataset/create", token=token, body=body)
                except (OSError, http.client.HTTPException):
                    return
                assert told.status == 200
                acknowledged.append(tag)
                number += 1
                if len(acknowledged) >= 100:
                    enough.set()

        threads = [threading.Thread(target=make, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        assert enough.wait(60)
        plane.kill()
        for thread in threads:
            thread.join(30)

    with running(state) as again:
        found = {tag: creds(again, token, "org", tag.removeprefix("org/"), "r").status for tag in acknowledged}

    assert set(found.values()) == {200}
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    assert token.encode() not in b"".join(file.read_bytes() for file in tmp_path.iterdir())
    with sqlite3.connect(state) as database:
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
        assert database.execute("pragma journal_mode").fetchone() == ("wal",)
    database.close()


def test_the_command_asks_by_hand(plane: Running, tmp_path: Path) -> None:
    """The admin token comes from a file, and no argument holds it."""
    file = tmp_path / "token"
    file.write_text(plane.admin_token)
    command = [sys.executable, "-m", "conformance.lake", "admin", "--admin-token-file", str(file), plane.url]

    made_user = subprocess.run([*command, "users", '{"id": "by-hand"}'], capture_output=True, text=True, timeout=60)
    token = subprocess.run([*command, "tokens", '{"user": "by-hand"}'], capture_output=True, text=True, timeout=60)
    again = subprocess.run([*command, "tokens", '{"user": "nobody"}'], capture_output=True, text=True, timeout=60)

    assert (made_user.returncode, token.returncode, again.returncode) == (0, 0, 1)
    assert '"token": "dl_' in token.stdout
