"""
What every call into a Python target goes through: the stopwatch, the deadline, the form of exceptions, missing methods.
"""

from __future__ import annotations

from contextlib import contextmanager
from inspect import getattr_static
from typing import TYPE_CHECKING, Any, Self

from conformance import stopwatch
from conformance.targets import NotClaimed
from conformance.targets.deadline import interrupted_after
from conformance.targets.raised import is_from_target, normalised

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conformance.targets.masking import Secrets


class Door:
    """What all calls of one target go through; `limit_s` bounds each of them."""

    def __init__(self, limit_s: float, secrets: Secrets) -> None:
        self.limit_s = limit_s
        self.secrets = secrets

    @contextmanager
    def call(self, operation: str) -> Iterator[None]:
        """Time and bound the body, and turn what it raises into `TargetError`."""
        try:
            with stopwatch.target(), interrupted_after(self.limit_s, operation):
                yield
        except BaseException as error:
            if not is_from_target(error):
                raise
            told = normalised(error, self.secrets)
            # The cause shows where the target failed, unless printing it would spread a secret.
            raise told from (None if told.leaked else error)


class Handle:
    """One handle of the target; never shows what it was opened with."""

    def __init__(self, handle: Any, door: Door) -> None:
        self._handle = handle
        self._door = door

    def __repr__(self) -> str:
        return f"{type(self).__name__}({type(self._handle).__name__})"

    def _method(self, name: str) -> Callable[..., Any]:
        method = getattr(self._handle, name, None)
        if method is None:
            raise NotClaimed(f"{type(self._handle).__name__} has no method {name}")
        found: Callable[..., Any] = method
        return found

    def _call(self, name: str, *arguments: Any, **keywords: Any) -> Any:
        method = self._method(name)
        with self._door.call(name):
            return method(*arguments, **keywords)

    def _has(self, name: str) -> bool:
        """Whether the handle has an attribute, without running a property of the target."""
        missing = object()
        if getattr_static(self._handle, name, missing) is not missing:
            return True
        with self._door.call(name):  # the attributes of a wrapper are made on the way
            return hasattr(type(self._handle), "__getattr__") and hasattr(self._handle, name)

    @property
    def raw(self) -> Any:
        """The target's own object, for checks of what only Python objects have: copies, pickles, texts."""
        return self._handle

    def like(self, raw: Any) -> Self:
        """Return another object of the target, such as a copy of this one, behind the same door."""
        return type(self)(raw, self._door)

    def close(self) -> None:
        """Close the target's handle."""
        self._call("close")
