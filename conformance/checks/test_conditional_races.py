"""
Conditional writes while others write: between the requests of one write, and many writers at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from conformance.checking import checks, examples, needs, note_example, on, profile, wired
from conformance.conditions import LOSS, Condition, etag_of, set_if
from conformance.expectations import CheckFailure, Raised, assert_equal, assert_true, shown
from conformance.places import Place, Tapped
from conformance.racing import at_once
from conformance.strategies.values import LARGEST_PUT, PART, noise
from conformance.targets import TargetError, Writer

ROUNDS = examples(profile, 0.1)
CREATORS = 6
WORKERS, INCREMENTS = 4, 5
PROCESSES = 3


# ---- between the requests of one write

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
        return path, {"if_absent": True}
    place.witness.put(path, FIRST)
    return path, {"if_match": etag_of(place, path)}


def _requests_of_a_write(seen: Tapped, name: str, content: bytes) -> int:
    path, condition = _prepared(seen.place, name)
    seen.clear()
    set_if(seen.writer, path, content, **condition)
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
            path, condition = _prepared(place, name)
            with seen.tap.holding(after=moment) as hold:
                writing = pool.submit(set_if, seen.writer, path, content, **condition)
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


@checks("COND-11")
@wired
@pytest.mark.parametrize("case", MEANWHILE)
def test_a_condition_is_decided_with_the_write(place: Place, case: str) -> None:
    """The write's next request waits at the gate meanwhile."""
    decided_with_the_write(place, case, b"content")


@checks("COND-11")
@wired
@pytest.mark.parametrize("case", [f"{case}-in-parts" for case in MEANWHILE])
def test_a_condition_is_decided_with_the_last_part(place: Place, case: str) -> None:
    """Before each request of an upload."""
    decided_with_the_write(place, case.removesuffix("-in-parts"), noise(PART + 1))


@checks("COND-11")
@on("az")
@pytest.mark.parametrize("case", [f"{case}-in-blocks" for case in MEANWHILE])
def test_a_condition_is_decided_with_the_commit(place: Place, case: str) -> None:
    """On Azure one request takes more than elsewhere; a commit of somebody else throws uncommitted blocks away."""
    decided_with_the_write(place, case.removesuffix("-in-blocks"), noise(LARGEST_PUT + 1))


# ---- many writers at once


def one_creator_wins(place: Place, writers: Sequence[Writer]) -> None:
    """Race the writers once for a new object."""
    path = f"{place.fresh()}/object.k"
    contents = [bytes([65 + number]) * (1000 + number) for number in range(len(writers))]

    pairs = zip(writers, contents, strict=True)
    ended = at_once([partial(set_if, writer, path, content, if_absent=True) for writer, content in pairs])
    won = [content for content, end in zip(contents, ended, strict=True) if not isinstance(end, TargetError)]
    others = [end for end in ended if isinstance(end, TargetError) and not end.is_a(LOSS["if_absent"])]
    if others:
        raise CheckFailure(f"one winner, and {LOSS['if_absent']} for all others", Raised(others[0]).text(), "a loser")
    assert_equal(1, len(won), "winners")
    assert_equal(won[0], place.witness.get(path), "the winner's content, and what the witness sees")


def no_increment_is_lost(place: Place, workers: Sequence[Place], increments: int) -> None:
    """Let the workers count together."""
    path = f"{place.fresh()}/counter.k"
    place.witness.put(path, b"0")
    total = len(workers) * increments

    def increment(worker: Place) -> None:
        # a loss means that another increment won, and so there are fewer losses than increments
        for _ in range(total):
            etag = etag_of(worker, path)
            value = int(worker.reader.get(path))
            try:
                set_if(worker.writer, path, b"%d" % (value + 1), if_match=etag)
            except TargetError as error:
                if not error.is_a(LOSS["if_match"]):
                    raise
            else:
                return
        raise CheckFailure("a loss only where another one wins", f"{total} losses of one increment", "set")

    def count(worker: Place) -> None:
        for _ in range(increments):
            increment(worker)

    errors = [end for end in at_once([partial(count, worker) for worker in workers]) if isinstance(end, TargetError)]
    if errors:
        raise errors[0]
    assert_equal(b"%d" % total, place.witness.get(path), "the counter")


@checks("COND-12")
@needs("concurrent")
def test_one_of_racing_creators_wins(place: Place) -> None:
    """Threads with handles of their own."""
    with place.with_own_handles(CREATORS) as others:
        for _ in range(ROUNDS):
            note_example()
            one_creator_wins(place, [other.writer for other in others])


@checks("COND-12")
@on("file", "s3", "az", "gcs")
@pytest.mark.parametrize("case", ["processes"])
def test_one_of_racing_processes_wins(place: Place, case: str) -> None:
    """Processes that share nothing but the place."""
    with place.in_processes(PROCESSES) as others:
        for _ in range(ROUNDS):
            note_example()
            one_creator_wins(place, [other.writer for other in others])


@checks("COND-13")
@needs("concurrent")
def test_no_compare_and_swap_is_lost(place: Place) -> None:
    """Threads with handles of their own."""
    with place.with_own_handles(WORKERS) as workers:
        no_increment_is_lost(place, workers, INCREMENTS)


@checks("COND-13")
@on("file", "s3", "az", "gcs")
@pytest.mark.parametrize("case", ["processes"])
def test_no_compare_and_swap_of_processes_is_lost(place: Place, case: str) -> None:
    """Processes that share nothing but the place."""
    with place.in_processes(PROCESSES) as workers:
        no_increment_is_lost(place, workers, INCREMENTS)
