"""
Ties a check to its requirement, and scales what it tries to the profile.

```python
@checks("RANGE-1")
@given(data=st.data())
def test_get_returns_the_slice(place, data): ...
```
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from hypothesis import settings

from conformance import requirements, selecting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Test = TypeVar("Test", bound="Callable[..., Any]")

ByCloud = Mapping[str, "Sequence[Any] | Mapping[str, Any]"]
"""For each cloud its cases, in order or by label."""

PROFILES = {"quick": 25, "default": 100, "thorough": 2000}
"""Hypothesis examples per check and place, by profile."""

THROUGH_A_PLANE = frozenset(
    ("objects", "directories", "metadata", "ranges", "listing", "conditional", "datasets", "errors", "handles")
)
"""Areas that say something of `al://` places: what they say of a cloud holds whoever gave out the credentials."""

FEWEST = 3
"""Examples below which a drawn property says little."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What the decorators of this module noted on a check."""

    requirement: str
    in_process: bool = False
    wired: bool = False
    prefixes: frozenset[str] = frozenset()
    profiles: frozenset[str] = frozenset(PROFILES)
    needs: frozenset[str] = frozenset()
    worlds: bool = False
    space: str = ""
    share: int = 1
    hermetic: bool = False
    rows: Rows | None = None
    direct: bool = False

    def applies_to(self, place: str, prefix: str) -> bool:
        """Whether the check says anything on this place; where none does, the report shows a dash."""
        if self.wired and place == prefix:
            return False
        if self.worlds and not selecting.holds_worlds(place):
            return False
        if self.prefixes:
            return prefix in self.prefixes
        # what is said of every place is said of `al://` where it does not matter who gave out the credentials
        return prefix != "al" or (not self.direct and requirements.load()[self.requirement].area in THROUGH_A_PLANE)


PREFIX = {"aws": "s3", "azure": "az", "google": "gcs", "activeloop": "al"}
"""The prefix of the services in front of which the worlds of a cloud are set up."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The cases of a check that says the same of several clouds.

    Attributes:
        names: the parameters of the check.
        of_cloud: for each cloud its cases, a label and the values of each.
    """

    names: tuple[str, ...]
    of_cloud: Mapping[str, tuple[tuple[str, tuple[Any, ...]], ...]]

    def at(self, prefix: str) -> list[tuple[str, tuple[Any, ...]]]:
        """Return label and values of the cases in front of services of a prefix."""
        return [case for cloud, cases in self.of_cloud.items() if PREFIX[cloud] == prefix for case in cases]


profile = "default"
"""The profile of this process; the plug-in sets it before it imports the checks."""

tried = 0
"""Examples tried since the plug-in last set it to zero."""


def checks(requirement: str) -> Callable[[Test], Test]:
    """Mark a test as a check of exactly one requirement; unknown ids and second marks are refused at import."""
    if requirement not in requirements.load():
        raise requirements.SpecError(f"no requirement is called {requirement!r} in conformance/spec")

    def mark(test: Test) -> Test:
        if "requirement" in _notes(test):
            raise requirements.SpecError(f"{test.__name__} checks {_notes(test)['requirement']} already")
        _notes(test)["requirement"] = requirement
        return test

    return mark


def budget(share: float) -> Callable[[Test], Test]:
    """Give a dear check a share of the profile's examples, at least three; stands with `@given` or above it."""
    return settings(max_examples=examples(profile, share))


def note_example() -> None:
    """Count one example; the plug-in does it for `@given`, a state machine calls it when it starts."""
    global tried
    tried += 1


def wired(test: Test) -> Test:
    """Mark a check that needs a service, such as one of buckets or of requests; local places show a dash."""
    _notes(test)["wired"] = True
    return test


def direct(test: Test) -> Test:
    """Mark a check that signs with credentials of its own choice, or looks at the URL of a cloud; `al://` hides both."""
    _notes(test)["direct"] = True
    return test


