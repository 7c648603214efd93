"""
The service account of a machine on Google Cloud, from its metadata server.

One request within 2 seconds: its token, with the header that tells the server from anything else that answers there.
`GCE_METADATA_HOST`, `GCE_METADATA_IP` and `NO_GCE_CHECK` are those of google-auth, which reads the first when it is
imported, and pings the second before; here they are read when the source is asked.

Source: https://cloud.google.com/compute/docs/metadata/querying-metadata, /compute/docs/access/authenticate-workloads.
"""

from __future__ import annotations

import json
import os
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException

from deeplake_ref.credentials.chain import Broken, Found, NotMine
from deeplake_ref.credentials.google_files import invalid
from deeplake_ref.credentials.google_tokens import GoogleCredentials, Token
from deeplake_ref.errors import CredentialsUnavailableError, redacted
from deeplake_ref.secrets import Secret

ADDRESS = "169.254.169.254"

PATH = "/computeMetadata/v1/instance/service-accounts/default/token"

FLAVOUR = "Metadata-Flavor"

BUDGET_S = 2.0

LONGEST_ANSWER = 64 * 1024


@dataclass(frozen=True, slots=True)
class Metadata:
    """The metadata server, if there is one."""

    name: str = "gcs_metadata"

    def look(self) -> Found[GoogleCredentials] | NotMine | Broken:
        """Answer with a token; no server is nobody's fault, one that gives none is."""
        if os.environ.get("NO_GCE_CHECK", "").strip().lower() in ("true", "1"):
            return NotMine("NO_GCE_CHECK is set")
        try:
            token = _token(_host(), BUDGET_S)
        except (OSError, HTTPException) as error:
            return NotMine(f"no metadata server: {type(error).__name__}")
        return Found(GoogleCredentials(token, _fetch))


def _fetch(within_s: float) -> Token:
    try:
        return _token(_host(), min(within_s, BUDGET_S))
    except (OSError, HTTPException) as error:
        failure = CredentialsUnavailableError(
            f"the metadata server was not reached: {type(error).__name__}", provider="gcs", effect="none"
        )
        failure.__cause__ = redacted(error)
    raise failure


def _host() -> str:
    for name in ("GCE_METADATA_HOST", "GCE_METADATA_IP"):
        host = os.environ.get(name, "").strip()
        if not host:
            continue
        parts = re.fullmatch(r"(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::(\d{1,5}))?", host)
        # the system would take a larger number for another port
        if parts is None or not 0 < int(parts[1] or 80) < 65536:
            raise invalid(f"{name} is not a host, or a host and a port", name)
        return host
    return ADDRESS


def _token(host: str, within_s: float) -> Token:
    """Make one request.

    Raises:
        OSError, HTTPException: nobody answered in time.
        CredentialsUnavailableError: somebody else answered, or the token was refused.
    """
    end = time.monotonic() + within_s
    connection = HTTPConnection(host, timeout=within_s)
    try:
        connection.connect()
        connection.sock.settimeout(max(end - time.monotonic(), 0.001))
        connection.request("GET", PATH, headers={FLAVOUR: "Google"})
        answer = connection.getresponse()
        status, flavour = answer.status, answer.headers.get(FLAVOUR)
        body = b""
        while len(body) < LONGEST_ANSWER and (piece := answer.read1(LONGEST_ANSWER)):
            body += piece
            if connection.sock is not None:
                connection.sock.settimeout(max(end - time.monotonic(), 0.001))
    finally:
        connection.close()
    if flavour != "Google":
        raise _unavailable(f"what answers at {host} is no metadata server: {FLAVOUR} is missing", status)
    if status != 200:
        raise _unavailable("the metadata server refused a token; has the machine a service account?", status)
    return _read(body)


def _read(body: bytes) -> Token:
    try:
        fields = json.loads(body)
        text, lasts = fields["access_token"], float(fields["expires_in"])
        if isinstance(text, str) and text.strip():
            return Token(Secret(text), datetime.now(UTC) + timedelta(seconds=lasts))
    except (ValueError, LookupError, TypeError, OverflowError, RecursionError):
        pass
    raise _unavailable("the metadata server answered something that is no token", 200)


def _unavailable(message: str, status: int) -> CredentialsUnavailableError:
    return CredentialsUnavailableError(message, provider="gcs", http_status=status, effect="none")
