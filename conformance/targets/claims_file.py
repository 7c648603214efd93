"""
Reads a claims file, whose form the docstring of `claims` shows.

Every mistake is one `UsageError` that names the file, the place in it, and what would be right.
"""

from __future__ import annotations

import tomllib
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar

from conformance.settings import UsageError
from conformance.targets.claims import CLAIMED, DEFAULT_OPTIONS, PREFIXES, SOURCES, Claims, KnownFailure, Unclaimed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

Entry = TypeVar("Entry", Unclaimed, KnownFailure)

FEW = 16
"""Known words that a message lists; of more, the nearest one helps more than the list."""


def read_claims(path: Path) -> Claims:
    """Read a claims file; raises `UsageError` with the first mistake."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"the claims cannot be read: {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path.name}: not valid TOML: {error}") from None
    return _Form(path.name).claims(table)


class _Form:
    """Checks the values of one file; every refusal starts with the file's name and the place in it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def refuse(self, where: str, why: str) -> UsageError:
        return UsageError(f"{self.name}: {where + ': ' if where else ''}{why}")

    def claims(self, table: dict[str, Any]) -> Claims:
        known = ("name", "areas", "prefixes", "sources", "options", "defined", "creds", "not_claimed", "known_failure")
        self.keys(table, known, "")
        prefixes = self.words(table.get("prefixes", CLAIMED), "prefixes", PREFIXES, "prefix")
        return Claims(
            name=self.text(table.get("name", ""), "name"),
            areas=self.words(table.get("areas", ()), "areas", _areas(), "area"),
            prefixes=prefixes,
            sources=self.sources(table["sources"], prefixes) if "sources" in table else None,
            options=self.options(self.table(table.get("options", {}), "options")),
            defined=self.defined(self.table(table.get("defined", {}), "defined")),
            creds=self.creds(self.table(table.get("creds", {}), "creds")),
            not_claimed=tuple(self.entries(table, "not_claimed", self.unclaimed)),
            known_failures=tuple(self.entries(table, "known_failure", self.known_failure)),
        )

    def sources(self, value: Any, prefixes: Iterable[str]) -> tuple[str, ...]:
        known = [name for prefix in prefixes for name in SOURCES.get(prefix, ())]
        everywhere = {name: prefix for prefix, names in SOURCES.items() for name in names}
        for word in self.strings(value, "sources"):
            if word in everywhere and word not in known:
                raise self.refuse("sources", f"{word} is of {everywhere[word]}, which is not among the prefixes")
        return self.words(value, "sources", known, "source")

    def options(self, table: dict[str, Any]) -> dict[str, Any]:
        self.keys(table, DEFAULT_OPTIONS, "[options]")
        for name in ("anonymous", "concurrent"):
            if not isinstance(table.get(name, True), bool):
                raise self.refuse(f"[options] {name}", f"true or false: {table[name]!r}")
        deadline = table.get("deadline_s", 1)
        if isinstance(deadline, bool) or not isinstance(deadline, int | float) or not 0 < deadline < float("inf"):
            raise self.refuse("[options] deadline_s", f"a positive number of seconds: {deadline!r}")
        lists = {
            name: tuple(self.strings(table.get(name, []), f"[options] {name}"))
            for name in ("reserved_directories", "preload")
        }
        return DEFAULT_OPTIONS | table | lists

    def defined(self, table: dict[str, Any]) -> dict[str, str]:
        return {
            self.requirement(name, "[defined]"): self.text(choice, f"[defined] {name}")
            for name, choice in table.items()
        }

    def creds(self, table: dict[str, Any]) -> dict[str, dict[str, str]]:
        self.keys(table, ("s3", "az", "gcs"), "[creds]", kind="prefix")
        return {
            prefix: {
                name: self.text(renamed, f"[creds.{prefix}] {name}")
                for name, renamed in self.table(names, f"creds.{prefix}").items()
            }
            for prefix, names in table.items()
        }

    def unclaimed(self, table: dict[str, Any], where: str) -> Unclaimed:
        self.keys(table, ("requirement", "prefixes", "reason"), where)
        return Unclaimed(
            requirement=self.requirement(self.needed(table, "requirement", where), where),
            reason=self.needed(table, "reason", where),
            prefixes=self.words(table.get("prefixes", PREFIXES), f"{where} prefixes", PREFIXES, "prefix"),
        )

    def known_failure(self, table: dict[str, Any], where: str) -> KnownFailure:
        self.keys(table, ("requirement", "place", "case", "reason", "link"), where)
        place = table.get("place", [])
        return KnownFailure(
            requirement=self.requirement(self.needed(table, "requirement", where), where),
            reason=self.needed(table, "reason", where),
            link=self.needed(table, "link", where),
            places=self.words([place] if isinstance(place, str) else place, f"{where} place", _places(), "place"),
            case=self.text(table["case"], f"{where} case") if "case" in table else None,
        )

    def entries(
        self, table: dict[str, Any], name: str, read: Callable[[dict[str, Any], str], Entry]
    ) -> Iterable[Entry]:
        given = table.get(name, [])
        if not isinstance(given, list):
            raise self.refuse(name, f"written as [[{name}]], once per requirement")
        for number, entry in enumerate(given, 1):
            yield read(self.table(entry, name), f"[[{name}]] number {number}")

    def keys(self, table: Mapping[str, Any], known: Iterable[str], where: str, kind: str = "key") -> None:
        for key in table:
            self.known(key, known, where, kind)

    def known(self, word: str, known: Iterable[str], where: str, kind: str) -> str:
        names = list(known)
        if word not in names:
            near = get_close_matches(word, names, n=1, cutoff=0.4)
            hints = [f"did you mean {near[0]}?"] if near else []
            if len(names) <= FEW:
                hints.append(f"known: {', '.join(names)}")
            raise self.refuse(where, f"unknown {kind} {word!r}{': ' if hints else ''}{' '.join(hints)}")
        return word

    def requirement(self, word: str, where: str) -> str:
        from conformance import requirements

        return self.known(word, requirements.load(), where, "requirement")

    def needed(self, table: dict[str, Any], key: str, where: str) -> str:
        if key not in table:
            raise self.refuse(where, f"{key} is missing")
        text = self.text(table[key], f"{where} {key}")
        if not text.strip():
            raise self.refuse(where, f"{key} is empty")
        return text

    def words(self, value: Any, where: str, known: Iterable[str], kind: str) -> tuple[str, ...]:
        names = tuple(known)
        return tuple(self.known(word, names, where, kind) for word in self.strings(value, where))

    def strings(self, value: Any, where: str) -> list[str]:
        if not isinstance(value, list | tuple) or not all(isinstance(word, str) for word in value):
            raise self.refuse(where, f"a list of texts: {value!r}")
        return list(value)

    def text(self, value: Any, where: str) -> str:
        if not isinstance(value, str):
            raise self.refuse(where, f"a text: {value!r}")
        return value

    def table(self, value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.refuse(where, f"a table: {value!r}")
        return value


def _areas() -> tuple[str, ...]:
    from conformance import requirements

    return tuple(dict.fromkeys(requirement.area for requirement in requirements.load().values()))


def _places() -> tuple[str, ...]:
    from conformance.selecting import known_places

    return tuple(dict.fromkeys([*PREFIXES, *known_places()]))
