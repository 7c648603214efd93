"""
From words of the user to places and requirements; unknown words name the known ones and the nearest.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

from conformance.settings import AL, DEFAULT_PLACES, DEFAULT_SERVICES, LOCAL, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from conformance.services import Wanted
    from conformance.settings import RunSettings

SHOWN = 30
"""Known words that an error names; of more it says how to list them."""

WITHOUT_SESSIONS = ("versitygw",)
"""Services that give out no short-lived credentials, so that no control plane can stand in front of them."""


def prefix_of(place: str) -> str:
    """Return the path prefix of a place: its own name for local ones, `al` behind a control plane, else the service's."""
    from conformance.services import load

    if place.startswith(AL):
        return "al"
    return place if place in LOCAL else load(place).prefix


def service_of(place: str) -> str | None:
    """Return the service that stores what a place holds, None for local ones."""
    return None if place in LOCAL else place.removeprefix(AL)


def known_places() -> tuple[str, ...]:
    """Return every place that a run can have."""
    from conformance.services import storages

    through = (f"{AL}{name}" for name in storages() if name not in WITHOUT_SESSIONS)
    return (*LOCAL, *storages(), *through)


def holds_worlds(place: str) -> bool:
    """Whether worlds are set up in front of a place: a service before which the gate can be the authority."""
    from conformance.services import load

    service = service_of(place)
    return service is not None and bool(load(service).authority)


def unknown(kind: str, word: str, known: Iterable[str]) -> UsageError:
    """Return the error for a word that is not known."""
    names = {name.lower(): name for name in known}
    near = get_close_matches(word.lower(), list(names), n=1, cutoff=0.5)
    hint = f"did you mean {names[near[0]]}? " if near else ""
    shown = [name for name in names.values() if len(names) <= SHOWN or "-" not in name]
    more = "" if len(shown) == len(names) else "; `deeplake-conformance list` shows the requirements"
    return UsageError(f"unknown {kind} {word!r}: {hint}known: {', '.join(shown)}{more}")


def places(services: str | None, only_places: str | None = None) -> tuple[str, ...]:
    """Return the places of a run.

    Args:
        services: names separated by commas, `all`, `none`, or None for the default ones; `mem` and `file` always run.
        only_places: names separated by commas, which are then all the places there are.
    """
    known = known_places()
    if only_places is not None:
        if services is not None:
            raise UsageError("--services and --places exclude each other: --places names all the places of a run")
        chosen = _words(only_places) or _nothing("--places", known)
        for word in chosen:
            if word not in known:
                raise unknown("place", word, known)
        return tuple(dict.fromkeys(chosen))
    if services is None:
        return DEFAULT_PLACES
    if services == "all":
        return known
    if services == "none":
        return LOCAL
    chosen = _words(services) or _nothing("--services", (*known[len(LOCAL) :], "all", "none"))
    for word in chosen:
        if word == "activeloop":
            through = ", ".join(name for name in known if name.startswith(AL))
            raise UsageError(f"the control plane stores nothing itself: name the places behind it, such as {through}")
        if word not in known[len(LOCAL) :]:
            raise unknown("service", word, (*known[len(LOCAL) :], "all", "none"))
    return (*LOCAL, *dict.fromkeys(chosen))


def only(words: Sequence[str]) -> tuple[str, ...]:
    """Return the requirement ids that areas and ids name; nothing means all."""
    from conformance import requirements

    known = requirements.load()
    areas = list(dict.fromkeys(requirement.area for requirement in known.values()))
    chosen: list[str] = []
    if any(not _words(word) for word in words):
        _nothing("--only", areas)
    for word in (part for words_ in words for part in _words(words_)):
        if word.upper() in known:
            chosen.append(word.upper())
        elif word in areas:
            chosen.extend(identity for identity, requirement in known.items() if requirement.area == word)
        else:
            raise unknown("area or requirement", word, (*areas, *known))
    return tuple(dict.fromkeys(chosen))


def areas(text: str | None) -> tuple[str, ...]:
    """Return the areas that a text names, separated by commas; None means all."""
    from conformance import requirements

    known = tuple(dict.fromkeys(requirement.area for requirement in requirements.load().values()))
    if text is None:
        return known
    chosen = _words(text) or _nothing("--area", known)
    for word in chosen:
        if word not in known:
            raise unknown("area", word, known)
    return tuple(dict.fromkeys(chosen))


def are_used(option: str, named: Iterable[str], used: Sequence[str]) -> None:
    """Raise `UsageError` if an option is about a service that no place of the run needs."""
    for name in named:
        if name not in used:
            here = ", ".join(used) or "none"
            raise UsageError(
                f"{option} {name}: no place of this run is on {name}, add one by --services or --places; "
                f"services of this run: {here}"
            )


def service_urls(words: Sequence[str]) -> dict[str, str]:
    """Return the `NAME=URL` words as a mapping; only http and https URLs of known services."""
    from conformance.services import names

    found: dict[str, str] = {}
    for word in words:
        name, equals, url = word.partition("=")
        if not equals or not _is_base_url(url):
            raise UsageError(
                f"--service-url takes NAME=URL, such as moto=http://127.0.0.1:5000, without user and query: {name}"
            )
        if name not in names():
            raise unknown("service", name, names())
        found[name] = url.rstrip("/")
    return found


def _is_base_url(url: str) -> bool:
    """Whether a text is an http or https URL with a host, and nothing that a password or a query would be in."""
    if not re.fullmatch(r"https?://[!-~]+", url) or re.search(r"[@?#\\]", url):
        return False
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def wanted(settings: RunSettings) -> Wanted:
    """Return how the services of a run are to be had."""
    from conformance.services import Wanted

    # an engine is outside of a namespace
    runtime = "native" if settings.hermetic else settings.runtime
    # in a container the control plane would not reach storages that listen on 127.0.0.1
    beside = frozenset({"activeloop"}) - set(settings.images)
    return Wanted(runtime, settings.service_urls, settings.images, reuse=settings.reuse, processes=beside)


def images(words: Sequence[str]) -> dict[str, str]:
    """Return the `NAME=REF` words as a mapping; names are those of services."""
    from conformance.services import names

    found: dict[str, str] = {}
    for word in words:
        name, equals, reference = word.partition("=")
        if not equals or not reference or reference.startswith("-") or reference.split() != [reference]:
            raise UsageError(f"--image takes NAME=REF with an image that the engine has, or NAME=official: {word!r}")
        if name not in names():
            raise unknown("service", name, names())
        found[name] = reference
    return found


def service_names(words: Sequence[str]) -> tuple[str, ...]:
    """Return names of services, the default ones if none is given, all for `all`."""
    from conformance.services import names

    if "all" in words:
        return names()
    for word in words:
        if word not in names():
            raise unknown("service", word, (*names(), "all"))
    return tuple(dict.fromkeys(words)) or DEFAULT_SERVICES


def _nothing(option: str, known: Iterable[str]) -> NoReturn:
    raise UsageError(f"{option} names nothing; known: {', '.join(known)}")


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
