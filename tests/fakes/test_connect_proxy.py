"""
The proxy that plays hosts and tells on everybody who asks for another.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme

from conformance.fakes import Answer, Request
from conformance.fakes.connect_proxy import ConnectProxy
from conformance.fakes.gcloud import install_browser
from conformance.fakes.google_grants import (
    CLOUD_SCOPE,
    STORAGE_SCOPE,
    new_oauth_client,
    new_refresh_token,
    new_subject_token,
)
from conformance.fakes.google_hosts import Projects, google_hosts
from conformance.fakes.google_iam import IamCredentials
from conformance.fakes.google_key_files import (
    authorized_user,
    external_account,
    impersonated_service_account,
    service_account,
)
from conformance.fakes.google_oauth import OAuth
from conformance.fakes.serving import FakeServer
from conformance.identities import new_google_key
from tests.fakes.google_asking import Minted, child, transport

HOST = "oauth2.googleapis.com"


class Echo:
    """Answers with what was asked."""

    name = "echo"

    def answer(self, request: Request) -> Answer:
        """Answer."""
        return Answer.of_json({"path": request.path, "size": len(request.body)})


class Authority:
    """The run's CA, and what was asked of it."""

    def __init__(self, folder: Path) -> None:
        self._ca = trustme.CA()
        self.pem = folder / "ca.pem"
        self._ca.cert_pem.write_to_path(str(self.pem))
        self.hosts: list[str] = []

    def context_for(self, host: str) -> ssl.SSLContext:
        """Return the context of a host."""
        self.hosts.append(host)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(host).configure_cert(context)
        return context


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """A CA of the test's own."""
    return Authority(tmp_path)


@pytest.fixture
def proxy(authority: Authority) -> Iterator[ConnectProxy]:
    """A proxy that plays one host."""
    with ConnectProxy({HOST: Echo()}, authority.context_for) as running:
        yield running


def through(proxy: ConnectProxy, host: str, authority: Authority | None = None) -> http.client.HTTPSConnection:
    """Return a connection to a host by way of the proxy."""
    parts = urlsplit(proxy.url)
    context = ssl.create_default_context(cafile=str(authority.pem) if authority else None)
    connection = http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=5, context=context)
    connection.set_tunnel(host, 443)
    return connection


def status_of(connection: http.client.HTTPSConnection) -> int:
    """Ask for something."""
    connection.request("GET", "/")
    return connection.getresponse().status


def test_a_host_is_played(proxy: ConnectProxy, authority: Authority) -> None:
    """With a certificate for its name; a connection serves many requests."""
    connection = through(proxy, HOST, authority)
    sizes = []
    for size in (0, 1, 200_000):
        connection.request("POST", f"/token?size={size}", b"x" * size)
        sizes.append(json.loads(connection.getresponse().read())["size"])
    connection.close()

    assert sizes == [0, 1, 200_000]
    assert [(each.fake, each.method, each.path, each.status) for each in proxy.asked] == [
        ("echo", "POST", "/token", 200)
    ] * 3
    assert (proxy.connects, proxy.leaks, authority.hosts) == ([HOST], [], [HOST])
    assert [len(request.body) for request in proxy.received] == sizes


def test_names_of_hosts_have_no_case(proxy: ConnectProxy, authority: Authority) -> None:
    """RFC 9110, 4.2.3."""
    connection = through(proxy, "OAuth2.GoogleAPIs.com", authority)
    connection.request("GET", "/")

    assert connection.getresponse().status == 200
    connection.close()


def test_who_does_not_trust_us_is_seen_all_the_same(proxy: ConnectProxy) -> None:
    """The host was asked for; no request came of it."""
    connection = through(proxy, HOST)
    with pytest.raises(ssl.SSLCertVerificationError):
        connection.request("GET", "/")
    connection.close()

    assert (proxy.connects, proxy.asked, proxy.leaks) == ([HOST], [], [])


@pytest.mark.parametrize("host", ["storage.googleapis.com", "169.254.169.254", "127.0.0.1", "xoauth2.googleapis.com"])
def test_a_host_that_nobody_plays_is_a_leak(host: str, proxy: ConnectProxy, authority: Authority) -> None:
    """It is refused with 403."""
    connection = through(proxy, host, authority)
    with pytest.raises(OSError, match="403"):
        connection.request("GET", "/")
    connection.close()

    assert proxy.leaks == [host]
    assert [(each.fake, each.method, each.path, each.status) for each in proxy.asked] == [
        ("nobody", "CONNECT", host, 403)
    ]
    assert authority.hosts == []


