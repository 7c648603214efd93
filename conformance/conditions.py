"""
Conditional writes as checks make them.

A place that refuses a condition with StorageOperationUnsupported does not have it: such a check ends as not claimed.
Whether refusals are right is judged by COND-16 alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict, Unpack

from conformance.expectations import CheckFailure, assert_equal, raises
from conformance.targets import Meta, NotClaimed, TargetError, Writer

if TYPE_CHECKING:
    from conformance.places import Place


class Condition(TypedDict, total=False):
    """One of the two conditions of `set`."""

    if_absent: bool
    if_match: str


LOSS = {"if_absent": "StorageKeyAlreadyExists", "if_match": "StoragePreconditionFailed"}
"""What a lost write raises, by its condition."""


def condition(name: str, etag: str) -> Condition:
    """Return the condition of this name; only `if_match` looks at the etag."""
    return {"if_absent": True} if name == "if_absent" else {"if_match": etag}


def set_if(writer: Writer, path: str, content: bytes, **condition: Unpack[Condition]) -> Meta | None:
    """Set an object under a condition; raises `NotClaimed` where the place refuses such."""
    try:
        return writer.set(path, content, **condition)
    except TargetError as error:
        if error.is_a("StorageOperationUnsupported"):
            raise NotClaimed(f"{' and '.join(condition)} is refused here: {error.message}") from None
        raise


def loses(writer: Writer, path: str, content: bytes, **condition: Unpack[Condition]) -> TargetError:
    """Return the error of a conditional write that must lose."""
    (name,) = condition
    return raises(LOSS[name], set_if, writer, path, content, **condition)


def never_matches(place: Place, path: str, content: bytes, etag: str) -> None:
    """Check that a write with this text as its etag loses; a refusal counts only where right etags are refused too."""
    try:
        loses(place.writer, path, content, if_match=etag)
    except NotClaimed as refused:
        other = f"{path.rpartition('/')[0]}/other/right.k"
        place.witness.put(other, b"x")
        set_if(place.writer, other, b"y", if_match=etag_of(place, other))
        raise CheckFailure(LOSS["if_match"], str(refused), f"set with the etag {etag!r}") from None


def etag_of(place: Place, path: str) -> str:
    """Return the etag of an object that exists; raises `NotClaimed` where the target has none."""
    meta = place.reader.metadata(path)
    if meta is None or meta.etag is None:
        raise NotClaimed(f"metadata({path!r}) has no etag that could be a condition")
    return meta.etag


def state_of(place: Place, path: str) -> tuple[bytes | None, str | None]:
    """Return the value that the witness sees and the etag that the target tells, None for what is missing."""
    meta = place.reader.metadata(path)
    return place.witness.get(path), meta.etag if meta else None


def assert_missing(place: Place, path: str) -> None:
    """Raise `CheckFailure` if there is an object, or an entry in a listing."""
    folder = path.rpartition("/")[0]
    assert_equal(None, place.witness.get(path), "the witness")
    assert_equal([], place.witness.keys(path), "the witness' listing")
    assert_equal(-1, place.reader.length(path), "length")
    assert_equal([], [meta.path for meta in place.reader.list(folder) if meta.path == path], "list")
