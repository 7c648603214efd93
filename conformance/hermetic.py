"""
A run that cannot leave this machine: `--hermetic` starts it again in a network namespace that has the loopback only.

As root the namespace is made at once, as anybody else inside a user namespace; the uid stays the caller's, and the new
process image has no capability that the caller had not. Services, gate, target and all that they start are inside. A
network namespace holds IP and abstract unix sockets; a unix socket with a path goes through the file system and is not
held, so that a container engine cannot be used.

Measured on Linux 6.18: each TCP connect, UDP connect and datagram to another address fails with ENETUNREACH and raises
`OutNoRoutes` of /proc/net/snmp or `Ip6OutNoRoutes` of /proc/net/snmp6 by one, whoever swallows the error.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import ipaddress
import os
import socket
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from conformance.settings import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ENTERED = "CONFORMANCE_HERMETIC"
"""Holds the id of the process that has entered and begins again; it keeps it from doing so for ever."""

CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
SIOCGIFFLAGS = 0x8913
SIOCSIFFLAGS = 0x8914
IFF_UP = 1

NAMESERVERS = Path("/etc/resolv.conf")


class NotAvailable(Exception):
    """A run cannot be made hermetic here; the message says why. Nothing has run (exit 3)."""


def refuse(
    *, runtime: str | None, service_urls: Mapping[str, str], images: Iterable[str] = (), reuse: bool = False
) -> None:
    """Raise what makes a hermetic run impossible: `UsageError` for other options, `NotAvailable` for this machine.

    Args:
        runtime: how services are to be started, None if it is not said.
        service_urls: services that run already, by name.
        images: services that are to be started from an image.
        reuse: whether services are taken that were left running.
    """
    images = tuple(images)
    if runtime == "container" or images:
        raise UsageError(
            "--hermetic starts services as processes: a container engine is reached through a unix socket, which no "
            f"network namespace holds; leave {'--image' if images else '--runtime container'} away"
        )
    if reuse:
        raise UsageError(
            "--hermetic starts its own services: those that were left running are outside; leave --reuse away"
        )
    if service_urls:
        names = ", ".join(service_urls)
        raise UsageError(
            f"--hermetic starts its own services: one that runs outside cannot be reached from inside; leave "
            f"--service-url away for {names}"
        )
    if sys.platform != "linux":
        raise NotAvailable(
            f"not available: network namespaces are Linux's, and this is {sys.platform}; nothing was run"
        )


def is_inside() -> bool:
    """Whether this process has no network but the loopback."""
    return sys.platform == "linux" and not [name for _, name in socket.if_nameindex() if name != "lo" and _is_up(name)]


def begin_again(services: Iterable[str]) -> None:
    """Install what is missing while there is a network, enter a namespace, and run this program again in it.

    Args:
        services: names of the services that the run starts.

    Returns:
        only where there is nothing to do, since this process is inside.

    Raises:
        NotAvailable: namespaces are not allowed, and the message names the errno; or a service cannot be installed.
            The caller must not go on.
    """
    entered = os.environ.pop(ENTERED, None)
    if is_inside():
        return
    if entered == str(os.getpid()):
        raise NotAvailable("not available: a new network namespace has more than the loopback; nothing was run")
    install_missing(services)
    enter()
    _again()


def install_missing(services: Iterable[str]) -> None:
    """Install services that are not in the cache, and tell the steps on stderr; raises `NotAvailable` if one fails."""
    from conformance.report.progress import LiveProgress
    from conformance.services import load
    from conformance.services.provisioning import installed, provision

    missing = [name for name in services if installed(load(name)) is None]
    if not missing:
        return
    with LiveProgress() as progress:
        failed = provision(missing, progress)
    if failed:
        raise NotAvailable(f"not available: {', '.join(failed)} cannot be installed, and inside there is no network")


def _again() -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    # a fresh image: as an ordinary user it loses the capabilities that a new user namespace gives, with which files
    # that deny everybody would be readable
    os.execve(  # noqa: S606 - this very program
        sys.executable, [sys.executable, *sys.orig_argv[1:]], os.environ | {ENTERED: str(os.getpid())}
    )


def enter() -> None:
    """Put this process, which must have one thread, into a new network namespace with the loopback up.

    Raises:
        NotAvailable: the kernel, or what confines this process, refuses; the message names call and errno.
    """
    uid, gid = os.getuid(), os.getgid()
    step = "unshare(CLONE_NEWNET)"
    try:
        try:
            unshare(CLONE_NEWNET)
        except PermissionError:
            step = "unshare(CLONE_NEWUSER | CLONE_NEWNET)"
            unshare(CLONE_NEWUSER | CLONE_NEWNET)
            step = "the map of users"
            for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
                Path("/proc/self", name).write_text(text, encoding="ascii")
        step = "the loopback device"
        _raise_loopback()
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, str(error.errno))
        raise NotAvailable(f"not available: {step} fails with {name} ({error.strerror}); nothing was run") from None


def unshare(flags: int) -> None:
    """Call unshare(2); raises `OSError` with its errno."""
    if sys.version_info >= (3, 12):
        os.unshare(flags)
        return
    call = ctypes.CDLL(None, use_errno=True).unshare
    if call(ctypes.c_int(flags)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        flags = _flags(control, "lo")
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", flags | IFF_UP))


def _is_up(name: str) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        try:
            return bool(_flags(control, name) & IFF_UP)
        except OSError:
            return False  # gone meanwhile


def _flags(control: socket.socket, name: str) -> int:
    answer = fcntl.ioctl(control, SIOCGIFFLAGS, struct.pack("16sH22x", name.encode(), 0))
    return int(struct.unpack_from("H", answer, 16)[0])


# ---- what the kernel turned away


def turned_away() -> int:
    """Return how often this namespace was asked, since it was made, for a way to another machine.

    Where the resolver of this machine listens on the loopback, which nobody does inside, questions to it are counted by
    the datagrams that found no listener.
    """
    four, six = _counters(Path("/proc/net/snmp")), _counters6(Path("/proc/net/snmp6"))
    count = four["Ip", "OutNoRoutes"] + six["Ip6OutNoRoutes"]
    if _resolver_is_local():
        count += four["Udp", "NoPorts"] + six["Udp6NoPorts"]
    return count


def _counters(file: Path) -> dict[tuple[str, str], int]:
    """Return the counters of pairs of lines, the first with names, the second with numbers."""
    lines = [line.split() for line in file.read_text(encoding="ascii").splitlines()]
    found: dict[tuple[str, str], int] = {}
    for names, numbers in zip(lines[::2], lines[1::2], strict=True):
        kind = names[0].rstrip(":")
        found |= {(kind, name): int(number) for name, number in zip(names[1:], numbers[1:], strict=True)}
    return found


def _counters6(file: Path) -> dict[str, int]:
    """Return the counters of IPv6, all zero where the kernel has none."""
    found = {"Ip6OutNoRoutes": 0, "Udp6NoPorts": 0}
    if file.exists():
        found |= {name: int(number) for name, number in map(str.split, file.read_text(encoding="ascii").splitlines())}
    return found


def _resolver_is_local() -> bool:
    """Whether names are asked for at a loopback address, as systemd-resolved's; also the C library's way without a file."""
    try:
        lines = NAMESERVERS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return True
    servers = [
        words[1].partition("%")[0] for words in map(str.split, lines) if words[:1] == ["nameserver"] and words[1:]
    ]
    return not servers or any(_is_loopback(server) for server in servers)


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
