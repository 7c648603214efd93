"""
Servers that are not the service, and principals that must be refused: what checks of errors rest on.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest

from conformance.services import load
from conformance.services.identities import MAKERS, NoSuchIdentity
from conformance.services.running import RunningService
from conformance.strangers import Strangers, start_strangers
from conformance.strangers.answers import REFUSALS, SOMETHING_ELSE, Answer
from conformance.targets.errors import PARENTS
from conformance.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Iterator

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@pytest.fixture(scope="module")
def strangers() -> Iterator[Strangers]:
    """The process, running."""
    with start_strangers() as running:
        yield running


def asked(url: str, method: str = "GET", body: bytes | None = None) -> tuple[int, bytes]:
    """Return status and body of an answer, whatever the status."""
    try:
        with OPENER.open(urllib.request.Request(url, body, method=method), timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_every_request_has_the_same_answer(strangers: Strangers) -> None:
    """Whatever the method; a HEAD has no body, and a body is read to its end."""
    answer = Answer(404, (("X-Who", "nobody"),), b"page")
    url = strangers.url(answer)

    assert url.startswith("http://127.0.0.1:")
    assert asked(f"{url}/a/b?c") == (404, b"page")
    assert asked(url, "PUT", bytes(300_000)) == (404, b"page")
    assert asked(url, "HEAD") == (404, b"")
    assert strangers.url(answer) == url
    assert strangers.url(SOMETHING_ELSE["empty-200"]) != url


def test_nobody_trusts_its_certificate(strangers: Strangers) -> None:
    """A client that looks breaks off, one that does not gets the answer; the server outlives the first."""
    url = strangers.url(SOMETHING_ELSE["html-200"], tls=True)
    with pytest.raises(urllib.error.URLError) as caught:
        OPENER.open(url, timeout=20)
    assert isinstance(caught.value.reason, ssl.SSLCertVerificationError)

    blind = ssl.create_default_context()
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=blind))
    assert b"Please sign in" in opener.open(url, timeout=20).read()


def test_a_refusal_is_of_its_cloud() -> None:
    """The code stands in the body where a client looks for it, and the class is one of the tree."""
    for prefix, refusals in REFUSALS.items():
        for refusal in refusals.values():
            assert refusal.kind is None or refusal.kind in PARENTS
            if prefix == "gcs":
                assert json.loads(refusal.answer.body)["error"]["code"] == refusal.answer.status
            else:
                assert f"<Code>{refusal.code}</Code>".encode() in refusal.answer.body


def service(name: str) -> RunningService:
    """A service that is described and does not run."""
    return RunningService(
        name, load(name).prefix, "http://127.0.0.1:9", "0", "native", "ROOTOFTHISTEST", "cm9vdCBrZXkgb2YgdGhpcyB0ZXN0"
    )


@pytest.mark.parametrize("name", ["moto", "azurite"])
@pytest.mark.parametrize("kind", ["wrong-secret", "unknown-key-id", "anonymous"])
def test_a_principal_is_new_each_time_and_never_the_root(name: str, kind: str) -> None:
    """And prints nothing."""
    root = service(name)
    one, other = (MAKERS[kind](root, None) for _ in range(2))

    assert root.secret_key not in one.creds.values()
    assert (one.creds == other.creds) is (kind == "anonymous")
    assert not any(secret in f"{one}" for secret in map(str, one.creds.values()))


def test_no_principal_is_made_where_none_is_looked_at() -> None:
    """A target that does not know the token would ask beyond loopback who it is."""
    for kind in set(MAKERS) - {"anonymous"}:
        with pytest.raises(NoSuchIdentity):
            MAKERS[kind](service("fake-gcs-server"), None)


def test_one_lie_may_stand_behind_several_cases() -> None:
    """Each of them is a divergence of its own."""
    cases = [lie.case for lie in load("moto").divergences if lie.requirement == "ERR-2"]

    assert {"get", "list", "set", "remove_directory"} <= set(cases)
    assert len(cases) == len(set(cases))


def test_the_host_without_address_is_refused_by_the_resolver() -> None:
    """It is too long as a whole, while each label is one."""
    host = Testbed.unresolvable_host.fget(None)  # type: ignore[attr-defined]

    assert 253 < len(host) <= 255
    assert all(re.fullmatch(r"[a-z]{1,63}", label) for label in host.split("."))
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo(host, 80)
