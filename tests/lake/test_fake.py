"""
The control plane as a fake: the protocol to the letter, what it gives, what it refuses, what it can be told to say.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from conformance.fakes import FakeServer
from conformance.identities import Identity, new_azure_sas, new_google_bearer
from conformance.lake import FakeControlPlane, Said, Storage
from tests.lake.asking import Minted, Told, ask, creds_target, headers_of

STORAGE = Storage("s3://bucket/r1", "http://127.0.0.1:1")


@dataclass
class World:
    """A running control plane with the organisation `org`, and tokens of each role."""

    plane: FakeControlPlane
    url: str
    minted: Minted
    admin: str
    writer: str
    reader: str

    def creds(self, ds: str, token: str | None, mode: str | None = None) -> Told:
        """Ask for the credentials of a dataset."""
        return ask(self.url, "GET", creds_target("org", ds, mode), token=token)


@pytest.fixture
def world() -> Iterator[World]:
    """Give one whose organisation knows only the datasets that were made."""
    minted = Minted()
    plane = FakeControlPlane(minted)
    plane.organisation("org", STORAGE, open_names=False)
    tokens = [plane.token(role, "org", role) for role in ("admin", "write", "read")]
    with FakeServer(plane) as server:
        yield World(plane, server.url, minted, *tokens)


def test_credentials_of_a_dataset(world: World) -> None:
    """They are the identity that was minted for the token, with where the dataset lies."""
    world.plane.dataset("org", "ds")
    before = int(time.time())

    told = world.creds("ds", world.admin).json

    identity = world.minted.identities["admin"]
    expiration = told["creds"].pop("expiration")
    assert told == {
        "path": "s3://bucket/r1/ds",
        "repo_type": "s3",
        "mode": "w",
        "repository": "org/ds",
        "creds": {
            "aws_access_key_id": identity.name,
            "aws_secret_access_key": identity.secret,
            "aws_session_token": identity.token,
            "aws_region": "us-east-1",
            "endpoint_url": "http://127.0.0.1:1",
        },
    }
    assert isinstance(expiration, str)
    assert before + 3600 <= int(expiration) <= time.time() + 3600


@pytest.mark.parametrize(
    ("role", "mode", "expected"),
    [("admin", None, "w"), ("admin", "r", "r"), ("writer", None, "w"), ("reader", None, "r")],
)
def test_the_mode_is_what_the_role_may_at_most(world: World, role: str, mode: str | None, expected: str) -> None:
    """And no more than was asked for."""
    world.plane.dataset("org", "ds")

    told = world.creds("ds", getattr(world, role), mode)

    assert told.json["mode"] == expected
    assert [issued.mode for issued in world.plane.issued] == [expected]


def test_a_dataset_that_is_not_there_is_told_only_to_who_could_make_it(world: World) -> None:
    """Since clients ask before they create."""
    answers = [world.creds("new", token, mode) for token in (world.writer, world.reader) for mode in (None, "r")]

    assert [each.status for each in answers] == [200, 404, 404, 404]
    assert answers[1].error == "dataset_not_found"


def test_create_makes_it_known_and_delete_forgets_it(world: World) -> None:
    """With the bodies of the client."""
    body = {"public": False, "rewrite": True, "tag": "org/ds"}
    made = ask(world.url, "POST", "/api/dataset/create", token=world.writer, body=body)
    read = world.creds("ds", world.reader, "r")
    again = ask(world.url, "POST", "/api/dataset/create", token=world.writer, body={**body, "rewrite": False})
    denied = ask(world.url, "DELETE", "/api/dataset/org/ds", token=world.writer)
    gone = ask(world.url, "DELETE", "/api/dataset/org/ds", token=world.admin)
    missing = ask(world.url, "DELETE", "/api/dataset/org/ds", token=world.admin)

    statuses = [each.status for each in (made, read, again, denied, gone, missing)]
    assert statuses == [200, 200, 422, 403, 200, 404]
    assert (again.error, denied.error, missing.error) == ("dataset_exists", "forbidden", "dataset_not_found")


def test_connect_gives_a_name_to_what_is_there(world: World) -> None:
    """With a credential key, whose identity then signs; the name may be left to the server."""
    world.plane.creds_key("org", "key", "al_key", Storage("s3://theirs"))
    body = {"src_path": "s3://theirs/a/b/", "org_id": "org", "ds_name": "", "creds_key": "key"}

    made = ask(world.url, "POST", "/api/dataset/connect", token=world.writer, body=body)
    told = world.creds("b", world.reader)

    assert made.json == {"generated_id": "org/b"}
    assert told.json["path"] == "s3://theirs/a/b"
    assert told.json["creds"]["aws_access_key_id"] == world.minted.identities["al_key"].name
    assert "endpoint_url" not in told.json["creds"]


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"creds_key": "no"}, 404, "creds_key_not_found"),
        ({"creds_key": ""}, 404, "creds_key_not_found"),
        ({"src_path": "s3://others/a"}, 404, "creds_key_not_found"),
        ({"src_path": "s3://theirs-not/a"}, 404, "creds_key_not_found"),
        ({"src_path": "file:///a"}, 422, "bad_body"),
        ({"src_path": "s3://theirs/../a"}, 422, "bad_body"),
        ({"ds_name": "a@b"}, 422, "bad_name"),
        ({"org_id": "nobody"}, 404, "organisation_not_found"),
        ({"more": 1}, 422, "bad_body"),
        ({"src_path": 1}, 422, "bad_body"),
    ],
)
def test_what_cannot_be_connected(world: World, changes: dict[str, object], status: int, error: str) -> None:
    """Each is refused in its own words."""
    world.plane.creds_key("org", "key", "al_key", Storage("s3://theirs"))
    body = {"src_path": "s3://theirs/a", "org_id": "org", "ds_name": "ds", "creds_key": "key", **changes}

    told = ask(world.url, "POST", "/api/dataset/connect", token=world.writer, body=body)

    assert (told.status, told.error) == (status, error)


@pytest.mark.parametrize(
    ("role", "action", "org", "access"),
    [
        ("admin", "admin", "org", True),
        ("writer", "admin", "org", False),
        ("writer", "write", "org", True),
        ("reader", "read", "org", True),
        ("admin", "admin", "nobody", False),
    ],
)
def test_authz_says_who_may(world: World, role: str, action: str, org: str, access: bool) -> None:
    """An unknown organisation is none that anybody may do anything in."""
    body = {"entity_type": "organization", "entity_id": org, "action": action}

    told = ask(world.url, "POST", "/api/authz/check/", token=getattr(world, role), body=body)

    assert (told.status, told.json) == (200, {"access": access})


def test_managed_credentials_by_a_key_of_the_organisation(world: World) -> None:
    """In the names that the older client maps; a key that is over or gone is refused, a rotated one gives others."""
    world.plane.creds_key("org", "key", "al_key", STORAGE)
    target = "/api/org/org/storage/name?query=key"

    first = ask(world.url, "GET", target, token=world.reader)
    world.plane.rotate_key("org", "key")
    second = ask(world.url, "GET", target, token=world.writer)
    world.plane.expire_key("org", "key")
    over = ask(world.url, "GET", target, token=world.writer)
    world.plane.drop_key("org", "key")
    gone = ask(world.url, "GET", target, token=world.writer)
    blank = ask(world.url, "GET", "/api/org/org/storage/name?query=%20", token=world.writer)

    assert first.json["creds"]["access_key"] == world.minted.identities["al_key"].name
    assert second.json["creds"]["access_key"] == world.minted.identities["al_key#2"].name
    assert sorted(first.json["creds"]) == [
        "access_key", "endpoint_url", "expiration", "region", "secret_key", "session_token"
    ]  # fmt: skip
    assert [(each.status, each.error) for each in (over, gone, blank)] == [
        (422, "creds_key_expired"),
        (404, "creds_key_not_found"),
        (422, "bad_body"),
    ]


def test_agreements_have_their_own_refusals(world: World) -> None:
    """With the numbers that clients know, until they are accepted."""
    world.plane.dataset("org", "ds", agreements=("be nice",), public=True)

    asked = world.creds("ds", world.reader)
    nobody = world.creds("ds", None, "r")
    ask(world.url, "POST", "/api/organization/org/dataset/ds/agree", token=world.reader)
    accepted = world.creds("ds", world.reader)
    ask(world.url, "POST", "/api/organization/org/dataset/ds/disagree", token=world.reader)
    taken_back = world.creds("ds", world.reader)

    assert (asked.status, asked.json["code"], asked.json["agreements"]) == (403, 1, [{"text": "be nice"}])
    assert (nobody.status, nobody.json["code"]) == (403, 2)
    assert (accepted.status, taken_back.status) == (200, 403)


def test_a_public_dataset_is_read_by_nobody_in_particular(world: World) -> None:
    """But not written."""
    world.plane.dataset("org", "ds", public=True)

    assert world.creds("ds", None, "r").json["mode"] == "r"
    assert world.creds("ds", None).status == 401


@pytest.mark.parametrize(
    ("changed", "status", "error"),
    [
        ({"Authorization": None}, 401, "unauthenticated"),
        ({"Authorization": "Bearer nobody"}, 401, "unauthenticated"),
        ({"Authorization": "Bearer"}, 401, "unauthenticated"),
        ({"Authorization": "Basic YTpi"}, 401, "unauthenticated"),
        ({"X_Activeloop_Provider_Type": None}, 400, "bad_header"),
        ({"X_Activeloop_Provider_Type": "Activeloop"}, 400, "bad_header"),
        ({"X_Activeloop_Provider_Type": "azure"}, 401, "unauthenticated"),
        ({"Activeloop_Api_Version": None}, 400, "bad_header"),
        ({"Activeloop_Api_Version": "2023-01-01"}, 400, "bad_header"),
    ],
)
def test_headers_are_strict(world: World, changed: dict[str, str | None], status: int, error: str) -> None:
    """Each that is absent or wrong is refused, and no identity is made."""
    world.plane.dataset("org", "ds")

    told = ask(world.url, "GET", creds_target("org", "ds"), headers=headers_of(world.admin, **changed))

    assert (told.status, told.error) == (status, error)
    assert not world.minted.identities


def test_a_repeated_header_is_refused(world: World) -> None:
    """Since two readers could take different ones for the token."""
    headers = [*headers_of(world.admin).items(), ("Authorization", "Bearer other")]

    told = ask(world.url, "GET", creds_target("org", "ds"), headers=headers)

    assert (told.status, told.error) == (400, "bad_header")


@pytest.mark.parametrize(
    ("raw", "content_type", "status", "error"),
    [
        (b"{}", "text/plain", 400, "bad_header"),
        (b"{", "application/json", 400, "bad_json"),
        (b"[]", "application/json", 400, "bad_json"),
        (b"[" * 100_000, "application/json", 400, "bad_json"),
        (b"{}", "application/json", 422, "bad_body"),
        (b'{"tag": "org/ds", "public": 0, "rewrite": true}', "application/json", 422, "bad_body"),
        (b'{"tag": "org", "public": false, "rewrite": true}', "application/json", 422, "bad_name"),
        (b'{"tag": "org/a//b", "public": false, "rewrite": true}', "application/json", 422, "bad_name"),
        (b'{"tag": "org/ds", "public": false, "rewrite": true, "x": 1}', "application/json", 422, "bad_body"),
        (b'{"tag": "nobody/ds", "public": false, "rewrite": true}', "application/json", 404, "organisation_not_found"),
    ],
)
def test_bodies_are_strict(world: World, raw: bytes, content_type: str, status: int, error: str) -> None:
    """Nothing is made of one that is wrong."""
    headers = headers_of(world.admin, Content_Type=content_type)

    told = ask(world.url, "POST", "/api/dataset/create", headers=headers, raw=raw)

    assert (told.status, told.error) == (status, error)


@pytest.mark.parametrize(
    ("method", "target", "status", "error"),
    [
        ("GET", "/", 404, "no_such_path"),
        ("GET", "/api/dataset/create", 405, "method_not_allowed"),
        ("POST", "/api/authz/check", 404, "no_such_path"),
        ("GET", "/api/org/org/ds//creds", 422, "bad_name"),
        ("GET", "/api/org/o%20g/ds/ds/creds", 422, "bad_name"),
        ("GET", "/api/org/org/ds/a%00b/creds", 422, "bad_name"),
        ("GET", "/api/org/org/ds/a%zz/creds", 422, "bad_name"),
        ("GET", "/api/org/org/ds/a%ff/creds", 422, "bad_name"),
        ("GET", "/api/org/org/ds/%2e%2e/creds", 422, "bad_name"),
    ],
)
def test_paths_are_strict(world: World, method: str, target: str, status: int, error: str) -> None:
    """The method that a path has is told."""
    told = ask(world.url, method, target, token=world.admin)

    assert (told.status, told.error) == (status, error)


@pytest.mark.parametrize("target", ["a/b", "a%2Fb"])
def test_a_name_may_have_slashes(world: World, target: str) -> None:
    """Raw or escaped."""
    world.plane.dataset("org", "a/b")

    assert world.creds(target, world.admin, "r").json["path"] == "s3://bucket/r1/a/b"


def test_a_revoked_and_an_ended_token(world: World) -> None:
    """Each is refused in its own words."""
    world.plane.dataset("org", "ds")
    ended = world.plane.token("ended", "org", life_s=-1)
    world.plane.revoke(world.admin)

    told = [world.creds("ds", token) for token in (world.admin, ended)]

    assert [(each.status, each.error, each.headers["www-authenticate"]) for each in told] == [
        (401, "token_revoked", "Bearer"),
        (401, "token_expired", "Bearer"),
    ]


def test_a_token_of_another_provider(world: World) -> None:
    """Is one only with its provider's name."""
    text = world.plane.token("al_azure", "org", text="made-by-entra", provider="azure")
    world.plane.dataset("org", "ds")
    headers = headers_of(text, X_Activeloop_Provider_Type="azure")

    assert ask(world.url, "GET", creds_target("org", "ds"), headers=headers).status == 200
    assert world.creds("ds", text).status == 401


