"""
Secrets that never print and never pickle.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any, NoReturn


class _Sealed:
    """What `Secret` and `SecretFields` do not do: print, pickle, and be copied in clear."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}('***')"

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        return repr(self)

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError("a secret is not pickled")

    def __copy__(self) -> _Sealed:
        return self

    def __deepcopy__(self, _memo: object) -> _Sealed:
        return self


class Secret(_Sealed):
    """Holds one secret text; `reveal` is the only way to it, so that each use can be found by that name."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text, to be handed to an SDK and to nothing else."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._encoded(), other._encoded())

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __bool__(self) -> bool:
        return bool(self._text)

    def _encoded(self) -> bytes:
        return self._text.encode("utf-8", "surrogatepass")


class SecretFields(_Sealed):
    """Holds a copy of the creds that a caller gave; later changes of the caller's dictionary do not matter."""

    __slots__ = ("_given",)

    def __init__(self, given: Mapping[str, Any] | str | None) -> None:
        self._given = dict(given) if isinstance(given, Mapping) else given

    def reveal(self) -> dict[str, Any] | str | None:
        """Return what was given, to be looked at by a credential source and by nothing else."""
        return self._given
