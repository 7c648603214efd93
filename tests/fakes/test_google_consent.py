"""
The consent page, by raw requests, by the scripted browser, and by google-auth-oauthlib.
"""

from __future__ import annotations

import base64
import html
import json
import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from conformance.fakes import FakeServer
from conformance.fakes.gcloud import install_browser
from conformance.fakes.google_consent import Decision, challenge_of
from conformance.fakes.google_grants import STORAGE_SCOPE, OAuthClient, new_oauth_client
from conformance.fakes.google_key_files import client_secrets
from conformance.fakes.google_oauth import OAuth
from tests.fakes.google_asking import NOW, Minted, asked, child, posted

VERIFIER = "v" * 43

REDIRECT = "http://127.0.0.1:8765/"

OF_A_BROWSER = {"accept": "text/html,application/xhtml+xml"}


class Application:
    """A desktop application, and the service that it asks."""

    def __init__(self, decision: Decision = "allow", **settings: Any) -> None:
        self.client: OAuthClient = new_oauth_client()
        self.minted = Minted()
        self.oauth = OAuth(self.minted, clients=[self.client], decision=decision, **settings)

    def page(self, **fields: str) -> str:
        """The address of the page."""
        query = {
            "client_id": self.client.client_id,
            "redirect_uri": REDIRECT,
            "response_type": "code",
            "scope": STORAGE_SCOPE,
            "state": "s1",
            "code_challenge": challenge_of(VERIFIER).decode(),
            "code_challenge_method": "S256",
            **fields,
        }
        return f"/auth?{urlencode({name: value for name, value in query.items() if value})}"

    def sent_back(self, **fields: str) -> dict[str, str]:
        """What the person's decision tells the application."""
        answer = asked(self.oauth, "GET", self.page(**fields))
        assert answer.status == 302
        assert answer.headers["Location"].startswith(REDIRECT)
        return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}

    def trade(self, code: str, *, now: float = NOW, **fields: Any) -> tuple[int, dict[str, Any]]:
        """Trade a code."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT,
            "code_verifier": VERIFIER,
            "client_id": self.client.client_id,
            "client_secret": self.client.client_secret,
            **fields,
        }
        return posted(self.oauth, "/token", {name: value for name, value in form.items() if value}, now=now)


def test_a_code_is_traded_for_a_token_and_a_refresh_token() -> None:
    """Which is good for the next token, of the same source."""
    application = Application()
    told = application.sent_back()
    status, tokens = application.trade(told["code"])
    form = {
        "grant_type": "refresh_token",
        "refresh_token": tokens["refresh_token"],
        "client_id": application.client.client_id,
        "client_secret": application.client.client_secret,
    }
    refreshed = posted(application.oauth, "/token", form)[1]

    assert told["state"] == "s1"
    assert (status, tokens["scope"], refreshed["scope"]) == (200, STORAGE_SCOPE, STORAGE_SCOPE)
    assert application.minted.labels == ["gcs_browser", "gcs_browser#2"]
    assert refreshed["access_token"] == application.minted.identities[1].secret


def test_a_code_is_good_once() -> None:
    """And for ten minutes."""
    application = Application()
    code = application.sent_back()["code"]
    late = application.sent_back()["code"]

    assert [application.trade(code)[0], application.trade(code)[0]] == [200, 400]
    assert application.trade(late, now=NOW + 600)[1]["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("fields", "status", "error", "description"),
    [
        ({"code": "4/unknown"}, 400, "invalid_grant", "Bad Request"),
        ({"redirect_uri": "http://127.0.0.1:8766/"}, 400, "redirect_uri_mismatch", "Bad Request"),
        ({"code_verifier": ""}, 400, "invalid_grant", "Missing code verifier."),
        ({"code_verifier": "w" * 43}, 400, "invalid_grant", "Invalid code verifier."),
        ({"code_verifier": "\u00e4"}, 400, "invalid_grant", "Invalid code verifier."),
        ({"client_secret": "wrong"}, 401, "invalid_client", "Unauthorized"),
        ({"client_id": "nobody"}, 401, "invalid_client", "The OAuth client was not found."),
    ],
)
def test_a_code_with_something_wrong_is_refused(
    fields: dict[str, Any], status: int, error: str, description: str
) -> None:
    """And no token is made."""
    application = Application()
    code = application.sent_back()["code"]

    assert application.trade(**{"code": code, **fields}) == (status, {"error": error, "error_description": description})
    assert application.minted.labels == []


def test_a_code_is_of_its_application_alone() -> None:
    """Another one that is known too does not get it."""
    application, other = Application(), new_oauth_client()
    application.oauth = OAuth(application.minted, clients=[application.client, other])
    code = application.sent_back()["code"]
    status, told = application.trade(code, client_id=other.client_id, client_secret=other.client_secret)

    assert (status, told["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("fields", "status", "text"),
    [
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"redirect_uri": "https://example.com/"}, 400, "redirect_uri_mismatch"),
        ({"redirect_uri": "http://127.0.0.1.example.com/"}, 400, "redirect_uri_mismatch"),
        ({"redirect_uri": ""}, 400, "redirect_uri_mismatch"),
        ({"response_type": "token"}, 400, "unsupported_response_type"),
        ({"scope": ""}, 400, "invalid_request"),
        ({"code_challenge": ""}, 400, "invalid_request"),
        ({"code_challenge_method": ""}, 400, "invalid_request"),
        ({"code_challenge_method": "plain"}, 400, "invalid_request"),
    ],
)
def test_a_page_that_is_asked_for_wrongly_says_so_and_leads_nowhere(
    fields: dict[str, str], status: int, text: str
) -> None:
    """There is no link, and no redirect."""
    application = Application()
    answer = asked(application.oauth, "GET", application.page(**fields), headers=OF_A_BROWSER)

    assert (answer.status, text in answer.body.decode()) == (status, True)
    assert b"<a " not in answer.body
    assert "Location" not in answer.headers


@pytest.mark.parametrize(
    ("decision", "told"),
    [("allow", {"state", "code", "scope"}), ("deny", {"state", "error"}), ("wrong-state", {"state", "code", "scope"})],
)
def test_the_person_decides(decision: Decision, told: set[str]) -> None:
    """And the application is told, with the state that it gave or with another."""
    sent = Application(decision).sent_back()

    assert set(sent) == told
    assert (sent["state"] == "s1") is (decision != "wrong-state")
    assert sent.get("error") == ("access_denied" if decision == "deny" else None)


def test_a_person_may_never_decide() -> None:
    """The page has no link then, and whoever is no browser gets no redirect either."""
    application = Application("never")
    answers = [asked(application.oauth, "GET", application.page(), headers=headers) for headers in (OF_A_BROWSER, {})]

    assert [(answer.status, b"<a " in answer.body) for answer in answers] == [(200, False)] * 2


@pytest.mark.parametrize("clicks_itself", [False, True])
def test_a_browser_gets_a_page_with_a_link(clicks_itself: bool) -> None:
    """To where the redirect would go."""
    application = Application(clicks_itself=clicks_itself)
    page = asked(application.oauth, "GET", application.page(state='a"&<'), headers=OF_A_BROWSER).body.decode()
    links = re.findall(r'<a href="([^"]*)">', page)

    assert ("<script>" in page) is clicks_itself
    assert [parse_qs(urlsplit(html.unescape(link)).query)["state"] for link in links] == [['a"&<']]


FLOW = """
import json, sys
from google_auth_oauthlib.flow import InstalledAppFlow
flow = InstalledAppFlow.from_client_config(json.loads(sys.argv[1]), [sys.argv[2]])
try:
    credentials = flow.run_local_server(
        host="127.0.0.1", port=0, timeout_seconds=int(sys.argv[3]), authorization_prompt_message=""
    )
    told = {"token": credentials.token, "refresh_token": bool(credentials.refresh_token)}
