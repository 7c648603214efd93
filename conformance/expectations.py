"""
What a check says about an observation: it holds, it does not (with expected and observed), or it cannot be judged here.

Three outcomes never mix: `CheckFailure` and an unexpected `TargetError` are the target's, `Inconclusive` is nobody's, and
every other exception out of a check is ours (harness-error).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance.targets import TargetError

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST = 600  # characters of a value in a report; a 64 MiB value helps nobody there


class CheckFailure(AssertionError):
    """The target broke the requirement; `expected` and `observed` are texts for the report."""

    def __init__(self, expected: str, observed: str, what: str = "") -> None:
        self.expected = expected
        self.observed = observed
        self.what = what
        super().__init__(f"{what + ': ' if what else ''}expected {expected}, observed {observed}")


class Inconclusive(Exception):
    """The case cannot be judged here, for a reason that the report prints."""


def shown(value: object) -> str:
    """Return a short text of a value: bytes beyond a few hundred give their length and both ends."""
    if isinstance(value, bytes) and len(value) > 64:
        return f"{len(value)} bytes {value[:24]!r}...{value[-8:]!r}"
    text = value.text() if isinstance(value, Raised) else repr(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 40]}... ({len(text)} characters)"


def assert_equal(expected: object, observed: object, what: str = "") -> None:
    """Raise `CheckFailure` unless both are equal."""
    if expected != observed:
        raise CheckFailure(shown(expected), shown(observed), what)


def assert_true(condition: object, *, expected: object, observed: object, what: str = "") -> None:
    """Raise `CheckFailure` unless the condition holds; `expected` is a sentence or a value."""
    if not condition:
        expected_text = expected if isinstance(expected, str) else shown(expected)
        raise CheckFailure(expected_text, observed if isinstance(observed, str) else shown(observed), what)


class Raised:
    """What a call raised, as a value that compares and prints."""

    def __init__(self, error: TargetError) -> None:
        self.error = error

    def text(self) -> str:
        """Return the error's class and message."""
        return f"{self.error.class_name}: {self.error.message}"

    def __repr__(self) -> str:
        return self.text()


def raises(name: str, call: Callable[..., Any], *arguments: object, **keywords: object) -> TargetError:
    """Return the error of the contract's class `name` that the call must raise."""
    try:
        result = call(*arguments, **keywords)
    except TargetError as error:
        if error.is_a(name):
            return error
        if error.is_a("StorageProviderMissingError"):
            raise  # this environment lacks what the call needs
        raise CheckFailure(name, Raised(error).text(), _call_text(call, arguments, keywords)) from None
    raise CheckFailure(f"{name} to be raised", f"the result {shown(result)}", _call_text(call, arguments, keywords))


def _call_text(call: Callable[..., Any], arguments: tuple[object, ...], keywords: dict[str, object]) -> str:
    given = [shown(argument) for argument in arguments] + [f"{name}={shown(each)}" for name, each in keywords.items()]
    return f"{getattr(call, '__name__', 'call')}({', '.join(given)})"
