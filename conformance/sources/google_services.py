"""
Google's identity services in one world: the token endpoint, the consent page and IAM on one port, for all its sources.

They are found by addresses in credential files; the fixed hosts, which some libraries ask whatever a file says, are played
by the same fake. Who asks is told by what is shown: each source has keys, refresh tokens and subject tokens of its own.
"""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast, get_args

from conformance.fakes import Answer, Fault, failing
from conformance.fakes.google_grants import new_oauth_client, new_refresh_token, new_subject_token
from conformance.fakes.google_iam import IamCredentials
from conformance.fakes.google_key_files import (
    authorized_user,
    external_account,
    impersonated_service_account,
    service_account,
)
from conformance.fakes.google_metadata import FLAVOUR, Metadata, Mode
from conformance.fakes.google_oauth import CONSENT_PATHS, OAuth
from conformance.gate.proofs.bearer import claims_of
from conformance.identities import Identity, new_google_bearer, new_google_key

if TYPE_CHECKING:
    from conformance.fakes import Request
    from conformance.fakes.serving import Life
    from conformance.setting import Setting

FILED = ("gcs_key_file", "gcs_key_dict", "gcs_key_json", "gcs_env_file", "gcs_gcloud_file")
"""Sources whose credentials are the content of a key file."""

CONSENTED = ("gcs_browser", "gcs_cache")

KINDS = (
    "service_account",
    "authorized_user",
    "external_account",
    "external_account_impersonating",
    "impersonated_service_account",
)
"""Types of key file; federated identities with and without a service account that they act as."""

HOSTS = (
    "oauth2.googleapis.com",
    "sts.googleapis.com",
    "accounts.google.com",
    "iamcredentials.googleapis.com",
    "cloudresourcemanager.googleapis.com",
)
"""Hosts that Google's libraries ask, whatever a file says."""