def test_every_request_is_kept_with_its_headers(world: World) -> None:
    """Those that were refused too; their repr shows none."""
    world.plane.dataset("org", "ds")
    world.creds("ds", world.admin, "r")
    world.creds("ds", "nobody")

    first, second = world.plane.asked("creds")

    assert (first.label, first.org, first.ds, first.mode, first.status) == ("admin", "org", "ds", "r", 200)
    assert (second.label, second.status) == ("", 401)
    assert first.headers["authorization"] == f"Bearer {world.admin}"
    assert world.admin not in repr((first, second, world.plane.issued))


@pytest.mark.parametrize(
    ("said", "status", "body"),
    [
        (Said.status_of(503), 503, None),
        (Said.status_of(429, retry_after=1), 429, None),
        (Said.html(), 200, b"<html><body>Welcome to the hotel</body></html>"),
        (Said.half_json(), 200, b'{"path": "s3://bucket/org/ds", "repo_'),
        (Said.empty(204), 204, b""),
        (Said.redirect("http://127.0.0.1:1/"), 307, b""),
        (Said.agreement("be nice"), 403, None),
        (Said.not_logged_in(), 403, None),
        (Said.of_json({"a": 1}), 200, b'{"a": 1}'),
        (Said(delay_s=0.01), 200, b""),
    ],
)
def test_scripted_answers_are_said_once(world: World, said: Said, status: int, body: bytes | None) -> None:
    """And then the right one again."""
    world.plane.dataset("org", "ds")
    world.plane.say(said, method="GET", path="/api/org/")

    untouched = ask(world.url, "GET", "/api/user/profile", token=world.admin)
    told, after = world.creds("ds", world.admin), world.creds("ds", world.admin)

    assert (untouched.status, told.status, after.status) == (200, status, 200)
    assert body is None or told.body == body