def on(*prefixes: str) -> Callable[[Test], Test]:
    """Mark a check that says something on these prefixes only (`mem`, `file`, `s3`, `az`, `gcs`)."""

    def mark(test: Test) -> Test:
        _notes(test)["prefixes"] = frozenset(prefixes)
        return test

    return mark


def needs(*options: str) -> Callable[[Test], Test]:
    """Mark a check that needs options of the claims, such as `concurrent`; without them it is not claimed."""

    def mark(test: Test) -> Test:
        _notes(test)["needs"] = frozenset(options)
        return test

    return mark


def in_worlds(prefix: str) -> Callable[[Test], Test]:
    """Mark a check that runs the target in worlds, in front of a service of this prefix before which the gate verifies."""

    def mark(test: Test) -> Test:
        _notes(test).update(worlds=True, prefixes=frozenset((prefix,)))
        return test

    return mark


def in_worlds_of(names: str, rows: ByCloud) -> Callable[[Test], Test]:
    """Mark a check that says the same of several clouds, and is collected in front of each for that cloud's cases.

    Args:
        names: the parameters, separated by commas.
        rows: for each cloud (`aws`, `azure`, `google`, `activeloop`) its cases: the value of the parameter, or a tuple of
            several; a mapping gives them labels, otherwise the values are the label.
    """
    parameters = tuple(name.strip() for name in names.split(","))

    def labelled(cases: Sequence[Any] | Mapping[str, Any]) -> Iterator[tuple[str, tuple[Any, ...]]]:
        given = cases.items() if isinstance(cases, Mapping) else ((None, case) for case in cases)
        for label, case in given:
            values = case if len(parameters) > 1 else (case,)
            if len(values) != len(parameters):
                raise ValueError(f"{len(parameters)} parameters, {names}, and a case of {len(values)} values")
            yield label or "-".join(map(str, values)), values

    made = Rows(parameters, {cloud: tuple(labelled(cases)) for cloud, cases in rows.items()})

    def mark(test: Test) -> Test:
        _notes(test).update(worlds=True, prefixes=frozenset(PREFIX[cloud] for cloud in rows), rows=made)
        return test

    return mark


def over_space(cloud: str) -> Callable[[Test], Test]:
    """Mark a check that is collected once for each world of a cloud, as `world`; the profile says which."""

    def mark(test: Test) -> Test:
        _notes(test)["space"] = cloud
        return test

    return mark


def in_turns(share: int) -> Callable[[Test], Test]:
    """Collect one case in so many where the quick profile looks at everything; another seed takes others.

    Who asks for a requirement, an area or a case gets all of them in every profile.
    """

    def mark(test: Test) -> Test:
        _notes(test)["share"] = share
        return test

    return mark


def in_process_only(test: Test) -> Test:
    """Mark a check of what only objects in one process can show, such as aliasing of buffers.

    Through the stdio door its verdict is inconclusive, with that reason.
    """
    _notes(test)["in_process"] = True
    return test


def only_profiles(*profiles: str) -> Callable[[Test], Test]:
    """Collect a check in these profiles only; elsewhere the requirement's other checks speak for it."""

    def mark(test: Test) -> Test:
        _notes(test)["profiles"] = frozenset(profiles)
        return test

    return mark


def only_hermetic(test: Test) -> Test:
    """Collect a check only in a run with `--hermetic`, where the kernel shows what it asks."""
    _notes(test)["hermetic"] = True
    return test


def marks_of(test: Callable[..., Any]) -> Marks | None:
    """Return the marks of a test function, or None if it is no check."""
    notes = getattr(test, "conformance_notes", None)
    return Marks(**notes) if notes and "requirement" in notes else None


def examples(name: str, share: float = 1.0) -> int:
    """Return the number of Hypothesis examples of a check in a profile."""
    return max(FEWEST, round(PROFILES[name] * share))


def _notes(test: Callable[..., Any]) -> dict[str, Any]:
    notes: dict[str, Any] | None = getattr(test, "conformance_notes", None)
    if notes is None:
        notes = {}
        test.conformance_notes = notes  # type: ignore[attr-defined]
    return notes
