"""
The token endpoint: what it takes, and every no of it.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from conformance.fakes import FakeServer
from conformance.fakes.google_grants import (
    AUDIENCE,
    CLOUD_SCOPE,
    STORAGE_SCOPE,
    OAuthClient,
    RefreshToken,
    new_oauth_client,
    new_refresh_token,
    new_subject_token,
)
from conformance.fakes.google_key_files import authorized_user, external_account, service_account
from conformance.fakes.google_oauth import ACCESS_TOKEN, JWT_BEARER, LIFE_S, TOKEN_EXCHANGE, OAuth
from conformance.identities import GoogleKey, new_google_key
from tests.fakes.google_asking import HOST, NOW, Minted, asked, posted, transport

KEY = "gcs_key_file"


def signed(key: GoogleKey, *, key_id: str | None = None, signer: GoogleKey | None = None, **claims: Any) -> str:
    """Return an assertion; claims that are None are left out."""
    from google.auth import crypt, jwt

    own = {
        "iss": key.client_email,
        "aud": "https://oauth2.googleapis.com/token",
        "iat": int(NOW),
        "exp": int(NOW) + 3600,
        "scope": STORAGE_SCOPE,
        **claims,
    }
    payload = {name: value for name, value in own.items() if value is not None}
    signing = crypt.RSASigner.from_string((signer or key).private_pem, key_id or key.key_id)
    assertion: bytes = jwt.encode(signing, payload)
    return assertion.decode()


def traded(assertion: str, *, now: float = NOW) -> tuple[int, dict[str, Any], Minted]:
    """Trade an assertion at an endpoint that knows one key."""
    minted = Minted()
    oauth = OAuth(minted, keys=[new_google_key(KEY)])
    status, told = posted(oauth, "/token", {"grant_type": JWT_BEARER, "assertion": assertion}, now=now)
    return status, told, minted


def test_an_assertion_is_traded_for_a_token() -> None:
    """It is that of the source whose key signed."""
    status, told, minted = traded(signed(new_google_key(KEY)))

    token = minted.identities[0].secret
    assert (status, told) == (200, {"access_token": token, "expires_in": int(LIFE_S), "token_type": "Bearer"})
    assert minted.labels == [KEY]


def test_each_trade_gives_the_next_generation() -> None:
    """With labels of their own."""
    minted = Minted()
    oauth = OAuth(minted, keys=[new_google_key(KEY)])
    form = {"grant_type": JWT_BEARER, "assertion": signed(new_google_key(KEY))}
    for _ in range(3):
        posted(oauth, "/token", form)

    assert minted.labels == [KEY, f"{KEY}#2", f"{KEY}#3"]
    assert [oauth.issued_to(each.secret) for each in minted.identities] == minted.identities


def test_an_assertion_may_name_the_address_that_it_is_sent_to() -> None:
    """As Go's library has it, which takes `token_uri` of the file."""
    assert traded(signed(new_google_key(KEY), aud=f"http://{HOST}/token"))[0] == 200


TIMEFRAME = "Invalid JWT: Token must be a short-lived token"


@pytest.mark.parametrize(
    ("claims", "error", "description"),
    [
        ({"aud": "https://storage.googleapis.com/"}, "invalid_grant", "Invalid JWT: Failed audience check."),
        ({"aud": None}, "invalid_grant", "Invalid JWT: Failed audience check."),
        ({"iss": "nobody@conformance.iam.gserviceaccount.com"}, "invalid_grant", "Invalid grant: account not found"),
        ({"iat": int(NOW) - 7200, "exp": int(NOW) - 3600}, "invalid_grant", TIMEFRAME),
        ({"iat": int(NOW) + 900, "exp": int(NOW) + 4500}, "invalid_grant", TIMEFRAME),
        ({"exp": int(NOW) + 3601}, "invalid_grant", TIMEFRAME),
        ({"exp": None}, "invalid_grant", TIMEFRAME),
        ({"iat": str(int(NOW))}, "invalid_grant", TIMEFRAME),
        ({"scope": None}, "invalid_scope", "Invalid OAuth scope"),
        ({"scope": " "}, "invalid_scope", "Invalid OAuth scope"),
        ({"scope": "storage"}, "invalid_scope", "Invalid OAuth scope"),
    ],
)
def test_an_assertion_with_a_wrong_claim_is_refused(claims: dict[str, Any], error: str, description: str) -> None:
    """With 400, and no token is made."""
    status, told, minted = traded(signed(new_google_key(KEY), **claims))

    assert (status, told["error"]) == (400, error)
    assert told["error_description"].startswith(description)
    assert minted.labels == []


