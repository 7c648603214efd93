"""
The dictionary with etags: which conditional writes win.
"""

from __future__ import annotations

from conformance.model.objects import Objects


class ConditionalObjects(Objects):
    """What one root holds, and by which etag each object goes now.

    Etags are the target's: after each write that won they are noted, and compared as texts. `past` has all that an object
    at a key ever had, the newest last.
    """

    def __init__(self) -> None:
        super().__init__()
        self.etags: dict[str, str] = {}
        self.past: dict[str, list[str]] = {}

    def wins(self, key: str, *, if_absent: bool = False, if_match: str | None = None) -> bool:
        """Whether a write with this condition, or with none, stores its content."""
        if if_absent:
            return key not in self.values
        return if_match is None or self.etags.get(key) == if_match

    def stored(self, key: str, value: bytes, etag: str) -> None:
        """Note a write that won, and the etag that the object has since."""
        self.set(key, value)
        self.etags[key] = etag
        self.past.setdefault(key, []).append(etag)

    def remove(self, key: str) -> None:
        """Remove exactly this object; its etag is nobody's any more."""
        super().remove(key)
        self.etags.pop(key, None)