def test_a_right_answer_with_other_fields(world: World) -> None:
    """Nested ones by dots; None takes one away."""
    world.plane.dataset("org", "ds")
    world.plane.say(Said.changed({"path": None, "creds.expiration": 7, "mode": "x"}))

    told = world.creds("ds", world.admin).json

    assert "path" not in told
    assert (told["creds"]["expiration"], told["mode"], told["repository"]) == (7, "x", "org/ds")


def test_an_answer_that_is_cut(world: World) -> None:
    """Its whole length is told."""
    world.plane.say(Said(body=b"0123456789", cut=True))

    with pytest.raises(http.client.IncompleteRead) as caught:
        world.creds("ds", world.admin)

    assert caught.value.partial == b"01234"


def test_silence_lasts_until_the_client_gives_up(world: World) -> None:
    """And the request is kept."""
    world.plane.say(Said(silent=True))

    with pytest.raises(TimeoutError):
        ask(world.url, "GET", creds_target("org", "ds"), token=world.admin, timeout_s=0.3)

    assert [call.status for call in world.plane.asked()] == [None]


@pytest.mark.parametrize(("fault", "status"), [("error-500", 500), ("garbage", 200)])
def test_a_fault_of_one_token(world: World, fault: str, status: int) -> None:
    """Others are answered."""
    world.plane.dataset("org", "ds")
    world.plane.faults["admin"] = fault  # type: ignore[assignment]

    assert world.creds("ds", world.admin).status == status
    assert world.creds("ds", world.writer).json["mode"] == "w"


