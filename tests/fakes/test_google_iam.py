"""
Acting as a service account, and the look-up of locations.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from conformance.fakes.google_grants import CLOUD_SCOPE
from conformance.fakes.google_hosts import Projects, google_hosts
from conformance.fakes.google_iam import IamCredentials
from conformance.fakes.google_key_files import impersonation_url
from conformance.fakes.google_oauth import OAuth
from tests.fakes.google_asking import NOW, Minted, asked

EMAIL = "target@conformance.iam.gserviceaccount.com"

GENERATE = impersonation_url(EMAIL, iam_url="")


def acted(
    body: object, *, target: str = GENERATE, token: str | None = None, now: float = NOW
) -> tuple[int, dict[str, Any], Minted]:
    """Ask for a token of the account, with a good token of the caller if no other is given."""
    minted = Minted()
    caller = minted("caller")
    iam = IamCredentials(minted, accounts={EMAIL: "gcs_env_file"}, whose=minted.whose)
    headers = {"authorization": f"Bearer {caller.secret if token is None else token}"}
    answer = asked(iam, "POST", target, headers=headers, body=json.dumps(body).encode(), now=now)
    return answer.status, json.loads(answer.body), minted


def test_a_caller_gets_a_token_of_the_account() -> None:
    """Of the source that the account belongs to, for as long as was asked."""
    status, told, minted = acted({"scope": [CLOUD_SCOPE], "lifetime": "600s"})

    assert (status, minted.labels) == (200, ["caller", "gcs_env_file"])
    assert told["accessToken"] == minted.identities[1].secret
    assert datetime.fromisoformat(told["expireTime"]) == datetime.fromtimestamp(NOW + 600, UTC)


@pytest.mark.parametrize(
    ("body", "settings", "status", "code"),
    [
        ({"scope": [CLOUD_SCOPE]}, {"token": "ya29.unknown"}, 401, "UNAUTHENTICATED"),
        ({"scope": [CLOUD_SCOPE]}, {"token": ""}, 401, "UNAUTHENTICATED"),
        ({"scope": [CLOUD_SCOPE]}, {"now": NOW + 3600}, 401, "UNAUTHENTICATED"),
        ({"scope": []}, {}, 400, "INVALID_ARGUMENT"),
        ([], {}, 400, "INVALID_ARGUMENT"),
        ({"scope": [CLOUD_SCOPE], "lifetime": "3601s"}, {}, 400, "INVALID_ARGUMENT"),
        ({"scope": [CLOUD_SCOPE], "lifetime": "600"}, {}, 400, "INVALID_ARGUMENT"),
        ({"scope": [CLOUD_SCOPE]}, {"target": GENERATE.replace("target@", "other@")}, 403, "PERMISSION_DENIED"),
        ({"scope": [CLOUD_SCOPE]}, {"target": GENERATE.replace("generateAccess", "create")}, 404, "NOT_FOUND"),
    ],
)
def test_what_is_not_due_is_refused(body: object, settings: dict[str, Any], status: int, code: str) -> None:
    """In the form of Google's services, and no token is made."""
    got, told, minted = acted(body, **settings)

    assert (got, told["error"]["code"], told["error"]["status"]) == (status, status, code)
    assert minted.labels == ["caller"]


@pytest.mark.parametrize(
    "path",
    [
        f"/v1/projects/-/serviceAccounts/{EMAIL}/allowedLocations",
        "/v1/projects/1/locations/global/workloadIdentityPools/pool/allowedLocations",
    ],
)
def test_locations_are_told_to_a_bearer_alone(path: str) -> None:
    """All are allowed."""
    minted = Minted()
    iam = IamCredentials(minted, accounts={}, whose=minted.whose)
    bearer = {"authorization": f"Bearer {minted('caller').secret}"}
    answers = [asked(iam, "GET", path, headers=headers) for headers in ({}, bearer)]

    assert [answer.status for answer in answers] == [401, 200]
    assert json.loads(answers[1].body)["encodedLocations"] == "0x0"


def test_the_source_that_asks_is_told() -> None:
    """By the account in the path."""
    from conformance.fakes import Request

    iam = IamCredentials(Minted(), accounts={EMAIL: "gcs_env_file"}, whose=lambda _token: None)

    assert iam.source_of(Request("POST", GENERATE, {}, b"", NOW)) == "gcs_env_file"
    assert iam.source_of(Request("POST", "/", {}, b"", NOW)) == "google_iam"


@pytest.mark.parametrize(
    ("method", "path", "authorized", "status"),
    [
        ("GET", "/v1/projects/123456789012", True, 200),
        ("GET", "/v1/projects/conformance", True, 200),
        ("GET", "/v1/projects/conformance", False, 401),
        ("GET", "/v1/projects/other", True, 403),
        ("POST", "/v1/projects/conformance", True, 404),
        ("GET", "/v1/projects", True, 404),
    ],
)
def test_one_project_is_told_to_a_bearer(method: str, path: str, authorized: bool, status: int) -> None:
    """Others are not told from those that are not there."""
    minted = Minted()
    headers = {"authorization": f"Bearer {minted('caller').secret}"} if authorized else {}

    assert asked(Projects(minted.whose), method, path, headers=headers).status == status


def test_fixed_hosts_have_their_players() -> None:
    """Storage has none."""
    minted = Minted()
    oauth, iam = OAuth(minted), IamCredentials(minted, accounts={}, whose=minted.whose)
    hosts = google_hosts(oauth, iam)

    assert {host for host, fake in hosts.items() if fake is oauth} == {
        "accounts.google.com",
        "oauth2.googleapis.com",
        "sts.googleapis.com",
    }
    assert {host for host, fake in hosts.items() if fake is iam} == {"iamcredentials.googleapis.com"}
    assert "storage.googleapis.com" not in hosts
