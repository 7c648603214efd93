"""
A place: a service or a local prefix together with one target, as a check sees it.

A place has a root of its own for every check, so that checks disturb neither each other nor what was there before. The
witness is rooted at the same URL. Names are unique per run; the operations of a check are not: they depend on the seed.
"""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from conformance.gate import Exchange, Tap
    from conformance.services import RunningService
    from conformance.strategies.keys import KeyLimits
    from conformance.targets import Dataset, Reader, Target, Writer
    from conformance.testbed import Testbed
    from conformance.witnesses import Witness

LOCAL_PLACES = ("mem", "file")


WORN = 400
"""Examples after which checks get a new bucket: emulators look through all keys of a bucket, or of all buckets, to list."""


class _Own:
    """The place's own credentials, where a check gives none."""


OWN = _Own()


@dataclass(slots=True, repr=False)
class Place:
    """One root on one place; `url` is what the target is given, `witness` looks at the same root past the target."""

    id: str
    prefix: str
    url: str
    target: Target
    testbed: Testbed = field(repr=False)
    witness: Witness = field(repr=False)
    service: RunningService | None = field(default=None, repr=False)
    bucket: str = ""
    tap: Tap | None = field(default=None, repr=False)
    _reader: Reader | None = field(default=None, repr=False)
    _writer: Writer | None = field(default=None, repr=False)
    _opened: list[Reader | Writer | Dataset] = field(default_factory=list, repr=False)
    _names: Iterator[int] = field(default_factory=lambda: itertools.count(1), repr=False)
    _used: int = field(default=0, repr=False)
    _children: list[Place] = field(default_factory=list, repr=False)

    def __repr__(self) -> str:
        return f"Place({self.id!r})"

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """Keep Hypothesis, which prints dataclasses field by field, from showing what a place holds."""
        printer.text(repr(self))

    @property
    def has_wire(self) -> bool:
        """Whether requests of the target can be seen by the gate."""
        return self.service is not None

    @property
    def creds(self) -> dict[str, Any] | None:
        """The credentials dictionary for the target, with the names that its claims ask for; None for local places."""
        return self.creds_for(self.tap.url if self.tap else None)

    def creds_for(self, endpoint: str | None) -> dict[str, Any] | None:
        """The credentials dictionary with another endpoint, such as one where nothing listens."""
        if self.service is None:
            return None
        if self.prefix == "al":
            assert self.testbed.tenants is not None  # noqa: S101 - the place was made with it
            return self.testbed.tenants.creds(endpoint)
        return self.named(self.service.creds(endpoint=endpoint))

    @property
    def cloud(self) -> str:
        """The prefix of the service that stores what is here; of a local place its own."""
        return self.prefix if self.service is None else self.service.prefix

    @property
    def url_underneath(self) -> str:
        """The URL of the root at the service itself, which behind a control plane is not the one that the target gets."""
        if self.prefix != "al" or self.service is None:
            return self.url
        return self.service.url_of(self.bucket, self.url.removeprefix(f"al://{self.bucket}/"))

    def url_in_a_missing_bucket(self, path: str = "root") -> str:
        """Return a URL in a bucket or container that nobody made, or of an organisation that stores at one."""
        service = self.testbed.service(self.id)
        bucket = f"missing-{self.fresh()}-{self.testbed.name}"
        if self.prefix == "al":
            assert self.testbed.tenants is not None  # noqa: S101 - the place was made with it
            return self.testbed.tenants.url_of(service, bucket, path)
        return service.url_of(bucket, path)

    def named(self, creds: Mapping[str, Any]) -> dict[str, Any]:
        """The same credentials with the names that the target's claims ask for."""
        renames: Mapping[str, str] = self.target.claims.creds.get(self.prefix, {})
        return {renames.get(name, name): value for name, value in creds.items()}

    @property
    def limits(self) -> KeyLimits:
        """What keys this place can store."""
        from conformance.strategies.keys import limits_of

        return limits_of(self.id)

    @property
    def reader(self) -> Reader:
        """A handle for reading at the root, opened once."""
        if self._reader is None:
            self._reader = self.open_reader()
        return self._reader

    @property
    def writer(self) -> Writer:
        """A handle for writing at the root, opened once."""
        if self._writer is None:
            self._writer = self.open_writer()
        return self._writer

    def open_reader(self, url: str | None = None, creds: dict[str, Any] | _Own | None = OWN) -> Reader:
        """Open another handle for reading, here or at another URL; it is closed with the place."""
        reader = self.target.open_reader(self.url if url is None else url, self._creds(creds))
        self._opened.append(reader)
        return reader

    def open_writer(self, url: str | None = None, creds: dict[str, Any] | _Own | None = OWN) -> Writer:
        """Open another handle for writing, here or at another URL; it is closed with the place."""
        writer = self.target.open_writer(self.url if url is None else url, self._creds(creds))
        self._opened.append(writer)
        return writer

    def dataset_url(self, name: str | None = None) -> str:
        """Return the URL of a dataset below the root, with a name that no example has used if none is given."""
        return f"{self.url}/{self.fresh() if name is None else name}"

    def create_dataset(
        self, schema: Mapping[str, str], url: str | None = None, creds: dict[str, Any] | _Own | None = OWN
    ) -> Dataset:
        """Create a dataset, at a URL that no example has used if none is given; it is closed with the place."""
        where = self.dataset_url() if url is None else url
        dataset = self.target.create(where, schema, self._creds(creds))
        self._opened.append(dataset)
        return dataset

    def open_dataset(self, url: str, *, read_only: bool = False, creds: dict[str, Any] | _Own | None = OWN) -> Dataset:
        """Open the dataset at a URL; it is closed with the place."""
        dataset = self.target.open_dataset(url, read_only=read_only, creds=self._creds(creds))
        self._opened.append(dataset)
        return dataset

    def _creds(self, creds: dict[str, Any] | _Own | None) -> dict[str, Any] | None:
        return self.creds if isinstance(creds, _Own) else creds

    def fresh(self) -> str:
        """Return a directory name below the root that no example has used."""
        self._used += 1
        return f"e{next(self._names)}"

    @property
    def is_worn(self) -> bool:
        """Whether so many examples left their objects in the bucket that the service takes longer for each."""
        return self.service is not None and self._used >= WORN

    def fresh_place(self, *, own_bucket: bool = False) -> Place:
        """Return a place with a never used root, here or with `own_bucket` in a bucket or container of its own."""
        self._used += 1
        bucket = self.bucket or None
        child = self.testbed.place(self.id, name=f"p{next(self._names)}", bucket=bucket, own_bucket=own_bucket)
        self._children.append(child)
        return child

    @contextmanager
    def neighbours(self) -> Iterator[list[Place]]:
        """Give a place with a never used root for each prefix and service of this run that the target claims."""
        names = self.testbed.neighbourhood
        wanted = [name for name in names if self.target.claims.claims_prefix(self.testbed.prefix_of(name))]
        places = [self.testbed.place(name, name=f"n{next(self._names)}") for name in wanted]
        try:
            yield places
        finally:
            for place in places:
                place.close()

    @contextmanager
    def tapped(self, upstream: str | None = None) -> Iterator[Tapped]:
        """Give the same root through the gate, so that requests can be looked at; only where `has_wire`.

        Args:
            upstream: another server that the gate stands in front of instead of the service, such as a stranger.
        """
        if self.service is None:
            raise ValueError(f"{self.id} has no wire to look at")
        tap = self.testbed.tap_at(upstream) if upstream else self.testbed.tap(self.service)
        seen = Tapped(replace(self, tap=tap, _reader=None, _writer=None, _opened=[], _children=[]), tap)
        try:
            seen.clear()
            yield seen
        finally:
            self.testbed.note_exchanges(tap.requests())
            seen.place.close()
            tap.clear()

    @contextmanager
    def with_own_handles(self, count: int) -> Iterator[list[Place]]:
        """Give the same root so many times, each with handles of its own."""
        with self._again([self.target] * count) as places:
            yield places

    @contextmanager
    def in_processes(self, count: int, *, expendable: bool = False) -> Iterator[list[Place]]:
        """Give the same root through so many processes of the target; only those that are expendable may be killed."""
        with self.testbed.processes(count, expendable=expendable) as targets, self._again(targets) as places:
            yield places

    @contextmanager
    def _again(self, targets: Sequence[Target]) -> Iterator[list[Place]]:
        places = [
            replace(self, target=target, _reader=None, _writer=None, _opened=[], _children=[]) for target in targets
        ]
        try:
            yield places
        finally:
            for place in places:
                place.close()

    def close(self) -> None:
        """Close every handle that was opened here."""
        for child in self._children:
            child.close()
        for handle in self._opened:
            self.testbed.close_quietly(handle)
        self._opened.clear()
        self._reader = self._writer = None


@dataclass(frozen=True, slots=True)
class Tapped:
    """A place seen through the gate; attributes of the place are reached through it."""

    place: Place
    tap: Tap

    def requests(self) -> list[Exchange]:
        """Return the exchanges since the last `clear`, oldest first."""
        return self.tap.requests()

    def clear(self) -> None:
        """Forget what was seen; what was counted for the record stays counted."""
        self.place.testbed.note_exchanges(self.tap.requests())
        self.tap.clear()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.place, name)