def test_a_clock_of_the_world_decides() -> None:
    """The same assertion is good, and an hour later it is not."""
    assertion = signed(new_google_key(KEY))

    assert [traded(assertion, now=NOW + later)[0] for later in (0, 3599, 3600)] == [200, 200, 400]


def test_nobody_acts_for_a_person_of_the_domain() -> None:
    """Which needs a delegation."""
    status, told, _minted = traded(signed(new_google_key(KEY), sub="person@example.com"))

    assert (status, told["error"]) == (401, "unauthorized_client")


def spoilt_signature() -> str:
    """Another key signed."""
    return signed(new_google_key(KEY), signer=new_google_key("gcs_env_file"))


def spoilt_claims() -> str:
    """The claims are not those that were signed."""
    head, _, proof = signed(new_google_key(KEY)).split(".")
    claims = signed(new_google_key(KEY), scope=CLOUD_SCOPE).split(".")[1]
    return f"{head}.{claims}.{proof}"


def without_algorithm() -> str:
    """Nobody signed, and the header says so."""
    head = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": new_google_key(KEY).key_id}).encode()).decode()
    return f"{head}.{signed(new_google_key(KEY)).split('.')[1]}."


def unknown_key_id() -> str:
    """The key was deleted."""
    return signed(new_google_key(KEY), key_id="0" * 40)


