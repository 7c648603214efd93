"""
Signed URLs of Cloud Storage: V4, `GOOG4-RSA-SHA256`, path style.

Source: https://cloud.google.com/storage/docs/access-control/signing-urls-manually, /authentication/canonical-requests.
"""

from __future__ import annotations

import hashlib
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urlsplit

if TYPE_CHECKING:
    from deeplake_ref.credentials.google_tokens import Signer

ALGORITHM = "GOOG4-RSA-SHA256"

LONGEST_SIGNED_S = 7 * 24 * 3600
"""Seconds that a signed URL lives at most."""


def signed_url(signer: Signer, endpoint: str, bucket: str, name: str, expires_s: float, now: datetime) -> str:
    """Return a URL that reads an object.

    Args:
        signer: the service account.
        endpoint: the base URL of the service, without trailing slash.
        bucket: its name.
        name: the full name of the object.
        expires_s: seconds from now, rounded up.
        now: aware.
    """
    at = now.astimezone(UTC)
    scope = f"{at:%Y%m%d}/auto/storage/goog4_request"
    parts = urlsplit(endpoint)
    path = f"{parts.path}/{quote(bucket, safe='~')}/{quote(name, safe='/~')}"
    fields = {
        "X-Goog-Algorithm": ALGORITHM,
        "X-Goog-Credential": f"{signer.email}/{scope}",
        "X-Goog-Date": f"{at:%Y%m%dT%H%M%SZ}",
        "X-Goog-Expires": str(math.ceil(expires_s)),
        "X-Goog-SignedHeaders": "host",
    }
    # sorted by name already
    query = urlencode(fields, quote_via=quote, safe="~")
    request = f"GET\n{path}\n{query}\nhost:{parts.netloc.lower()}\n\nhost\nUNSIGNED-PAYLOAD"
    digest = hashlib.sha256(request.encode()).hexdigest()
    signature = signer.sign(f"{ALGORITHM}\n{fields['X-Goog-Date']}\n{scope}\n{digest}".encode())
    return f"{parts.scheme}://{parts.netloc}{path}?{query}&X-Goog-Signature={signature.hex()}"
