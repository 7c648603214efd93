"""
The run's certificate authority: one per directory, trusted by who is given its certificate.
"""

from __future__ import annotations

import socket
import ssl
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conformance.certificates import Certificate, RunCA


def shaken(ca: RunCA, server: ssl.SSLContext, name: str) -> None:
    """Shake hands over a pair of sockets."""
    ours, theirs = socket.socketpair()
    ours.settimeout(10)
    theirs.settimeout(10)

    def serve() -> None:
        try:
            with server.wrap_socket(theirs, server_side=True) as connection:
                connection.recv(1)
        except OSError:
            return

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with ours, ca.client_context().wrap_socket(ours, server_hostname=name) as connection:
            connection.sendall(b"x")
    finally:
        thread.join(10)


def test_nothing_is_written_before_it_is_needed(tmp_path: Path) -> None:
    """Most runs need no TLS."""
    RunCA(tmp_path / "ca")

    assert not (tmp_path / "ca").exists()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_a_server_on_loopback_is_trusted(tmp_path: Path, name: str) -> None:
    """By name and by address."""
    ca = RunCA(tmp_path)

    shaken(ca, ca.server_context(), name)


def test_a_certificate_is_for_its_hosts_only(tmp_path: Path) -> None:
    """Public names too, for a proxy in between."""
    ca = RunCA(tmp_path)
    context = ca.server_context("storage.googleapis.com")

    shaken(ca, context, "storage.googleapis.com")
    with pytest.raises(ssl.SSLCertVerificationError):
        shaken(ca, context, "oauth2.googleapis.com")


def test_another_directory_is_another_authority(tmp_path: Path) -> None:
    """What one signs the other does not trust."""
    with pytest.raises(ssl.SSLCertVerificationError):
        shaken(RunCA(tmp_path / "a"), RunCA(tmp_path / "b").server_context(), "localhost")


def test_processes_of_a_run_share_one_authority(tmp_path: Path) -> None:
    """Whoever comes first makes it; all see whole files."""

    def begin(_: int) -> tuple[bytes, Certificate]:
        ca = RunCA(tmp_path)
        return ca.ca_pem.read_bytes(), ca.issue()

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(begin, range(8)))

    assert len({pem for pem, _ in made}) == 1
    shaken(RunCA(tmp_path), made[3][1].server_context(), "localhost")


def test_keys_are_their_owners(tmp_path: Path) -> None:
    """No other user reads them."""
    ca = RunCA(tmp_path)
    certificate = ca.issue()

    for path in (certificate.key_path, tmp_path / "ca-with-key.pem"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"PRIVATE KEY" not in ca.ca_pem.read_bytes()
    assert Certificate.from_json(certificate.to_json()) == certificate
    assert sorted(tmp_path.glob(".*")) == []
