"""
Datasets with several writers, with readers meanwhile, and with writers that are killed.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

import pytest

from conformance.checking import checks, needs, on, wired
from conformance.contents import (
    SIMPLE,
    add,
    assert_holds,
    assert_stored,
    committed,
    content_of,
    opened,
    simple,
)
from conformance.expectations import CheckFailure, Raised, assert_equal, assert_true, shown
from conformance.places import Place
from conformance.racing import outcomes
from conformance.strategies.batches import is_same_batch
from conformance.targets import TargetDied, TargetError

CREATORS = 5
WRITERS, COMMITS = 3, 4
PROCESSES = 3
ROWS = 2
"""Rows of each commit."""


# ---- who creates


def one_creator_wins(place: Place, creators: Sequence[Place]) -> None:
    """Let all create at one path, each with a schema of its own."""
    url = place.dataset_url()
    schemas = [{f"of_{number}": "int32"} for number in range(len(creators))]
    calls = [
        partial(creator.target.create, url, schema, creator.creds)
        for creator, schema in zip(creators, schemas, strict=True)
    ]
    ended = outcomes(calls)
    others = [end for end in ended if isinstance(end, TargetError) and not end.is_a("DatasetExistsError")]
    if others:
        raise CheckFailure("one winner, and DatasetExistsError for all others", Raised(others[0]).text(), "a loser")
    won = [schema for schema, end in zip(schemas, ended, strict=True) if not isinstance(end, TargetError)]
    assert_equal(1, len(won), "winners")
    with opened(place, url, read_only=True) as dataset:
        assert_equal(won[0], dataset.schema(), "the winner's schema, and the one of the dataset")


@checks("DATA-20")
@needs("concurrent")
def test_one_creator_wins(place: Place) -> None:
    """Threads."""
    for _ in range(3):
        one_creator_wins(place, [place] * CREATORS)


@checks("DATA-20")
@on("file", "s3", "az", "gcs")
@pytest.mark.parametrize("case", ["processes"])
def test_one_creating_process_wins(place: Place, case: str) -> None:
    """Processes that share nothing but the place."""
    with place.in_processes(PROCESSES) as creators:
        for _ in range(3):
            one_creator_wins(place, creators)


# ---- who commits


def number_of(writer: int, commit: int, row: int) -> int:
    """Return the row that stands for this one everywhere."""
    return writer * 10_000 + commit * 10 + row


def nothing_is_lost(place: Place, writers: Sequence[Place]) -> None:
    """Let all writers commit at once, each through one handle, and look for every row."""
    url = committed(place)

    def write(number: int, writer: Place) -> list[str]:
        with opened(writer, url) as dataset:
            versions = []
            for commit in range(COMMITS):
                dataset.append(simple(*(number_of(number, commit, row) for row in range(ROWS))))
                versions.append(dataset.commit(f"{number}/{commit}"))
            return versions

    ended = outcomes([partial(write, number, writer) for number, writer in enumerate(writers)])
    errors = [end for end in ended if isinstance(end, TargetError)]
    if errors:
        raise errors[0]
    with opened(place, url, read_only=True) as dataset:
        rows, history = content_of(dataset), dataset.history()
    commits = [tuple(rows["id"][at : at + ROWS]) for at in range(0, len(rows["id"]), ROWS)]
    for number in range(len(writers)):
        expected = [tuple(number_of(number, commit, row) for row in range(ROWS)) for commit in range(COMMITS)]
        theirs = [commit for commit in commits if commit and commit[0] // 10_000 == number]
        assert_equal(expected, theirs, f"the commits of writer {number}, in order")
    assert_equal(len(writers) * COMMITS, len(commits), "commits")
    assert_equal(simple(*rows["id"]), rows, "columns of the same rows")
    versions = [version for end in ended for version in end]
    assert_equal(len(versions), len(set(versions)), "different versions")
    messages = sorted(version.message or "" for version in history if version.version in versions)
    wanted = sorted(f"{number}/{commit}" for number in range(len(writers)) for commit in range(COMMITS))
    assert_equal(wanted, messages, "messages in the history")


@checks("DATA-21")
@needs("concurrent")
def test_committers_lose_nothing(place: Place) -> None:
    """Threads with handles of their own."""
    nothing_is_lost(place, [place] * WRITERS)


@checks("DATA-21")
@on("file", "s3", "az", "gcs")
@pytest.mark.parametrize("case", ["processes"])
def test_committing_processes_lose_nothing(place: Place, case: str) -> None:
    """Processes that share nothing but the place."""
    with place.in_processes(PROCESSES) as writers:
        nothing_is_lost(place, writers)


@checks("DATA-21")
@wired
def test_a_commit_between_the_requests_of_another_is_not_lost(place: Place) -> None:
    """Before each request of a commit, which waits at the gate, somebody else commits."""
    with place.tapped() as seen, ThreadPoolExecutor(1) as pool:
        for moment in range(_requests_of_a_commit(seen.place, seen)):
            url = committed(place, simple(0))
            with opened(seen.place, url) as dataset:
                dataset.append(simple(1))
                with seen.tap.holding(after=moment) as hold:
                    committing = pool.submit(dataset.commit)
                    hold.wait(committing, place.target.claims.deadline_s)
                    late = committing.done()
                    add(place, url, simple(2))
                committing.result()
            both = simple(0, 1, 2) if late else None
            with opened(place, url, read_only=True) as dataset:
                observed = content_of(dataset)
            about = f"before request {moment + 1}"
            allowed = [both] if both else [simple(0, 2, 1), simple(0, 1, 2)]
            assert_true(observed in allowed, expected="both commits, whole", observed=observed, what=about)


def _requests_of_a_commit(place: Place, seen: object) -> int:
    url = committed(place, simple(0))
    with opened(place, url) as dataset:
        dataset.append(simple(1))
        seen.clear()  # type: ignore[attr-defined]
        dataset.commit()
        return len(seen.requests())  # type: ignore[attr-defined]


# ---- who reads


@checks("DATA-22")
@needs("concurrent")
def test_a_reader_sees_commits_in_their_order(place: Place) -> None:
    """A thread commits; the dataset is opened again and again meanwhile."""
    url = committed(place)
    total = 8
    failed: list[TargetError] = []

    def write() -> None:
        try:
            with opened(place, url) as dataset:
                for commit in range(total):
                    dataset.append(simple(2 * commit, 2 * commit + 1))
                    dataset.commit()
        except TargetError as error:
            failed.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    last = 0
    try:
        while writer.is_alive():
            with opened(place, url, read_only=True) as dataset:
                rows = content_of(dataset)
            count = len(rows["id"])
            assert_equal(simple(*range(count)), rows, "the rows of the first commits")
            assert_equal(0, count % 2, "rows of a commit that is not whole")
            assert_true(count >= last, expected=f"at least {last} rows", observed=count, what="a later opening")
            last = count
    finally:
        writer.join()
    if failed:
        raise failed[0]
    assert_stored(place, url, simple(*range(2 * total)), "at the end")


# ---- who is killed


@checks("DATA-26")
@wired
def test_a_writer_that_is_killed_leaves_a_commit(place: Place) -> None:
    """A process is killed before each request of its commit; the next writer commits after it."""
    with place.tapped() as seen, ThreadPoolExecutor(1) as pool:
        for moment in range(_requests_of_a_commit(seen.place, seen)):
            url = committed(place, simple(0))
            with place.in_processes(1, expendable=True) as (worker,):
                dataset = worker.target.open_dataset(url, creds=seen.creds)
                dataset.append(simple(1, 2))
                with seen.tap.holding(after=moment) as hold:
                    committing = pool.submit(dataset.commit)
                    hold.wait(committing, place.target.claims.deadline_s)
                    kill(worker)
                    hold.drop()
                with suppress(TargetDied, TargetError):
                    committing.result()
            about = f"killed before request {moment + 1}"
            with opened(place, url, read_only=True) as reader:
                rows = content_of(reader)
            allowed = [simple(0), simple(0, 1, 2)]
            assert_true(rows in allowed, expected="the commit before, or the whole new one", observed=rows, what=about)
            add(place, url, simple(3))
            assert_stored(place, url, simple(*rows["id"], 3), f"{about}, and the next writer's commit")


def kill(worker: Place) -> None:
    """Kill the process of a target."""
    os.killpg(worker.target.pid, signal.SIGKILL)  # type: ignore[attr-defined]


@checks("DATA-27")
@on("file", "s3", "az", "gcs")
def test_an_acknowledged_commit_lasts(place: Place) -> None:
    """A process commits in a loop and is killed after its third answer."""
    url = committed(place)
    answered: list[int] = []
    enough = threading.Event()
    with place.in_processes(1, expendable=True) as (worker,), ThreadPoolExecutor(1) as pool:

        def write() -> None:
            dataset = worker.target.open_dataset(url, creds=worker.creds)
            for number in range(1000):
                dataset.append(simple(number))
                dataset.commit()
                answered.append(number)
                if len(answered) == 3:
                    enough.set()

        writing = pool.submit(write)
        writing.add_done_callback(lambda _: enough.set())
        enough.wait(place.target.claims.deadline_s * 3)
        kill(worker)
        with suppress(TargetDied, TargetError):
            writing.result()
        if not answered:
            writing.result()

    with opened(place, url, read_only=True) as dataset:
        rows = content_of(dataset)
    count = len(rows["id"])
    if not is_same_batch(SIMPLE, simple(*range(count)), rows):
        raise CheckFailure("rows of whole commits, in order", shown(rows))
    assert_true(count >= len(answered), expected=f"at least {len(answered)} commits", observed=count)
    with opened(place, url) as dataset:
        assert_holds(simple(*range(count)), dataset, "opened for writing")
