"""
A dictionary with the rules of the storage API.
"""

from __future__ import annotations


def utf8(text: str) -> bytes:
    """Return the bytes that keys are sorted by."""
    return text.encode("utf-8", "surrogatepass")


Names = list[str]


class Objects:
    """What one root holds; keys relative to it."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}

    def set(self, key: str, value: bytes) -> None:
        """Replace a whole object."""
        self.values[key] = value

    def get(self, key: str, start: int | None = None, end: int | None = None) -> bytes | None:
        """Return a slice, None if there is no such object."""
        value = self.values.get(key)
        return None if value is None else value[start:end]

    def length(self, key: str) -> int:
        """Return the size, -1 if there is no such object."""
        value = self.values.get(key)
        return -1 if value is None else len(value)

    def remove(self, key: str) -> None:
        """Remove exactly this object."""
        self.values.pop(key, None)

    def remove_directory(self, directory: str) -> None:
        """Remove what `list` shows."""
        for key in self.list(directory):
            del self.values[key]

    def list(self, directory: str = "") -> list[str]:
        """Return all keys below a directory, in UTF-8 order."""
        prefix = _prefix(directory)
        return sorted((key for key in self.values if key.startswith(prefix)), key=utf8)

    def list_dirs(self, directory: str = "") -> Names:
        """Return the child directories, in UTF-8 order."""
        prefix = _prefix(directory)
        rest = (key.removeprefix(prefix) for key in self.list(directory))
        return sorted({prefix + name.partition("/")[0] for name in rest if "/" in name}, key=utf8)


def _prefix(directory: str) -> str:
    trimmed = directory.removesuffix("/")
    return f"{trimmed}/" if trimmed else ""
