"""
The metadata server, by raw requests and by google-auth in a process of its own.
"""

from __future__ import annotations

import http.client
import json
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from conformance.fakes import FakeServer
from conformance.fakes.google_metadata import EMAIL, Metadata, Mode
from tests.fakes.google_asking import NOW, Minted, asked, child

ACCOUNT = "/computeMetadata/v1/instance/service-accounts/default/"

FLAVOUR = {"metadata-flavor": "Google"}

PATHS = ("/", f"{ACCOUNT}?recursive=true", f"{ACCOUNT}token", "/computeMetadata/v1/project/project-id")


def machine(mode: Mode = "account", life_s: float = 3600) -> tuple[Metadata, Minted]:
    """A machine, and what is given to it."""
    minted = Minted()
    return Metadata("gcs_metadata", minted, life_s, mode=mode), minted


@pytest.mark.parametrize("path", PATHS)
def test_a_request_without_the_header_is_refused(path: str) -> None:
    """Nor is one with another value; the answer has the header all the same."""
    metadata, minted = machine()
    answers = [asked(metadata, "GET", path, headers=headers) for headers in ({}, {"metadata-flavor": "Amazon"})]

    assert [(each.status, each.headers["Metadata-Flavor"]) for each in answers] == [(403, "Google")] * 2
    assert minted.labels == []


@pytest.mark.parametrize("path", PATHS)
def test_a_request_that_was_forwarded_is_refused(path: str) -> None:
    """As that of a server that was talked into asking."""
    metadata, minted = machine()

    assert asked(metadata, "GET", path, headers={**FLAVOUR, "x-forwarded-for": "192.0.2.1"}).status == 403
    assert minted.labels == []


@pytest.mark.parametrize("path", PATHS)
def test_an_answer_names_its_flavour(path: str) -> None:
    """By which a client tells it from whatever else answers at that address."""
    answer = asked(machine()[0], "GET", path, headers=FLAVOUR)

    assert (answer.status, answer.headers["Metadata-Flavor"]) == (200, "Google")


def test_the_account_is_described() -> None:
    """Under its two names."""
    metadata = machine()[0]
    default = json.loads(asked(metadata, "GET", f"{ACCOUNT}?recursive=true", headers=FLAVOUR).body)
    named = asked(metadata, "GET", ACCOUNT.replace("default", EMAIL) + "email", headers=FLAVOUR).body

    assert (default["email"], default["aliases"], named.decode()) == (EMAIL, ["default"], EMAIL)


@pytest.mark.parametrize(
    "path",
    [
        "/computeMetadata/v1/universe/universe-domain",
        "/computeMetadata/v1/universe/universe_domain",
        ACCOUNT.replace("default", "other@example.com") + "token",
        f"{ACCOUNT}key",
        "/latest/meta-data/",
    ],
)
def test_what_is_not_there_is_not_found(path: str) -> None:
    """The universe domain among it, which then is the usual one."""
    assert asked(machine()[0], "GET", path, headers=FLAVOUR).status == 404


def test_nothing_is_written() -> None:
    """The server is for reading."""
    assert asked(machine()[0], "POST", f"{ACCOUNT}token", headers=FLAVOUR).status == 405


def test_a_token_is_given_again_until_five_minutes_before_its_end() -> None:
    """And then the next one."""
    metadata, minted = machine()
    told = [
        json.loads(asked(metadata, "GET", f"{ACCOUNT}token?scopes=x", headers=FLAVOUR, now=NOW + later).body)
        for later in (0, 3299, 3300)
    ]

    assert [each["expires_in"] for each in told] == [3600, 301, 3600]
    assert [each["access_token"] for each in told] == [minted.identities[which].secret for which in (0, 0, 1)]
    assert minted.labels == ["gcs_metadata", "gcs_metadata#2"]


def test_a_token_can_be_replaced() -> None:
    """Before its end."""
    metadata, minted = machine()
    asked(metadata, "GET", f"{ACCOUNT}token", headers=FLAVOUR)
    metadata.rotate()
    asked(metadata, "GET", f"{ACCOUNT}token", headers=FLAVOUR)

    assert minted.labels == ["gcs_metadata", "gcs_metadata#2"]


def test_a_machine_may_have_no_account() -> None:
    """It is a metadata server all the same."""
    metadata = machine("no-account")[0]
    answers = [asked(metadata, "GET", path, headers=FLAVOUR) for path in ("/", f"{ACCOUNT}token")]

    assert [(each.status, "Metadata-Flavor" in each.headers) for each in answers] == [(200, True), (404, True)]


def test_something_else_may_answer() -> None:
    """With 200, and without the header."""
    answer = asked(machine("no-flavour")[0], "GET", "/", headers=FLAVOUR)

    assert (answer.status, "Metadata-Flavor" in answer.headers) == (200, False)


def test_it_is_so_over_a_socket() -> None:
    """Once, by bare HTTP."""
    with FakeServer(machine()[0]) as server:
        connection = http.client.HTTPConnection("127.0.0.1", urlsplit(server.url).port, timeout=5)
        connection.request("GET", f"{ACCOUNT}token")
        refused = connection.getresponse()
        refused.read()
        connection.request("GET", f"{ACCOUNT}token", headers=FLAVOUR)
        given = connection.getresponse()
        given.read()
        connection.close()

    assert [(each.status, each.headers["Metadata-Flavor"]) for each in (refused, given)] == [
        (403, "Google"),
        (200, "Google"),
    ]


DEFAULT = """
import json, sys
import google.auth, google.auth.transport.requests
try:
    credentials, project = google.auth.default(scopes=["https://www.googleapis.com/auth/devstorage.read_write"])
    credentials.refresh(google.auth.transport.requests.Request())
    told = {"kind": type(credentials).__module__, "project": project, "token": credentials.token,
            "email": getattr(credentials, "service_account_email", None)}
except Exception as error:
    told = {"error": type(error).__name__}
print(json.dumps(told))
"""


def variables(server: FakeServer) -> dict[str, str]:
    """What points google-auth at a metadata server."""
    address = server.url.removeprefix("http://")
    return {"GCE_METADATA_HOST": address, "GCE_METADATA_IP": address, "GCE_METADATA_DETECT_RETRIES": "1"}


def test_google_auth_finds_the_machine(tmp_path: Path) -> None:
    """Address, account, project and token."""
    minted = Minted(time.time())
    with FakeServer(Metadata("gcs_metadata", minted, 3600)) as server:
        told = child(DEFAULT, tmp_path, **variables(server))

    assert told["token"] == minted.identities[0].secret
    assert (told["kind"], told["project"]) == ("google.auth.compute_engine.credentials", "conformance")
    assert {each.status for each in server.asked} <= {200, 404}


@pytest.mark.parametrize(("mode", "error"), [("no-account", "RefreshError"), ("no-flavour", "DefaultCredentialsError")])
def test_google_auth_hears_no(mode: Mode, error: str, tmp_path: Path) -> None:
    """Of a machine without an account, and of what is none."""
    with FakeServer(machine(mode)[0]) as server:
        told = child(DEFAULT, tmp_path, **variables(server))

    assert told == {"error": error}
