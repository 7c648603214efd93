"""
A world that is running: the target in a process of its own, in a private home, behind a port of the gate.
"""

from __future__ import annotations

import itertools
import shutil
import stat
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance import sources
from conformance.gate import Authority
from conformance.setting import Setting
from conformance.targets import NotClaimed
from conformance.targets.masking import Secrets
from conformance.targets.overheard import Overheard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conformance.gate import Exchange, Tap
    from conformance.identities import Identity
    from conformance.places import Place
    from conformance.services import RunningService
    from conformance.targets import Reader, Target, Writer
    from conformance.worlds import World

_numbers = itertools.count(1)


@dataclass(slots=True)
class Stage:
    """One running world.

    Attributes:
        setting: what it was set up from.
        target: the target, in a process of the world's own.
        url: a root that nothing has used.
        tap: the gate's port in front of the service, which says who signed.
        overheard: all that the target's process said, None where nobody listens.
        before: what lay in the private directories when the target started.
    """

    setting: Setting = field(repr=False)
    target: Target = field(repr=False)
    url: str
    tap: Tap = field(repr=False)
    _start: Callable[[], Target] = field(repr=False)
    overheard: Overheard | None = field(default=None, repr=False)
    before: dict[Path, tuple[int, ...]] = field(default_factory=dict, repr=False)
    _opened: list[Reader | Writer] = field(default_factory=list, repr=False)

    @contextmanager
    def another_process(self) -> Iterator[Target]:
        """Run the target once more in the same world, in another process."""
        target = self._start()
        try:
            yield target
        finally:
            target.close()

    @property
    def creds(self) -> Any:
        """The creds argument of the world."""
        return self.setting.creds

    @property
    def token(self) -> str | None:
        """The token argument of the world."""
        return self.setting.token

    def writer(self) -> Writer:
        """Open a handle for writing with creds and token of the world."""
        handle = self.target.open_writer(self.url, self.creds, self.token)
        self._opened.append(handle)
        return handle

    def reader(self) -> Reader:
        """Open a handle for reading with creds and token of the world."""
        handle = self.target.open_reader(self.url, self.creds, self.token)
        self._opened.append(handle)
        return handle

    def requests(self) -> list[Exchange]:
        """Return what the gate saw."""
        return self.tap.requests()

    def signers(self) -> set[str | None]:
        """Return the labels of the identities that signed, None for unsigned requests."""
        return {exchange.identity for exchange in self.requests()}

    def rotate(self, source: str) -> None:
        """Let whoever asks a source next get its next generation."""
        self.setting.rotate(source)

    def asked(self) -> set[str]:
        """Return the sources whose services got a request."""
        return self.setting.asked()


@contextmanager
def running(
    world: World,
    place: Place,
    *,
    fresh: bool = False,
    adjust: Callable[[Setting], None] | None = None,
    tls: bool | None = None,
    watched: bool = False,
    **rules: Any,
) -> Iterator[Stage]:
    """Set up a world in front of a place's service, and run the target in it.

    Args:
        world: what to set up.
        place: whose service and target.
        fresh: whether the process is a new one, also where the target may be preloaded.
        adjust: changes what was planted, before the target starts.
        tls: whether the service is reached by https, None where a source of the world needs that.
        watched: whether all that the target's process says is kept, and files are compared.
        rules: of the gate, other than its usual ones (`conformance.gate.Authority`).

    Raises:
        NotClaimed: the target does not claim a source of the world.
    """
    service = place.service
    assert service is not None  # noqa: S101 - worlds are collected for services only
    lacking = sorted(place.testbed.spec.claims.unclaimed_sources(world.sources))
    if lacking:
        raise NotClaimed(f"the claims have no source {', '.join(lacking)}")
    testbed, secrets = place.testbed, Secrets()
    directory = Path(tempfile.mkdtemp(prefix="w", dir=testbed.directory))
    authority = Authority(**{**usual_rules(service), **rules})
    certificate = testbed.ca.issue() if (needs_tls(world) if tls is None else tls) else None
    tap = testbed.gate.open(service.url, authority=authority, tls=certificate)

    def know(identity: Identity) -> None:
        tap.know(identity)
        for value, name in ((identity.secret, "secret"), (identity.token, "token"), (identity.sas, "signature")):
            if value:
                secrets.hide(value, f"{name} of {identity.label}")

    endpoint = service.creds(endpoint=tap.url)["endpoint_url"]
    setting = Setting(
        world,
        directory,
        endpoint,
        know,
        secrets.hide,
        testbed.ca,
        root=f"{place.url_underneath}/w{next(_numbers)}",
        account=service.access_key,
        closed_url=testbed.closed_url,
    )
    target: Target | None = None
    try:
        sources.ground(setting)
        watch_for_leaks(setting)
        for source in world.sources:
            sources.plant(setting, source, world.way_of(source))
        if adjust is not None:
            adjust(setting)
        setting.finish()
        if isinstance(setting.creds, dict):
            setting.creds = place.named(setting.creds)
        anew = fresh or needs_fresh(world)
        overheard = Overheard(directory / "watched") if watched else None
        before = files_of(setting) if watched else {}

        def start() -> Target:
            return testbed.in_world(
                setting.variables, directory / "work", fresh=anew, secrets=secrets, overheard=overheard
            )

        target = start()
        yield Stage(setting, target, setting.url, tap, start, overheard, before)
    finally:
        if target is not None:
            target.close()
        testbed.note_exchanges(tap.requests())
        tap.close()
        setting.close()
        shutil.rmtree(directory, ignore_errors=True)


def files_of(setting: Setting) -> dict[Path, tuple[int, ...]]:
    """Return every file below the home, the temporary and the working directory, with what changes when it is written."""
    found: dict[Path, tuple[int, ...]] = {}
    for name in ("home", "tmp", "work"):
        for path in sorted((setting.directory / name).rglob("*")):
            about = path.lstat()
            if stat.S_ISREG(about.st_mode):
                found[path] = (about.st_ino, about.st_mtime_ns, about.st_size, stat.S_IMODE(about.st_mode))
    return found


def usual_rules(service: RunningService) -> dict[str, Any]:
    """Return the rules by which the gate verifies in front of a service."""
    if service.prefix == "az":
        return {"cloud": "az", "account": service.access_key, "root_key": service.secret_key}
    return {"cloud": service.prefix}


def needs_tls(world: World) -> bool:
    """Whether the service has to be reached by https: Azure's SDK sends no token without."""
    return bool(TOKENS.intersection(world.sources))


def watch_for_leaks(setting: Setting) -> None:
    """Put a proxy before every host that is not this machine; it plays fixed hosts of the cloud, and notes all others."""
    proxy = setting.proxy(sources.hosts(setting))
    setting.variables |= dict.fromkeys(("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"), proxy.url)
    setting.variables |= dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost")
    certificates = str(setting.ca.ca_pem)
    setting.variables |= dict.fromkeys(("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "AWS_CA_BUNDLE"), certificates)


TOKENS = frozenset({"azure_service_principal", "azure_workload_identity", "azure_managed_identity", "azure_cli"})
"""Sources whose proof is a token, which Azure's SDK sends over https only."""


def needs_fresh(world: World) -> bool:
    """Whether an SDK may have frozen at import what this world sets: botocore keeps the HOME of its import for SSO."""
    return "aws_sso" in world.sources
