"""
The botocore client of one handle: who signs, where requests go, how long they may take.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from deeplake_ref.credentials import aws
from deeplake_ref.credentials.aws_services import session_of
from deeplake_ref.errors import InvalidCredentialsError, InvalidURIError, redacted
from deeplake_ref.sessions import MalformedAnswerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from deeplake_ref.credentials.chain import Chain
    from deeplake_ref.secrets import SecretFields

POOL = 64
"""Connections that are kept: several threads with parallel transfers."""

BLOCK = 256 * 1024
"""Bytes that are handed to the socket at once. Its time-out covers one block, so that a slow upload is not a hanging one."""


def connect(chain: Chain[aws.AwsCredentials], creds: SecretFields, connect_s: float, read_s: float) -> Any:
    """Return a client; nothing is requested, unless a credential source asks for credentials.

    Args:
        chain: says who signs, at each request anew.
        creds: say where requests go, before the environment and the profile do.
        connect_s: seconds for a connection, and for sending one block of a body.
        read_s: seconds without a byte of an answer.

    Raises:
        CredentialsError: what the chain says, or a profile that cannot be read.
        InvalidURIError: the endpoint is not a base URL, or the region no region.
    """
    from botocore import UNSIGNED
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, InvalidRegionError

    from deeplake_ref.credentials.aws_addressing import field_of

    resolved = chain.resolve().credentials
    where = aws.addressing(creds, resolved.settings)
    addressing: Any = {"addressing_style": "path" if where.endpoint_url else "auto"}
    config = Config(
        signature_version=UNSIGNED if resolved.anonymous else "s3v4",
        s3=addressing,
        retries={"total_max_attempts": 1},
        connect_timeout=connect_s,
        read_timeout=read_s,
        max_pool_connections=POOL,
        # where requests go was found out already
        ignore_configured_endpoint_urls=True,
        # the signature covers the body already, and parts name a checksum in a header, where botocore would send a trailer
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    try:
        session = session_of(resolved.settings, Signer(chain))
        client = session.create_client("s3", region_name=where.region, endpoint_url=where.endpoint_url, config=config)
    except BotoCoreError as error:
        message = f"the AWS configuration cannot be used: {type(error).__name__}; `aws configure list` shows it"
        at = None
        if isinstance(error, InvalidRegionError):
            at = field_of("region", where.region_from)
            message = f"{at} is not a region like us-east-1"
        invalid: Exception = InvalidCredentialsError(message, provider="s3", effect="none", at=at)
        cause = redacted(error)
    except ValueError as error:
        message = f"the endpoint ({where.endpoint_from}) or region ({where.region_from}) is not valid"
        invalid = InvalidURIError(message, provider="s3", effect="none")
        cause = redacted(error)
    else:
        # on the same event as botocore's own handler, since those of narrower events run before it
        client.meta.events.register_last("before-call.s3", _without_expect)
        return client
    raise invalid from cause


class Signer:
    """The credentials of a chain in the form of botocore's, so that renewed ones sign without another client."""

    method = "deeplake_ref"

    def __init__(self, chain: Chain[aws.AwsCredentials]) -> None:
        self._chain = chain

    def get_frozen_credentials(self) -> Any:
        """Return key, secret and token of one moment."""
        return self._chain.resolve().credentials.signer.get_frozen_credentials()

    def get_deferred_property(self, _name: str) -> Callable[[], None]:
        """Say nothing of the account, which no endpoint of S3 needs."""
        return lambda: None


def complete(answer: dict[str, Any], *fields: str) -> dict[str, Any]:
    """Return an answer that has what the service always sends; botocore reads an empty one out of any other page."""
    if any(name not in answer for name in fields):
        raise MalformedAnswerError
    return answer


def bodiless(answer: dict[str, Any]) -> None:
    """Look at an answer that S3 gives without a body; one with a body is not the service's."""
    if answer["ResponseMetadata"]["HTTPHeaders"].get("content-length", "0") != "0":
        raise MalformedAnswerError


def _without_expect(params: dict[str, Any], **_event: object) -> None:
    """Send a body at once: botocore would ask first, and wait up to a second for services that do not answer that."""
    params["headers"].pop("Expect", None)


class Body(io.RawIOBase):
    """A file over a buffer, sent without a copy of it; botocore takes bytes or files only.

    A read gives a whole block whatever is asked for: http.client asks for 16 KiB at a time, which costs more than sending.
    """

    def __init__(self, view: memoryview) -> None:
        super().__init__()
        self._view = view
        self._at = 0

    def __len__(self) -> int:
        return len(self._view)

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes: a signature reads the body before it is sent, and a retry reads it again."""
        return True

    def tell(self) -> int:
        """Return how many bytes were read."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to an offset from the start, from here, or from the end."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: len(self._view)}[whence]
        self._at = max(0, base + offset)
        return self._at

    def read(self, size: int = -1) -> Any:
        """Return the next bytes as a view."""
        end = len(self._view) if size < 0 else self._at + max(size, BLOCK)
        piece = self._view[self._at : end]
        self._at += len(piece)
        return piece
