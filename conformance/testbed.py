"""
What one process of a run holds: the target, the running services, the gate, and the roots made for the checks.

Started lazily: a process that only checks `mem://` starts no gate and opens no client.
"""

from __future__ import annotations

import itertools
import shutil
import socket
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, chdir, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from conformance import lookout, selecting, watching
from conformance.lake.tenants import ACTIVELOOP_ENDPOINT, Tenants, tenants_of, told
from conformance.places import LOCAL_PLACES, Place
from conformance.services.description import CONTROL_PLANE
from conformance.services.running import Unreachable
from conformance.settings import AL
from conformance.targets import NotClaimed, TargetDied, TargetError
from conformance.targets.tokened import with_tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from conformance.certificates import RunCA
    from conformance.gate import Exchange, Gate, Tap
    from conformance.services import RunningService
    from conformance.strangers import Strangers
    from conformance.targets import Dataset, Reader, Target, Writer
    from conformance.targets.masking import Secrets
    from conformance.targets.overheard import Overheard
    from conformance.targets.preloading import Preloaded
    from conformance.targets.selection import TargetSpec
    from conformance.witnesses import Witness


class PlaceUnreachable(Exception):
    """The service of a place did not start, or died; the message says what to do."""


class Testbed:
    """The parts that places of one process share.

    `run_id` is a short hexadecimal name that is new in every run; it keeps buckets and directories apart.
    """

    __test__ = False  # pytest would collect it by its name

    def __init__(
        self, spec: TargetSpec, services: Mapping[str, RunningService | Unreachable], *, run_id: str, worker: str
    ) -> None:
        self.spec = spec
        self.services = services
        self.name = f"conf-{run_id}-{worker}"
        self.exchanges: list[Exchange] = []
        self._target: Target | None = None
        self._others: list[Target] = []
        self._gate: Gate | None = None
        self._preloaded: Preloaded | None = None
        self._taps: dict[str, Tap] = {}
        self._buckets: dict[str, Witness] = {}
        self._numbers = itertools.count(1)
        self._directory: Path | None = None
        self._closing = ExitStack()
        self.tenants = tenants_of(services)
        if self.tenants is not None:
            self._closing.enter_context(told(ACTIVELOOP_ENDPOINT, self.tenants.url))

    @property
    def target(self) -> Target:
        """The target, started at first use and again after it died."""
        if self._target is None:
            self._target = with_tokens(self.spec.start())
        return self._target

    def forget_target(self) -> None:
        """Drop a target that died, so that the next check gets a new one."""
        target, self._target = self._target, None
        if target is not None:
            target.close()

    @contextmanager
    def processes(self, count: int, *, expendable: bool = False) -> Iterator[list[Target]]:
        """Give the target so many times in processes of its own, whichever door the run has.

        They are kept for the next check, unless they are expendable: those are new, for checks that kill them.
        """
        kept = [] if expendable else [target for target in self._others if target.is_running]
        taken, kept = kept[:count], kept[count:]
        with ThreadPoolExecutor(count) as pool:
            starting = [pool.submit(self.spec.through_stdio().start) for _ in range(count - len(taken))]
        try:
            taken += [with_tokens(future.result()) for future in starting]
            if not expendable:
                self._others = kept
            yield taken
        finally:
            if expendable:
                for target in taken:
                    target.close()
            else:
                self._others += taken

    def in_world(
        self,
        environment: Mapping[str, str],
        cwd: Path,
        *,
        fresh: bool,
        secrets: Secrets,
        overheard: Overheard | None = None,
    ) -> Target:
        """Start the target in a process with exactly this environment, forked off a preloaded one if that is allowed.

        Args:
            environment: all variables of the world; a Python target also learns where modules are found.
            cwd: its working directory.
            fresh: whether it must be a new process.
            secrets: what is masked in its texts.
            overheard: keeps all that its process says, and what its worker sees of it.
        """
        spec = self.spec.through_stdio().from_anywhere()
        if spec.target is None:
            return spec.start(environment, cwd, secrets, overheard)
        from conformance.targets.preloading import Preloaded, import_path

        given = {**environment, "PYTHONPATH": import_path(), **lookout.handed_on()}
        if overheard is not None:
            given[watching.VARIABLE] = str(overheard.directory)
        if fresh or not spec.claims.preload:
            return spec.start(given, cwd, secrets, overheard)
        if self._preloaded is None:
            self._preloaded = Preloaded(spec)
        return spec.speaking_to(self._preloaded.fork(given, cwd), secrets, overheard)

    @cached_property
    def ca(self) -> RunCA:
        """The run's own certificate authority."""
        from conformance.certificates import RunCA

        (self.directory / "ca").mkdir(mode=0o700)
        return RunCA(self.directory / "ca")

    @property
    def directory(self) -> Path:
        """A private directory for `file://`, removed at the end."""
        if self._directory is None:
            self._directory = Path(tempfile.mkdtemp(prefix=f"{self.name}-")).resolve()
        return self._directory

    @cached_property
    def closed_url(self) -> str:
        """A URL at which nothing listens: the port is held without being listened on, so that nobody else gets it."""
        holder = self._closing.enter_context(socket.socket())
        holder.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{holder.getsockname()[1]}"

    @property
    def unresolvable_host(self) -> str:
        """A host name that every resolver refuses by itself, so that no packet asks for it.

        It is longer than a name may be (RFC 1035, 3.1: 253 characters as text) in labels that are not, since clients
        refuse long labels in ways of their own. A plain name under `.invalid` would be asked for over the network.
        """
        return ".".join(["n" * 49] * 4 + ["n" * 47, "invalid"])

    @cached_property
    def strangers(self) -> Strangers:
        """Servers that are not the service, started at first use."""
        from conformance.strangers import start_strangers

        return self._closing.enter_context(start_strangers())

    @contextmanager
    def working_directory(self) -> Iterator[Path]:
        """Give the working directory of the target; an in-process one gets a private one meanwhile.

        A wrong target may take a refused path for a local name, and would leave it in the user's directory.
        """
        if self.spec.door != "in-process":
            yield Path.cwd()
            return
        private = Path(tempfile.mkdtemp(dir=self.directory))
        with chdir(private):
            yield private

    def place(self, identity: str, *, name: str = "", bucket: str | None = None, own_bucket: bool = False) -> Place:
        """Make a place with a root that nothing has used; raises `PlaceUnreachable`.

        Args:
            identity: a service or a local prefix.
            name: a part of the root's name.
            bucket: of an earlier place, to be in the same one.
            own_bucket: whether a bucket is made for this place.
        """
        root = f"r{next(self._numbers)}{name}"
        if identity in LOCAL_PLACES:
            return self._local_place(identity, root)
        service = self.service(identity)
        chosen = f"{self.name}-{root}" if own_bucket else bucket or self.name
        witness = self._bucket(service, chosen)
        prefix, url = service.prefix, service.url_of(chosen, root)
        if identity.startswith(AL):
            prefix, url = "al", self._tenants_of(identity).url_of(service, chosen, root)
        return Place(
            id=identity,
            prefix=prefix,
            url=url,
            target=self.target,
            testbed=self,
            witness=witness.at(root),
            service=service,
            bucket=chosen,
        )

    def prefix_of(self, identity: str) -> str:
        """Return the path prefix of a place."""
        return selecting.prefix_of(identity)

    def service(self, identity: str) -> RunningService:
        """Return the running service of a place; raises `PlaceUnreachable` with what to do."""
        from conformance.services import RunningService

        service = self.services.get(selecting.service_of(identity) or identity)
        if not isinstance(service, RunningService):
            reason = f"{service.reason}; {service.hint}" if service is not None else "it was not started"
            raise PlaceUnreachable(f"{identity}: {reason}")
        return service

    @property
    def neighbourhood(self) -> list[str]:
        """The places that datasets are copied between: local ones, storages, and one behind the control plane."""
        names = [name for name in self.services if name != CONTROL_PLANE]
        behind = [f"{AL}{name}" for name in names if f"{AL}{name}" in selecting.known_places()]
        return [*LOCAL_PLACES, *names, *(behind[:1] if self.tenants is not None else [])]

    def _tenants_of(self, identity: str) -> Tenants:
        if self.tenants is None:
            known = self.services.get(CONTROL_PLANE)
            reason = f"{known.reason}; {known.hint}" if isinstance(known, Unreachable) else "it was not started"
            raise PlaceUnreachable(f"{identity}: its control plane: {reason}")
        return self.tenants

    def drop(self, place: Place) -> None:
        """Close a place, and remove its bucket where that is one request; elsewhere its objects are in nobody's way."""
        place.close()
        if place.service is None or place.service.prefix != "az":
            return
        witness = self._buckets.pop(f"{place.service.name}/{place.bucket}", None)
        if witness is not None:
            witness.remove_root()

    def _local_place(self, identity: str, root: str) -> Place:
        from conformance.witnesses.disk import DiskWitness
        from conformance.witnesses.handle import HandleWitness

        witness: Witness
        if identity == "mem":
            url = f"mem://{self.name}-{root}"
            witness = HandleWitness(self.target, url)
        else:
            path = self.directory / root
            url = f"file://{path}"
            witness = DiskWitness(path, ignore=self.target.claims.reserved_directories)
        witness.create_root()
        return Place(id=identity, prefix=identity, url=url, target=self.target, testbed=self, witness=witness)

    def _bucket(self, service: RunningService, bucket: str) -> Witness:
        """Return the witness of a bucket, which is made if it is new."""
        from conformance.witnesses import witness_for

        key = f"{service.name}/{bucket}"
        if key not in self._buckets:
            witness = witness_for(service, bucket)
            witness.create_root()
            self._buckets[key] = witness
        return self._buckets[key]

    def tap(self, service: RunningService) -> Tap:
        """Return the gate's port in front of a service; the gate is started at first use."""
        return self.tap_at(service.url)

    def tap_at(self, upstream: str) -> Tap:
        """Return the gate's port in front of the server at a base URL."""
        if upstream not in self._taps:
            self._taps[upstream] = self.gate.open(upstream)
        return self._taps[upstream]

    @property
    def gate(self) -> Gate:
        """The gate, started at first use."""
        from conformance.gate import start_gate

        if self._gate is None:
            self._gate = self._closing.enter_context(start_gate())
        return self._gate

    def note_exchanges(self, exchanges: Sequence[Exchange]) -> None:
        """Keep what the gate saw for the record of the running check."""
        self.exchanges.extend(exchanges)

    def take_exchanges(self) -> list[Exchange]:
        """Return what the gate saw since the last call, and forget it."""
        taken, self.exchanges = self.exchanges, []
        return taken

    def close_quietly(self, handle: Reader | Writer | Dataset) -> None:
        """Close a handle whose close is not what is being checked."""
        try:
            handle.close()
        except (TargetError, TargetDied, NotClaimed):
            # A target without `close`, or one whose worker is gone: the check that ended has its verdict already.
            return

    def close(self) -> None:
        """Remove what was made, stop the gate and the target; nothing is left on a service that outlives the run."""
        from conformance.services import RunningService
        from conformance.witnesses import WitnessUnreachable

        for key, witness in self._buckets.items():
            service = self.services.get(key.partition("/")[0])
            if isinstance(service, RunningService) and service.outlives_the_run:
                try:
                    witness.remove_root()
                except WitnessUnreachable:
                    continue  # its checks said so already
        self._closing.close()
        self.forget_target()
        for target in self._others:
            target.close()
        self._others.clear()
        if self._preloaded is not None:
            self._preloaded.close()
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
