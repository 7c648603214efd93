"""
Many writers with conditions at once, from threads and from processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pytest

from conformance.checking import checks, examples, needs, note_example, on, profile
from conformance.conditions import LOSS, etag_of, set_if
from conformance.expectations import CheckFailure, Raised, assert_equal
from conformance.places import Place
from conformance.racing import outcomes
from conformance.targets import TargetError, Writer

ROUNDS = examples(profile, 0.1)
CREATORS = 6
WORKERS, INCREMENTS = 4, 5
PROCESSES = 3


def one_creator_wins(place: Place, writers: Sequence[Writer]) -> None:
    """Race the writers once for a new object."""
    path = f"{place.fresh()}/object.k"
    contents = [bytes([65 + number]) * (1000 + number) for number in range(len(writers))]

    pairs = zip(writers, contents, strict=True)
    ended = outcomes([partial(set_if, writer, path, content, if_absent=True) for writer, content in pairs])
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

    errors = [end for end in outcomes([partial(count, worker) for worker in workers]) if isinstance(end, TargetError)]
    if errors:
        raise errors[0]
    assert_equal(b"%d" % total, place.witness.get(path), "the counter")


@checks("COND-14")
@needs("concurrent")
def test_one_of_racing_creators_wins(place: Place) -> None:
    """Threads with handles of their own."""
    with place.with_own_handles(CREATORS) as others:
        for _ in range(ROUNDS):
            note_example()
            one_creator_wins(place, [other.writer for other in others])


@checks("COND-14")
@on("file", "s3", "az", "gcs")
@pytest.mark.parametrize("case", ["processes"])
def test_one_of_racing_processes_wins(place: Place, case: str) -> None:
    """Processes that share nothing but the place."""
    with place.in_processes(PROCESSES) as others:
        for _ in range(ROUNDS):
            note_example()
            one_creator_wins(place, [other.writer for other in others])


@checks("COND-15")
@needs("concurrent")
def test_no_compare_and_swap_is_lost(place: Place) -> None:
    """Threads with handles of their own."""
    with place.with_own_handles(WORKERS) as workers:
        no_increment_is_lost(place, workers, INCREMENTS)


@checks("COND-15")
@on("file", "s3", "az", "gcs")
@pytest.mark.parametrize("case", ["processes"])
def test_no_compare_and_swap_of_processes_is_lost(place: Place, case: str) -> None:
    """Processes that share nothing but the place."""
    with place.in_processes(PROCESSES) as workers:
        no_increment_is_lost(place, workers, INCREMENTS)
