"""
The run's own certificate authority, for what insists on https: gate ports, fakes, a proxy.

Made at first use, once for a run's directory, by whichever process comes first; its private key has mode 0600 there.
"""

from __future__ import annotations

import hashlib
import os
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import trustme

LOOPBACK = ("localhost", "127.0.0.1")


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate with its chain, and its private key, as PEM files."""

    cert_path: Path
    key_path: Path

    def server_context(self) -> ssl.SSLContext:
        """Return a context with which a server shows it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert_path, self.key_path)
        return context

    def to_json(self) -> dict[str, str]:
        """Return JSON values: paths, no key."""
        return {"cert_path": str(self.cert_path), "key_path": str(self.key_path)}

    @classmethod
    def from_json(cls, values: dict[str, str]) -> Self:
        """Return the certificate of JSON values."""
        return cls(Path(values["cert_path"]), Path(values["key_path"]))


class RunCA:
    """A certificate authority in a directory; those of one directory are the same, in any process."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._ca: trustme.CA | None = None

    @property
    def ca_pem(self) -> Path:
        """The file with the certificate that clients have to trust."""
        self._authority()
        return self._directory / "ca.pem"

    def issue(self, *hosts: str) -> Certificate:
        """Return a certificate for host names and addresses, `localhost` and 127.0.0.1 if none are given."""
        named = hosts or LOOPBACK
        stem = hashlib.sha256("\n".join(named).encode()).hexdigest()[:16]
        # one file for both, written at once, so that two processes never mix two pairs
        path = self._directory / f"{stem}.pem"
        if not path.exists():
            leaf = self._authority().issue_cert(*named)
            _write_once(path, leaf.private_key_and_cert_chain_pem.bytes())
        return Certificate(path, path)

    def server_context(self, *hosts: str) -> ssl.SSLContext:
        """Return the context of a server for these hosts."""
        return self.issue(*hosts).server_context()

    def client_context(self) -> ssl.SSLContext:
        """Return the context of a client that trusts this authority and no other."""
        return ssl.create_default_context(cafile=str(self.ca_pem))

    def _authority(self) -> trustme.CA:
        if self._ca is None:
            import trustme

            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            both = self._directory / "ca-with-key.pem"
            if not both.exists():
                made = trustme.CA()
                _write_once(both, made.cert_pem.bytes() + made.private_key_pem.bytes())
            raw = both.read_bytes()
            certificate, end, key = raw.partition(b"-----END CERTIFICATE-----\n")
            _write_once(self._directory / "ca.pem", certificate + end)
            self._ca = trustme.CA.from_pem(certificate + end, key)
        return self._ca


def _write_once(path: Path, content: bytes) -> None:
    """Write a file whole, with mode 0600, unless another process was faster."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        try:
            os.link(temporary, path)
        except FileExistsError:
            return
    finally:
        temporary.unlink()
