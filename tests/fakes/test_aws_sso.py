"""
Identity Center: portal and token service, by raw requests, and by botocore with the cache that a sign-in leaves.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from conformance.fakes import FakeServer
from conformance.fakes.aws_sso import SignIn, Sso, cache_path
from tests.fakes.aws_asking import Minted, Reply, ask, botocore, serving

PORTAL = "/federation/credentials?role_name=conformance-role&account_id=000000000000"

CONFIG = """
[default]
sso_session = work
sso_account_id = 000000000000
sso_role_name = conformance-role
[sso-session work]
sso_region = us-east-1
sso_start_url = https://conformance.awsapps.com/start
"""

LEGACY_CONFIG = """
[default]
sso_start_url = https://conformance.awsapps.com/start
sso_region = us-east-1
sso_account_id = 000000000000
sso_role_name = conformance-role
"""


def credentials(server: FakeServer, token: str | None, target: str = PORTAL) -> Reply:
    """Ask the portal."""
    return ask(server, "GET", target, headers={} if token is None else {"x-amz-sso_bearer_token": token})


def refreshed(server: FakeServer, told: Mapping[str, Any]) -> Reply:
    """Ask the token service."""
    return ask(server, "POST", "/token", body=json.dumps(told).encode())


def asking(sign_in: SignIn, **changes: Any) -> dict[str, Any]:
    """Return a good request to the token service, with changes; None leaves a member out."""
    told = {
        "clientId": sign_in.client_id,
        "clientSecret": sign_in.client_secret,
        "grantType": "refresh_token",
        "refreshToken": sign_in.refresh_token,
        **changes,
    }
    return {name: value for name, value in told.items() if value is not None}


def test_who_has_signed_in_gets_credentials() -> None:
    """In the members of the portal, whose times are milliseconds."""
    mint = Minted()
    sso = Sso("aws_sso", mint, 3600)
    with serving(sso) as server:
        reply = credentials(server, sso.sign_in(time.time()).access_token)
        now = server.received[0].now

    (identity,) = mint.identities.values()
    assert (reply.status, reply.json()) == (
        200,
        {
            "roleCredentials": {
                "accessKeyId": identity.name,
                "secretAccessKey": identity.secret,
                "sessionToken": identity.token,
                "expiration": int((now + 3600) * 1000),
            }
        },
    )


@pytest.mark.parametrize("token", [None, "", "unknown"])
def test_nobody_else_does(token: str | None) -> None:
    """The code stands in a header, the text in the body."""
    mint = Minted()
    with serving(Sso("aws_sso", mint, 3600)) as server:
        reply = credentials(server, token)
    assert (reply.status, reply.headers["x-amzn-errortype"]) == (401, "UnauthorizedException")
    assert reply.json() == {"message": "Session token not found or invalid"}
    assert mint.labels == []


def test_a_sign_in_ends() -> None:
    """By the clock of the world, and by signing out."""
    sso = Sso("aws_sso", Minted(), 3600)
    with serving(sso) as server:
        short, long = (sso.sign_in(time.time(), token_s=seconds) for seconds in (60, 7200))
        server.clock_s = 3600
        assert [credentials(server, each.access_token).status for each in (short, long)] == [401, 200]
        sso.sign_out()
        assert credentials(server, long.access_token).status == 401
        assert refreshed(server, asking(long)).status == 400


@pytest.mark.parametrize(
    ("query", "status", "kind"),
    [
        ("?role_name=other&account_id=000000000000", 403, "ForbiddenException"),
        ("?role_name=conformance-role&account_id=111111111111", 403, "ForbiddenException"),
        ("?role_name=conformance-role", 400, "InvalidRequestException"),
        ("?account_id=000000000000", 400, "InvalidRequestException"),
    ],
)
def test_only_the_assigned_role_is_given(query: str, status: int, kind: str) -> None:
    """A role of another name, of another account, or of none."""
    sso = Sso("aws_sso", Minted(), 3600)
    with serving(sso) as server:
        token = sso.sign_in(time.time()).access_token
        reply = credentials(server, token, PORTAL.partition("?")[0] + query)
    assert (reply.status, reply.headers["x-amzn-errortype"]) == (status, kind)


def test_a_refresh_token_gives_a_new_access_token() -> None:
    """Which the portal takes, as long as it was promised."""
    sso = Sso("aws_sso", Minted(), 3600, token_s=900)
    with serving(sso) as server:
        given = refreshed(server, asking(sso.sign_in(time.time(), token_s=-1))).json()
        assert (given["tokenType"], given["expiresIn"]) == ("Bearer", 900)
        assert credentials(server, given["accessToken"]).status == 200
        server.clock_s = 900
        assert credentials(server, given["accessToken"]).status == 401


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"clientId": "other"}, 401, "invalid_client"),
        ({"clientSecret": "other"}, 401, "invalid_client"),
        ({"clientId": None}, 400, "invalid_request"),
        ({"clientSecret": 5}, 400, "invalid_request"),
        ({"grantType": None}, 400, "invalid_request"),
        ({"grantType": "authorization_code"}, 400, "unsupported_grant_type"),
        ({"refreshToken": None}, 400, "invalid_request"),
        ({"refreshToken": "other"}, 400, "invalid_grant"),
    ],
)
def test_the_token_service_refuses(changes: dict[str, Any], status: int, error: str) -> None:
    """What is missing, unknown or not played."""
    sso = Sso("aws_sso", Minted(), 3600)
    with serving(sso) as server:
        reply = refreshed(server, asking(sso.sign_in(time.time()), **changes))
    assert (reply.status, reply.json()["error"]) == (status, error)


def test_a_refresh_token_belongs_to_its_client() -> None:
    """And a client's registration ends."""
    sso = Sso("aws_sso", Minted(), 3600)
    with serving(sso) as server:
        mine, yours = (sso.sign_in(time.time()) for _ in range(2))
        stolen = refreshed(server, asking(mine, refreshToken=yours.refresh_token))
        server.clock_s = 91 * 24 * 3600
        late = refreshed(server, asking(mine))
    assert [each.json()["error"] for each in (stolen, late)] == ["invalid_grant", "invalid_client"]


