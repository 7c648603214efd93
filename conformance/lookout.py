"""
Who asked for a way to another machine: what the kernel turned away, and what Python's sockets were asked for.

In a hermetic run each process that runs checks reads the counters of the namespace after each check. They are the
namespace's, not a process's, so that with several processes a rise is only a suspicion against each check that was under
way. An audit hook settles it in this process and in the workers of Python targets, and names host and port; what it does
not see, such as a child process or a library in C, is run once more alone at the end of the run.
"""

from __future__ import annotations

import ipaddress
import json
import os
import socket
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance.hermetic import turned_away

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "CONFORMANCE_LOOKOUT"
"""Names to the worker of a target the file in which it notes what is asked for."""

SHOWN = 5


@dataclass(frozen=True, slots=True)
class Seen:
    """What happened since the last look.

    Attributes:
        turned_away: packets and connections of the whole namespace for which the kernel had no route.
        addresses: what sockets of Python were to reach beyond this machine, such as `192.0.2.1 port 443`.
        names: host names that Python asked for; the answer may have been in a file of this machine.
    """

    turned_away: int = 0
    addresses: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.turned_away or self.addresses)

    @property
    def is_told(self) -> bool:
        """Whether this process itself was heard to ask, whatever others did."""
        return bool(self.addresses)

    def text(self, *, alone: bool) -> str:
        """Return it for people; without the count where other processes may have had a share in it."""
        asked = list(dict.fromkeys((*self.addresses, *self.names)))
        more = [f"and {len(asked) - SHOWN} more"] if len(asked) > SHOWN else []
        told = f"a socket of Python's for {', '.join([*asked[:SHOWN], *more])}" if asked else "no socket of Python's"
        if not alone:
            return told
        packets = "1 packet or connection" if self.turned_away == 1 else f"{self.turned_away} packets or connections"
        return f"{packets} without a route, {told}"


class Lookout:
    """Looks for one process that runs checks, one check after another.

    Args:
        alone: whether no other process runs checks, so that each rise is of the check that ran.
    """

    def __init__(self, *, alone: bool) -> None:
        self.alone = alone
        self._directory = tempfile.TemporaryDirectory(prefix="lookout-")
        self._file = Path(self._directory.name) / "asked"
        self._file.touch()
        self._read = 0
        self._count = turned_away()
        os.environ[VARIABLE] = str(self._file)
        listen(self._file)

    def look(self) -> Seen:
        """Return what happened since the last look."""
        before, self._count = self._count, turned_away()
        with self._file.open("rb") as file:
            file.seek(self._read)
            lines = file.read().splitlines()
            self._read = file.tell()
        asked = [json.loads(line) for line in lines]
        addresses = dict.fromkeys(each["text"] for each in asked if each["kind"] == "address")
        names = dict.fromkeys(each["text"] for each in asked if each["kind"] == "name")
        return Seen(self._count - before, tuple(addresses), tuple(names))

    def close(self) -> None:
        """Forget the file; a hook cannot be taken back, it has nowhere to write any more."""
        os.environ.pop(VARIABLE, None)
        _into.clear()
        self._directory.cleanup()


_into: list[Path] = []
"""The file of this process, if it is listened to."""

_hooked: list[bool] = []


def listen(file: Path) -> None:
    """Note from now on what Python's sockets in this process, and in its forks, are to reach beyond this machine."""
    _into[:] = [file]
    if not _hooked:
        _hooked.append(True)
        sys.addaudithook(_hook)


def listen_if_asked(environment: dict[str, str] | os._Environ[str] = os.environ) -> None:
    """Listen in the worker of a target, if the runner does; the variable is gone before the target is made."""
    file = environment.pop(VARIABLE, None)
    if file is not None:
        listen(Path(file))


def handed_on() -> Mapping[str, str]:
    """Return the variable for a worker that gets none of ours."""
    return {VARIABLE: os.environ[VARIABLE]} if VARIABLE in os.environ else {}


_EVENTS = {"socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname"}


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in _EVENTS or not _into:
        return
    told = outward(event, arguments)
    if told is not None:
        line = json.dumps({"kind": told[0], "text": told[1]}).encode() + b"\n"
        try:
            # one write to the end of the file, which other processes write too
            descriptor = os.open(_into[0], os.O_WRONLY | os.O_APPEND)
            try:
                os.write(descriptor, line)
            finally:
                os.close(descriptor)
        except OSError:
            return  # the run is over


def outward(event: str, arguments: tuple[Any, ...]) -> tuple[str, str] | None:
    """Return what an audit event asks for beyond this machine, as `address` or `name` and a text; None if nothing.

    Events and their arguments: https://docs.python.org/3/library/audit_events.html.
    """
    if event == "socket.gethostbyname":
        return _told(arguments[0], None)
    if event == "socket.getaddrinfo":
        return _name_only(_told(arguments[0], arguments[1]))
    asking, address = arguments[0], arguments[1]
    family = getattr(asking, "family", None)
    if family not in (socket.AF_INET, socket.AF_INET6) or not isinstance(address, tuple) or len(address) < 2:
        return None
    return _told(address[0], address[1])


def _name_only(told: tuple[str, str] | None) -> tuple[str, str] | None:
    """Leave out numbers: to resolve one asks nobody, and a connect will follow."""
    return told if told is not None and told[0] == "name" else None


def _told(host: object, port: object) -> tuple[str, str] | None:
    text = host.decode("utf-8", "replace") if isinstance(host, bytes) else host
    if not isinstance(text, str) or not text:
        return None
    at = f" port {port}" if port else ""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        is_local = text.rstrip(".").lower().rpartition(".")[2] == "localhost"
        return None if is_local else ("name", f"{text[:253]}{at}")
    mapped = getattr(address, "ipv4_mapped", None) or address
    return None if mapped.is_loopback or mapped.is_unspecified else ("address", f"{text}{at}")
