"""
The judge of a tap: who is known, whose proof a request carries, and what is forwarded of it.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from conformance.gate.proofs import Proven, Refused, Request, bearer, goog4, sas, shared_key, sigv4
from conformance.gate.refusals import answer, code_of, is_json
from conformance.gate.signing_anew import signed_anew

if TYPE_CHECKING:
    from conformance.gate.authority import Authority
    from conformance.gate.proofs import BodyCheck
    from conformance.identities import Identity


_HOST = re.compile(rb"(\r\nhost:[ \t]*)[^\r]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A request that goes on: whose it is, the raw head for the service, and what watches its body."""

    identity: str | None
    head: bytes = field(repr=False)
    request: Request
    body: BodyCheck | None = None


@dataclass(frozen=True, slots=True)
class Denied:
    """A request that the gate answers: the provider's code, the status and the raw answer, and whose proof it was."""

    identity: str | None
    code: str
    status: int
    answer: bytes


class Judge:
    """Decides by one authority."""

    def __init__(self, authority: Authority, *, host: str, is_tls: bool) -> None:
        """Keep the rules.

        Args:
            authority: the rules.
            host: the service's own Host, such as `127.0.0.1:9000`.
            is_tls: whether the tap speaks TLS.
        """
        self._authority = authority
        self._host = host.encode()
        self._is_tls = is_tls
        self._known: dict[str, Identity] = {}
        self._sessions: dict[str, str | None] = {}

    def know(self, identities: list[Identity]) -> None:
        """Believe these too; one with a label that is known replaces it."""
        self._known.update({each.label: each for each in identities})

    def forget(self, label: str) -> None:
        """Believe this one no longer; raises `KeyError` for one that was never known."""
        del self._known[label]

    def judge(self, raw: bytes, start: bytes, pairs: list[tuple[bytes, bytes]]) -> Accepted | Denied:
        """Decide about a request by its head: the raw bytes, the request line, names and values."""
        method, target, version = start.split(b" ", 2)
        now = time.time() + self._authority.clock_s
        request = Request.of_head(method, target, pairs, now=now, is_tls=self._is_tls)
        try:
            proven = self._verify(request)
            self._check_may(proven, request)
        except Refused as refused:
            return self.deny(refused, request)
        return Accepted(proven.label, self._head(raw, method, version, request, pairs), request, proven.body)

    def opened(self, identity: str | None, location: bytes) -> None:
        """Remember whose resumable upload goes on at an address.

        At Google the address is a proof of its own, https://cloud.google.com/storage/docs/resumable-uploads#session-uris.
        """
        if self._authority.cloud == "gcs":
            self._sessions[_target_of(location.decode("latin-1"))] = identity

    def deny(self, refused: Refused, request: Request) -> Denied:
        """Return the provider's answer."""
        status, raw = answer(self._authority.cloud, refused, request)
        return Denied(refused.label, code_of(self._authority.cloud, refused, request), status, raw)

    def _verify(self, request: Request) -> Proven:
        known = self._known.values()
        match self._authority.cloud:
            case "s3":
                return self._verify_s3(request, [each for each in known if each.kind == "aws"])
            case "az":
                return self._verify_azure(request, [each for each in known if each.kind.startswith("azure_")])
            case "gcs":
                return self._verify_google(request, [each for each in known if each.kind.startswith("google_")])

    def _check_may(self, proven: Proven, request: Request) -> None:
        """Refuse what writes to who may only read."""
        known = self._known.get(proven.label) if proven.label else None
        if known is None or not known.reads_only or request.method in ("GET", "HEAD"):
            return
        code = {"s3": "AccessDenied", "az": "AuthorizationPermissionMismatch", "gcs": "forbidden"}
        raise Refused(code[self._authority.cloud], label=proven.label)

    def _verify_s3(self, request: Request, known: list[Identity]) -> Proven:
        rules = self._authority
        if sigv4.carries(request):
            return sigv4.verify(request, known, region=rules.region, max_skew_s=rules.max_skew_s)
        return self._anonymous("AccessDenied")

    def _verify_azure(self, request: Request, known: list[Identity]) -> Proven:
        rules = self._authority
        account = rules.account or ""
        if bearer.token_of(request) is not None:
            return bearer.verify_entra(request, known)
        if request.header("authorization") is not None:
            return shared_key.verify(request, known, account=account, max_skew_s=rules.max_skew_s)
        if sas.carries(request):
            return sas.verify(request, known, account=account)
        return self._anonymous("NoAuthenticationInformation")

    def _verify_google(self, request: Request, known: list[Identity]) -> Proven:
        rules = self._authority
        if request.header("authorization") is not None:
            if bearer.token_of(request) is None:
                raise Refused("authError")
            return bearer.verify_google(request, known, max_skew_s=rules.max_skew_s)
        if goog4.carries(request):
            return goog4.verify(request, known, max_skew_s=rules.max_skew_s)
        session = f"{request.path}?{request.query}" if request.query else request.path
        if session in self._sessions:
            return Proven(self._sessions[session])
        return self._anonymous("required")

    def _anonymous(self, code: str) -> Proven:
        if self._authority.anonymous == "refuse":
            raise Refused(code)
        return Proven(None)

    def _head(
        self, raw: bytes, method: bytes, version: bytes, request: Request, pairs: list[tuple[bytes, bytes]]
    ) -> bytes:
        """Return the head for the service: as it came to S3, for Azurite signed anew, for Google nearly as it came."""
        rules = self._authority
        if rules.cloud == "az" and rules.account and rules.root_key:
            return signed_anew(method, version, request, pairs, account=rules.account, root_key=rules.root_key)
        if rules.cloud == "gcs" and not is_json(request):
            # signed URLs are of the XML interface, which fake-gcs-server has under its own name only
            return _HOST.sub(rb"\g<1>" + self._host, raw, count=1)
        if rules.cloud == "gcs" and self._is_tls:
            # fake-gcs-server makes the address of a resumable upload from Host and this
            return raw[:-2] + b"X-Forwarded-Proto: https\r\n\r\n"
        return raw


def _target_of(url: str) -> str:
    """Return the request target of an absolute URL."""
    return "/" + url.partition("://")[2].partition("/")[2]
