"""
The security token service: who may assume what, by raw requests, and by botocore.
"""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import pytest

from conformance.fakes import FakeServer
from conformance.fakes.aws_signed import SignedRequests
from conformance.fakes.aws_sts import Role, Sts, new_web_identity_token
from conformance.identities import Identity, new_aws
from tests.fakes.aws_asking import Minted, Reply, ask, botocore, serving

ARN = "arn:aws:iam::123456789012:role/conformance/target"
OTHER_ARN = "arn:aws:iam::123456789012:role/other"
FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}


def sts(mint: Minted, life_s: float | None = None, **role: Any) -> Sts:
    """Return a service with one role that `aws_shared_file` may assume."""
    given = Role("aws_assume_role", **{"sources": frozenset({"aws_shared_file"}), **role})
    return Sts({ARN: given}, mint, SignedRequests(mint.identities.get).signer_of, life_s=life_s)


def source(mint: Minted, label: str = "aws_shared_file", **changes: Any) -> Identity:
    """Return a known identity."""
    return mint.keep(new_aws(label, **{"session": False, "expires_at": None, **changes}))


def fields(action: str = "AssumeRole", /, **changes: str | None) -> dict[str, str]:
    """Return the fields of a good request, with changes; None leaves a field out."""
    told = {"Action": action, "Version": "2011-06-15", "RoleArn": ARN, "RoleSessionName": "me", **changes}
    return {name: value for name, value in told.items() if value is not None}


def signed(
    server: FakeServer, identity: Identity, told: Mapping[str, str], *, service: str = "sts", **spoilt: str
) -> Reply:
    """Send a form that botocore's signer signed; `spoilt` are headers that are changed afterwards."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    body = urlencode(told).encode()
    request = AWSRequest("POST", server.url + "/", headers=FORM, data=body)
    keys = Credentials(identity.name, identity.secret, identity.token)
    SigV4Auth(keys, service, "us-east-1").add_auth(request)
    headers = {**dict(request.headers.items()), **{name.replace("_", "-"): value for name, value in spoilt.items()}}
    return ask(server, "POST", "/", headers=headers, body=body)


def refusal(reply: Reply) -> tuple[int, str]:
    """Return status and code of an answer that refuses."""
    assert reply.headers["content-type"] == "text/xml"
    ET.fromstring(reply.text)  # noqa: S314 - our own text
    return reply.status, element(reply, "Code")


def element(reply: Reply, name: str) -> str:
    """Return the text of an element."""
    found = re.search(f"<{name}>(.*?)</{name}>", reply.text)
    assert found, reply.status
    return found[1]


def test_a_role_is_given_to_a_source_that_may_assume_it() -> None:
    """With keys of the role's own label, a new generation each time."""
    mint = Minted()
    known = source(mint)
    with serving(sts(mint)) as server:
        replies = [signed(server, known, fields()) for _ in range(2)]

    assert [each.status for each in replies] == [200, 200]
    assert mint.labels == ["aws_shared_file", "aws_assume_role", "aws_assume_role#2"]
    made = mint.identities[element(replies[0], "AccessKeyId")]
    assert (element(replies[0], "SecretAccessKey"), element(replies[0], "SessionToken")) == (made.secret, made.token)
    assert element(replies[0], "Arn") == "arn:aws:sts::123456789012:assumed-role/target/me"


@pytest.mark.parametrize(
    ("duration", "life_s", "seconds"), [(None, None, 3600), ("900", None, 900), ("900", 5.0, 5), ("43200", -60.0, -60)]
)
def test_credentials_live_as_long_as_was_asked_for(duration: str | None, life_s: float | None, seconds: int) -> None:
    """Unless the world says otherwise."""
    mint = Minted()
    known = source(mint)
    with serving(sts(mint, life_s)) as server:
        reply = signed(server, known, fields(DurationSeconds=duration))
        now = server.received[0].now
    assert element(reply, "Expiration") == time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + seconds))


def test_every_generation_of_a_source_may_assume_its_role() -> None:
    """The label is compared without its number, the session token must come along."""
    mint = Minted()
    known = source(mint, "aws_shared_file#3", session=True)
    with serving(sts(mint)) as server:
        assert signed(server, known, fields()).status == 200
        assert refusal(signed(server, known, fields(), X_Amz_Security_Token="x")) == (403, "InvalidClientTokenId")


