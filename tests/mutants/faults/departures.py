"""
Mutants that ask for a way to another machine; they run only where the kernel knows none.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from conformance import hermetic
from tests.mutants.registry import Replacements, mutant, replaced

if TYPE_CHECKING:
    from collections.abc import Callable

ELSEWHERE = "192.0.2.1"
"""An address of the documentation (RFC 5737), which nobody has."""

CHILD = f"""
import socket
with socket.socket(type=socket.SOCK_DGRAM) as talking:
    talking.sendto(b"x", ("{ELSEWHERE}", 9))
"""


def calling(right: Callable[..., Any], home: Callable[[], object]) -> Callable[..., Any]:
    """Return a method that calls home first, and swallows what comes of it."""

    def method(*arguments: Any, **named: Any) -> Any:
        if not hermetic.is_inside():
            raise RuntimeError("this mutant runs in a network namespace only")
        with suppress(OSError):
            home()
        return right(*arguments, **named)

    return method


def connect() -> None:
    """Connect as a client of telemetry would."""
    socket.create_connection((ELSEWHERE, 443), timeout=5).close()


def run_child() -> None:
    """Let another process send a datagram, where no hook of this one sees it."""
    subprocess.run([sys.executable, "-I", "-S", "-c", CHILD], capture_output=True, check=False, timeout=30)


@mutant(kills="SEC-12", hermetic=True)
def each_reading_is_told_to_its_maker(target: Any) -> Replacements:
    """Connects to a host of its maker with each reading, and swallows the error."""
    reader = target.storage.Reader
    return replaced(reader, get=calling(reader.get, connect))


@mutant(kills="SEC-12", places=("file",), hermetic=True)
def a_child_process_tells_each_writing(target: Any) -> Replacements:
    """Lets a child process send a datagram to another machine with each writing, where no hook of Python sees it."""
    writer = target.storage.Writer
    return replaced(writer, set=calling(writer.set, run_child))


@mutant(kills="SEC-12", hermetic=True)
def an_error_is_told_to_its_maker(target: Any) -> Replacements:
    """Asks for the host name of a service that collects errors, where an object is missing."""
    reader = target.storage.Reader
    right = reader.get

    def get(*arguments: Any, **named: Any) -> Any:
        try:
            return right(*arguments, **named)
        except Exception:
            if hermetic.is_inside():
                with suppress(OSError):
                    socket.getaddrinfo("errors.example", 443)
            raise

    return replaced(reader, get=get)