@pytest.mark.parametrize(
    ("form", "kind"), [("number", int), ("date", str), ("null", type(None)), ("empty", str), ("absent", None)]
)
def test_forms_of_expiration(world: World, form: str, kind: type | None) -> None:
    """As clients have to read them."""
    world.plane.dataset("org", "ds")
    world.plane.expiration = form  # type: ignore[assignment]

    creds = world.creds("ds", world.admin).json["creds"]

    assert ("expiration" in creds) == (kind is not None)
    assert kind is None or isinstance(creds["expiration"], kind)


def test_what_it_promises_may_differ(world: World) -> None:
    """From what the gate keeps."""
    world.plane.dataset("org", "ds")
    world.plane.promises_s = 5.0

    assert int(world.creds("ds", world.admin).json["creds"]["expiration"]) <= time.time() + 5


def _sas(label: str) -> Identity:
    return new_azure_sas(label, "account", expires_at=time.time() + 60)


def _bearer(label: str) -> Identity:
    return new_google_bearer(label, life_s=60, now=time.time())


@pytest.mark.parametrize(
    ("mint", "root", "repo_type", "expected"),
    [
        (
            _sas,
            "az://account/container",
            "azure",
            {
                "account_name": "account",
                "endpoint_url": "http://127.0.0.1:1/account",
                "blob_endpoint": "http://127.0.0.1:1/account",
            },
        ),
        (_bearer, "gcs://bucket", "gcs_token", {"endpoint_url": "http://127.0.0.1:1"}),
    ],
)
def test_the_other_clouds(mint: Callable[[str], Identity], root: str, repo_type: str, expected: dict[str, str]) -> None:
    """A shared access signature, and an OAuth token."""
    plane = FakeControlPlane(mint)
    plane.organisation("org", Storage(root, "http://127.0.0.1:1"))
    token = plane.token("al_token", "org")
    with FakeServer(plane) as server:
        told = ask(server.url, "GET", creds_target("org", "ds"), token=token).json

    identity = plane.issued[0].identity
    secret = {"sas_token": identity.sas} if identity.sas else {"gcs_oauth_token": identity.secret}
    creds = {name: value for name, value in told["creds"].items() if name != "expiration"}
    assert (told["path"], told["repo_type"], creds) == (f"{root}/ds", repo_type, expected | secret)