def test_another_source_may_not() -> None:
    """Nor may anybody a role that is not there; the answers are alike."""
    mint = Minted()
    known, other = source(mint), source(mint, "aws_env")
    with serving(sts(mint)) as server:
        replies = [signed(server, other, fields()), signed(server, known, fields(RoleArn=OTHER_ARN))]
    assert [refusal(each) for each in replies] == [(403, "AccessDenied")] * 2
    assert "is not authorized to perform: sts:AssumeRole on resource" in replies[0].text
    assert mint.labels == ["aws_shared_file", "aws_env"]


@pytest.mark.parametrize(("told", "status"), [("right", 200), ("wrong", 403), (None, 403)])
def test_an_external_id_is_checked_where_the_role_has_one(told: str | None, status: int) -> None:
    """It is AccessDenied, as without permission."""
    mint = Minted()
    known = source(mint)
    with serving(sts(mint, external_id="right")) as server:
        assert signed(server, known, fields(ExternalId=told)).status == status


def test_an_unsigned_request_is_refused() -> None:
    """Nobody assumes a role anonymously."""
    with serving(sts(Minted())) as server:
        reply = ask(server, "POST", "/", headers=FORM, body=urlencode(fields()).encode())
    assert refusal(reply) == (403, "MissingAuthenticationToken")


def test_keys_that_nobody_has_are_refused() -> None:
    """Before the signature is looked at."""
    with serving(sts(Minted())) as server:
        stranger = new_aws("aws_shared_file", session=False, expires_at=None)
        assert refusal(signed(server, stranger, fields())) == (403, "InvalidClientTokenId")


def test_a_signature_of_another_secret_is_refused() -> None:
    """And one of another service, or of another request."""
    mint = Minted()
    known = source(mint)
    other = new_aws("aws_shared_file", session=False, expires_at=None)
    forged = Identity(known.label, "aws", known.name, other.secret)
    with serving(sts(mint)) as server:
        replies = [
            signed(server, forged, fields()),
            signed(server, known, fields(), service="s3"),
            signed(server, known, fields(), X_Amz_Date="20260101T000000Z"),
            signed(server, known, fields(), Host="localhost"),
        ]
    assert [refusal(each) for each in replies] == [(403, "SignatureDoesNotMatch")] * 4
    assert "correct service: 'sts'" in replies[1].text.replace("&#x27;", "'")


def test_a_session_token_has_to_be_signed() -> None:
    """One that was added to a signed request proves nothing."""
    mint = Minted()
    known = source(mint, session=True)
    with serving(sts(mint)) as server:
        bare = dataclasses.replace(known, token=None)
        reply = signed(server, bare, fields(), X_Amz_Security_Token=str(known.token))
    assert refusal(reply) == (403, "SignatureDoesNotMatch")
    assert "x-amz-security-token" in reply.text


def test_the_scope_is_of_the_day_of_the_request() -> None:
    """A signing key is good for one day."""
    mint = Minted()
    known = source(mint)
    with serving(sts(mint)) as server:
        signed(server, known, fields())
        headers = server.received[0].headers
        other = re.sub("/[0-9]{8}/", "/20260101/", headers["authorization"])
        reply = signed(server, known, fields(), Authorization=other)
    assert refusal(reply) == (403, "SignatureDoesNotMatch")
    assert "Date in Credential scope" in reply.text


def test_a_changed_body_is_refused() -> None:
    """The signature covers it."""
    mint = Minted()
    known = source(mint)
    with serving(sts(mint)) as server:
        signed(server, known, fields())
        headers = server.received[0].headers
        body = urlencode(fields(RoleSessionName="you")).encode()
        reply = ask(
            server,
            "POST",
            "/",
            headers={name: headers[name] for name in ("authorization", "x-amz-date")} | FORM,
            body=body,
        )
    assert refusal(reply) == (403, "SignatureDoesNotMatch")


