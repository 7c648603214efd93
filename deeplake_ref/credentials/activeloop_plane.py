"""
How Deep Lake's control plane is asked.

One request is one connection; redirects are not followed, since a token would go with them. Of a refusal nothing is told but
its status and its word. The protocol is that of deeplake 4.7.4, as measured.
"""

from __future__ import annotations

import json
import re
import ssl
import threading
import urllib.error
import urllib.request
from dataclasses import replace
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from deeplake_ref import client
from deeplake_ref.endpoints import is_loopback
from deeplake_ref.errors import (
    AuthenticationError,
    ExpiredTokenError,
    StorageAccessDenied,
    StorageBucketNotFound,
    StorageError,
    StorageInternalError,
    StorageNetworkConnectionError,
    StorageThrottledError,
    StorageTLSError,
    redacted,
)
from deeplake_ref.sessions import Deadline, IncompleteBodyError, causes, retry_after_s

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deeplake_ref.credentials.activeloop import DeepLakeToken
    from deeplake_ref.credentials.chain import Chain
    from deeplake_ref.retry import RetryPolicy

API_VERSION = "2024-10-01"
"""What the client of 4.7.4 sends; the answers here are those of this version."""

ATTEMPT_S = 15.0
"""Seconds of one request at most."""

STEP = 64 * 1024
LONGEST_ANSWER = 1024 * 1024

CHECK = f"check {client.VARIABLE} or client.endpoint"
"""What says where it is."""

_WORD = re.compile(r"[a-z_]{1,60}")

AGREEMENTS = {
    1: "there is an agreement to accept first; do so in Deep Lake's web application",
    2: "there is an agreement to accept first, for which somebody has to sign in",
}
"""The numbers of a refusal with 403 that asks for an agreement (deeplake 4.7.4, measured)."""


UNKNOWN = "not_found"
"""The code of a refusal with 404 that has no word."""


def is_unknown_name(error: StorageError) -> bool:
    """Whether the control plane knows nothing of a name; a container that is missing at the cloud has a code in capitals."""
    return isinstance(error, StorageBucketNotFound) and error.provider == "al" and (error.code or "").islower()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_request: Any) -> None:
        """Follow nobody: the answer is told as it is."""


class ControlPlane:
    """The control plane, asked with the token of one handle.

    Args:
        tokens: says whose token is shown.
        retry: how often a request is made, and how long that takes.
    """

    def __init__(self, tokens: Chain[DeepLakeToken], retry: RetryPolicy) -> None:
        self.tokens = tokens
        self._attempt_s = min(ATTEMPT_S, retry.deadline_s / 3)
        self._retry = replace(retry, attempt_s=self._attempt_s)
        self._lock = threading.Lock()
        self._address: client.Endpoint | None = None

    def ask(
        self,
        method: str,
        path: str,
        operation: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        once: bool = False,
    ) -> dict[str, Any]:
        """Return the answer to one request, which has the same effect however often it is made.

        Args:
            method: of HTTP.
            path: percent-encoded, from its slash on.
            operation: for errors.
            query: its parameters.
            body: sent as JSON.
            once: whether a failure is told at once.

        Raises:
            CredentialsError: there is no token; nothing was sent. Or it was rejected: `AuthenticationError`.
            StorageError: as the module of errors says; its code is the control plane's word.
        """
        resolved = self.tokens.resolve()
        url = self.address().url + path + (f"?{urlencode(query)}" if query else "")
        data = None if body is None else json.dumps(body).encode()
        reads = method == "GET"

        def attempt() -> dict[str, Any]:
            request = urllib.request.Request(url, data, method=method, headers=_headers(resolved.credentials, data))  # noqa: S310 - http and https only
            try:
                return self._answer(request)
            except StorageError as error:
                failure = error
            except Exception as error:  # noqa: BLE001 - what comes from the library may hold the token and is replaced
                failure = _unreached(error)
            failure.provider, failure.operation, failure.source = "al", operation, resolved.source
            failure.effect = failure.effect or ("none" if reads else "unknown")
            raise failure

        return self._retry.run(attempt, safe=(lambda _error: False) if once else None)

    def address(self) -> client.Endpoint:
        """Return where it is, the same for all requests of a handle; raises `InvalidURIError`."""
        with self._lock:
            if self._address is None:
                self._address = client.address()
            return self._address

    def _answer(self, request: urllib.request.Request) -> dict[str, Any]:
        deadline = Deadline(self._attempt_s)
        # a proxy would see the token in clear
        local = request.full_url.startswith("http:") and is_loopback(request.full_url)
        opener = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({} if local else None))
        try:
            with opener.open(request, timeout=self._attempt_s) as answer:
                text = _read(answer, deadline)
        except urllib.error.HTTPError as error:
            with error:
                raise _refused(error.code, error.headers, _read(error, deadline)) from None
        fields = _json(text)
        if fields is None:
            message = f"what answered is not Deep Lake's control plane: it is no JSON object; {CHECK}"
            raise StorageInternalError(message, http_status=200)
        return fields


