"""
A network namespace is entered whole or not at all, and what asks for a way out of it is counted and named.
"""

from __future__ import annotations

import errno
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conformance import hermetic, lookout
from conformance.hermetic import NotAvailable
from conformance.settings import UsageError
from tests.suite.namespaces import ENTERING, PROJECT, inside, need_namespaces, run_python

# ---- entering


def test_inside_there_is_the_loopback_and_no_way_out() -> None:
    """A server on either loopback is reached, the documentation's addresses are not."""
    said = inside("""
import errno, socket
assert hermetic.is_inside()
for family, here, there in ((2, "127.0.0.1", "192.0.2.1"), (10, "::1", "2001:db8::1")):
    try:
        server = socket.create_server((here, 0), family=family)
    except OSError:
        assert family == 10, "this machine has no IPv6"
        continue
    socket.create_connection(server.getsockname()[:2], timeout=5)
    with socket.socket(family) as calling:
        assert calling.connect_ex((there, 443)) == errno.ENETUNREACH
print("told")
""")

    assert said == "told\n"


def test_the_user_stays_the_same() -> None:
    """As root and as anybody else, whose namespace of users maps one user to itself."""
    said = inside("import os; print(os.getuid(), os.getgid())")

    assert said.split() == [str(os.getuid()), str(os.getgid())]


def test_an_ordinary_user_enters_and_stays_one() -> None:
    """A user who may not make a network namespace makes one of users around it; the new image has no capability."""
    need_namespaces()
    before = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
    if shutil.which("unshare") is None or run_python("", *before).returncode:
        pytest.skip("another user is made with unshare of util-linux 2.35 or later, where that is allowed")
    told = "import os; print(os.getuid(), [line for line in open('/proc/self/status') if line.startswith('CapEff')])"
    said = inside(f"import os, sys; os.execv(sys.executable, [sys.executable, '-c', {told!r}])", *before)

    assert said == "1000 ['CapEff:\\t0000000000000000\\n']\n"


def test_this_process_is_not_inside() -> None:
    """Unless the machine that runs this test has no network at all."""
    up = [name for _, name in socket.if_nameindex() if name != "lo"]
    if not up:
        pytest.skip("this machine has the loopback only")

    assert not hermetic.is_inside()


@pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux's")
@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOSYS, errno.ENOSPC, errno.EINVAL])
def test_a_refusal_names_its_number(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Whether the kernel, a filter of system calls or a limit refuses."""

    def refuse(_flags: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(hermetic, "unshare", refuse)

    with pytest.raises(NotAvailable, match=f"{errno.errorcode[number]}.*nothing was run"):
        hermetic.enter()


def test_what_the_kernel_refuses_is_not_run_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program is not begun again, and the caller does not come back to run."""
    begun: list[object] = []
    monkeypatch.setattr(hermetic, "is_inside", lambda: False)
    monkeypatch.setattr(hermetic, "unshare", lambda _flags: (_ for _ in ()).throw(OSError(errno.EPERM, "refused")))
    monkeypatch.setattr(os, "execve", lambda *arguments: begun.append(arguments))

    with pytest.raises(NotAvailable):
        hermetic.begin_again([])
    assert begun == []


def test_a_second_start_that_is_still_outside_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a new namespace comes with a device that is up, entering again would never end."""
    monkeypatch.setattr(hermetic, "is_inside", lambda: False)
    monkeypatch.setattr(hermetic, "enter", lambda: pytest.fail("entered again"))
    monkeypatch.setenv(hermetic.ENTERED, str(os.getpid()))

    with pytest.raises(NotAvailable, match="more than the loopback"):
        hermetic.begin_again([])
    assert hermetic.ENTERED not in os.environ


def test_services_are_installed_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not in the cache, and nothing else; inside there is no network."""
    order: list[object] = []
    monkeypatch.setattr(hermetic, "is_inside", lambda: False)
    monkeypatch.setattr(hermetic, "enter", lambda: order.append("enter"))
    monkeypatch.setattr(os, "execve", lambda *_arguments: order.append("begin again"))
    monkeypatch.setattr("conformance.services.provisioning.installed", lambda about: about.name == "moto" or None)

    def provision(names: list[str], _progress: object) -> list[str]:
        order.append(list(names))
        return []

    monkeypatch.setattr("conformance.services.provisioning.provision", provision)

    hermetic.begin_again(["moto", "azurite"])

    assert order == [["azurite"], "enter", "begin again"]


def test_a_service_that_cannot_be_installed_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Inside, the installation would be tried again without a network."""
    monkeypatch.setattr(hermetic, "is_inside", lambda: False)
    monkeypatch.setattr(hermetic, "enter", lambda: pytest.fail("entered"))
    monkeypatch.setattr("conformance.services.provisioning.installed", lambda _about: None)
    monkeypatch.setattr("conformance.services.provisioning.provision", lambda names, _: list(names))

    with pytest.raises(NotAvailable, match="azurite cannot be installed"):
        hermetic.begin_again(["azurite"])


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"runtime": "container"}, "unix socket.*leave --runtime container away"),
        ({"images": {"moto": "motoserver/moto"}}, "unix socket.*leave --image away"),
        ({"reuse": True}, "leave --reuse away"),
        ({"service_urls": {"moto": "http://127.0.0.1:1"}}, "leave --service-url away for moto"),
    ],
    ids=lambda given: next(iter(given)) if isinstance(given, dict) else "",
)
def test_what_reaches_out_of_the_namespace_is_refused(given: dict[str, Any], says: str) -> None:
    """Also as root: an engine's socket has a path."""
    with pytest.raises(UsageError, match=says):
        hermetic.refuse(**{"runtime": "auto", "service_urls": {}} | given)


def test_other_systems_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """By name."""
    monkeypatch.setattr(sys, "platform", "darwin")

    with pytest.raises(NotAvailable, match="darwin"):
        hermetic.refuse(runtime=None, service_urls={})


# ---- counting

ASKING = {
    "tcp": "socket.socket().connect(('192.0.2.1', 443))",
    "udp": "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 9))",
    "udp-connect": "socket.socket(type=socket.SOCK_DGRAM).connect(('192.0.2.1', 9))",
    "metadata": "socket.socket().connect(('169.254.169.254', 80))",
    "multicast": "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('224.0.0.251', 5353))",
    "child": "subprocess.run([sys.executable, '-S', '-c', 'import socket; socket.socket().connect((\"192.0.2.1\", 1))'],"
    " stderr=subprocess.DEVNULL)",
}


@pytest.mark.parametrize("how", ASKING)
def test_each_question_is_counted_though_its_error_is_swallowed(how: str) -> None:
    """By the kernel, whoever asks."""
    said = inside(f"""
import contextlib, socket, subprocess, sys
before = hermetic.turned_away()
with contextlib.suppress(OSError):
    {ASKING[how]}
print(hermetic.turned_away() - before)
""")

    assert said == "1\n"


def test_ipv6_is_counted() -> None:
    """In another file of the kernel's."""
    said = inside("""
import contextlib, socket
from pathlib import Path
if not Path("/proc/net/snmp6").exists():
    print("none")
else:
    before = hermetic.turned_away()
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as calling:
        calling.connect(("2001:db8::1", 443))
    print(hermetic.turned_away() - before)
""")
    if said == "none\n":
        pytest.skip("this kernel has no IPv6")

    assert said == "1\n"


def test_a_question_to_a_resolver_on_the_loopback_is_counted(tmp_path: Path) -> None:
    """Nobody listens there inside, and a datagram without a listener is counted; with another resolver it is not."""
    local, other = tmp_path / "local", tmp_path / "other"
    local.write_text("# a stub\nnameserver 127.0.0.53\noptions edns0\n")
    other.write_text("nameserver 192.0.2.53\n")
    said = inside(f"""
import socket
from pathlib import Path
for file in ({str(local)!r}, {str(other)!r}, {str(tmp_path / "none")!r}):
    hermetic.NAMESERVERS = Path(file)
    before = hermetic.turned_away()
    socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.53", 53))
    print(hermetic.turned_away() - before)
""")

    assert said.split() == ["1", "0", "1"]


def test_the_loopback_is_not_counted() -> None:
    """A count that rises with every run would say nothing."""
    said = inside("""
import socket
before = hermetic.turned_away()
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(server.getsockname(), timeout=5)
print(socket.getaddrinfo("localhost", 80)[0][4][0] in ("127.0.0.1", "::1"), hermetic.turned_away() - before)
""")

    assert said == "True 0\n"


# ---- naming


class _Asking:
    def __init__(self, family: int) -> None:
        self.family = family


FOUR, SIX, UNIX = _Asking(socket.AF_INET), _Asking(socket.AF_INET6), _Asking(socket.AF_UNIX)


@pytest.mark.parametrize(
    ("event", "arguments", "told"),
    [
        ("socket.connect", (FOUR, ("192.0.2.1", 443)), ("address", "192.0.2.1 port 443")),
        ("socket.connect", (SIX, ("2001:db8::1", 443, 0, 0)), ("address", "2001:db8::1 port 443")),
        ("socket.connect", (SIX, ("::ffff:192.0.2.1", 1, 0, 0)), ("address", "::ffff:192.0.2.1 port 1")),
        ("socket.connect", (FOUR, ("errors.example", 443)), ("name", "errors.example port 443")),
        ("socket.sendto", (FOUR, ("169.254.169.254", 80)), ("address", "169.254.169.254 port 80")),
        ("socket.getaddrinfo", ("errors.example", 443, 0, 0, 0), ("name", "errors.example port 443")),
        ("socket.getaddrinfo", (b"errors.example", None, 0, 0, 0), ("name", "errors.example")),
        ("socket.gethostbyname", ("errors.example",), ("name", "errors.example")),
        ("socket.connect", (FOUR, ("127.0.0.53", 53)), None),
        ("socket.connect", (SIX, ("::1", 443, 0, 0)), None),
        ("socket.connect", (SIX, ("::ffff:127.0.0.1", 443, 0, 0)), None),
        ("socket.connect", (FOUR, ("0.0.0.0", 443)), None),  # noqa: S104 - leads to this machine
        ("socket.connect", (UNIX, "/run/engine.sock"), None),
        ("socket.sendmsg", (FOUR, None), None),
        ("socket.getaddrinfo", ("localhost", 80, 0, 0, 0), None),
        ("socket.getaddrinfo", ("bucket.localhost", 80, 0, 0, 0), None),
        ("socket.getaddrinfo", (None, 80, 0, 0, 0), None),
        # a connect tells it, to where it is really meant
        ("socket.getaddrinfo", ("192.0.2.1", 80, 0, 0, 0), None),
    ],
)
def test_an_event_is_told_if_it_is_for_another_machine(
    event: str, arguments: tuple[Any, ...], told: tuple[str, str] | None
) -> None:
    """With host and port."""
    assert lookout.outward(event, arguments) == told


LOOKING = """
import contextlib, os, socket, subprocess, sys
from conformance.lookout import Lookout, VARIABLE
looking = Lookout(alone=True)
def connect():
    with contextlib.suppress(OSError), socket.socket() as calling:
        calling.connect(("192.0.2.1", 443))
"""


def test_a_lookout_tells_count_and_address_of_each_check() -> None:
    """Of what happened since the last look."""
    said = inside(f"""{LOOKING}
print(bool(looking.look()))
connect()
connect()
seen = looking.look()
print(seen.turned_away, seen.addresses, seen.is_told, seen.text(alone=True), sep="|")
print(bool(looking.look()))
""")

    assert said.splitlines() == [
        "False",
        "2|('192.0.2.1 port 443',)|True|"
        "2 packets or connections without a route, a socket of Python's for 192.0.2.1 port 443",
        "False",
    ]


def test_a_worker_of_a_python_target_is_heard_too() -> None:
    """It finds the file in a variable, which is gone before the target is made; a child without it only counts."""
    said = inside(f"""{LOOKING}
asking = '''
import os, socket
from conformance import lookout
{{}}
assert lookout.VARIABLE not in os.environ
try:
    socket.socket().connect(("192.0.2.1", 443))
except OSError:
    pass
'''
for first in ("lookout.listen_if_asked()", "os.environ.pop(lookout.VARIABLE)"):
    subprocess.run([sys.executable, "-c", asking.format(first)], check=True)
    seen = looking.look()
    print(seen.turned_away, seen.is_told, seen.text(alone=False), sep="|")
looking.close()
connect()
print(VARIABLE in os.environ)
""")

    assert said.splitlines() == [
        "1|True|a socket of Python's for 192.0.2.1 port 443",
        "1|False|no socket of Python's",
        "False",
    ]


def test_a_namespace_that_is_full_is_told_by_the_command() -> None:
    """A real refusal: one line, exit code 3, and nothing is run."""
    if shutil.which("unshare") is None or run_python("", "unshare", "-Ur").returncode:
        pytest.skip("a limit is set in a namespace of users, made with unshare where that is allowed")
    command = f"{sys.executable} -m conformance run --hermetic --places mem --only OBJ-1"
    done = subprocess.run(
        ["unshare", "-Ur", "sh", "-c", f"echo 0 > /proc/sys/user/max_net_namespaces && exec {command}"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )

    assert done.returncode == 3, done.stderr
    assert done.stdout == ""
    assert "--hermetic: not available: unshare(CLONE_NEWNET) fails with ENOSPC" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_process_with_threads_is_told_apart() -> None:
    """Only one thread can enter a new namespace of users, and the reason is not hidden."""
    need_namespaces()
    before = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
    if shutil.which("unshare") is None or run_python("", *before).returncode:
        pytest.skip("another user is made with unshare of util-linux 2.35 or later, where that is allowed")
    waiting = "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    done = run_python(waiting + ENTERING, *before)

    assert done.returncode == 1
    assert "unshare(CLONE_NEWUSER | CLONE_NEWNET) fails with EINVAL" in done.stderr