@pytest.mark.parametrize(("clock_s", "text"), [(960, "Signature expired"), (-960, "Signature not yet current")])
def test_a_clock_that_is_off_is_refused(clock_s: float, text: str) -> None:
    """More than a quarter of an hour, either way."""
    mint = Minted()
    known = source(mint)
    with serving(sts(mint)) as server:
        server.clock_s = clock_s
        reply = signed(server, known, fields())
    assert refusal(reply) == (403, "SignatureDoesNotMatch")
    assert text in reply.text


def test_keys_that_have_ended_are_refused() -> None:
    """With a code of their own."""
    mint = Minted()
    known = source(mint, session=True, expires_at=1.0)
    with serving(sts(mint)) as server:
        assert refusal(signed(server, known, fields())) == (403, "ExpiredToken")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Action": None}, "MissingAction"),
        ({"Action": "AssumeEverything"}, "InvalidAction"),
        ({"Version": "2010-01-01"}, "InvalidAction"),
        ({"Version": None}, "InvalidAction"),
        ({"RoleArn": None}, "ValidationError"),
        ({"RoleArn": "arn:aws:iam::1:role"}, "ValidationError"),
        ({"RoleArn": "arn:aws:iam::123456789012:user/someone"}, "ValidationError"),
        ({"RoleSessionName": None}, "ValidationError"),
        ({"RoleSessionName": "x"}, "ValidationError"),
        ({"RoleSessionName": "x" * 65}, "ValidationError"),
        ({"RoleSessionName": "two words"}, "ValidationError"),
        ({"DurationSeconds": "899"}, "ValidationError"),
        ({"DurationSeconds": "43201"}, "ValidationError"),
        ({"DurationSeconds": "an hour"}, "ValidationError"),
        ({"ExternalId": "<>"}, "ValidationError"),
        ({"RoleSessionName": "a\x00<b>"}, "ValidationError"),
    ],
)
def test_a_malformed_request_is_refused(changes: dict[str, str | None], code: str) -> None:
    """Although it is signed."""
    mint = Minted()
    known = source(mint)
    with serving(sts(mint)) as server:
        assert refusal(signed(server, known, fields(**changes))) == (400, code)


def test_a_session_longer_than_the_role_allows_is_refused() -> None:
    """As by IAM, which gives a new role an hour."""
    mint = Minted()
    known = source(mint)
    with serving(sts(mint, longest_s=3600)) as server:
        reply = signed(server, known, fields(DurationSeconds="3601"))
    assert refusal(reply) == (400, "ValidationError")
    assert "MaxSessionDuration" in reply.text


def test_a_caller_is_told_who_it_is() -> None:
    """If it signs."""
    mint = Minted()
    known = source(mint)
    with serving(sts(mint)) as server:
        assert element(signed(server, known, fields("GetCallerIdentity")), "Arn").endswith(":user/aws_shared_file")
        anonymous = ask(server, "GET", "/?Action=GetCallerIdentity&Version=2011-06-15")
    assert refusal(anonymous) == (403, "MissingAuthenticationToken")


def test_other_paths_are_missing() -> None:
    """The service has one."""
    with serving(sts(Minted())) as server:
        assert ask(server, "GET", "/sts?Action=GetCallerIdentity&Version=2011-06-15").status == 404


def federated(mint: Minted, tokens: Mapping[str, float | None]) -> Sts:
    """Return a service with a role for some tokens, and one for others."""
    others = {new_web_identity_token("other", time.time() + 3600): None}
    roles = {ARN: Role("aws_web_identity", tokens=tokens), OTHER_ARN: Role("aws_other", tokens=others)}
    return Sts(roles, mint, SignedRequests(mint.identities.get).signer_of)


def test_a_web_identity_gets_its_role_unsigned() -> None:
    """By POST, or by GET."""
    mint = Minted()
    token = new_web_identity_token("me", time.time() + 3600)
    told = urlencode(fields("AssumeRoleWithWebIdentity", WebIdentityToken=token))
    with serving(federated(mint, {token: time.time() + 3600})) as server:
        replies = [ask(server, "POST", "/", headers=FORM, body=told.encode()), ask(server, "GET", "/?" + told)]
    assert [each.status for each in replies] == [200, 200]
    assert mint.labels == ["aws_web_identity", "aws_web_identity#2"]