@pytest.mark.parametrize("spoil", [spoilt_signature, spoilt_claims, without_algorithm, unknown_key_id])
def test_an_assertion_that_proves_nothing_is_refused(spoil: Any) -> None:
    """By the words that Google has for it."""
    status, told, _minted = traded(spoil())

    assert (status, told) == (400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."})


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c", "....", "W10.W10.AA", "\u00e4.b.c"])
def test_what_is_no_assertion_is_refused(text: str) -> None:
    """And does not break the endpoint."""
    status, told, _minted = traded(text)

    assert (status, told["error"]) == (400, "invalid_grant")


def consented(label: str = "gcs_gcloud_file") -> tuple[OAuth, RefreshToken, Minted]:
    """An endpoint that knows one refresh token."""
    minted = Minted()
    token = new_refresh_token(label, new_oauth_client())
    return OAuth(minted, refresh_tokens=[token]), token, minted


def refreshing(token: RefreshToken, client: OAuthClient | None = None, **fields: Any) -> dict[str, str]:
    """The form of a refresh."""
    client = client or token.client
    return {
        "grant_type": "refresh_token",
        "refresh_token": token.token,
        "client_id": client.client_id,
        "client_secret": client.client_secret,
        **fields,
    }


def test_a_refresh_token_is_traded() -> None:
    """For all of its scopes, unless fewer are asked for."""
    oauth, token, minted = consented()
    status, told = posted(oauth, "/token", refreshing(token))
    fewer = posted(oauth, "/token", refreshing(token, scope=STORAGE_SCOPE))[1]

    assert (status, told["access_token"]) == (200, minted.identities[0].secret)
    assert set(told["scope"].split()) == {CLOUD_SCOPE, STORAGE_SCOPE}
    assert fewer["scope"] == STORAGE_SCOPE
    assert minted.labels == ["gcs_gcloud_file", "gcs_gcloud_file#2"]


def test_the_whole_of_the_cloud_covers_storage() -> None:
    """Its client asks for three scopes of storage, whatever a person consented to."""
    from google.cloud.storage import Client

    client = new_oauth_client()
    wide = new_refresh_token("gcs_gcloud_file", client, scopes=frozenset({CLOUD_SCOPE}))
    narrow = new_refresh_token("gcs_cache", client, scopes=frozenset({STORAGE_SCOPE}))
    oauth = OAuth(Minted(), refresh_tokens=[wide, narrow])
    statuses = [posted(oauth, "/token", refreshing(each, scope=" ".join(Client.SCOPE)))[0] for each in (wide, narrow)]

    assert statuses == [200, 400]


def test_a_client_may_name_itself_by_http_basic() -> None:
    """RFC 6749, 2.3.1."""
    oauth, token, _minted = consented()
    pair = f"{token.client.client_id}:{token.client.client_secret}".encode()
    form = {"grant_type": "refresh_token", "refresh_token": token.token}
    right = posted(oauth, "/token", form, headers={"authorization": f"Basic {base64.b64encode(pair).decode()}"})
    wrong = posted(oauth, "/token", form, headers={"authorization": f"Basic {base64.b64encode(pair + b'x').decode()}"})
    garbage = posted(oauth, "/token", form, headers={"authorization": "Basic ***"})

    assert [status for status, _told in (right, wrong, garbage)] == [200, 401, 401]


@pytest.mark.parametrize(
    ("fields", "status", "error"),
    [
        ({"refresh_token": "1//unknown"}, 400, "invalid_grant"),
        ({"client_id": "nobody.apps.googleusercontent.com"}, 401, "invalid_client"),
        ({"client_secret": "GOCSPX-wrong"}, 401, "invalid_client"),
        ({"scope": "https://www.googleapis.com/auth/gmail.readonly"}, 400, "invalid_scope"),
    ],
)
def test_a_refresh_that_is_not_due_is_refused(fields: dict[str, Any], status: int, error: str) -> None:
    """And no token is made."""
    oauth, token, minted = consented()
    got, told = posted(oauth, "/token", refreshing(token, **fields))

    assert (got, told["error"]) == (status, error)
    assert minted.labels == []


def test_a_refresh_token_is_of_its_client_alone() -> None:
    """Another that is known too does not get it."""
    token, other = new_refresh_token("gcs_cache", new_oauth_client()), new_oauth_client()
    oauth = OAuth(Minted(), clients=[other], refresh_tokens=[token])

    assert posted(oauth, "/token", refreshing(token, other)) == (
        401,
        {"error": "unauthorized_client", "error_description": "Unauthorized"},
    )


def test_a_revoked_refresh_token_is_refused() -> None:
    """By the words that Google has for it; those of other sources stay."""
    client = new_oauth_client()
    first, second = new_refresh_token("gcs_cache", client), new_refresh_token("gcs_gcloud_file", client)
    oauth = OAuth(Minted(), refresh_tokens=[first, second])
    oauth.revoke("gcs_cache")

    message = "Token has been expired or revoked."
    assert posted(oauth, "/token", refreshing(first)) == (400, {"error": "invalid_grant", "error_description": message})
    assert posted(oauth, "/token", refreshing(second))[0] == 200


def exchange(**fields: str) -> tuple[int, dict[str, Any], Minted]:
    """Trade the token of another cloud."""
    minted, subject = Minted(), new_subject_token("gcs_env_file")
    form = {
        "grant_type": TOKEN_EXCHANGE,
        "audience": AUDIENCE,
        "requested_token_type": ACCESS_TOKEN,
        "scope": CLOUD_SCOPE,
        "subject_token": subject.token,
        "subject_token_type": subject.token_type,
        **fields,
    }
    status, told = posted(OAuth(minted, subject_tokens=[subject]), "/v1/token", form)
    return status, told, minted


def test_a_subject_token_may_be_replaced() -> None:
    """The old one is refused."""
    old, new = new_subject_token("gcs_env_file"), new_subject_token("gcs_env_file")
    oauth = OAuth(Minted(), subject_tokens=[old])
    oauth.replace_subject_token(old, new)
    form = {
        "grant_type": TOKEN_EXCHANGE,
        "audience": AUDIENCE,
        "requested_token_type": ACCESS_TOKEN,
        "scope": CLOUD_SCOPE,
    }
    shown = [form | {"subject_token": each.token, "subject_token_type": each.token_type} for each in (old, new)]

    assert [posted(oauth, "/v1/token", each)[0] for each in shown] == [400, 200]


def test_the_token_of_another_cloud_is_exchanged() -> None:
    """And the answer says of what type the token is (RFC 8693, 2.2.1)."""
    status, told, minted = exchange()

    assert (status, told["issued_token_type"], minted.labels) == (200, ACCESS_TOKEN, ["gcs_env_file"])


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"subject_token": "unknown"}, "invalid_grant"),
        ({"subject_token_type": ACCESS_TOKEN}, "invalid_grant"),
        ({"audience": AUDIENCE.replace("/pool/", "/other/")}, "invalid_target"),
        ({"requested_token_type": "urn:ietf:params:oauth:token-type:id_token"}, "invalid_request"),
        ({"scope": ""}, "invalid_request"),
        ({"grant_type": JWT_BEARER}, "unsupported_grant_type"),
    ],
)
def test_an_exchange_that_is_not_due_is_refused(fields: dict[str, str], error: str) -> None:
    """And no token is made."""
    status, told, minted = exchange(**fields)

    assert (status, told["error"], minted.labels) == (400, error, [])


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": TOKEN_EXCHANGE}, "unsupported_grant_type"),
    ],
)
def test_other_grants_are_refused(form: dict[str, str], error: str) -> None:
    """Other clouds' tokens too, which go to another path."""
    status, told = posted(OAuth(Minted()), "/token", form)

    assert (status, told["error"]) == (400, error)


