"""
Conditional writes request by request: what is sent, and what happens to the object before each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from conformance.checking import checks, on, wired
from conformance.conditions import LOSS, Condition, condition, etag_of, loses, set_if
from conformance.expectations import CheckFailure, Raised, assert_equal, assert_true, shown
from conformance.gate import Exchange
from conformance.places import Place, Tapped
from conformance.strategies.values import LARGEST_PUT, PART, noise
from conformance.targets import TargetError

FIRST, OTHER = b"first", b"other"


def _changed(place: Place, path: str) -> None:
    place.witness.put(path, OTHER)


def _removed(place: Place, path: str) -> None:
    place.witness.delete(path)


MEANWHILE: dict[str, tuple[str, Callable[[Place, str], None], bytes | None]] = {
    "created-meanwhile": ("if_absent", _changed, OTHER),
    "changed-meanwhile": ("if_match", _changed, OTHER),
    "removed-meanwhile": ("if_match", _removed, None),
}
"""The condition, what the witness does while the write is under way, and what must be there at its end."""


def _prepared(place: Place, name: str) -> tuple[str, Condition]:
    """Return a path and a condition that holds there."""
    path = f"{place.fresh()}/object.k"
    if name == "if_absent":
        return path, condition(name, "")
    place.witness.put(path, FIRST)
    return path, condition(name, etag_of(place, path))


def _requests_of_a_write(seen: Tapped, name: str, content: bytes) -> int:
    path, given = _prepared(seen.place, name)
    seen.clear()
    set_if(seen.writer, path, content, **given)
    return len(seen.requests())


def _moments(requests: int) -> Sequence[int]:
    """Return before which requests something happens: all of few, else the first and last ones and the middle."""
    return range(requests) if requests <= 6 else (0, 1, requests // 2, requests - 1)


def decided_with_the_write(place: Place, case: str, content: bytes) -> None:
    """Do something meanwhile before each request of a conditional write; each time it must lose."""
    name, change, expected = MEANWHILE[case]
    limit_s = place.target.claims.deadline_s
    with place.tapped() as seen, ThreadPoolExecutor(1) as pool:
        for moment in _moments(_requests_of_a_write(seen, name, content)):
            path, given = _prepared(place, name)
            with seen.tap.holding(after=moment) as hold:
                writing = pool.submit(set_if, seen.writer, path, content, **given)
                hold.wait(writing, limit_s)
                if writing.done():
                    continue  # fewer requests than before: there is no such moment
                change(place, path)
            about = f"{case} before request {moment + 1}"
            try:
                told = writing.result()
            except TargetError as error:
                assert_true(error.is_a(LOSS[name]), expected=LOSS[name], observed=Raised(error), what=about)
            else:
                raise CheckFailure(f"{LOSS[name]} to be raised", f"the result {shown(told)}", about)
            assert_equal(expected, place.witness.get(path), f"the witness, {about}")


@checks("COND-12")
@wired
@pytest.mark.parametrize("case", MEANWHILE)
def test_a_condition_is_decided_with_the_write(place: Place, case: str) -> None:
    """The write's next request waits at the gate meanwhile."""
    decided_with_the_write(place, case, b"content")


@checks("COND-13")
@wired
@pytest.mark.parametrize("case", MEANWHILE)
def test_a_condition_is_decided_with_the_last_part(place: Place, case: str) -> None:
    """Before each request of an upload."""
    decided_with_the_write(place, case, noise(PART + 1))


@checks("COND-13")
@on("az")
@pytest.mark.parametrize("case", [f"{case}-in-blocks" for case in MEANWHILE])
def test_a_condition_is_decided_with_the_commit(place: Place, case: str) -> None:
    """On Azure one request takes more than elsewhere; a commit of somebody else throws uncommitted blocks away."""
    decided_with_the_write(place, case.removesuffix("-in-blocks"), noise(LARGEST_PUT + 1))


def _carries_a_condition(exchange: Exchange) -> bool:
    return "ifGenerationMatch=" in exchange.target or any(exchange.header(name) is not None for name in HEADERS)


HEADERS = ("If-None-Match", "If-Match", "x-goog-if-generation-match")
ONE_REQUEST = ("if-absent-wins", "if-absent-loses", "if-match-wins", "if-match-loses")


@checks("COND-17")
@wired
@pytest.mark.parametrize("case", ONE_REQUEST)
def test_a_conditional_write_is_one_request(place: Place, case: str) -> None:
    """Whether it wins or loses."""
    path = f"{place.fresh()}/object.k"
    place.witness.put(path, b"first")
    etag = etag_of(place, path)
    wins = case.endswith("wins")
    if case == "if-absent-wins":
        place.witness.delete(path)
    elif case == "if-match-loses":
        place.witness.put(path, b"second")
    with place.tapped() as seen:
        seen.writer.get_reader().length(path)  # what a client asks once, such as for a token, is not the write's
        seen.clear()
        name = "if_match" if case.startswith("if-match") else "if_absent"
        (set_if if wins else loses)(seen.writer, path, b"content", **condition(name, etag))
        asked = seen.requests()

    carrying = [_carries_a_condition(exchange) for exchange in asked]
    sent = [
        f"{exchange.method} {exchange.target}, {'with' if carries else 'without'} a condition"
        for exchange, carries in zip(asked, carrying, strict=True)
    ]
    assert_true(carrying == [True], expected="one request, with the condition", observed=sent)
