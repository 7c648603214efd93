"""
Runs a command where every packet that leaves this machine is counted, and none arrives anywhere.

    unshare -n python -m tests.suite.without_a_network COMMAND ...

In a network namespace of its own it makes one device besides the loopback, with the default route and the link-local
addresses of metadata services, and with no IPv6. After the command it prints one line of JSON: the exit status, and the
packets that the device was given to send.
"""

from __future__ import annotations

import json
import subprocess
import sys

DEVICE = "outside0"

KINDS = (("dummy",), ("veth", "peer", "name", "outside1"))
"""Devices that swallow what they are given, whichever this kernel has; nobody reads the other end of `veth`."""

METADATA = ("169.254.0.0/16", "100.100.100.200/32")


def ip(*words: str) -> subprocess.CompletedProcess[str]:
    """Run `ip`, and return how it ended."""
    return subprocess.run(["ip", *words], capture_output=True, text=True, check=False, timeout=30)


def must(*words: str) -> None:
    """Run `ip`; ends this process if it fails."""
    done = ip(*words)
    if done.returncode:
        sys.exit(f"ip {' '.join(words)}: {done.stderr.strip()}")


def build() -> None:
    """Make the device and its routes."""
    must("link", "set", "lo", "up")
    if not any(ip("link", "add", DEVICE, "type", *kind).returncode == 0 for kind in KINDS):
        sys.exit(f"this kernel has none of {', '.join(kind[0] for kind in KINDS)}")
    # addresses of IPv6 would be announced, which is a packet of the kernel's own
    must("link", "set", DEVICE, "addrgenmode", "none")
    if ip("link", "show", "outside1").returncode == 0:
        must("link", "set", "outside1", "addrgenmode", "none", "up")
    # without ARP a packet is sent at once, and not only asked for
    must("address", "add", "198.18.0.2/15", "dev", DEVICE)
    must("link", "set", DEVICE, "arp", "off", "up")
    must("route", "add", "default", "via", "198.18.0.1", "dev", DEVICE)
    for network in METADATA:
        must("route", "add", network, "dev", DEVICE)


def sent() -> int:
    """Return how many packets the device was given."""
    shown = json.loads(ip("-s", "-j", "link", "show", DEVICE).stdout)[0]
    return int(shown["stats64"]["tx"]["packets"]) + int(shown["stats64"]["tx"]["dropped"])


def main() -> None:
    """Build, run and tell."""
    build()
    before = sent()
    done = subprocess.run(sys.argv[1:], stdout=sys.stderr, check=False)
    print(json.dumps({"status": done.returncode, "sent": sent() - before}))


if __name__ == "__main__":
    main()
