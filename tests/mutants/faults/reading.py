"""
Mutants of ranges: bounds that are shifted, swapped, ignored, or asked for at another price.
"""

from __future__ import annotations

from typing import Any

from deeplake_ref.errors import StorageInternalError
from tests.mutants.faults.api_reading import ranges_become
from tests.mutants.registry import Replacements, mutant, replaced


def reads_become(target: Any, change: Any) -> Replacements:
    """Replace `get` by a function of the right one, the handle, a path and two bounds."""
    right = target.storage.Reader.get

    def get(self: Any, path: str, start_bytes: int | None = None, end_bytes: int | None = None) -> Any:
        return change(right, self, path, start_bytes, end_bytes)

    return replaced(target.storage.Reader, get=get)


# ---- bounds


@mutant(kills="RANGE-2")
def the_end_is_inclusive(target: Any) -> Replacements:
    """Passes the end on as the last byte, as HTTP has it."""
    return ranges_become(target, lambda start, end: (start, end and end + 1))


@mutant(kills="RANGE-4")
def a_short_read_is_padded(target: Any) -> Replacements:
    """Fills a buffer of the size that was asked for, and leaves zeros where the object has ended."""

    def padded(right: Any, self: Any, path: str, start: int | None, end: int | None) -> bytes:
        found = bytes(right(self, path, start, end))
        return found if end is None else found.ljust(end - (start or 0), b"\0")

    return reads_become(target, padded)


@mutant(kills="RANGE-6")
def an_empty_range_is_malformed(target: Any) -> Replacements:
    """Asks for bytes 5 to 4 where both bounds are 5, which servers ignore as no range."""
    return ranges_become(target, lambda start, end: (None, None) if start and start == end else (start, end))


@mutant(kills="RANGE-7")
def a_start_alone_is_ignored(target: Any) -> Replacements:
    """Ignores a start that comes without an end."""
    return ranges_become(target, lambda start, end: (None if end is None else start, end))


@mutant(kills="RANGE-9")
def negative_bounds_count_from_the_end(target: Any) -> Replacements:
    """Counts negative bounds from the end, as slices do."""

    def sliced(right: Any, self: Any, path: str, start: int | None, end: int | None) -> Any:
        if (start or 0) < 0 or (end or 0) < 0:
            return bytes(right(self, path))[start:end]
        return right(self, path, start, end)

    return reads_become(target, sliced)


@mutant(kills="RANGE-10")
def inverted_bounds_are_swapped(target: Any) -> Replacements:
    """Swaps bounds of which the first is the larger."""

    def ordered(start: int | None, end: int | None) -> tuple[int | None, int | None]:
        return (end, start) if start is not None and end is not None and start > end else (start, end)

    return ranges_become(target, ordered)


@mutant(kills="RANGE-10", places=("moto",))
def bounds_are_looked_at_too_late(target: Any) -> Replacements:
    """Asks for the length of the object before it looks at the bounds."""

    def asking(right: Any, self: Any, path: str, start: int | None, end: int | None) -> Any:
        if start is not None and end is not None and start > end:
            self.length(path)
        return right(self, path, start, end)

    return reads_become(target, asking)


# ---- objects


@mutant(kills="RANGE-11")
def an_empty_range_is_not_asked_for(target: Any) -> Replacements:
    """Returns no bytes for equal bounds without asking whether there is an object."""

    def quick(right: Any, self: Any, path: str, start: int | None, end: int | None) -> Any:
        return b"" if start is not None and start == end else right(self, path, start, end)

    return reads_become(target, quick)


@mutant(kills="RANGE-13")
def a_read_that_goes_on_skips_a_byte(target: Any) -> Replacements:
    """Loses the first byte of a range that begins where the last one ended."""

    def going_on(right: Any, self: Any, path: str, start: int | None, end: int | None) -> Any:
        ended = self.__dict__.get("_ended")
        self.__dict__["_ended"] = (path, end)
        found = right(self, path, start, end)
        return found[1:] if start and ended == (path, start) else found

    return reads_become(target, going_on)


@mutant(kills="RANGE-14")
def a_range_of_nothing_is_an_error(target: Any) -> Replacements:
    """Raises where a service says that an empty object has no such range."""

    def refused(right: Any, self: Any, path: str, start: int | None, end: int | None) -> Any:
        if end and self.length(path) == 0:
            message = f"get: {path!r} has no bytes from {start or 0} to {end}"
            raise StorageInternalError(message, provider=self._url.prefix, operation="get", http_status=416)
        return right(self, path, start, end)

    return reads_become(target, refused)


# ---- costs


@mutant(kills="RANGE-16", places=("moto",))
def a_range_costs_two_requests(target: Any) -> Replacements:
    """Asks for the length of an object before each range."""

    def measured(right: Any, self: Any, path: str, start: int | None, end: int | None) -> Any:
        size = self.length(path)
        return right(self, path, start, end if end is None else min(end, max(size, start or 0)))

    return reads_become(target, measured)


@mutant(kills="RANGE-16", places=("moto",))
def a_range_costs_the_whole_object(target: Any) -> Replacements:
    """Gets the whole object and cuts the range out of it."""

    def cut(right: Any, self: Any, path: str, start: int | None, end: int | None) -> Any:
        return right(self, path)[start:end]

    return reads_become(target, cut)