@pytest.mark.parametrize(
    ("method", "url", "host"),
    [
        ("GET", "http://metadata.google.internal/computeMetadata/v1/?a=b", "metadata.google.internal"),
        ("PUT", "http://169.254.169.254:80/latest/api/token", "169.254.169.254"),
        ("PATCH", f"http://{HOST}/token", HOST),
        ("OPTIONS", "http://[::1]:80/", "::1"),
        ("GET", "/relative", "localhost"),
    ],
)
def test_a_request_for_plain_http_is_a_leak(method: str, url: str, host: str, proxy: ConnectProxy) -> None:
    """Also for a host that is played; all of it is kept for who looks for secrets, the record has none of it."""
    parts = urlsplit(proxy.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    connection.request(method, url, b"canary" * 30_000, {"Authorization": "Bearer canary", "Host": "localhost:1"})
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()

    assert (answer.status, proxy.leaks) == (403, [host])
    assert [(each.method, each.path) for each in proxy.asked] == [(method, host)]
    assert "canary" not in body + repr(proxy.asked)
    assert [(request.target, len(request.body)) for request in proxy.received] == [(url, 180_000)]
    assert proxy.received[0].headers["authorization"] == "Bearer canary"


@pytest.mark.parametrize("text", [b"\r\n", b"CONNECT\r\n\r\n", b"CONNECT [ HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\n"])
def test_what_is_no_request_breaks_nothing(text: bytes, proxy: ConnectProxy, authority: Authority) -> None:
    """The next client is served."""
    parts = urlsplit(proxy.url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=5) as raw:
        raw.sendall(text)
        raw.shutdown(socket.SHUT_WR)
        # what it did not read is answered by a reset
        with suppress(ConnectionResetError):
            while raw.recv(4096):
                pass
    connection = through(proxy, HOST, authority)
    connection.request("GET", "/")

    assert connection.getresponse().status == 200
    connection.close()


def test_many_are_served_at_once(proxy: ConnectProxy, authority: Authority) -> None:
    """And the certificate of the host is made once."""
    statuses: list[int] = []

    def one() -> None:
        connection = through(proxy, HOST, authority)
        connection.request("GET", "/")
        statuses.append(connection.getresponse().status)
        connection.close()

    threads = [threading.Thread(target=one) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert statuses == [200] * 16
    assert authority.hosts == [HOST]


def test_a_host_may_fail(authority: Authority) -> None:
    """As any fake may."""
    with ConnectProxy({HOST: Echo(), "b.example": Echo()}, authority.context_for, faults={HOST: "reset"}) as proxy:
        broken, well = through(proxy, HOST, authority), through(proxy, "b.example", authority)
        with pytest.raises((http.client.HTTPException, OSError)):
            status_of(broken)
        status = status_of(well)
        broken.close()
        well.close()

    assert status == 200
    assert {host: server.asked[0].status for host, server in proxy.servers.items()} == {HOST: None, "b.example": 200}


def test_a_closed_proxy_ends_its_tunnels(authority: Authority) -> None:
    """Also those in which nothing goes on."""
    with ConnectProxy({HOST: Echo()}, authority.context_for) as proxy:
        connection = through(proxy, HOST, authority)
        connection.connect()
        assert isinstance(connection.sock, ssl.SSLSocket)
    with pytest.raises((http.client.HTTPException, OSError)):
        status_of(connection)
    connection.close()


def test_google_auth_refreshes_an_authorized_user(authority: Authority) -> None:
    """At the one address that it knows, whatever the file says."""
    from google.oauth2.credentials import Credentials

    minted, token = Minted(time.time()), new_refresh_token("gcs_gcloud_file", new_oauth_client())
    with ConnectProxy({HOST: OAuth(minted, refresh_tokens=[token])}, authority.context_for) as proxy:
        file = authorized_user(token, oauth_url="http://127.0.0.1:1")
        credentials = Credentials.from_authorized_user_info(file)
        credentials.refresh(transport(proxy=proxy.url, ca=authority.pem))

    assert credentials.token == minted.identities[0].secret
    assert [(each.method, each.path, each.status) for each in proxy.asked] == [("POST", "/token", 200)]
    assert (proxy.connects, proxy.leaks) == ([HOST], [])


def test_google_auth_acts_as_a_service_account(authority: Authority) -> None:
    """By a key whose endpoint is the file's; that of the impersonation has a fixed host."""
    from google.auth.impersonated_credentials import Credentials

    email, key = "target@conformance.iam.gserviceaccount.com", new_google_key("gcs_env_file.base")
    minted = Minted(time.time())
    oauth = OAuth(minted, keys=[key])
    iam = IamCredentials(minted, accounts={email: "gcs_env_file"}, whose=oauth.issued_to)
    with (
        FakeServer(oauth) as server,
        ConnectProxy({"iamcredentials.googleapis.com": iam}, authority.context_for) as proxy,
    ):
        file = impersonated_service_account(service_account(key, oauth_url=server.url), email)
        credentials = Credentials.from_impersonated_service_account_info(file, scopes=[CLOUD_SCOPE])
        credentials.refresh(transport(proxy=proxy.url, ca=authority.pem))

    assert credentials.token == minted.identities[1].secret
    assert minted.labels == ["gcs_env_file.base", "gcs_env_file"]
    assert proxy.leaks == []


FROM_VARIABLES = """
import json
import google.auth, google.auth.transport.requests
credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/devstorage.read_write"])
session = google.auth.transport.requests.AuthorizedSession(credentials)
try:
    told = {"status": session.get("https://storage.googleapis.com/storage/v1/b", timeout=5).status_code}
except Exception as error:
    told = {"error": type(error).__name__}
print(json.dumps({**told, "token": credentials.token}))
"""


def test_a_process_finds_the_proxy_by_its_variables(authority: Authority, tmp_path: Path) -> None:
    """What it asks of a host that nobody plays is a leak."""
    minted, token = Minted(time.time()), new_refresh_token("gcs_env_file", new_oauth_client())
    file = tmp_path / "file.json"
    file.write_text(json.dumps(authorized_user(token, oauth_url="http://127.0.0.1:1")))
    with ConnectProxy({HOST: OAuth(minted, refresh_tokens=[token])}, authority.context_for) as proxy:
        told = child(
            FROM_VARIABLES,
            tmp_path,
            HTTPS_PROXY=proxy.url,
            REQUESTS_CA_BUNDLE=str(authority.pem),
            GOOGLE_APPLICATION_CREDENTIALS=str(file),
        )

    assert told == {"error": "ProxyError", "token": minted.identities[0].secret}
    assert set(proxy.leaks) == {"storage.googleapis.com"}


def test_an_external_account_has_its_project_looked_up(authority: Authority, tmp_path: Path) -> None:
    """By the number in its audience, with its token."""
    minted, subject = Minted(time.time()), new_subject_token("gcs_env_file")
    oauth = OAuth(minted, subject_tokens=[subject])
    (tmp_path / "subject").write_text(subject.token)
    file = tmp_path / "file.json"
    file.write_text(json.dumps(external_account(tmp_path / "subject", oauth_url="https://sts.googleapis.com")))
    hosts = google_hosts(oauth, Projects(oauth.issued_to))
    with ConnectProxy(hosts, authority.context_for) as proxy:
        told = child(
            FROM_VARIABLES,
            tmp_path,
            HTTPS_PROXY=proxy.url,
            REQUESTS_CA_BUNDLE=str(authority.pem),
            GOOGLE_APPLICATION_CREDENTIALS=str(file),
        )

    assert told == {"error": "ProxyError", "token": minted.identities[0].secret}
    assert set(proxy.leaks) == {"storage.googleapis.com"}
    assert [(each.fake, each.path, each.status) for each in proxy.asked[:2]] == [
        ("google_oauth", "/v1/token", 200),
        ("google_projects", "/v1/projects/123456789012", 200),
    ]


OPENED = """
import json, sys, webbrowser
print(json.dumps(webbrowser.open(sys.argv[1])))
"""


def test_the_scripted_browser_goes_by_the_proxy(authority: Authority, tmp_path: Path) -> None:
    """For a consent page at the real address; what it is sent back to is on loopback."""
    client = new_oauth_client()
    oauth = OAuth(Minted(), clients=[client])
    arrived = threading.Event()

    class Application:
        name = "application"

        def answer(self, _request: Request) -> Answer:
            arrived.set()
            return Answer(200)

    with (
        FakeServer(Application()) as application,
        ConnectProxy({"accounts.google.com": oauth}, authority.context_for) as proxy,
    ):
        page = (
            f"https://accounts.google.com/o/oauth2/auth?client_id={client.client_id}&redirect_uri={application.url}/"
            f"&response_type=code&scope={STORAGE_SCOPE}&code_challenge=c&code_challenge_method=S256"
        )
        environment = {"BROWSER": install_browser(tmp_path), "SSL_CERT_FILE": str(authority.pem)}
        assert child(OPENED, tmp_path, page, HTTPS_PROXY=proxy.url, **environment) is True
        assert arrived.wait(20)

    assert [(each.fake, each.path, each.status) for each in proxy.asked] == [("google_oauth", "/o/oauth2/auth", 200)]