except Exception as error:
    told = {"error": type(error).__name__}
print(json.dumps(told))
"""

BY_HAND = """
import http.server, json, sys, urllib.parse, webbrowser
told = {}
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        told.update(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        self.send_response(200)
        self.end_headers()
    def log_message(self, *arguments):
        pass
with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
    server.timeout = 20
    own = f"http://127.0.0.1:{server.server_port}/"
    opened = webbrowser.open(sys.argv[1] + urllib.parse.quote(own, safe=""))
    server.handle_request()
print(json.dumps({"opened": opened, "own": own, **told}))
"""


def test_the_scripted_browser_needs_nothing_on_path(tmp_path: Path) -> None:
    """It is started by `webbrowser`, reads the page and clicks its link."""
    application = Application()
    with FakeServer(application.oauth) as server:
        page = server.url + application.page(redirect_uri="") + "&redirect_uri="
        told = child(BY_HAND, tmp_path, page, BROWSER=install_browser(tmp_path))
        status, _tokens = application.trade(told["code"], now=time.time(), redirect_uri=told["own"])

    assert (told["opened"], told["state"], status) == (True, "s1", 200)
    assert server.received[0].headers["accept"] == "text/html"


def test_a_browser_in_a_folder_with_a_colon_is_refused(tmp_path: Path) -> None:
    """A colon separates commands in $BROWSER."""
    folder = tmp_path / "a:b"
    folder.mkdir()
    with pytest.raises(ValueError, match=re.escape("a path with a colon cannot be in $BROWSER")):
        install_browser(folder)


@pytest.mark.parametrize(
    ("decision", "error"),
    [
        ("allow", None),
        ("deny", "AccessDeniedError"),
        ("wrong-state", "MismatchingStateError"),
        ("never", "WSGITimeoutError"),
    ],
)
def test_google_auth_oauthlib_goes_through_the_flow(decision: Decision, error: str | None, tmp_path: Path) -> None:
    """With the scripted browser; the client names itself by HTTP Basic."""
    pytest.importorskip("google_auth_oauthlib", reason="google-auth-oauthlib is not installed")
    application = Application(decision)
    with FakeServer(application.oauth) as server:
        told = child(
            FLOW,
            tmp_path,
            json.dumps(client_secrets(application.client, oauth_url=server.url)),
            STORAGE_SCOPE,
            "1" if decision == "never" else "20",
            BROWSER=install_browser(tmp_path),
            OAUTHLIB_INSECURE_TRANSPORT="1",
        )

    assert told.get("error") == error
    tokens = [each.secret for each in application.minted.identities]
    assert tokens == ([told["token"]] if decision == "allow" else [])
    if decision == "allow":
        basic = server.received[-1].headers["authorization"].removeprefix("Basic ")
        assert base64.b64decode(basic).decode().startswith(application.client.client_id)