class Google:
    """Google's identity services for the sources of one world.

    Attributes:
        url: the base of the port on loopback.
        client: the desktop application that people consent to.
        consented: the scopes and addresses that the consent page was asked for, as queries.
        gcloud_calls: the file in which gcloud notes its calls.
        forwarded: the paths that were asked for with an access token, at IAM or elsewhere, and the host asked.
    """

    name = "google"

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._faults: dict[str, str] = {}
        self._asked: Counter[str] = Counter()
        self._numbers: dict[str, itertools.count[int]] = {}
        self._lock = threading.Lock()
        self.consented: list[dict[str, str]] = []
        self.forwarded: list[tuple[str, str]] = []
        self.gcloud_calls = setting.directory / "gcloud-calls"
        self.client = new_oauth_client()
        labels = [name for source in setting.world.sources for name in (source, f"{source}.base")]
        self.keys = {source: new_google_key(source) for source in setting.world.sources if source in FILED}
        self.refresh_tokens = {label: new_refresh_token(label, self.client) for label in labels}
        self.subject_tokens = {label: new_subject_token(label) for label in labels}
        self._accounts = {account_of(source): source for source in setting.world.sources}
        self.oauth = OAuth(
            self.mint,
            keys=self.keys.values(),
            clients=[self.client],
            refresh_tokens=self.refresh_tokens.values(),
            subject_tokens=self.subject_tokens.values(),
            lives_s={label: partial(setting.life_of, label.removesuffix(".base")) for label in labels},
        )
        self._iam = IamCredentials(self.mint, accounts=self._accounts, whose=self.whose)
        self._hide_all()
        self.url = setting.serve("google", self).url

    def _hide_all(self) -> None:
        setting = self._setting
        setting.secret("gcs client secret", self.client.client_secret)
        for label, refresh in self.refresh_tokens.items():
            setting.secret(f"refresh token of {label}", refresh.token)
        for label, subject in self.subject_tokens.items():
            setting.secret(f"subject token of {label}", subject.token)
        for source, key in self.keys.items():
            setting.know(key.identity)
            setting.secret(f"private key of {source}", key.private_pem)
            # a message may have it with other line breaks
            setting.secret(f"private key of {source}", key.private_pem.splitlines()[5])

    def mint(self, label: str) -> Identity:
        """Return a new access token of a label, which the gate knows."""
        # a source with a key is known to the gate by its own name already
        named = label.partition("#")[0]
        with self._lock:
            number = next(self._numbers.setdefault(named, itertools.count(1)))
        life_s = self._setting.life_of(_source(label))
        return self._setting.know(new_google_bearer(f"{named}#{number}", life_s=life_s, now=time.time()))

    def whose(self, token: str) -> Identity | None:
        """Return whose an access token is, whichever service gave it."""
        known = list(self._setting.identities.values())
        return next((each for each in known if each.kind == "google_bearer" and each.secret == token), None)

    def fail(self, source: str, way: str | None) -> None:
        """Let a source be answered in this way whenever it asks, if it is one of a service."""
        if way in get_args(Fault) or way == "replayed-code":
            self._faults[source] = str(way)
        elif way in ("refused", "revoked"):
            self.oauth.revoke(source)
            self._faults[source] = "refused"

    def fault(self, source: str, fault: Fault | None) -> None:
        """Let a source fail from now on, or work again."""
        self._faults.pop(source, None)
        if fault is not None:
            self._faults[source] = fault

    def asks(self, source: str, request: Request) -> bool:
        """Whether a request asks for a token of a source."""
        return request.path in ("/token", "/v1/token") and self.source_of(request) == source

    def rewrite(self, source: str) -> None:
        """Put another subject token into the file of a federated identity, and refuse the old one."""
        old, new = self.subject_tokens[source], new_subject_token(source)
        self.subject_tokens[source] = new
        self.oauth.replace_subject_token(old, new)
        self._setting.secret(f"subject token of {source}", new.token)
        self._subject_file(source)

    def asked_by(self, source: str) -> int:
        """Return how often a source asked."""
        return self._asked[source]

    def answer(self, request: Request) -> Answer | None:
        """Answer as the service that is asked."""
        source = self.source_of(request)
        self._asked[source] += 1
        if "authorization" in request.headers and request.path not in ("/token", "/v1/token"):
            self.forwarded.append((request.headers.get("host", ""), request.path))
        if request.path in CONSENT_PATHS:
            self.consented.append(request.query)
            return self.oauth.answer(request)
        if request.path.startswith("/v1/projects/") or request.path.startswith("/v1/locations/"):
            return self._iam.answer(request)
        return self._traded(request, self._faults.get(source))

    def _traded(self, request: Request, fault: str | None) -> Answer | None:
        match fault:
            case None:
                return self.oauth.answer(request)
            case "refused":
                # a person's consent is revoked there; a key that was deleted leaves the account without it
                text = '{"error": "invalid_grant", "error_description": "Token has been expired or revoked."}'
                return Answer(400, text.encode(), {"Content-Type": "application/json"})
            case "replayed-code":
                self.oauth.answer(request)
                return self.oauth.answer(request)
            case _:
                return failing(cast("Fault", fault))

    def source_of(self, request: Request) -> str:
        """Return the source that asks; `google` if what is shown is nobody's."""
        if request.path in CONSENT_PATHS:
            return "gcs_browser"
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            identity = self.whose(token)
            return _source(identity.label) if identity else self.name
        form = request.form
        if "assertion" in form:
            issuer = claims_of(form["assertion"]).get("iss")
            labels = [key.label for key in self.keys.values() if key.client_email == issuer]
        else:
            shown = form.get("refresh_token") or form.get("subject_token")
            labels = [each.label for each in self.refresh_tokens.values() if each.token == shown]
            labels += [each.label for each in self.subject_tokens.values() if each.token == shown]
            if not labels and ("code" in form or "refresh_token" in form):
                labels = ["gcs_browser"]
        return _source(labels[0]) if labels else self.name

    # ---- files

    def content(self, source: str, kind: str) -> dict[str, Any]:
        """Return the content of a key file of a source; what it names is planted too."""
        base = f"{source}.base"
        match kind:
            case "authorized_user":
                return authorized_user(self.refresh_tokens[source], oauth_url=self.url)
            case "external_account":
                return external_account(self._subject_file(source), oauth_url=self.url)
            case "external_account_impersonating":
                file, account = self._subject_file(base), account_of(source)
                return external_account(file, oauth_url=self.url, impersonates=account, iam_url=self.url)
            case "impersonated_service_account":
                of_a_person = authorized_user(self.refresh_tokens[base], oauth_url=self.url)
                return impersonated_service_account(of_a_person, account_of(source), iam_url=self.url)
            case _:
                return service_account(self.keys[source], oauth_url=self.url)

    def _subject_file(self, label: str) -> str:
        return str(self._setting.write(f"subject-token-{label}", self.subject_tokens[label].token))


def account_of(source: str) -> str:
    """Return the e-mail address of the service account that a source acts as."""
    return f"{source.replace('_', '-')}-acting@conformance.iam.gserviceaccount.com"


def _source(label: str) -> str:
    return label.partition("#")[0].removesuffix(".base")


class Machine:
    """The metadata server of a machine, or what only looks like one."""

    name = "gcs_metadata"

    def __init__(self, google: Google, life_s: Life, way: str | None) -> None:
        mode = cast("Mode", way) if way in get_args(Mode) else "account"
        self._machine = Metadata("gcs_metadata", google.mint, life_s, mode=mode)
        self._way = way

    def rotate(self) -> None:
        """Let whoever asks next get a token of the next generation."""
        self._machine.rotate()

    def answer(self, request: Request) -> Answer:
        """Answer."""
        is_token = request.path.endswith("/token")
        if is_token and self._way == "token-garbage":
            return Answer(200, b"<html>Welcome to the hotel</html>", dict(FLAVOUR))
        if is_token and self._way == "token-error":
            return Answer(500, b"something broke", dict(FLAVOUR))
        if is_token and self._way == "token-of-another-type":
            return Answer(200, json.dumps({"access_token": 7, "expires_in": 3600}).encode(), dict(FLAVOUR))
        answer = self._machine.answer(request)
        return replace(answer, headers={}) if self._way == "token-without-flavour" else answer


def given_token(setting: Setting, label: str, life_s: float | None) -> str:
    """Return an access token that the caller holds."""
    return setting.know(new_google_bearer(label, life_s=life_s, now=time.time())).secret
