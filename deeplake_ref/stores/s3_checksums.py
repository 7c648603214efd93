"""
The CRC32 of each part of an upload to S3, so that the store verifies what it got and joins parts without reading them again.

The checksum goes in a header of the part. botocore by itself would send it as a trailer after the body over https, which
many stores that speak S3's language take for a part of the object, or refuse.
"""

from __future__ import annotations

import base64
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deeplake_ref.credentials.aws_settings import Settings

ALGORITHM = {"ChecksumAlgorithm": "CRC32"}


def are_wanted(settings: Settings) -> bool:
    """Whether parts name their checksum: by default, as the SDKs do it.

    `request_checksum_calculation = when_required` in the profile, or the variable of that name, is how stores that take none
    are used (AWS SDKs and Tools Reference Guide, "Data Integrity Protections for Amazon S3").
    """
    name = "request_checksum_calculation"
    said = settings.environment.get(f"AWS_{name.upper()}") or settings.lenient_profile().get(name)
    return str(said).lower() != "when_required"


def of(part: memoryview) -> dict[str, str]:
    """Return the checksum as a field of UploadPart, and of the part's entry in CompleteMultipartUpload."""
    return {"ChecksumCRC32": base64.b64encode(zlib.crc32(part).to_bytes(4)).decode()}
