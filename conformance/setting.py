"""
What a world is set up from: a private home, variables, commands, creds, identities and their services.

Planting functions (`conformance/sources/`) fill it; a stage starts the target in it.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from conformance.controls import Controls
from conformance.fakes import FakeServer
from conformance.fakes.connect_proxy import ConnectProxy

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from conformance.certificates import RunCA
    from conformance.fakes import Fake, Fault, Request
    from conformance.identities import Identity
    from conformance.worlds import World

PRIVATE = 0o600


class Setting:
    """One world while it is set up.

    Attributes:
        world: what is to be set up.
        directory: private; holds `home`, `tmp`, `work` and `bin`.
        account: of Azure, the one in the path.
        closed_url: a URL at which nothing listens.
        ca: the run's own, which variables of the target name.
        endpoint: the base URL of the gate's port, at which the target finds the service.
        root: a URL of the service that nothing has used.
        url: what the target is given; `root`, or a path that leads there.
        variables: the whole environment of the target.
        creds: the creds argument of the target, addressing included; None for none.
        token: its token argument, None for none.
        identities: all that were handed out, by label.
        servers: the fakes that were started, by source or, where several share one, by service.
        secrets: other secrets of the world, each with the name of what it belongs to.
        calls: how often the command of a source was run.
        started: where the command of a source keeps how it was started, JSON with `arguments` and `variables`, a line a call.
        lives_s: seconds that credentials of a source live if they are made from now on, where that is not the world's.
        disbelieved: sources whose next credentials the gate takes for expired, whatever their service says.
        after: what is to happen once, when the next credentials of a source are out.
        controls: what a check can do to a source, by its name.
    """

    def __init__(
        self,
        world: World,
        directory: Path,
        endpoint: str,
        know: Callable[[Identity], None],
        hide: Callable[[str, str], None],
        ca: RunCA,
        *,
        root: str = "",
        account: str = "",
        closed_url: str = "",
    ) -> None:
        self.world = world
        self.root = self.url = root
        self.account = account
        self.closed_url = closed_url
        self.ca = ca
        self.proxies: list[ConnectProxy] = []
        self.directory = directory
        self.endpoint = endpoint
        self._know = know
        self._hide = hide
        self.secrets: dict[str, str] = {}
        for name in ("home", "tmp", "work", "bin"):
            (directory / name).mkdir(parents=True, mode=0o700)
        self.home = directory / "home"
        self.variables = {
            "HOME": str(self.home),
            "TMPDIR": str(directory / "tmp"),
            "PATH": str(directory / "bin"),
            "LANG": "C.UTF-8",
        }
        self.creds: dict[str, Any] | str | None = None
        self.token: str | None = None
        self.identities: dict[str, Identity] = {}
        self.servers: dict[str, FakeServer] = {}
        self.calls: dict[str, Callable[[], int]] = {}
        self.started: dict[str, Path] = {}
        self.lives_s: dict[str, float] = {}
        self.disbelieved: set[str] = set()
        self.after: dict[str, Callable[[], None]] = {}
        self.controls: dict[str, Controls] = {}
        self.sections: dict[str, dict[str, dict[str, str]]] = {}

    # ---- what is on the disk

    def write(self, path: str, text: str, mode: int = PRIVATE) -> Path:
        """Write a file below the home directory; returns its path."""
        file = self.home / path
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.write_text(text, encoding="utf-8")
        file.chmod(mode)
        return file

    def section(self, path: str, name: str, **settings: str) -> None:
        """Add settings to a section of an INI file below the home directory; written when all is planted."""
        self.sections.setdefault(path, {}).setdefault(name, {}).update(settings)

    def command(self, name: str, program: str) -> Path:
        """Put a Python program on PATH under a name; it is started by this interpreter, isolated."""
        file = self.directory / "bin" / name
        file.write_text(f"#!{sys.executable} -IS\n{program}", encoding="utf-8")
        file.chmod(0o700)
        return file

    def finish(self) -> None:
        """Write the INI files."""
        for path, sections in self.sections.items():
            blocks = []
            for name, settings in sections.items():
                lines = [f"{key} = {value}" if value else f"{key} =" for key, value in settings.items()]
                blocks.append("\n".join([f"[{name}]", *lines]))
            self.write(path, "\n\n".join(blocks) + "\n")

    # ---- who there is

    def know(self, identity: Identity) -> Identity:
        """Tell the gate an identity, and keep it."""
        source = identity.label.partition("#")[0]
        self._know(replace(identity, expires_at=time.time() - 1) if source in self.disbelieved else identity)
        self.identities[identity.label] = identity
        if (then := self.after.pop(source, None)) is not None:
            then()
        return identity

    def secret(self, name: str, text: str) -> str:
        """Note a secret that is no identity's own, such as the secret of an application; returns it."""
        self.secrets[text] = name
        self._hide(text, name)
        return text

    def mint(self, source: str, make: Callable[[str, float], Identity]) -> Callable[[str], Identity]:
        """Return what makes the next generation of a source; `make` takes a label and unix seconds until it lives."""
        return lambda label: self.know(make(label, self.expires_at(source)))

    def expires_at(self, source: str) -> float:
        """Return unix seconds until which credentials of a source live if they are made now."""
        return time.time() + self.life_of(source)

    def life_of(self, source: str) -> float:
        """Return the seconds that credentials of a source live if they are made now."""
        return self.lives_s.get(source, self.world.life_of(source))

    def next_label(self, source: str) -> str:
        """Return the label of a source's next generation."""
        count = sum(label.partition("#")[0] == source for label in self.identities)
        return source if count == 0 else f"{source}#{count + 1}"

    # ---- services

    def serve(
        self, source: str, fake: Fake, *, fault: Fault | None = None, tls: ssl.SSLContext | None = None
    ) -> FakeServer:
        """Give a fake a port until the stage closes."""
        server = FakeServer(fake, tls=tls, fault=fault)
        self.servers[source] = server
        return server

    def control(
        self,
        source: str,
        server: FakeServer,
        *,
        asks: Callable[[Request], bool] = lambda _request: True,
        fail: Callable[[Fault | None], None] | None = None,
        rotate: Callable[[], None] | None = None,
        rewrite: Callable[[], None] | None = None,
        is_ready: bool = False,
    ) -> None:
        """Let checks control a source behind which there is a fake.

        Args:
            source: its name.
            server: the fake.
            asks: whether a request asks for credentials of this source.
            fail: as in `Controls`; None where the fake has no other source.
            rotate: as in `Controls`.
            rewrite: as in `Controls`.
            is_ready: as in `Controls`.
        """

        def failing(fault: Fault | None) -> None:
            server.fault = fault

        self.controls[source] = Controls(
            lambda: sum(asks(request) for request in list(server.received)),
            fail or failing,
            rotate,
            rewrite,
            is_ready,
        )

    def rotate(self, source: str) -> None:
        """Let whoever asks a source next get its next generation."""
        rotate = self.controls[source].rotate
        if rotate is not None:
            rotate()

    def fault(self, source: str, fault: Fault | None) -> None:
        """Let a source fail from now on, or work again; other sources of the same service are left alone."""
        self.controls[source].fail(fault)

    def rewrite(self, source: str) -> None:
        """Put another token into the file that a source stands on, and let its service refuse the old one."""
        rewrite = self.controls[source].rewrite
        if rewrite is None:
            raise ValueError(f"{source} stands on no token in a file")
        rewrite()

    def asked(self) -> set[str]:
        """Return the sources whose service or command got a request."""
        found = {source for source, calls in self.calls.items() if calls()}
        for source, server in self.servers.items():
            told = getattr(server.fake, "source_of", None)
            found |= {told(request) if told else source for request in server.received}
        return found

    def proxy(self, hosts: Mapping[str, Fake]) -> ConnectProxy:
        """Start a proxy that plays these hosts and refuses all others, until the stage closes."""
        proxy = ConnectProxy(hosts, lambda host: self.ca.issue(host).server_context())
        self.proxies.append(proxy)
        return proxy

    def leaks(self) -> list[str]:
        """Return the hosts that were asked for and that nobody plays."""
        return [host for proxy in self.proxies for host in proxy.leaks]

    def close(self) -> None:
        """Stop the fakes."""
        for proxy in self.proxies:
            proxy.close()
        for server in self.servers.values():
            server.close()
