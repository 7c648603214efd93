"""
A person's consent in the browser: authorization code with state and PKCE (S256), answered on a loopback port.

The client that asks is the one of `gcloud auth application-default login`, whose file holds its id and secret; `auth_uri`
and `token_uri` in that file, or `DEEPLAKE_GCS_AUTH_URI` and `DEEPLAKE_GCS_TOKEN_URI`, name other services than Google's.
google-auth-oauthlib is not used: it starts the browser before it accepts connections, so that a `$BROWSER` that does not
end in `&` stalls until the command ends (measured, 1.5.0), and takes http on loopback only by a variable that switches
the check off for the whole process.

Source: https://developers.google.com/identity/protocols/oauth2/native-app, RFC 8252, RFC 7636.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import queue
import secrets
import shlex
import subprocess
import threading
import webbrowser
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import parse_qs, urlencode, urlsplit

from deeplake_ref.credentials import google_files
from deeplake_ref.credentials.google_cache import Kept
from deeplake_ref.credentials.google_exchange import CODE, Exchange, checked_url, fetching
from deeplake_ref.credentials.google_tokens import FETCH_S, Token
from deeplake_ref.errors import CredentialsNotFoundError, CredentialsUnavailableError
from deeplake_ref.secrets import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

AUTH_URI = "https://accounts.google.com/o/oauth2/v2/auth"

CONSENT_S = 120.0
"""Seconds that the person has, unless `DEEPLAKE_GCS_CONSENT_S` says otherwise."""

LONGEST_CONSENT_S = 24 * 3600.0

PAGE = b"<!doctype html><title>Deep Lake</title><p>You may close this page."

Answer = dict[str, str]


@dataclass(frozen=True, slots=True)
class Client:
    """The application that a person is asked to let act for them."""

    client_id: str
    client_secret: str = field(repr=False)
    auth_uri: str
    token_uri: str


def gcloud_file() -> Path:
    """Return where `gcloud auth application-default login` writes."""
    configured = os.environ.get("CLOUDSDK_CONFIG", "").strip()
    return Path(configured or "~/.config/gcloud").expanduser() / "application_default_credentials.json"


def client() -> Client:
    """Return the client of gcloud's file.

    Raises:
        CredentialsNotFoundError: there is no such file.
        InvalidCredentialsError: it has no client, or an address is of no use.
    """
    where = gcloud_file()
    if not os.path.lexists(where):
        message = (
            f"'browser' needs the client in {where}, which is missing; run `gcloud auth application-default login`"
        )
        raise CredentialsNotFoundError(message, provider="gcs", effect="none")
    info = google_files.read(str(where), f"{where}")
    for name in ("client_id", "client_secret"):
        if not isinstance(info.get(name), str) or not info[name].strip():
            raise google_files.invalid(f"{where} has no `{name}`, which 'browser' needs")
    addresses = []
    for name, public in (("auth_uri", AUTH_URI), ("token_uri", google_files.TOKEN_URI)):
        variable = f"DEEPLAKE_GCS_{name.upper()}"
        override = os.environ.get(variable, "").strip()
        found = override or info.get(name) or public
        if not isinstance(found, str):
            raise google_files.invalid(f"`{name}` of {where} is a str: {type(found).__name__}")
        addresses.append(checked_url(found, variable if override else f"`{name}` of {where}"))
    return Client(info["client_id"], info["client_secret"], *addresses)


def consent(asking: Client) -> Kept:
    """Open the page, wait for its answer, and trade the code for tokens.

    Raises:
        InvalidCredentialsError: the seconds are no number.
        CredentialsUnavailableError: the person refused, did not answer in time, the answer belongs to another session, no
            browser could be started, or the token service refused; `code` tells which.
    """
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(64)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    seconds = _seconds()
    with _listening() as (port, answers):
        redirect = f"http://127.0.0.1:{port}/"
        asked = {
            "response_type": "code",
            "client_id": asking.client_id,
            "redirect_uri": redirect,
            "scope": google_files.SCOPE,
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "access_type": "offline",
            "prompt": "consent",
        }
        separator = "&" if urlsplit(asking.auth_uri).query else "?"
        page = f"{asking.auth_uri}{separator}{urlencode(asked)}"
        # in a thread of its own, since a command may run for as long as its window is open
        threading.Thread(target=_open, args=(page, answers), daemon=True, name="deeplake_ref-browser").start()
        answer = _waited(answers, seconds)
    code = _code(answer, state)
    return _traded(asking, code, redirect, verifier)


@contextmanager
def _listening() -> Iterator[tuple[int, queue.SimpleQueue[Answer | None]]]:
    """Accept the redirect on a free loopback port, which is released at the end; None means that no browser started."""
    answers: queue.SimpleQueue[Answer | None] = queue.SimpleQueue()

    class Handler(BaseHTTPRequestHandler):
        timeout: ClassVar[float | None] = 10.0

        def do_GET(self) -> None:
            target = urlsplit(self.path)
            answer = {name: values[-1] for name, values in parse_qs(target.query).items()}
            # a browser also asks for an icon
            known = target.path == "/" and ("code" in answer or "error" in answer)
            self.send_response(200 if known else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Referrer-Policy", "no-referrer")
            self.end_headers()
            self.wfile.write(PAGE if known else b"")
            if known:
                answers.put(answer)

        def log_message(self, *_arguments: object) -> None:
            """Keep the code off stderr."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, *_arguments: object) -> None:
            """Say nothing of a browser that went away."""

    with Server(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True, name="deeplake_ref-consent")
        serving.start()
        try:
            yield server.server_address[1], answers
        finally:
            server.shutdown()
            serving.join(5)


