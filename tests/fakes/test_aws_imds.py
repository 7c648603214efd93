"""
Instance metadata: what it gives, to whom, and to botocore.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.fakes import FakeServer
from conformance.fakes.aws_imds import Flaw, Imds
from tests.fakes.aws_asking import Minted, Reply, ask, botocore, serving

LISTING = "/latest/meta-data/iam/security-credentials/"
DOCUMENT = LISTING + "conformance-role"
TTL = "X-aws-ec2-metadata-token-ttl-seconds"


def session(server: FakeServer, seconds: str = "21600") -> str:
    """Start a session and return its token."""
    return ask(server, "PUT", "/latest/api/token", headers={TTL: seconds}).text


def get(server: FakeServer, target: str, token: str | None = None) -> Reply:
    """Ask in a session, a new one if none is given."""
    return ask(server, "GET", target, headers={"X-aws-ec2-metadata-token": token or session(server)})


def test_a_session_says_how_long_it_lives() -> None:
    """In the header that asked for it."""
    with serving(Imds("aws_imds", Minted(), 3600)) as server:
        reply = ask(server, "PUT", "/latest/api/token", headers={TTL: "60"})
    assert (reply.status, reply.headers[TTL.lower()]) == (200, "60")
    assert len(reply.text) > 40


@pytest.mark.parametrize("seconds", [None, "", "0", "21601", "-1", "1.5", "ten", "999999999"])
def test_a_session_needs_a_life_that_is_allowed(seconds: str | None) -> None:
    """From one second to six hours."""
    with serving(Imds("aws_imds", Minted(), 3600)) as server:
        reply = ask(server, "PUT", "/latest/api/token", headers={} if seconds is None else {TTL: seconds})
    assert reply.status == 400


def test_a_session_is_not_started_through_a_proxy() -> None:
    """A proxy adds X-Forwarded-For."""
    with serving(Imds("aws_imds", Minted(), 3600)) as server:
        reply = ask(server, "PUT", "/latest/api/token", headers={TTL: "60", "X-Forwarded-For": "127.0.0.1"})
    assert reply.status == 403


def test_the_listing_names_the_role_with_and_without_slash() -> None:
    """Some SDKs leave the slash out."""
    with serving(Imds("aws_imds", Minted(), 3600)) as server:
        assert [get(server, target).text for target in (LISTING, LISTING[:-1])] == ["conformance-role"] * 2


def test_the_document_holds_the_keys_of_one_generation() -> None:
    """The same ones as long as they are good."""
    mint = Minted()
    with serving(Imds("aws_imds", mint, 3600)) as server:
        server.clock_s = 1_800_000_000.0 - server_now(server)
        first, second = get(server, DOCUMENT).json(), get(server, DOCUMENT).json()

    (identity,) = mint.identities.values()
    assert first == second
    assert first | {"LastUpdated": None, "Expiration": None} == {
        "Code": "Success",
        "LastUpdated": None,
        "Type": "AWS-HMAC",
        "AccessKeyId": identity.name,
        "SecretAccessKey": identity.secret,
        "Token": identity.token,
        "Expiration": None,
    }
    assert (first["LastUpdated"][:16], first["Expiration"][:16]) == ("2027-01-15T08:00", "2027-01-15T09:00")


def server_now(server: FakeServer) -> float:
    """Return the time that a server with no offset sees."""
    ask(server, "PUT", "/latest/api/token")
    return server.received[-1].now


def test_the_next_generation_is_there_before_the_old_one_ends() -> None:
    """Without anybody asking for it."""
    mint = Minted()
    with serving(Imds("aws_imds", mint, 3600)) as server:
        first = get(server, DOCUMENT).json()
        server.clock_s = 3400
        second = get(server, DOCUMENT).json()
    assert mint.labels == ["aws_imds", "aws_imds#2"]
    assert first["AccessKeyId"] != second["AccessKeyId"]


def test_a_rotation_changes_the_document() -> None:
    """At once."""
    mint = Minted()
    imds = Imds("aws_imds", mint, 3600)
    with serving(imds) as server:
        get(server, DOCUMENT)
        imds.rotate()
        assert get(server, DOCUMENT).json()["AccessKeyId"] == list(mint.identities)[1]


@pytest.mark.parametrize("token", [None, "unknown", ""])
def test_nothing_is_told_without_a_session(token: str | None) -> None:
    """Neither the listing nor the document nor the zone."""
    with serving(Imds("aws_imds", Minted(), 3600)) as server:
        headers = {} if token is None else {"X-aws-ec2-metadata-token": token}
        targets = (LISTING, DOCUMENT, "/latest/meta-data/placement/availability-zone")
        assert [ask(server, "GET", target, headers=headers).status for target in targets] == [401] * 3


def test_a_session_ends() -> None:
    """By the clock of the world, and when all are ended."""
    imds = Imds("aws_imds", Minted(), 3600)
    with serving(imds) as server:
        short, long = session(server, "60"), session(server)
        server.clock_s = 60
        assert [get(server, LISTING, token).status for token in (short, long)] == [401, 200]
        imds.end_sessions()
        assert get(server, LISTING, long).status == 401


def test_an_unknown_role_is_missing() -> None:
    """As every other path that is not there."""
    with serving(Imds("aws_imds", Minted(), 3600)) as server:
        targets = (LISTING + "other", LISTING[:-1] + "x", DOCUMENT + "/", "/latest/meta-data/placement/rack", "/")
        assert [get(server, target).status for target in targets] == [404] * 5


def test_an_instance_without_a_role_has_no_listing() -> None:
    """But sessions, so that an SDK knows that it is on an instance."""
    with serving(Imds("aws_imds", Minted(), 3600, None)) as server:
        assert [get(server, target).status for target in (LISTING, DOCUMENT)] == [404, 404]


def test_the_zone_is_told() -> None:
    """The C++ SDK asks for it to find its region."""
    with serving(Imds("aws_imds", Minted(), 3600)) as server:
        assert get(server, "/latest/meta-data/placement/availability-zone").text == "us-east-1a"


def test_only_get_and_put_in_their_places_are_allowed() -> None:
    """Nothing can be changed there."""
    with serving(Imds("aws_imds", Minted(), 3600, v1=True)) as server:
        asked = [("GET", "/latest/api/token"), ("PUT", DOCUMENT), ("POST", DOCUMENT), ("DELETE", LISTING)]
        assert [ask(server, method, target).status for method, target in asked] == [405] * 4


def test_version_one_needs_no_session_but_no_wrong_one_either() -> None:
    """If the instance allows it."""
    with serving(Imds("aws_imds", Minted(), 3600, v1=True)) as server:
        assert ask(server, "GET", DOCUMENT).json()["Code"] == "Success"
        assert get(server, DOCUMENT, "unknown").status == 401


def test_metadata_that_is_switched_off_refuses_everything() -> None:
    """With 403, the token request too."""
    with serving(Imds("aws_imds", Minted(), 3600, enabled=False)) as server:
        assert ask(server, "PUT", "/latest/api/token", headers={TTL: "60"}).status == 403


@pytest.mark.parametrize(
    ("flaw", "target", "status", "text"),
    [
        ("listing-error", LISTING, 500, "500 - "),
        ("listing-empty", LISTING, 200, ""),
        ("document-error", DOCUMENT, 500, "500 - "),
        ("document-garbage", DOCUMENT, 200, '{"Code": "Success", "AccessKeyId"'),
        ("document-refusal", DOCUMENT, 200, "AssumeRoleUnauthorizedAccess"),
    ],
)
def test_a_flaw_shows_after_the_session_has_started(flaw: Flaw, target: str, status: int, text: str) -> None:
    """So that the service is there, and cannot deliver."""
    mint = Minted()
    with serving(Imds("aws_imds", mint, 3600, flaw=flaw)) as server:
        reply = get(server, target)
    assert (reply.status, mint.labels) == (status, [])
    assert text in reply.text
    assert bool(reply.text) is bool(text)


def test_botocore_gets_the_keys(tmp_path: Path) -> None:
    """By a session, the listing and the document."""
    mint = Minted()
    with serving(Imds("aws_imds", mint, 21600)) as server:
        found = botocore(
            tmp_path, AWS_EC2_METADATA_DISABLED="false", AWS_EC2_METADATA_SERVICE_ENDPOINT=server.url + "/"
        )
        asked = [(each.method, each.path, each.status) for each in server.asked]

    assert found == {"key": next(iter(mint.identities)), "token": True, "method": "iam-role"}
    assert asked == [("PUT", "/latest/api/token", 200), ("GET", LISTING, 200), ("GET", DOCUMENT, 200)]


def test_botocore_finds_nothing_where_metadata_is_switched_off(tmp_path: Path) -> None:
    """It falls back to version one, which is refused too."""
    with serving(Imds("aws_imds", Minted(), 21600, enabled=False)) as server:
        found = botocore(tmp_path, AWS_EC2_METADATA_DISABLED="false", AWS_EC2_METADATA_SERVICE_ENDPOINT=server.url)
    assert found == {"key": None, "token": False, "method": None}
