"""
botocore's fetchers of a machine's credentials, made to say what went wrong.

Imported where it is used, since its classes are botocore's (1.44, `utils.py`), whose own give nothing, or a text of the
service, whatever went wrong.
"""

from __future__ import annotations

import json
import re
import time
from contextlib import suppress
from typing import Any

from botocore.credentials import ContainerProvider
from botocore.exceptions import HTTPClientError
from botocore.httpsession import URLLib3Session
from botocore.utils import BadIMDSRequestError, ContainerMetadataFetcher, InstanceMetadataFetcher

from deeplake_ref.errors import CredentialsUnavailableError, InvalidCredentialsError, redacted

IMDS_S = 1.0
"""Seconds for a connection to the metadata service, and for its answer: within two in all where nobody listens."""

CONTAINER_S = 2.0
"""Seconds for a connection to a container's endpoint, and for its answer, as botocore has it; less where time is short."""

PAUSE_S = 0.2
"""Seconds between the three attempts that botocore makes at a container's endpoint."""

_ROLE = re.compile(r"[\w+=,.@-]{1,128}")
_TOKEN = re.compile(r"[!-~]+")


class NotAnsweredError(Exception):
    """The metadata service is not there, or says that it is not for us."""


class Instance(InstanceMetadataFetcher):  # type: ignore[misc] # botocore has no types
    """Asks an EC2 instance for a token, for its role, and for the role's credentials.

    What comes back keeps its end: botocore moves it where that is near, and expired credentials are then used
    (`_evaluate_expiration`). Version 1 of the service, without token, is not asked.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(timeout=IMDS_S, num_attempts=1, **options)
        # a service of this machine is not to be asked through a proxy, which would see the credentials
        self._session = URLLib3Session(timeout=IMDS_S, proxies={})

    def retrieve_iam_role_credentials(self) -> dict[str, str]:
        """Return what the service says of its role.

        Raises:
            NotAnsweredError: there is no service, or no role.
            CredentialsUnavailableError: there is one, and it talks nonsense.
        """
        token = self._token()
        role = self._role(token)
        document = self._document(role, token)
        return {
            "role_name": role,
            "access_key": document["AccessKeyId"],
            "secret_key": document["SecretAccessKey"],
            "token": document["Token"],
            "expiry_time": document["Expiration"],
        }

    def _token(self) -> str:
        token = None
        with suppress(BadIMDSRequestError, HTTPClientError, self._RETRIES_EXCEEDED_ERROR_CLS):
            token = self._fetch_metadata_token()
        if token is None:
            raise NotAnsweredError("no metadata service gives a token")
        if not _TOKEN.fullmatch(token):
            raise CredentialsUnavailableError("the metadata service answers with what is no token")
        return str(token)

    def _role(self, token: str) -> str:
        status, text = self._ask(self._URL_PATH, token)
        if status == 404:
            raise NotAnsweredError("the machine has no role")
        role = text.strip()
        if status != 200 or not _ROLE.fullmatch(role):
            raise CredentialsUnavailableError(f"the metadata service lists no role: HTTP {status}")
        return role

    def _document(self, role: str, token: str) -> dict[str, Any]:
        status, text = self._ask(self._URL_PATH + role, token)
        document: Any = None
        with suppress(ValueError):
            document = json.loads(text)
        if status != 200 or not isinstance(document, dict) or not self._contains_all_credential_fields(document):
            raise CredentialsUnavailableError(f"the metadata service has no credentials of its role: HTTP {status}")
        return document

    def _ask(self, path: str, token: str) -> tuple[int, str]:
        try:
            answer = self._get_request(path, lambda _response: False, token)
            return answer.status_code, answer.content.decode("utf-8")
        except (HTTPClientError, self._RETRIES_EXCEEDED_ERROR_CLS, UnicodeDecodeError) as error:
            cause = redacted(error)
        raise CredentialsUnavailableError("the metadata service gave a token and then no answer") from cause


class _ContainerFetcher(ContainerMetadataFetcher):  # type: ignore[misc] # botocore has no types
    """Tells what the configuration got wrong from what the endpoint does."""

    def retrieve_full_uri(self, full_url: str, headers: dict[str, str] | None = None) -> Any:
        """Return what the endpoint says; plain http is for this machine only (botocore, `_validate_allowed_url`)."""
        cause = None
        try:
            self._validate_allowed_url(full_url)
        except ValueError as error:
            cause = redacted(error)
        if cause:
            message = "its URI names a host that is not asked over plain http; use a loopback address or https"
            raise InvalidCredentialsError(f"the role of the container: {message}") from cause
        return super().retrieve_full_uri(full_url, headers=headers)


class Container(ContainerProvider):  # type: ignore[misc] # botocore has no types
    """Asks the endpoint of a container.

    Args:
        environ: the variables of one moment.
        deadline_s: seconds of the operation that needs credentials.
    """

    def __init__(self, environ: dict[str, str], deadline_s: float) -> None:
        session = URLLib3Session(timeout=min(CONTAINER_S, deadline_s / 12))
        fetcher = _ContainerFetcher(session, sleep=lambda _seconds: time.sleep(PAUSE_S))
        super().__init__(environ=environ, fetcher=fetcher)

    def _build_headers(self) -> Any:
        try:
            return super()._build_headers()
        except (OSError, ValueError) as error:
            cause = redacted(error)
        name = "AWS_CONTAINER_AUTHORIZATION_TOKEN"
        raise InvalidCredentialsError(
            f"the token of {name}_FILE, or of {name}, cannot be used", at=f"{name}_FILE or {name}"
        ) from cause