def _open(page: str, answers: queue.SimpleQueue[Answer | None]) -> None:
    named = [each for each in os.environ.get("BROWSER", "").split(os.pathsep) if each.strip()]
    # run here, since `webbrowser` reads the variable once per process, and never waits for what it starts
    opened = any(_ran(each, page) for each in named) if named else webbrowser.open(page)
    if not opened:
        answers.put(None)


def _ran(command: str, page: str) -> bool:
    """Run a command of `$BROWSER`, which has `%s` for the page or nothing, and perhaps an `&` at its end."""
    try:
        words = shlex.split(command.strip().removesuffix("&"))
        words = [word.replace("%s", page) for word in words] if "%s" in command else [*words, page]
        return subprocess.run(words, check=False).returncode == 0
    except (OSError, ValueError):
        return False


def _seconds() -> float:
    configured = os.environ.get("DEEPLAKE_GCS_CONSENT_S", "").strip()
    try:
        seconds = float(configured or CONSENT_S)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= LONGEST_CONSENT_S:
        raise google_files.invalid(f"DEEPLAKE_GCS_CONSENT_S is not a number of seconds up to {LONGEST_CONSENT_S:.0f}")
    return seconds


def _waited(answers: queue.SimpleQueue[Answer | None], seconds: float) -> Answer:
    try:
        answer = answers.get(timeout=seconds)
    except queue.Empty:
        failure = _unavailable(f"nobody answered the consent page within {seconds:g} seconds", "consent_timeout")
    else:
        if answer is not None:
            return answer
        failure = _unavailable("no browser could be started for the consent page; set BROWSER", "no_browser")
    raise failure


def _code(answer: Answer, state: str) -> str:
    if not secrets.compare_digest(answer.get("state", "").encode(), state.encode()):
        raise _unavailable("the answer to the consent page belongs to another session: wrong state", "wrong_state")
    if "error" in answer:
        code = answer["error"] if CODE.fullmatch(answer["error"]) else "error"
        if code == "access_denied":
            raise _unavailable("consent was denied in the browser", code)
        raise _unavailable(f"the consent page answered {code}", code)
    return answer["code"]


def _traded(asking: Client, code: str, redirect: str, verifier: str) -> Kept:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect,
        "client_id": asking.client_id,
        "client_secret": asking.client_secret,
        "code_verifier": verifier,
    }
    refreshes: list[Secret] = []

    def ask(exchange: Exchange) -> Token:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        received = exchange(asking.token_uri, "POST", urlencode(form).encode(), headers)
        if received.status != 200:
            raise ValueError("refused")
        fields = json.loads(received.data)
        token, refresh, lasts = fields["access_token"], fields["refresh_token"], float(fields["expires_in"])
        if not (isinstance(token, str) and token.strip() and isinstance(refresh, str) and refresh.strip()):
            raise ValueError("no tokens")
        refreshes.append(Secret(refresh))
        return Token(Secret(token), datetime.now(UTC) + timedelta(seconds=lasts))

    token = fetching("the code of the consent page", {asking.token_uri}, ask)(FETCH_S)
    told = {"client_id": asking.client_id, "client_secret": asking.client_secret, "token_uri": asking.token_uri}
    return Kept(told, refreshes[0], token)


def _unavailable(message: str, code: str) -> CredentialsUnavailableError:
    return CredentialsUnavailableError(message, provider="gcs", code=code, effect="none")