def _headers(token: DeepLakeToken, data: bytes | None) -> dict[str, str]:
    sent = {
        "Authorization": f"Bearer {token.current()}",
        "X-Activeloop-Provider-Type": token.provider,
        "Activeloop-Api-Version": API_VERSION,
        "User-Agent": "deeplake-ref",
        "Accept": "application/json",
    }
    return sent if data is None else {**sent, "Content-Type": "application/json"}


def _read(answer: Any, deadline: Deadline) -> bytes:
    text = b""
    while piece := answer.read1(STEP):
        text += piece
        if len(text) > LONGEST_ANSWER:
            raise StorageInternalError("an answer of the control plane is larger than any it has")
        deadline.check()
    if answer.length:
        raise IncompleteBodyError
    return text


def _json(text: bytes) -> dict[str, Any] | None:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) else None


def _refused(status: int, headers: Any, text: bytes) -> StorageError:
    fields = _json(text) or {}
    word = fields.get("error")
    code = word if isinstance(word, str) and _WORD.fullmatch(word) else None
    about: dict[str, Any] = {"http_status": status, "code": code, "retry_after_s": retry_after_s(headers)}
    told = f"HTTP {status}" + (f", {code}" if code else "")
    if status == 401:
        kind = ExpiredTokenError if code == "token_expired" else AuthenticationError
        return kind(f"the control plane rejects the token ({told}); make another one", effect="none", **about)
    if status == 403:
        number = fields.get("code")
        hint = AGREEMENTS.get(number) if isinstance(number, int) else None
        about["at"] = "" if hint else None
        hint = hint or "the owner of the token has not the role that this needs"
        return StorageAccessDenied(f"the control plane does not allow it ({told}): {hint}", effect="none", **about)
    if status == 404 and (not fields or code == "no_such_path"):
        message = f"what answered is not Deep Lake's control plane ({told}): it has no such path; {CHECK}"
        return StorageInternalError(message, effect="none", **about)
    if status == 404:
        about["code"] = code or UNKNOWN
        return StorageBucketNotFound(f"the control plane knows nothing of that name ({told})", effect="none", **about)
    if status == 429:
        return StorageThrottledError(f"the control plane asks for patience ({told})", effect="none", **about)
    if 300 <= status < 400:
        message = f"the control plane redirects ({told}), where no token goes; {CHECK}"
        return StorageInternalError(message, effect="none", **about)
    effect = "none" if 400 <= status < 500 and status != 408 else None
    return StorageInternalError(f"the control plane failed ({told})", effect=effect, **about)


def _unreached(error: Exception) -> StorageError:
    found = list(causes(error))
    if any(isinstance(each, ssl.SSLCertVerificationError) for each in found):
        made: StorageError = StorageTLSError("the connection to the control plane is not secure", effect="none")
    elif any(isinstance(each, OSError | HTTPException | IncompleteBodyError) for each in found):
        never = any(isinstance(each, ConnectionRefusedError) for each in found)
        message = f"the control plane was not reached, or its answer did not arrive whole; {CHECK}"
        made = StorageNetworkConnectionError(message, effect="none" if never else None)
    else:
        made = StorageInternalError("the control plane could not be asked")
    made.__cause__ = redacted(error)
    return made
