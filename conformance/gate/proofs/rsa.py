"""
RS256: an RSA signature (PKCS #1 v1.5) over SHA-256, as Google's keys make it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any


def is_signed_by(public_key: str, signature: bytes, data: bytes) -> bool:
    """Whether a signature is that of a public key in PEM; of a key that is none, nothing is."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    key = _key(public_key)
    if key is None:
        return False
    try:
        key.verify(signature, data, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=256)
def _key(public_key: str) -> Any:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(public_key.encode())
    except ValueError:
        return None
    return key if isinstance(key, RSAPublicKey) else None
