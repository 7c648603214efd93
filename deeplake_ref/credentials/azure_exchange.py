"""
The token endpoint of Entra ID, asked by credentials of azure-identity.

Retries and time-outs are ours: azure-core would try ten times, and sleep for as long as `Retry-After` says. Instance
discovery is off, since it asks login.microsoftonline.com whatever `AZURE_AUTHORITY_HOST` says. Certificates and proxies are
those of the environment, as in the SDK (`REQUESTS_CA_BUNDLE`, `CURL_CA_BUNDLE`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from deeplake_ref import sessions
from deeplake_ref.credentials.azure_entra import unavailable, unlogged, variable
from deeplake_ref.credentials.azure_texts import invalid
from deeplake_ref.credentials.azure_tokens import RESOURCE, Token, scope_of
from deeplake_ref.endpoints import checked_endpoint
from deeplake_ref.errors import InvalidURIError, StorageError, StorageProviderMissingError
from deeplake_ref.secrets import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

HOST = "AZURE_AUTHORITY_HOST"

PUBLIC_AUTHORITY = "https://login.microsoftonline.com"

CONNECT_S = 5.0

ATTEMPTS = 2
"""How often the endpoint is asked where it breaks the connection or fails with 5xx; a silent one is asked once."""

HINTS = {
    "AADSTS7000215": "check AZURE_CLIENT_SECRET: it is the value of the secret, not its id",
    "AADSTS7000222": "the client secret has expired, make a new one",
    "AADSTS700016": "check AZURE_CLIENT_ID and AZURE_TENANT_ID",
    "AADSTS90002": "check AZURE_TENANT_ID",
    "AADSTS900023": "check AZURE_TENANT_ID",
    "AADSTS700024": "check this machine's clock, and whether the token file is renewed",
    "AADSTS700027": "check AZURE_CLIENT_CERTIFICATE_PATH: the application does not have this certificate",
    "AADSTS70021": "no federated identity of the application matches the token file",
    "AADSTS700211": "no federated identity of the application matches the token file",
    "AADSTS700213": "no federated identity of the application matches the token file",
}
"""What to do ("Microsoft Entra authentication and authorization error codes")."""


def authority() -> str:
    """Return the base URL of `AZURE_AUTHORITY_HOST`, or the public one; raises `InvalidCredentialsError`."""
    configured = variable(HOST)
    if configured is None:
        return PUBLIC_AUTHORITY
    url = configured if "://" in configured else f"https://{configured}"
    try:
        checked = checked_endpoint(url, HOST, "az")
    except InvalidURIError:
        checked = ""
    if not checked.startswith("https:"):
        raise invalid("AZURE_AUTHORITY_HOST is not a host or a URL like https://login.microsoftonline.com", HOST)
    return checked


def exchanged(source: str, host: str, make: Callable[..., Any], patience_s: float, resource: str = RESOURCE) -> Token:
    """Return a token of a new credential, which knows none yet.

    Args:
        source: the name of the source, for errors.
        host: the base URL of Entra ID.
        make: makes the credential of azure-identity from keyword arguments; raises `StorageError`, or `ValueError`.
        patience_s: seconds that the endpoint is waited for.
        resource: what the token is for.

    Raises:
        CredentialsUnavailableError: the endpoint refuses, fails, or is not reached; `code` is that of Entra ID.
        InvalidCredentialsError: what is configured cannot be used.
    """
    left = ATTEMPTS
    while True:
        watch = _Watch()
        left -= 1
        try:
            return _token(make, host, watch, patience_s, resource)
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001 - what comes from the SDK may hold secrets and is replaced
            failure = _failure(source, error, watch)
            again = left > 0 and watch.may_help(error)
        if not again:
            raise failure


def _token(make: Callable[..., Any], host: str, watch: _Watch, patience_s: float, resource: str) -> Token:
    from azure.core.pipeline.transport import RequestsTransport
    from requests import Session

    session = Session()
    sessions.settle(session, host)
    transport = RequestsTransport(
        session=session,
        connection_verify=session.verify,
        connection_timeout=min(CONNECT_S, patience_s),
        read_timeout=patience_s,
    )
    with (
        unlogged(),
        transport,
        make(
            authority=host,
            disable_instance_discovery=True,
            transport=transport,
            retry_total=0,
            raw_response_hook=watch,
        ) as credential,
    ):
        told = credential.get_token_info(scope_of(resource))
        return Token(Secret(told.token), float(told.expires_on))


class _Watch:
    """Sees the answers of the endpoint, of which the SDK's exceptions keep little."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.code: str | None = None

    def __call__(self, response: Any) -> None:
        """Keep status and code of an answer."""
        self.status = response.http_response.status_code
        self.code = _code(response.http_response) if response.http_response.status_code >= 400 else None

    def may_help(self, error: Exception) -> bool:
        """Whether another request may."""
        if self.status is not None and self.status >= 400:
            return self.status >= 500
        from requests.exceptions import Timeout

        causes = list(sessions.causes(error))
        return (
            sessions.is_network_failure(error)
            and not sessions.is_untrusted(error)
            and not any(isinstance(each, Timeout | TimeoutError) for each in causes)
        )


def _code(response: Any) -> str | None:
    try:
        body = response.json()
    except ValueError:
        return None
    if not isinstance(body, dict):
        return None
    numbers = body.get("error_codes")
    if isinstance(numbers, list) and numbers and isinstance(numbers[0], int):
        return f"AADSTS{numbers[0]}"
    error = body.get("error")
    return error if isinstance(error, str) and re.fullmatch(r"[a-z_]{1,40}", error) else None


def _failure(source: str, error: Exception, watch: _Watch) -> StorageError:
    if isinstance(error, ModuleNotFoundError):
        message = f'{source} needs an extra: pip install "deeplake-conformance[azure]"'
        return StorageProviderMissingError(message, provider="az", effect="none")
    if watch.status is not None and watch.status >= 500:
        return unavailable(f"{source}: the token endpoint failed: HTTP {watch.status}", error, watch.code, watch.status)
    if watch.status is not None and watch.status >= 400:
        hint = HINTS.get(watch.code or "", "check the variables and AZURE_AUTHORITY_HOST")
        told = f"{watch.code or 'no code'}, HTTP {watch.status}; {hint}"
        return unavailable(f"{source}: the token endpoint refused: {told}", error, watch.code, watch.status)
    if sessions.is_untrusted(error):
        at = f"{HOST} and REQUESTS_CA_BUNDLE"
        return unavailable(f"{source}: the connection to the token endpoint is not secure; check {at}", error, at=at)
    if watch.status is None and sessions.is_network_failure(error):
        return unavailable(
            f"{source}: the token endpoint was not reached; check {HOST}", error, at=f"{HOST} and the proxy"
        )
    told = f"{source}: the token endpoint did not answer with a token; check {HOST}"
    return unavailable(told, error, status=watch.status, at=HOST)