def test_other_paths_and_methods_are_refused() -> None:
    """There is one of each."""
    oauth = OAuth(Minted())

    assert [asked(oauth, "GET", "/token").status, asked(oauth, "POST", "/tokeninfo").status] == [405, 404]


def test_the_source_that_asks_is_told() -> None:
    """From what it shows, also when that is refused."""
    key, client, subject = new_google_key(KEY), new_oauth_client(), new_subject_token("gcs_env_file")
    token = new_refresh_token("gcs_cache", client)
    oauth = OAuth(Minted(), keys=[key], refresh_tokens=[token], subject_tokens=[subject])
    with FakeServer(oauth) as server:
        for target, form in [
            ("/token", {"grant_type": JWT_BEARER, "assertion": signed(key, exp=0)}),
            ("/token", refreshing(token)),
            ("/v1/token", {"grant_type": TOKEN_EXCHANGE, "subject_token": subject.token}),
            ("/token", {"grant_type": "authorization_code"}),
            ("/token", {"grant_type": JWT_BEARER, "assertion": "none"}),
            ("/token", {}),
        ]:
            transport()(f"{server.url}{target}", method="POST", body=form)

    sources = [oauth.source_of(request) for request in server.received]
    assert sources == [KEY, "gcs_cache", "gcs_env_file", "gcs_browser", "google_oauth", "google_oauth"]


def test_the_service_may_fail_for_one_source_alone() -> None:
    """And is well for the others."""
    client = new_oauth_client()
    first, second = new_refresh_token("gcs_cache", client), new_refresh_token("gcs_gcloud_file", client)
    oauth = OAuth(Minted(), refresh_tokens=[first, second], faults={"gcs_cache": "error-500"})
    with FakeServer(oauth) as server:
        statuses = [
            transport()(f"{server.url}/token", method="POST", body=refreshing(each)).status for each in (first, second)
        ]

    assert statuses == [500, 200]


def test_google_auth_trades_a_service_account_key() -> None:
    """Over http, at the `token_uri` of the file."""
    import time

    from google.oauth2 import service_account as google

    minted, key = Minted(time.time()), new_google_key(KEY)
    with FakeServer(OAuth(minted, keys=[key])) as server:
        file = service_account(key, oauth_url=server.url)
        credentials = google.Credentials.from_service_account_info(file, scopes=[STORAGE_SCOPE])
        credentials.refresh(transport())

    assert credentials.token == minted.identities[0].secret
    assert [(each.method, each.path, each.status) for each in server.asked] == [("POST", "/token", 200)]


def test_google_auth_hears_no() -> None:
    """A clock that is two hours ahead; google-auth gives the words of the answer."""
    from google.auth.exceptions import RefreshError
    from google.oauth2 import service_account as google

    key = new_google_key(KEY)
    with FakeServer(OAuth(Minted(), keys=[key]), clock_s=7200) as server:
        file = service_account(key, oauth_url=server.url)
        credentials = google.Credentials.from_service_account_info(file, scopes=[STORAGE_SCOPE])
        with pytest.raises(RefreshError, match="Invalid JWT: Token must be a short-lived token"):
            credentials.refresh(transport())


def test_google_auth_refreshes_what_a_person_consented_to() -> None:
    """At an address that is given to it: that of the file it ignores."""
    from google.oauth2.credentials import Credentials

    oauth, token, minted = consented()
    with FakeServer(oauth) as server:
        file = authorized_user(token, oauth_url=server.url)
        credentials = Credentials(
            None,
            refresh_token=file["refresh_token"],
            token_uri=file["token_uri"],
            client_id=file["client_id"],
            client_secret=file["client_secret"],
        )
        credentials.refresh(transport())

    assert credentials.token == minted.identities[0].secret
    assert Credentials.from_authorized_user_info(file).token_uri == "https://oauth2.googleapis.com/token"


def test_google_auth_exchanges_the_token_of_another_cloud(tmp_path: Any) -> None:
    """From a file."""
    from google.auth.identity_pool import Credentials

    minted, subject = Minted(), new_subject_token("gcs_env_file")
    (tmp_path / "subject").write_text(subject.token)
    with FakeServer(OAuth(minted, subject_tokens=[subject])) as server:
        file = external_account(tmp_path / "subject", oauth_url=server.url)
        credentials = Credentials.from_info(file, scopes=[CLOUD_SCOPE])
        credentials.refresh(transport())

    assert credentials.token == minted.identities[0].secret
    assert [(each.path, each.status) for each in server.asked] == [("/v1/token", 200)]