def test_a_web_identity_is_refused_as_by_the_real_one() -> None:
    """No token, no JWT, a stranger's, one that has ended, one for another role; none is repeated."""
    good, ended = (new_web_identity_token("me", time.time()) for _ in range(2))
    stranger = new_web_identity_token("me", time.time() + 3600)
    cases: list[tuple[dict[str, str | None], tuple[int, str]]] = [
        ({"WebIdentityToken": None}, (400, "ValidationError")),
        ({"WebIdentityToken": "x"}, (400, "ValidationError")),
        ({"WebIdentityToken": "no-such-token"}, (400, "InvalidIdentityToken")),
        ({"WebIdentityToken": stranger}, (400, "InvalidIdentityToken")),
        ({"WebIdentityToken": ended}, (400, "ExpiredTokenException")),
        ({"WebIdentityToken": good, "RoleArn": OTHER_ARN}, (403, "AccessDenied")),
        ({"WebIdentityToken": good, "RoleArn": OTHER_ARN + "2"}, (403, "AccessDenied")),
        ({"WebIdentityToken": good, "DurationSeconds": "1"}, (400, "ValidationError")),
    ]
    mint = Minted()
    with serving(federated(mint, {good: None, ended: 1.0})) as server:
        for changes, expected in cases:
            told = urlencode(fields("AssumeRoleWithWebIdentity", **changes))
            reply = ask(server, "POST", "/", headers=FORM, body=told.encode())
            assert refusal(reply) == expected
            assert good not in reply.text
            assert ended not in reply.text
            assert stranger not in reply.text
    assert mint.labels == []


def test_a_role_shows_no_token() -> None:
    """Neither in its repr nor to Hypothesis."""
    from hypothesis.vendor.pretty import pretty

    token = new_web_identity_token("me", time.time())
    role = Role("aws_web_identity", tokens={token: None})
    assert token not in repr(role)
    assert token not in pretty(role)


def test_botocore_assumes_a_role(tmp_path: Path) -> None:
    """With a profile that names another one for its keys."""
    mint = Minted()
    known = source(mint)
    config = f"""
[profile target]
role_arn = {ARN}
source_profile = start
external_id = right
duration_seconds = 1800
[profile start]
aws_access_key_id = {known.name}
aws_secret_access_key = {known.secret}
"""
    with serving(sts(mint, external_id="right")) as server:
        found = botocore(tmp_path, config, AWS_PROFILE="target", AWS_ENDPOINT_URL_STS=server.url)
    assert found == {"key": list(mint.identities)[1], "token": True, "method": "assume-role"}


def test_botocore_is_refused_where_the_role_is_not_its_own(tmp_path: Path) -> None:
    """And says how."""
    mint = Minted()
    known = source(mint, "aws_config_file")
    config = f"""
[default]
role_arn = {ARN}
source_profile = default
aws_access_key_id = {known.name}
aws_secret_access_key = {known.secret}
"""
    with serving(sts(mint)) as server:
        found = botocore(tmp_path, config, AWS_ENDPOINT_URL_STS=server.url)
    assert found == {"error": "ClientError", "code": "AccessDenied"}


@pytest.mark.parametrize("ends_at", [None, 1.0])
def test_botocore_uses_a_web_identity(tmp_path: Path, ends_at: float | None) -> None:
    """From the file that the environment names, as long as its token is good."""
    mint = Minted()
    token = new_web_identity_token("me", time.time())
    (tmp_path / "token").write_text(token, encoding="utf-8")
    with serving(federated(mint, {token: ends_at})) as server:
        found = botocore(
            tmp_path,
            AWS_ROLE_ARN=ARN,
            AWS_WEB_IDENTITY_TOKEN_FILE=str(tmp_path / "token"),
            AWS_ENDPOINT_URL_STS=server.url,
        )
    if ends_at is None:
        assert found == {"key": next(iter(mint.identities)), "token": True, "method": "assume-role-with-web-identity"}
    else:
        assert found == {"error": "ExpiredTokenException", "code": "ExpiredTokenException"}
