"""
One client of Azure Blob Storage: a pool of connections, one identity, one account.

Requests go through the SDK's own transport and signing policies, in a pipeline of `azure-core`. The SDK's clients above
them spend as much time again on a small request, and retry what they read in pieces by rules of their own.
"""

from __future__ import annotations

import logging
import re
from email.utils import formatdate
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from deeplake_ref import sessions
from deeplake_ref.errors import InvalidCredentialsError, InvalidURIError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deeplake_ref.credentials.azure_texts import AzureCredentials
    from deeplake_ref.credentials.azure_tokens import Tokens
    from deeplake_ref.secrets import Secret
    from deeplake_ref.stores import Buffer

VERSION = "2023-11-03"
"""The version of the REST API: the requests here are those of this version, whatever newer ones the SDK knows."""

_CODE = re.compile(rb"<Code>(?P<code>\w{1,64})</Code>")
_SIGNATURE = re.compile(r"(?<=sig=)[^&\s'\"]+")


class AzureClient:
    """Sends signed requests to one container."""

    def __init__(self, credentials: AzureCredentials, endpoint: str, account: str, container: str) -> None:
        from azure.core.pipeline import Pipeline
        from azure.core.pipeline.transport import RequestsTransport
        from requests import Session

        self.credentials = credentials
        self._container = f"{endpoint}/{quote(container, safe='')}"
        session = Session()
        sessions.settle(session, endpoint)
        # the transport would pass its own idea of certificates with every request
        self._transport = RequestsTransport(session=session, connection_verify=session.verify)
        self._pipeline: Any = Pipeline(self._transport, policies=_signing(credentials, endpoint, account, container))
        _keep_signatures_out_of_logs()

    def url(self, key: str) -> str:
        """Return where a blob is, without any signature."""
        if any(segment in (".", "..") for segment in key.split("/")):
            # urllib3 would resolve it into another key
            raise InvalidURIError(f"a blob name has no `.` or `..` segment: {key!r}", provider="az", effect="none")
        return f"{self._container}/{quote(key, safe='/~')}"

    def send(
        self,
        method: str,
        key: str | None,
        deadline: sessions.Deadline,
        *,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        body: Buffer | None = None,
    ) -> sessions.Answer:
        """Make one request.

        Args:
            method: the HTTP method.
            key: the full name of a blob, None for the container.
            deadline: bounds the time-outs.
            query: what follows the question mark, encoded.
            headers: beside those that every request has.
            body: what is sent.

        Raises:
            RefusedError: the status is not 2xx.
            AzureError: the transport failed.
        """
        from azure.core.pipeline.transport import HttpRequest

        url = self._container if key is None else self.url(key)
        sent = {
            "x-ms-version": VERSION,
            "x-ms-date": formatdate(usegmt=True),
            "User-Agent": "deeplake-ref",
            "Accept-Encoding": "identity",
            **(headers or {}),
        }
        if body is not None:
            sent["Content-Length"] = str(len(body))
            sent["Content-Type"] = "application/octet-stream"
            body = sessions.sendable(body)
        connect, read = deadline.timeouts_s(upload=0 if body is None else len(body))
        request = HttpRequest(method, f"{url}?{query}" if query else url, headers=sent, data=body)
        run = self._pipeline.run(request, stream=True, connection_timeout=connect, read_timeout=read)
        response = run.http_response
        raw = response.internal_response.raw
        if 200 <= response.status_code < 300:
            return sessions.Answer(response.status_code, response.headers, raw)
        found = _CODE.search(sessions.error_text(raw, deadline))
        code = response.headers.get("x-ms-error-code") or (found["code"].decode() if found else None)
        raise sessions.RefusedError(response.status_code, code, response.headers)

    def ask(self, method: str, key: str, deadline: sessions.Deadline, **more: Any) -> Mapping[str, str]:
        """Make one request whose answer has no body, and return its headers; the arguments are those of `send`.

        Raises:
            MalformedAnswerError: it has one, and so is not the service's.
        """
        answer = self.send(method, key, deadline, **more)
        if answer.body(deadline):
            raise sessions.MalformedAnswerError
        return answer.headers

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()


def _signing(credentials: AzureCredentials, endpoint: str, account: str, container: str) -> list[Any]:
    """Return the SDK's policies that prove who we are."""
    from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential
    from azure.core.pipeline.policies import AzureSasCredentialPolicy
    from azure.storage.blob import ContainerClient

    if credentials.account_key is not None:
        key = AzureNamedKeyCredential(account, credentials.account_key.reveal())
        return [ContainerClient(endpoint, container, credential=key).credential]
    if credentials.sas_token is not None:
        return [AzureSasCredentialPolicy(AzureSasCredential(credentials.sas_token.reveal()))]
    if credentials.tokens is not None:
        return [_bearing(credentials.tokens)]
    if credentials.signatures is not None:
        return [_lent(credentials.signatures)]
    return []


def _bearing(tokens: Tokens) -> Any:
    """Return a policy that sends a token; the SDK's keeps one of its own, a rejected one too."""
    from azure.core.pipeline.policies import SansIOHTTPPolicy

    class Bearer(SansIOHTTPPolicy):  # type: ignore[misc]
        def on_request(self, request: Any) -> None:
            if not request.http_request.url.lower().startswith("https:"):
                raise InvalidCredentialsError("a token is sent over https only", provider="az", effect="none")
            request.http_request.headers["Authorization"] = f"Bearer {tokens.text()}"

    return Bearer()


def _lent(signatures: Callable[[], Secret]) -> Any:
    """Return a policy that signs each request with the signature of its moment."""
    from azure.core.credentials import AzureSasCredential
    from azure.core.pipeline.policies import AzureSasCredentialPolicy, SansIOHTTPPolicy

    class Lent(SansIOHTTPPolicy):  # type: ignore[misc]
        def on_request(self, request: Any) -> None:
            AzureSasCredentialPolicy(AzureSasCredential(signatures().reveal())).on_request(request)

    return Lent()


class _MaskSignatures(logging.Filter):
    """urllib3 writes the target of every request to its debug log, with the signature of a SAS in it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, masked."""
        message = record.getMessage()
        if "sig=" in message:
            record.msg, record.args = _SIGNATURE.sub("***", message), ()
        return True


_MASK = _MaskSignatures()


def _keep_signatures_out_of_logs() -> None:
    # adding the same filter again does nothing
    logging.getLogger("urllib3.connectionpool").addFilter(_MASK)
