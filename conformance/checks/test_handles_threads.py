"""
Handles that several threads use at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.checking import budget, checks, needs
from conformance.expectations import assert_equal, assert_true
from conformance.places import Place
from conformance.racing import at_once
from conformance.strategies.keys import key_sets, keys
from conformance.strategies.values import PART, noise, values
from conformance.targets import Reader, TargetError, Writer

Steps = list[tuple[str, str, bytes]]


def steps(names: list[str]) -> st.SearchStrategy[Steps]:
    """Operations of one thread on its own keys, and reads of a shared one."""
    verb = st.sampled_from(["set", "set", "get", "length", "remove", "list", "shared"])
    return st.lists(st.tuples(verb, st.sampled_from(names), values(max_size=200)), min_size=3, max_size=10)


def followed(reader: Reader, writer: Writer, own: str, shared: tuple[str, bytes], plan: Steps) -> dict[str, bytes]:
    """Do the steps of one thread, compare each with a dictionary, and return the dictionary."""
    model: dict[str, bytes] = {}
    for verb, name, value in plan:
        path, about = f"{own}/{name}", f"{verb} of {name!r} beside other threads"
        if verb == "set":
            writer.set(path, value)
            model[name] = value
        elif verb == "remove":
            writer.remove(path)
            model.pop(name, None)
        elif verb == "length":
            assert_equal(len(model[name]) if name in model else -1, reader.length(path), about)
        elif verb == "list":
            found = [meta.path.removeprefix(f"{own}/") for meta in reader.list(own)]
            assert_equal(sorted(model), sorted(found), about)
        elif verb == "shared":
            assert_equal(shared[1], reader.get(shared[0]), about)
        else:
            assert_equal(model.get(name), got_or_none(reader, path), about)
    return model


def got_or_none(reader: Reader, path: str) -> bytes | None:
    """Return the bytes of an object, None if there is none."""
    try:
        return reader.get(path)
    except TargetError as error:
        if error.is_a("StorageKeyNotFound"):
            return None
        raise


@checks("HANDLE-14")
@needs("concurrent")
@budget(0.3)
@given(data=st.data())
def test_threads_may_share_a_handle(place: Place, data: st.DataObject) -> None:
    """Each thread has keys of its own under the same names, and all read one object."""
    folder = place.fresh()
    names = data.draw(key_sets(min_size=1, max_size=3), label="keys")
    plans = data.draw(st.lists(steps(names), min_size=4, max_size=4), label="steps")
    shared = (f"{folder}/shared.k", data.draw(st.binary(min_size=1, max_size=200), label="shared value"))
    place.witness.put(*shared)

    calls = [
        partial(followed, place.reader, place.writer, f"{folder}/t{number}", shared, plan)
        for number, plan in enumerate(plans)
    ]
    models = at_once(calls, 10 * place.target.claims.deadline_s)
    for number, model in enumerate(models):
        own = f"{folder}/t{number}"
        assert_equal(model, {name: place.witness.get(f"{own}/{name}") for name in model}, "the witness")
        assert_equal(len(model), len(place.witness.keys(f"{own}/")), "keys that the witness sees")


@checks("HANDLE-15")
@needs("concurrent")
@budget(0.1)
@given(key=keys())
def test_handles_may_be_opened_at_once(place: Place, key: str) -> None:
    """Eight threads open, write and read; each has a URL of its own."""
    folder = place.fresh()

    def opened(number: int) -> bytes:
        writer = place.open_writer(f"{place.url}/{folder}/t{number}")
        writer.set(key, f"value {number}".encode())
        return place.open_reader(f"{place.url}/{folder}/t{number}").get(key)

    expected = [f"value {number}".encode() for number in range(8)]
    read = at_once([partial(opened, number) for number in range(8)], 4 * place.target.claims.deadline_s)
    assert_equal(expected, read, "get of each thread")
    assert_equal(expected, [place.witness.get(f"{folder}/t{number}/{key}") for number in range(8)], "the witness")


def digest(value: bytes | None) -> str:
    """Return a short name of a large value."""
    return "nothing" if value is None else f"{len(value)} bytes {hashlib.sha256(value).hexdigest()[:16]}"


@checks("HANDLE-16")
@needs("concurrent")
def test_large_transfers_at_once_do_not_mix(place: Place) -> None:
    """Each thread writes an object of three parts and reads it; then each reads that of a neighbour."""
    folder, number_of = place.fresh(), 4
    values = [noise(2 * PART + 1000 + number, seed=number) for number in range(number_of)]
    expected = [digest(value) for value in values]

    def written(number: int) -> str:
        place.writer.set(f"{folder}/{number}.k", values[number])
        return digest(place.reader.get(f"{folder}/{number}.k"))

    def read(number: int) -> str:
        return digest(place.reader.get(f"{folder}/{(number + 1) % number_of}.k"))

    numbers = range(number_of)
    limit_s = 2 * place.target.claims.deadline_s
    assert_equal(expected, at_once([partial(written, number) for number in numbers], limit_s), "get of one's own")
    neighbours = [expected[(number + 1) % number_of] for number in numbers]
    assert_equal(neighbours, at_once([partial(read, number) for number in numbers], limit_s), "get of a neighbour's")
    assert_equal(expected, [digest(place.witness.get(f"{folder}/{number}.k")) for number in numbers], "the witness")


@checks("HANDLE-17")
@needs("concurrent")
@pytest.mark.parametrize("case", ["small", "large"])
def test_of_writers_at_once_one_wins(place: Place, case: str) -> None:
    """Half of the writers share a handle; all values have different bytes and lengths."""
    path = f"{place.fresh()}/object.k"
    size, rounds = (1000, 10) if case == "small" else (PART + 1000, 2)
    values = [bytes([65 + number]) * (size + number) for number in range(4)]
    writers = [place.writer, place.writer, place.open_writer(), place.open_writer()]
    for _ in range(rounds):
        calls = [partial(writer.set, path, value) for writer, value in zip(writers, values, strict=True)]
        at_once(calls, place.target.claims.deadline_s)

        seen = place.witness.get(path) or b""
        mixed = f"{len(seen)} bytes of {sorted(set(seen))}"
        assert_true(seen in values, expected="one writer's value whole", observed=mixed, what="the witness")
        meta = place.reader.metadata(path)
        assert_equal(len(seen), meta.size if meta else None, "metadata")
        assert_equal(digest(seen), digest(place.reader.get(path)), "get")


@checks("HANDLE-18")
@needs("concurrent")
@pytest.mark.parametrize("case", ["alone-in-its-directory", "beside-another"])
def test_remove_and_set_at_once_end_in_one_of_two_states(place: Place, case: str) -> None:
    """Two of each; where directories are real, one whose last object goes may go too."""
    folder = place.fresh()
    place.witness.put(f"{folder}/beside.k", b"beside")
    own = f"{folder}/d/e" if case == "alone-in-its-directory" else folder
    path, values = f"{own}/object.k", [b"first" * 100, b"second" * 200]
    for _ in range(12):
        place.writer.set(path, b"old")
        calls: list[Callable[[], object]] = [partial(place.writer.set, path, value) for value in values]
        calls += [partial(place.writer.remove, path)] * 2
        at_once(calls, place.target.claims.deadline_s)

        seen = place.witness.get(path)
        assert_true(seen in [*values, None], expected="a new value or nothing", observed=seen, what="the witness")
        assert_equal(seen, got_or_none(place.reader, path), "get")
        assert_equal(-1 if seen is None else len(seen), place.reader.length(path), "length")
        listed = [meta.path for meta in place.reader.list(own) if meta.path != f"{folder}/beside.k"]
        assert_equal([] if seen is None else [path], listed, "list")
    assert_equal(b"beside", place.witness.get(f"{folder}/beside.k"), "what is beside")
