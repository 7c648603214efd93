"""
Random operations against the model, the same ones on every place: a rule-based state machine over portable keys.
"""

from __future__ import annotations

import itertools

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from conformance.checking import checks, examples, note_example, profile
from conformance.expectations import assert_equal
from conformance.model.objects import Objects
from conformance.places import Place
from conformance.strategies.keys import SUFFIX
from conformance.strategies.values import values

SEGMENTS = ("a", "b", "ab", "a b", "é", "a+%41")
STEPS = 20
SHARE = 0.5


def small_keys() -> st.SearchStrategy[str]:
    """Keys from few names, so that operations meet each other."""
    folders = st.lists(st.sampled_from(SEGMENTS), max_size=2)
    return st.builds(lambda path, name: "/".join([*path, name + SUFFIX]), folders, st.sampled_from(SEGMENTS))


def small_directories() -> st.SearchStrategy[str]:
    """Directories that such keys can have."""
    return st.lists(st.sampled_from(SEGMENTS), min_size=1, max_size=2).map("/".join)


OFTEN = (True, True, True, False)
"""Mostly what the walk has met: nearly all mistakes need two or three operations on one key."""


def met_keys() -> st.SearchStrategy[str]:
    """Keys that the walk has met, and at times another one."""
    return st.tuples(st.runner(), st.sampled_from(OFTEN)).flatmap(
        lambda drawn: st.sampled_from(drawn[0].met) if drawn[1] and drawn[0].met else small_keys()
    )


def met_directories() -> st.SearchStrategy[str]:
    """Directories of keys that the walk has met, and at times another one."""
    return st.tuples(st.runner().map(lambda walk: folders(walk.met)), st.sampled_from(OFTEN)).flatmap(
        lambda drawn: st.sampled_from(drawn[0]) if drawn[1] and drawn[0] else small_directories()
    )


def folders(met: list[str]) -> list[str]:
    """Return the directories above keys, each once, in their order."""
    parts = [key.split("/")[:-1] for key in met]
    return list(dict.fromkeys("/".join(names[:depth]) for names in parts for depth in range(1, len(names) + 1)))


def machine_at(place: Place) -> type[RuleBasedStateMachine]:
    """Return a state machine whose every run has a fresh directory of this place."""

    class StorageMachine(RuleBasedStateMachine):
        """Writes go to the target and to the model; what both hold is compared."""

        def __init__(self) -> None:
            super().__init__()
            note_example()
            folder = place.fresh()
            self.folder = folder
            self.reader = place.reader.subdir(folder)
            self.writer = place.writer.subdir(folder)
            self.model = Objects()
            self.met: list[str] = []
            self.steps = itertools.count()

        @rule(key=met_keys(), value=values(max_size=40))
        def set(self, key: str, value: bytes) -> None:
            self.met = list(dict.fromkeys([*self.met, key]))
            self.writer.set(key, value)
            self.model.set(key, value)

        @rule(key=met_keys())
        def remove(self, key: str) -> None:
            self.writer.remove(key)
            self.model.remove(key)

        @rule(directory=met_directories())
        def remove_directory(self, directory: str) -> None:
            self.writer.remove_directory(directory)
            self.model.remove_directory(directory)

        @rule(key=met_keys(), start=st.none() | st.integers(0, 10), span=st.none() | st.integers(0, 40))
        def look(self, key: str, start: int | None, span: int | None) -> None:
            expected = self.model.length(key)
            assert_equal(expected, self.reader.length(key), f"length({key!r})")
            if expected >= 0:
                end = None if span is None else (start or 0) + span
                got = self.reader.get(key, start, end)
                assert_equal(self.model.get(key, start, end), got, f"get({key!r}, {start}, {end})")

        @rule(directory=st.just("") | met_directories())
        def look_into(self, directory: str) -> None:
            listed = [meta.path for meta in self.reader.list(directory)]
            assert_equal(self.model.list(directory), listed, f"list({directory!r})")
            dirs = self.reader.list_dirs(directory)
            assert_equal(self.model.list_dirs(directory), dirs, f"list_dirs({directory!r})")

        @invariant()
        def keys_are_those_of_the_model(self) -> None:
            # every third step keeps the cost of a walk near that of its operations
            if next(self.steps) % 3 == 2:
                sizes = {meta.path: meta.size for meta in self.reader.list()}
                assert_equal({key: len(value) for key, value in self.model.values.items()}, sizes, "list()")

        def teardown(self) -> None:
            keys = [key.removeprefix(f"{self.folder}/") for key in place.witness.keys(f"{self.folder}/")]
            assert_equal(self.model.list(), keys, "the witness at the end")

    return StorageMachine


@checks("OBJ-18")
def test_any_sequence_of_operations_equals_the_model(place: Place) -> None:
    """Sets, removals, ranges and listings in any order."""
    run_state_machine_as_test(
        machine_at(place),
        settings=settings(max_examples=examples(profile, SHARE), stateful_step_count=STEPS),
    )
