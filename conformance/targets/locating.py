"""
Finds the Python object that a word names: `package.module`, `file.py`, either with `:attribute`, or a registered name.

A target is an object with `storage.Reader` (and `.Writer`), or a callable without arguments that returns one. Every
word that names none is a `UsageError` with the nearest known one, or how to install what is missing.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance.settings import UsageError
from conformance.targets import HarnessError

if TYPE_CHECKING:
    from types import ModuleType

GROUP = "deeplake_conformance.targets"
"""Entry-point group in which a distribution registers its targets."""


@dataclass(frozen=True, slots=True)
class Located:
    """The object that a word names, and the module that holds it."""

    word: str
    module: ModuleType
    value: Any

    def build(self) -> Any:
        """Return the target itself: the object, or what it returns if it is a factory."""
        if _lacks(self.value) is None:
            return self.value
        built = self.value()
        lacks = _lacks(built)
        if lacks is not None:
            raise HarnessError(f"{self.word}() returned {type(built).__name__}, which has no `{lacks}`")
        return built

    def version(self) -> str:
        """Return the target's version: its own, its module's, or that of its distribution; empty if there is none."""
        for owner in (self.value, self.module):
            version = getattr(owner, "__version__", None)
            if isinstance(version, str):
                return version
        try:
            return metadata.version(self.module.__name__.partition(".")[0])
        except metadata.PackageNotFoundError:
            return ""

    def claims_file(self) -> Path | None:
        """Return `conformance.toml` inside a package, or `<stem>.toml` beside a single-file module, if it is there."""
        if self.module.__file__ is None:
            return None
        source = Path(self.module.__file__)
        name = "conformance.toml" if source.stem == "__init__" else f"{source.stem}.toml"
        file = source.with_name(name)
        return file if file.is_file() else None


def registered() -> dict[str, str]:
    """Return the registered targets: name to `module` or `module:attribute`."""
    return {entry.name: entry.value for entry in metadata.entry_points(group=GROUP)}


def only_registered() -> str:
    """Return the name of the only registered target."""
    names = sorted(registered())
    if len(names) == 1:
        return names[0]
    if not names:
        raise UsageError("no target is named and none is registered: --target MODULE[:ATTRIBUTE], or `-- COMMAND`")
    raise UsageError(f"several targets are registered, name one with --target: {', '.join(names)}")


@cache
def locate(word: str) -> Located:
    """Import what the word names and return the object; raises `UsageError`."""
    name, _, attribute = registered().get(word, word).partition(":")
    module = _load_file(name) if name.endswith(".py") else _import(name, word)
    value = _attribute(module, attribute, word) if attribute else module
    lacks = _lacks(value)
    if lacks is not None and not (attribute and callable(value)):
        hint = "" if attribute else "; name the object in it with MODULE:ATTRIBUTE"
        raise UsageError(f"target {word!r} has no `{lacks}`: a target is shaped like the `deeplake` module{hint}")
    return Located(word, module, value)


def _lacks(value: Any) -> str | None:
    storage = getattr(value, "storage", None)
    if storage is None or not hasattr(storage, "Reader"):
        return "storage.Reader"
    return None


def _import(name: str, word: str) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        raise UsageError(f"target {word!r} is not a module name, MODULE:ATTRIBUTE, or a .py file")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if not _is_itself(error, name):
            raise _broken(word, error) from None
    except Exception as error:  # noqa: BLE001 - whatever a foreign module raises while it is imported
        raise _broken(word, error) from None
    here = str(Path.cwd())
    if here not in sys.path:
        # The command's own sys.path lacks the directory that it is run in; `python -m` has it.
        sys.path.append(here)
        importlib.invalidate_caches()
        return _import(name, word)
    raise UsageError(_unknown(name, word))


def _is_itself(error: ModuleNotFoundError, name: str) -> bool:
    """Whether the missing module is the named one or a package around it, not something that it imports."""
    missing = error.name or ""
    return name == missing or name.startswith(f"{missing}.")


def _load_file(name: str) -> ModuleType:
    path = Path(name).resolve()
    if not path.is_file():
        near = get_close_matches(path.name, [file.name for file in path.parent.glob("*.py")], n=1, cutoff=0.5)
        raise UsageError(f"no such file: {name}{f'; did you mean {near[0]}?' if near else ''}")
    stem = path.stem
    loaded = sys.modules.get(stem)
    if loaded is not None and loaded.__file__ is not None and Path(loaded.__file__).resolve() == path:
        return loaded
    module_name = stem if stem.isidentifier() and _is_free(stem, path) else f"conformance_target_{stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"not a Python file: {name}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # its neighbours, as for a script
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # noqa: BLE001 - whatever a foreign file raises while it is imported
        del sys.modules[module_name]
        raise _broken(name, error) from None
    return module


def _is_free(stem: str, path: Path) -> bool:
    """Whether the name means this file or nothing, so that a pickle means the same in every process."""
    found = importlib.util.find_spec(stem)
    return found is None or (found.origin is not None and Path(found.origin).resolve() == path)


def _attribute(module: ModuleType, attribute: str, word: str) -> Any:
    value: Any = module
    for part in attribute.split("."):
        if not hasattr(value, part):
            names = [name for name in dir(value) if not name.startswith("_")]
            near = get_close_matches(part, names, n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]}?" if near else ""
            known = f"; known: {', '.join(names)}" if len(names) <= 16 else ""
            raise UsageError(f"target {word!r}: {module.__name__} has no attribute {part!r}{hint}{known}")
        value = getattr(value, part)
    return value


def _broken(word: str, error: Exception) -> UsageError:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "importlib" not in frame.filename]
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if len(frames) > 1 else ""
    hint = ""
    if isinstance(error, ModuleNotFoundError) and error.name:
        hint = f"\npip install {error.name.partition('.')[0].replace('_', '-')}"
    return UsageError(f"target {word!r} cannot be imported: {type(error).__name__}: {error}{where}{hint}")


def _unknown(name: str, word: str) -> str:
    names = sorted(registered())
    near = get_close_matches(word, names, n=1, cutoff=0.5)
    lines = [f"unknown target {word!r}: {f'did you mean {near[0]}? ' if near else ''}no module is named {name}"]
    if names:
        lines.append(f"registered: {', '.join(names)}")
    lines.append(
        f"a module is found if it is installed for {sys.executable} (pip install {name.partition('.')[0]}), lies in "
        "the current directory, or on PYTHONPATH; a file is named with its .py; a command goes after `--`"
    )
    return "\n".join(lines)
