"""
What a Python target raised, in the form that all targets' errors have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.targets import TargetDied, TargetError, errors
from conformance.targets.messages import DETAILS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.targets.masking import Secrets


def is_from_target(error: BaseException) -> bool:
    """Whether an exception is the target's, also what a library of its own raises past `Exception`.

    `PanicException` is what a crash in Rust code looks like (PyO3). A target that calls `sys.exit` ends no run.
    """
    if isinstance(error, TargetDied | TargetError):  # told already: it hung, or its result has a wrong form
        return False
    return isinstance(error, Exception | SystemExit) or type(error).__name__ == "PanicException"


def normalised(error: BaseException, secrets: Secrets) -> TargetError:
    """Return an exception as a `TargetError`; its ancestors are its real bases, its details those attributes it has."""
    message, leaked = secrets.find(_text(error))
    for cause in _causes(error):
        leaked |= secrets.find(_text(cause))[1]
    texts = {name: None if (value := _detail(error, name)) is None else secrets.mask(value) for name in DETAILS}
    status = getattr(error, "http_status", None)
    return TargetError(
        type(error).__name__,
        message,
        ancestors=errors.with_aliases(kind.__name__ for kind in type(error).__mro__ if kind is not object),
        http_status=int(status) if isinstance(status, int) else None,
        leaked=leaked,
        **texts,
    )


def _text(error: BaseException) -> str:
    try:
        if type(error).__str__ is KeyError.__str__ and len(error.args) == 1:
            return str(error.args[0])  # str() of a KeyError is the repr of its argument
        return str(error)
    except Exception:  # noqa: BLE001 - a target's broken __str__ is its own affair, and shows as an empty message
        return ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen = {id(error)}
    cause = error.__cause__ or error.__context__
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__


def _detail(error: BaseException, name: str) -> str | None:
    value = getattr(error, name, None)
    return str(value) if isinstance(value, str | int) else None
