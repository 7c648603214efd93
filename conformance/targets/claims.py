"""
What a target says about itself, read from a TOML file of its own.

```toml
name = "folder"
areas = ["objects", "ranges"]           # default: all
prefixes = ["file"]                     # default: mem file s3 az gcs; al has to be named
sources = ["aws_dict", "aws_env"]       # where it looks for credentials; default: all sources of its prefixes

[options]
concurrent = true                       # its handles may be used from several threads
deadline_s = 60                         # every operation ends within so many seconds
reserved_directories = [".tmp"]         # names that it hides on disk and that a witness must not count
preload = ["boto3"]                     # modules to import before a process is forked for each world; default: never forked

[defined]                               # its choice for a requirement of level DEFINED
PATH-9 = "literal"

[creds.s3]                              # names that differ from the contract's
endpoint_url = "aws_endpoint"

[[not_claimed]]
requirement = "META-4"
prefixes = ["az"]                       # default: all
reason = "there is no such call"

[[known_failure]]
requirement = "OBJ-7"
place = "moto"                          # a place or a prefix, or several; default: all
case = "key-with-empty-segment"         # default: every case
reason = "..."
link = "https://..."
```

Read by `claims_file`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from conformance.model.precedence import ORDER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PREFIXES = ("mem", "file", "s3", "az", "gcs", "al")

# a target that does not know `ACTIVELOOP_ENDPOINT` would ask the public control plane
CLAIMED = tuple(prefix for prefix in PREFIXES if prefix != "al")
"""What a target claims that names no prefixes."""

SOURCES = {"s3": ORDER["aws"], "az": ORDER["azure"], "gcs": ORDER["google"], "al": ORDER["activeloop"]}
"""Where a credential may come from, by prefix; a claims file uses these names, in any order."""

DEFAULT_OPTIONS: dict[str, Any] = {
    # a target that does not know `anon` would look for whom it is on the machine, and ask addresses beyond loopback
    "anonymous": False,
    "concurrent": True,
    "deadline_s": 60.0,
    "reserved_directories": (),
    # what is preloaded must have read nothing of the machine yet: neither variables nor files, no thread, no connection
    "preload": (),
}


@dataclass(frozen=True, slots=True)
class Unclaimed:
    """One requirement that a target does not have, on all prefixes or on some."""

    requirement: str
    reason: str
    prefixes: tuple[str, ...] = PREFIXES


@dataclass(frozen=True, slots=True)
class KnownFailure:
    """One requirement that a target is known to fail; it is still checked, and passing is news.

    `places` are ids of places or prefixes; empty means everywhere. `case` is a case label; None means every case.
    """

    requirement: str
    reason: str
    link: str
    places: tuple[str, ...] = ()
    case: str | None = None

    def whole(self, case: str | None) -> bool:
        """Whether this entry is about exactly that case, so that its passing means that the entry is out of date.

        An entry without a case stands for a check whose other cases may well fail; one case that passes is no news.
        """
        return self.case == case


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of one target; a target without a file claims everything but `al://` and knows no failure."""

    name: str = ""
    areas: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = CLAIMED
    options: Mapping[str, Any] = field(default_factory=lambda: dict(DEFAULT_OPTIONS))
    defined: Mapping[str, str] = field(default_factory=dict)
    creds: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    sources: tuple[str, ...] | None = None
    not_claimed: tuple[Unclaimed, ...] = ()
    known_failures: tuple[KnownFailure, ...] = ()

    @property
    def deadline_s(self) -> float:
        """Seconds within which every operation ends, also when the service hangs."""
        return float(self.options["deadline_s"])

    @property
    def concurrent(self) -> bool:
        """Whether handles may be used from several threads at once."""
        return bool(self.options["concurrent"])

    @property
    def reserved_directories(self) -> tuple[str, ...]:
        """Names of directories that the target keeps for itself below a local root."""
        return tuple(self.options["reserved_directories"])

    @property
    def preload(self) -> tuple[str, ...]:
        """Modules that may be imported once for many worlds; none means that each world gets a new process."""
        return tuple(self.options["preload"])

    def claimed_sources(self, prefix: str) -> tuple[str, ...]:
        """Return the credential sources that the target claims on a prefix, in the order of `SOURCES`."""
        if prefix not in self.prefixes:
            return ()
        return tuple(name for name in SOURCES.get(prefix, ()) if self.sources is None or name in self.sources)

    def claims_source(self, name: str) -> bool:
        """Whether the target looks for credentials there."""
        return any(name in self.claimed_sources(prefix) for prefix in SOURCES)

    def claims_prefix(self, prefix: str) -> bool:
        """Whether the target serves paths of this prefix at all."""
        return prefix in self.prefixes

    def unclaimed_sources(self, sources: Iterable[str]) -> set[str]:
        """Return those sources of credentials that the target does not have."""
        return set() if self.sources is None else set(sources) - set(self.sources)

    def not_claimed_reason(self, requirement: str, prefix: str) -> str | None:
        """Return why a requirement is not claimed on a prefix, or None if it is."""
        from conformance import requirements

        if prefix not in self.prefixes:
            return f"{prefix} is not among the prefixes of the claims"
        area = requirements.load()[requirement].area
        if self.areas and area not in self.areas:
            return f"{area} is not among the areas of the claims"
        for entry in self.not_claimed:
            if entry.requirement == requirement and prefix in entry.prefixes:
                return entry.reason
        return None

    def known_failure(self, requirement: str, place: str, case: str | None = None) -> KnownFailure | None:
        """Return the entry that excuses a failure of a case on a place; one that names the case goes first."""
        from conformance.selecting import prefix_of

        fitting = [
            entry
            for entry in self.known_failures
            if entry.requirement == requirement
            and entry.case in (None, case)
            and (not entry.places or place in entry.places or prefix_of(place) in entry.places)
        ]
        return min(fitting, key=lambda entry: entry.case is None, default=None)

    def summary(self) -> dict[str, Any]:
        """Return the claims as plain data for the record."""
        return {
            "name": self.name,
            "areas": list(self.areas) or "all",
            "prefixes": list(self.prefixes),
            "sources": "all" if self.sources is None else list(self.sources),
            "options": {name: _plain(value) for name, value in self.options.items()},
            "defined": dict(self.defined),
            "not_claimed": [{"requirement": entry.requirement, "reason": entry.reason} for entry in self.not_claimed],
            "known_failures": [
                {
                    "requirement": entry.requirement,
                    "places": list(entry.places),
                    "case": entry.case,
                    "reason": entry.reason,
                    "link": entry.link,
                }
                for entry in self.known_failures
            ],
        }


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