def test_what_is_no_request_of_theirs_is_refused() -> None:
    """A body that is no JSON object, another path, another method."""
    with serving(Sso("aws_sso", Minted(), 3600)) as server:
        replies = [
            ask(server, "POST", "/token", body=b"grant_type=refresh_token"),
            ask(server, "POST", "/token", body=b"[]"),
            ask(server, "GET", "/token"),
            ask(server, "POST", PORTAL),
        ]
    assert [each.status for each in replies] == [400, 400, 404, 404]


def test_a_sign_in_shows_no_token() -> None:
    """Neither in its repr nor to Hypothesis."""
    from hypothesis.vendor.pretty import pretty

    sign_in = Sso("aws_sso", Minted(), 3600).sign_in(time.time())
    for text in (repr(sign_in), pretty(sign_in)):
        assert not any(secret in text for secret in (sign_in.access_token, sign_in.client_secret))
        assert str(sign_in.refresh_token) not in text


def plant(home: Path, sign_in: SignIn, key: str) -> None:
    """Write the cache that a sign-in leaves."""
    file = home / cache_path(key)
    file.parent.mkdir(parents=True)
    file.write_text(sign_in.cache_content(), encoding="utf-8")


@pytest.mark.parametrize(("token_s", "asked"), [(7200, ["GET"]), (-60, ["POST", "GET"])])
def test_botocore_gets_the_keys_by_a_session(tmp_path: Path, token_s: float, asked: list[str]) -> None:
    """With a new access token if the cached one has ended."""
    mint = Minted()
    sso = Sso("aws_sso", mint, 3600)
    plant(tmp_path, sso.sign_in(time.time(), token_s=token_s), "work")
    with serving(sso) as server:
        found = botocore(tmp_path, CONFIG, AWS_ENDPOINT_URL_SSO=server.url, AWS_ENDPOINT_URL_SSO_OIDC=server.url)
        methods = [each.method for each in server.asked]
    assert found == {"key": next(iter(mint.identities)), "token": True, "method": "sso"}
    assert methods == asked


def test_botocore_gets_the_keys_by_a_legacy_profile(tmp_path: Path) -> None:
    """Whose cache is named after the start URL and has no refresh token."""
    mint = Minted()
    sso = Sso("aws_sso", mint, 3600)
    sign_in = sso.sign_in(time.time(), refreshable=False)
    plant(tmp_path, sign_in, sign_in.start_url)
    with serving(sso) as server:
        found = botocore(tmp_path, LEGACY_CONFIG, AWS_ENDPOINT_URL_SSO=server.url)
    assert found == {"key": next(iter(mint.identities)), "token": True, "method": "sso"}


def test_botocore_is_refused_after_signing_out(tmp_path: Path) -> None:
    """Although its cache says that the token is good."""
    sso = Sso("aws_sso", Minted(), 3600)
    plant(tmp_path, sso.sign_in(time.time(), token_s=7200), "work")
    sso.sign_out()
    with serving(sso) as server:
        found = botocore(tmp_path, CONFIG, AWS_ENDPOINT_URL_SSO=server.url, AWS_ENDPOINT_URL_SSO_OIDC=server.url)
    assert found["error"] == "UnauthorizedSSOTokenError"
